/* SPDX-License-Identifier: MIT */
/*
 * The calls that programs of FUSE 2 and of FUSE 3 have alike. calls2.c and calls3.c include this, each once, behind
 * what it is about: operations_of(), and file_info, which is struct fuse_file_info of that version.
 */
#include <string.h>

#include "winfsp/fuse/internal.h"

/* A Linux error that a missing operation stands for. */
#define NO_OPERATION (-ENOSYS)

/* Copies between the program's struct fuse_file_info, of either version, and open. open may be NULL. */
#define INFO_FROM_OPEN(open)                                                                                           \
    { .flags = (open) ? fsp_flavour_open_flags((open)->flags) : 0, .fh = (open) ? (open)->fh : 0, }

#define OPEN_FROM_INFO(open, info)                                                                                     \
    do {                                                                                                               \
        (open)->fh = (info).fh;                                                                                        \
        (open)->direct_io = (info).direct_io;                                                                          \
        (open)->keep_cache = (info).keep_cache;                                                                        \
        (open)->nonseekable = (info).nonseekable;                                                                      \
    } while (0)

/* What the filler of a listing is given as its buffer. */
struct fsp_filling {
    struct fsp_open *open;
    bool whole; /* what the program gives is all of the attributes */
};

static inline void fsp_filling_add(struct fsp_filling *filling, const char *name, const struct fuse_stat *given,
                                   bool whole) {
    struct stat attributes;
    if (given)
        fsp_flavour_stat(given, &attributes);
    fsp_listing_add(filling->open, name, given ? &attributes : NULL, whole);
}

/* Calls an operation by path, or says that there is none. */
#define CALL(fuse, name, ...)                                                                                          \
    (operations_of(fuse)->name ? fsp_flavour_result(operations_of(fuse)->name(__VA_ARGS__)) : NO_OPERATION)

/* The same for an operation that has nothing to count: whatever is no error is 0. */
static int done(int result) {
    return result < 0 ? result : 0;
}

#define DONE(fuse, name, ...) done(CALL(fuse, name, __VA_ARGS__))

static int call_readlink(struct fsp_fuse *fuse, const char *path, char *ret_target, size_t size) {
    return DONE(fuse, readlink, path, ret_target, size);
}

static int call_mknod(struct fsp_fuse *fuse, const char *path, mode_t mode, dev_t device) {
    return DONE(fuse, mknod, path, mode, (fuse_dev_t)device);
}

static int call_mkdir(struct fsp_fuse *fuse, const char *path, mode_t mode) {
    return DONE(fuse, mkdir, path, mode);
}

static int call_unlink(struct fsp_fuse *fuse, const char *path) {
    return DONE(fuse, unlink, path);
}

static int call_rmdir(struct fsp_fuse *fuse, const char *path) {
    return DONE(fuse, rmdir, path);
}

static int call_symlink(struct fsp_fuse *fuse, const char *target, const char *path) {
    return DONE(fuse, symlink, target, path);
}

static int call_link(struct fsp_fuse *fuse, const char *path, const char *new_path) {
    return DONE(fuse, link, path, new_path);
}

static int call_open(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    int r = DONE(fuse, open, path, &info);
    OPEN_FROM_INFO(open, info);
    return r;
}

static int call_create(struct fsp_fuse *fuse, const char *path, mode_t mode, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    int r = DONE(fuse, create, path, mode, &info);
    OPEN_FROM_INFO(open, info);
    return r;
}

static int call_read(struct fsp_fuse *fuse, const char *path, char *ret_data, size_t size, off_t offset,
                     struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return CALL(fuse, read, path, ret_data, size, offset, &info);
}

static int call_write(struct fsp_fuse *fuse, const char *path, const char *data, size_t size, off_t offset,
                      struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return CALL(fuse, write, path, data, size, offset, &info);
}

static int call_flush(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    info.flush = 1;
    return DONE(fuse, flush, path, &info);
}

static int call_release(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, release, path, &info);
}

static int call_fsync(struct fsp_fuse *fuse, const char *path, bool data_only, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, fsync, path, data_only, &info);
}

static int call_fallocate(struct fsp_fuse *fuse, const char *path, int mode, off_t offset, off_t length,
                          struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, fallocate, path, mode, offset, length, &info);
}

static int call_ioctl(struct fsp_fuse *fuse, const char *path, int command, void *argument, unsigned flags, void *data,
                      struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return CALL(fuse, ioctl, path, command, argument, &info, flags, data);
}

static int call_opendir(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    int r = DONE(fuse, opendir, path, &info);
    open->fh = info.fh;
    return r;
}

static int call_releasedir(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, releasedir, path, &info);
}

static int call_fsyncdir(struct fsp_fuse *fuse, const char *path, bool data_only, struct fsp_open *open) {
    file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, fsyncdir, path, data_only, &info);
}

static int call_statfs(struct fsp_fuse *fuse, const char *path, struct statvfs *ret_statistics) {
    struct fuse_statvfs answer = {0};
    int r = DONE(fuse, statfs, path, &answer);
    if (r == 0)
        fsp_flavour_statvfs(&answer, ret_statistics);
    return r;
}

static int call_setxattr(struct fsp_fuse *fuse, const char *path, const char *name, const char *value, size_t size,
                         int flags) {
    return DONE(fuse, setxattr, path, name, value, size, flags);
}

static int call_getxattr(struct fsp_fuse *fuse, const char *path, const char *name, char *ret_value, size_t size) {
    return CALL(fuse, getxattr, path, name, ret_value, size);
}

static int call_listxattr(struct fsp_fuse *fuse, const char *path, char *ret_names, size_t size) {
    return CALL(fuse, listxattr, path, ret_names, size);
}

static int call_removexattr(struct fsp_fuse *fuse, const char *path, const char *name) {
    return DONE(fuse, removexattr, path, name);
}

static void call_destroy(struct fsp_fuse *fuse) {
    if (operations_of(fuse)->destroy)
        operations_of(fuse)->destroy(fuse->data);
}

/* struct fsp_calls, of these and of those that the file has of its own. */
#define ALL_CALLS                                                                                                      \
    {                                                                                                                  \
        .getattr = call_getattr, .readlink = call_readlink, .mknod = call_mknod, .mkdir = call_mkdir,                  \
        .unlink = call_unlink, .rmdir = call_rmdir, .symlink = call_symlink, .rename = call_rename, .link = call_link, \
        .chmod = call_chmod, .chown = call_chown, .truncate = call_truncate, .utimens = call_utimens,                  \
        .open = call_open, .create = call_create, .read = call_read, .write = call_write, .flush = call_flush,         \
        .release = call_release, .fsync = call_fsync, .fallocate = call_fallocate, .ioctl = call_ioctl,                \
        .opendir = call_opendir, .readdir = call_readdir, .releasedir = call_releasedir, .fsyncdir = call_fsyncdir,    \
        .statfs = call_statfs, .setxattr = call_setxattr, .getxattr = call_getxattr, .listxattr = call_listxattr,      \
        .removexattr = call_removexattr, .init = call_init, .destroy = call_destroy,                                   \
    }
