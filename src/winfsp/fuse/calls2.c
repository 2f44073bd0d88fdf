/* SPDX-License-Identifier: MIT */
/* The calls of a FUSE 2 program. */
#include <assert.h>
#include <errno.h>

#include <stdio.h>

#include "winfsp/fuse/calls.h"
#include "winfsp/fuse/fuse.h"
#include "winfsp/linux-flags.h"

static_assert(sizeof(struct fuse_operations) == 464, "struct fuse_operations");
static_assert(sizeof(struct fuse_operations) <= sizeof(void *) * FSP_OPERATIONS_MAX, "struct fuse_operations");
static_assert(offsetof(struct fuse_operations, ioctl) == 312, "struct fuse_operations");
static_assert(sizeof(struct fuse_file_info) == 32 && offsetof(struct fuse_file_info, fh) == 16, "fuse_file_info");
static_assert(sizeof(struct fuse_conn_info) == 128, "struct fuse_conn_info");
static_assert(sizeof(struct fuse_context) == 40, "struct fuse_context");
static_assert(sizeof(struct fuse_context) == sizeof(struct fsp_context), "struct fuse_context");
static_assert(sizeof(struct fsp_fuse_env) == 72, "struct fsp_fuse_env");
static_assert(sizeof(struct fuse_opt) == 16, "struct fuse_opt");

static const struct fuse_operations *operations_of(const struct fsp_fuse *fuse) {
    return (const struct fuse_operations *)(const void *)fuse->operations;
}

/* Calls an operation by path, or says that there is none. */
#define CALL(fuse, name, ...)                                                                                          \
    (operations_of(fuse)->name ? fsp_flavour_result(operations_of(fuse)->name(__VA_ARGS__)) : NO_OPERATION)

/* The same for an operation that has nothing to count: whatever is no error is 0. */
static int done(int result) {
    return result < 0 ? result : 0;
}

#define DONE(fuse, name, ...) done(CALL(fuse, name, __VA_ARGS__))

static int call_getattr(struct fsp_fuse *fuse, const char *path, struct stat *ret_attributes, struct fsp_open *open) {
    union fsp_flavour_stat answer;
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    memset(&answer, 0, sizeof answer);
    int r = open && operations_of(fuse)->fgetattr ? DONE(fuse, fgetattr, path, &answer.stat, &info)
                                                  : DONE(fuse, getattr, path, &answer.stat);
    if (r < 0)
        return r;
    fsp_flavour_stat(&answer.stat, ret_attributes);
    return 0;
}

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

/* FUSE 2 knows no flags: not to replace is looked after here, while both names are ours. */
static int call_rename(struct fsp_fuse *fuse, const char *path, const char *new_path, unsigned flags) {
    struct stat attributes;
    if (flags & RENAME_EXCHANGE)
        return -EINVAL;
    if ((flags & RENAME_NOREPLACE) && call_getattr(fuse, new_path, &attributes, NULL) == 0)
        return -EEXIST;
    return DONE(fuse, rename, path, new_path);
}

static int call_link(struct fsp_fuse *fuse, const char *path, const char *new_path) {
    return DONE(fuse, link, path, new_path);
}

static int call_chmod(struct fsp_fuse *fuse, const char *path, mode_t mode, struct fsp_open *open) {
    (void)open;
    return DONE(fuse, chmod, path, mode);
}

static int call_chown(struct fsp_fuse *fuse, const char *path, uid_t uid, gid_t gid, struct fsp_open *open) {
    (void)open;
    return DONE(fuse, chown, path, uid, gid);
}

static int call_truncate(struct fsp_fuse *fuse, const char *path, off_t size, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return open && operations_of(fuse)->ftruncate ? DONE(fuse, ftruncate, path, size, &info)
                                                  : DONE(fuse, truncate, path, size);
}

static int call_utimens(struct fsp_fuse *fuse, const char *path, const struct timespec times[2],
                        struct fsp_open *open) {
    struct fuse_timespec given[2] = {{.tv_sec = times[0].tv_sec, .tv_nsec = times[0].tv_nsec},
                                     {.tv_sec = times[1].tv_sec, .tv_nsec = times[1].tv_nsec}};
    struct fuse_utimbuf whole = {.actime = times[0].tv_sec, .modtime = times[1].tv_sec};
    (void)open;
    return operations_of(fuse)->utimens ? DONE(fuse, utimens, path, given) : DONE(fuse, utime, path, &whole);
}

static int call_open(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    int r = DONE(fuse, open, path, &info);
    OPEN_FROM_INFO(open, info);
    return r;
}

static int call_create(struct fsp_fuse *fuse, const char *path, mode_t mode, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    int r = DONE(fuse, create, path, mode, &info);
    OPEN_FROM_INFO(open, info);
    return r;
}

static int call_read(struct fsp_fuse *fuse, const char *path, char *ret_data, size_t size, off_t offset,
                     struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return CALL(fuse, read, path, ret_data, size, offset, &info);
}

