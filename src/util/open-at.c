/* SPDX-License-Identifier: MIT */
#include "util/open-at.h"

#include <errno.h>
#include <fcntl.h>
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
