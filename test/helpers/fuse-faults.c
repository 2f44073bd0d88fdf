/* SPDX-License-Identifier: MIT */
/* A FUSE file system with faults: files whose reading crashes, hangs, lies about its size or returns nonsense; a
 * listing with names that cannot be. */
#include <errno.h>
#include <fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#define pause_forever() Sleep(INFINITE)
#define DIRECTORY 0040755
#define REGULAR 0100644
#else
#include <unistd.h>
#define pause_forever() pause()
#define DIRECTORY 0040755
#define REGULAR 0100644
#endif

static volatile int *volatile nowhere;
static const char *const names[] = {"crash", "hang", "long", "nonsense", "abort", "fine"};

static int fs_getattr(const char *path, struct fuse_stat *stbuf) {
    if (strcmp(path, "/") == 0) {
        stbuf->st_mode = DIRECTORY;
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(path + 1, names[i]) == 0) {
            stbuf->st_mode = REGULAR;
            stbuf->st_size = 100;
            return 0;
        }
    return -ENOENT;
}

static int fs_read(const char *path, char *buffer, size_t size, fuse_off_t offset, struct fuse_file_info *info) {
    (void)offset;
    (void)info;
    switch (path[1]) {
    case 'c':
        *nowhere = 1;
        return 0;
    case 'h':
        pause_forever();
        return 0;
    case 'l':
        return (int)size + 100000;
    case 'n':
        return -123456;
    case 'a':
        abort();
    default:
        memset(buffer, 'f', size < 100 ? size : 100);
        return size < 100 ? (int)size : 100;
    }
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, fuse_off_t offset,
                      struct fuse_file_info *info) {
    static char long_name[400];
    (void)path;
    (void)offset;
    (void)info;
    memset(long_name, 'x', sizeof long_name - 1);
    fill(buffer, ".", NULL, 0);
    fill(buffer, "..", NULL, 0);
    fill(buffer, "", NULL, 0);
    fill(buffer, "a/b", NULL, 0);
    fill(buffer, long_name, NULL, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fill(buffer, names[i], NULL, 0);
    return 0;
}

/* Not an errno, and no name is made. */
static int fs_mkdir(const char *path, fuse_mode_t mode) {
    (void)path;
    (void)mode;
    return 7;
}

static const struct fuse_operations operations = {
    .mkdir = fs_mkdir, .getattr = fs_getattr, .read = fs_read, .readdir = fs_readdir};

int main(int argc, char *argv[]) {
    return fuse_main(argc, argv, &operations, NULL);
}