static int call_write(struct fsp_fuse *fuse, const char *path, const char *data, size_t size, off_t offset,
                      struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return CALL(fuse, write, path, data, size, offset, &info);
}

static int call_flush(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    info.flush = 1;
    return DONE(fuse, flush, path, &info);
}

static int call_release(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, release, path, &info);
}

static int call_fsync(struct fsp_fuse *fuse, const char *path, bool data_only, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, fsync, path, data_only, &info);
}

static int call_fallocate(struct fsp_fuse *fuse, const char *path, int mode, off_t offset, off_t length,
                          struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, fallocate, path, mode, offset, length, &info);
}

static int call_ioctl(struct fsp_fuse *fuse, const char *path, int command, void *argument, unsigned flags, void *data,
                      struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return CALL(fuse, ioctl, path, command, argument, &info, flags, data);
}

static int call_opendir(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    int r = DONE(fuse, opendir, path, &info);
    open->fh = info.fh;
    return r;
}

static int FSP_FUSE_CALL fill(void *buffer, const char *name, const struct fuse_stat *attributes, fuse_off_t offset) {
    struct fsp_filling *filling = buffer;
    (void)offset;
    fsp_filling_add(filling, name, attributes, filling->whole);
    return 0;
}

/* getdir's filler knows an entry's type and number. */
static int FSP_FUSE_CALL fill_old(fuse_dirh_t handle, const char *name, int type, fuse_ino_t inode) {
    struct fsp_filling *filling = (struct fsp_filling *)(void *)handle;
    struct stat attributes = {.st_mode = (mode_t)type << 12, .st_ino = inode};
    fsp_listing_add(filling->open, name, &attributes, false);
    return 0;
}

static int call_readdir(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    struct fsp_filling filling = {.open = open, .whole = fuse->wants.readdir_plus};
    if (operations_of(fuse)->readdir)
        return DONE(fuse, readdir, path, &filling, fill, 0, &info);
    return DONE(fuse, getdir, path, (fuse_dirh_t)(void *)&filling, fill_old);
}

static int call_releasedir(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, releasedir, path, &info);
}

static int call_fsyncdir(struct fsp_fuse *fuse, const char *path, bool data_only, struct fsp_open *open) {
    struct fuse_file_info info = INFO_FROM_OPEN(open);
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

static void call_init(struct fsp_fuse *fuse) {
    const unsigned capable = FUSE_CAP_ASYNC_READ | FUSE_CAP_BIG_WRITES | FUSE_CAP_DONT_MASK |
                             FSP_FUSE_CAP_READDIR_PLUS | FSP_FUSE_CAP_READ_ONLY | FSP_FUSE_CAP_STAT_EX |
                             FSP_FUSE_CAP_DELETE_ACCESS | FUSE_CAP_CASE_INSENSITIVE;
    struct fuse_conn_info info = {.proto_major = 7,
                                  .proto_minor = 12,
                                  .async_read = 1,
                                  .max_write = UINT32_MAX,
                                  .max_readahead = UINT32_MAX,
                                  .capable = capable};
    if (operations_of(fuse)->init)
        fuse->data = operations_of(fuse)->init(&info);
    fuse->wants = (struct fsp_wants){.readdir_plus = info.want & FSP_FUSE_CAP_READDIR_PLUS,
                                     .stat_ex = info.want & FSP_FUSE_CAP_STAT_EX,
                                     .case_insensitive = info.want & FUSE_CAP_CASE_INSENSITIVE,
                                     .read_only = info.want & FSP_FUSE_CAP_READ_ONLY,
                                     .dont_mask = info.want & FUSE_CAP_DONT_MASK};
}

static void call_destroy(struct fsp_fuse *fuse) {
    if (operations_of(fuse)->destroy)
        operations_of(fuse)->destroy(fuse->data);
}

const struct fsp_calls fsp_calls2 = {
    .getattr = call_getattr,
    .readlink = call_readlink,
    .mknod = call_mknod,
    .mkdir = call_mkdir,
    .unlink = call_unlink,
    .rmdir = call_rmdir,
    .symlink = call_symlink,
    .rename = call_rename,
    .link = call_link,
    .chmod = call_chmod,
    .chown = call_chown,
    .truncate = call_truncate,
    .utimens = call_utimens,
    .open = call_open,
    .create = call_create,
    .read = call_read,
    .write = call_write,
    .flush = call_flush,
    .release = call_release,
    .fsync = call_fsync,
    .fallocate = call_fallocate,
    .ioctl = call_ioctl,
    .opendir = call_opendir,
    .readdir = call_readdir,
    .releasedir = call_releasedir,
    .fsyncdir = call_fsyncdir,
    .statfs = call_statfs,
    .setxattr = call_setxattr,
    .getxattr = call_getxattr,
    .listxattr = call_listxattr,
    .removexattr = call_removexattr,
    .init = call_init,
    .destroy = call_destroy,
};
