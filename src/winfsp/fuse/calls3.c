/* SPDX-License-Identifier: MIT */
/* The calls of a FUSE 3 program. */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "winfsp/fuse/internal.h"
#include "winfsp/fuse3/fuse.h"
#include "winfsp/linux-flags.h"

static_assert(sizeof(struct fuse3_operations) <= sizeof(void *) * FSP_OPERATIONS_MAX, "struct fuse3_operations");
static_assert(sizeof(struct fuse3_file_info) == 40 && offsetof(struct fuse3_file_info, fh) == 16, "fuse3_file_info");
static_assert(sizeof(struct fuse3_conn_info) == 128, "struct fuse3_conn_info");
static_assert(sizeof(struct fuse3_context) == sizeof(struct fsp_context), "struct fuse3_context");

/* Operations that take a path or an open file. */
#define INFO_OR_NULL(open, info) ((open) ? &(info) : NULL)

static const struct fuse3_operations *operations_of(const struct fsp_fuse *fuse) {
    return (const struct fuse3_operations *)(const void *)fuse->operations;
}

typedef struct fuse3_file_info file_info;

#include "winfsp/fuse/calls-alike.h"

static int call_getattr(struct fsp_fuse *fuse, const char *path, struct stat *ret_attributes, struct fsp_open *open) {
    union fsp_flavour_stat answer;
    struct fuse3_file_info info = INFO_FROM_OPEN(open);
    memset(&answer, 0, sizeof answer);
    int r = DONE(fuse, getattr, path, &answer.stat, INFO_OR_NULL(open, info));
    if (r < 0)
        return r;
    fsp_flavour_stat(&answer.stat, ret_attributes);
    return 0;
}

/* A program that does not know a flag says EINVAL; not to replace is then looked after here. */
static int call_rename(struct fsp_fuse *fuse, const char *path, const char *new_path, unsigned flags) {
    struct stat attributes;
    int r = DONE(fuse, rename, path, new_path, flags);
    if (r != -EINVAL || flags != RENAME_NOREPLACE)
        return r;
    if (call_getattr(fuse, new_path, &attributes, NULL) == 0)
        return -EEXIST;
    return DONE(fuse, rename, path, new_path, 0);
}

static int call_chmod(struct fsp_fuse *fuse, const char *path, mode_t mode, struct fsp_open *open) {
    struct fuse3_file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, chmod, path, mode, INFO_OR_NULL(open, info));
}

static int call_chown(struct fsp_fuse *fuse, const char *path, uid_t uid, gid_t gid, struct fsp_open *open) {
    struct fuse3_file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, chown, path, uid, gid, INFO_OR_NULL(open, info));
}

static int call_truncate(struct fsp_fuse *fuse, const char *path, off_t size, struct fsp_open *open) {
    struct fuse3_file_info info = INFO_FROM_OPEN(open);
    return DONE(fuse, truncate, path, size, INFO_OR_NULL(open, info));
}

static int call_utimens(struct fsp_fuse *fuse, const char *path, const struct timespec times[2],
                        struct fsp_open *open) {
    struct fuse3_file_info info = INFO_FROM_OPEN(open);
    struct fuse_timespec given[2] = {{.tv_sec = times[0].tv_sec, .tv_nsec = times[0].tv_nsec},
                                     {.tv_sec = times[1].tv_sec, .tv_nsec = times[1].tv_nsec}};
    return DONE(fuse, utimens, path, given, INFO_OR_NULL(open, info));
}

static int FSP_FUSE_CALL fill(void *buffer, const char *name, const struct fuse_stat *attributes, fuse_off_t offset,
                              enum fuse3_fill_dir_flags flags) {
    (void)offset;
    fsp_filling_add(buffer, name, attributes, flags & FUSE_FILL_DIR_PLUS);
    return 0;
}

static int call_readdir(struct fsp_fuse *fuse, const char *path, struct fsp_open *open) {
    struct fuse3_file_info info = INFO_FROM_OPEN(open);
    struct fsp_filling filling = {.open = open};
    return DONE(fuse, readdir, path, &filling, fill, 0, &info, fuse->wants.readdir_plus ? FUSE_READDIR_PLUS : 0);
}

static void take_config(struct fsp_options *options, const struct fuse3_config *config) {
    options->set_uid = config->set_uid;
    options->uid = (int)config->uid;
    options->set_gid = config->set_gid;
    options->gid = (int)config->gid;
    options->set_umask = config->set_mode;
    options->umask = (int)config->umask;
    options->attr_timeout = config->attr_timeout;
    options->entry_timeout = config->entry_timeout;
    options->negative_timeout = config->negative_timeout;
    options->hard_remove = config->hard_remove;
    options->direct_io = config->direct_io;
    options->kernel_cache = config->kernel_cache;
}

static void call_init(struct fsp_fuse *fuse) {
    const struct fsp_options *options = &fuse->options;
    struct fuse3_conn_info info = {.proto_major = 7,
                                   .proto_minor = 12,
                                   .max_write = UINT32_MAX,
                                   .max_read = UINT32_MAX,
                                   .max_readahead = UINT32_MAX,
                                   .capable = FUSE_CAP_ASYNC_READ | FUSE_CAP_DONT_MASK | FUSE_CAP_READDIRPLUS |
                                              FUSE_CAP_PARALLEL_DIROPS | FSP_FUSE_CAP_READ_ONLY | FSP_FUSE_CAP_STAT_EX |
                                              FSP_FUSE_CAP_DELETE_ACCESS | FUSE_CAP_CASE_INSENSITIVE,
                                   .want = FUSE_CAP_ASYNC_READ | FUSE_CAP_READDIRPLUS};
    struct fuse3_config config = {.set_uid = options->set_uid,
                                  .uid = (unsigned)options->uid,
                                  .set_gid = options->set_gid,
                                  .gid = (unsigned)options->gid,
                                  .set_mode = options->set_umask,
                                  .umask = (unsigned)options->umask,
                                  .attr_timeout = options->attr_timeout,
                                  .entry_timeout = options->entry_timeout,
                                  .negative_timeout = options->negative_timeout,
                                  .hard_remove = options->hard_remove,
                                  .direct_io = options->direct_io,
                                  .kernel_cache = options->kernel_cache,
                                  .debug = options->debug};
    if (operations_of(fuse)->init)
        fuse->data = operations_of(fuse)->init(&info, &config);
    take_config(&fuse->options, &config);
    fuse->wants = (struct fsp_wants){.readdir_plus = info.want & FUSE_CAP_READDIRPLUS,
                                     .stat_ex = info.want & FSP_FUSE_CAP_STAT_EX,
                                     .case_insensitive = info.want & FUSE_CAP_CASE_INSENSITIVE,
                                     .read_only = info.want & FSP_FUSE_CAP_READ_ONLY,
                                     .dont_mask = info.want & FUSE_CAP_DONT_MASK};
}

const struct fsp_calls fsp_calls3 = ALL_CALLS;
