/* SPDX-License-Identifier: MIT */
/* The calls of a FUSE 2 program. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "winfsp/fuse/fuse.h"
#include "winfsp/fuse/internal.h"
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

typedef struct fuse_file_info file_info;

#include "winfsp/fuse/calls-alike.h"

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

/* FUSE 2 knows no flags: not to replace is looked after here, while both names are ours. */
static int call_rename(struct fsp_fuse *fuse, const char *path, const char *new_path, unsigned flags) {
    struct stat attributes;
    if (flags & RENAME_EXCHANGE)
        return -EINVAL;
    if ((flags & RENAME_NOREPLACE) && call_getattr(fuse, new_path, &attributes, NULL) == 0)
        return -EEXIST;
    return DONE(fuse, rename, path, new_path);
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

const struct fsp_calls fsp_calls2 = ALL_CALLS;
