/* SPDX-License-Identifier: MIT */
/*
 * A read-only file system with one file, "file", that says "hello": what libfuse's own examples do. Linked statically,
 * with libfuse 2 and with libfuse 3, it runs in images that have no C library, which programs from Debian's packages do
 * not.
 */
#include <errno.h>
#include <fuse.h>
#include <string.h>
#include <sys/stat.h>

static const char text[] = "hello\n";

static int attributes(const char *path, struct stat *stat) {
    memset(stat, 0, sizeof *stat);
    if (strcmp(path, "/") == 0) {
        stat->st_mode = S_IFDIR | 0755;
        stat->st_nlink = 2;
    } else if (strcmp(path, "/file") == 0) {
        stat->st_mode = S_IFREG | 0444;
        stat->st_nlink = 1;
        stat->st_size = sizeof text - 1;
    } else {
        return -ENOENT;
    }
    return 0;
}

#if FUSE_USE_VERSION >= 30
static int static_getattr(const char *path, struct stat *stat, struct fuse_file_info *file) {
    return attributes(path, stat);
}

static int static_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                          struct fuse_file_info *file, enum fuse_readdir_flags flags) {
    return fill(buffer, "file", NULL, 0, 0);
}
#else
static int static_getattr(const char *path, struct stat *stat) {
    return attributes(path, stat);
}

static int static_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                          struct fuse_file_info *file) {
    return fill(buffer, "file", NULL, 0);
}
#endif

static int static_read(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *file) {
    size_t length = sizeof text - 1;
    if ((size_t)offset >= length)
        return 0;
    if (size > length - (size_t)offset)
        size = length - (size_t)offset;
    memcpy(buffer, text + offset, size);
    return (int)size;
}

static const struct fuse_operations operations = {
    .getattr = static_getattr,
    .readdir = static_readdir,
    .read = static_read,
};

int main(int argc, char **argv) {
    return fuse_main(argc, argv, &operations, NULL);
}
