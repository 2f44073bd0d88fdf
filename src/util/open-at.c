/* SPDX-License-Identifier: MIT */
#include "util/open-at.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void *with_error_kept(void *stream, int fd) {
    int error = errno;
    if (!stream && fd >= 0)
        close(fd);
    errno = error;
    return stream;
}

FILE *open_file_at(int folder, const char *path) {
    int fd = openat(folder, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return with_error_kept(fd < 0 ? NULL : fdopen(fd, "re"), fd);
}

DIR *open_directory_at(int folder, const char *path) {
    int fd = openat(folder, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return with_error_kept(fd < 0 ? NULL : fdopendir(fd), fd);
}

bool stream_is_whole(FILE *file) {
    return fflush(file) == 0 && !ferror(file);
}

int ensure_folder(const char *path, mode_t mode) {
    struct stat status;
    if (lstat(path, &status) == 0)
        return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
    return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

int open_or_make(const char *path, mode_t mode) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode);
    return fd < 0 ? -errno : fd;
}
