/* SPDX-License-Identifier: MIT */
/*
 * From the kernel's request to the operation.
 *
 * Model. A table says for each opcode how long its argument struct is and which function here takes it apart. That the
 * struct is whole has been seen to before; what follows it (names, data) is checked here: every length against what
 * came, every name for its NUL. What a file system leaves out is answered as linfsp.h promises: ENOSYS where the kernel
 * then stops asking, success where there is nothing to do.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/session.h"
#include "util/cleanup.h"

/* What follows the argument struct, taken from the front. */
struct rest {
    const char *at;
    size_t size;
};

typedef int handler(struct linfsp_request *request, const void *head, struct rest rest);

#define OPERATION(request, name) ((request)->session->operations.name)

/* ---- taking apart ---------------------------------------------------------------------------------------------- */

/* The next NUL-terminated text, of at most maximum bytes. */
static int take_text(struct rest *rest, size_t maximum, const char **ret_text) {
    size_t length = strnlen(rest->at, rest->size);
    if (length == rest->size)
        return -EIO;
    if (length > maximum)
        return -ENAMETOOLONG;
    *ret_text = rest->at;
    rest->at += length + 1;
    rest->size -= length + 1;
    return 0;
}

static int take_name(struct rest *rest, const char **ret_name) {
    const char *name;
    int r = take_text(rest, FSP_NAME_MAX, &name);
    if (r < 0)
        return r;
    if (!*name || strchr(name, '/'))
        return -EIO;
    *ret_name = name;
    return 0;
}

/* A directory's "." and ".." come only to who asked for LINFSP_WANT_EXPORT, and only in look-ups. */
static int take_new_name(struct rest *rest, const char **ret_name) {
    int r = take_name(rest, ret_name);
    if (r == 0 && (!strcmp(*ret_name, ".") || !strcmp(*ret_name, "..")))
        return -EIO;
    return r;
}

/* The kernel's own 32-bit form of a device number. */
static dev_t decode_device(uint32_t device) {
    return makedev((device & 0xfff00) >> 8, (device & 0xff) | ((device >> 12) & 0xfff00));
}

static struct linfsp_file file_of(uint64_t handle, uint32_t flags) {
    return (struct linfsp_file){.handle = handle, .flags = flags};
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static int handle_lookup(struct linfsp_request *request, const void *head _unused_, struct rest rest) {
    const char *name;
    int r = take_name(&rest, &name);
    if (r < 0)
        return r;
    return OPERATION(request, lookup) ? OPERATION(request, lookup)(request, request->inode, name) : -ENOSYS;
}

static int handle_forget(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_forget_in *in = head;
    if (OPERATION(request, forget))
        OPERATION(request, forget)(request->session->context, request->inode, in->nlookup);
    return 0;
}

static int handle_batch_forget(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_batch_forget_in *in = head;
    size_t count = rest.size / sizeof(struct fuse_forget_one);
    if (in->count < count)
        count = in->count;
    for (size_t i = 0; i < count && OPERATION(request, forget); i++) {
        struct fuse_forget_one one;
        memcpy(&one, rest.at + i * sizeof one, sizeof one);
        OPERATION(request, forget)(request->session->context, one.nodeid, one.nlookup);
    }
    return 0;
}

static int handle_readlink(struct linfsp_request *request, const void *head _unused_, struct rest rest _unused_) {
    request->answer_max = PATH_MAX - 1;
    return OPERATION(request, readlink) ? OPERATION(request, readlink)(request, request->inode) : -ENOSYS;
}

static int handle_mknod(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_mknod_in *in = head;
    const char *name;
    int r = take_new_name(&rest, &name);
    if (r < 0)
        return r;
    request->umask = in->umask;
    if (!OPERATION(request, mknod))
        return -ENOSYS;
    return OPERATION(request, mknod)(request, request->inode, name, in->mode, decode_device(in->rdev));
}

static int handle_mkdir(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_mkdir_in *in = head;
    const char *name;
    int r = take_new_name(&rest, &name);
    if (r < 0)
        return r;
    request->umask = in->umask;
    return OPERATION(request, mkdir) ? OPERATION(request, mkdir)(request, request->inode, name, in->mode) : -ENOSYS;
}

static int handle_symlink(struct linfsp_request *request, const void *head _unused_, struct rest rest) {
    const char *name, *target = NULL;
    int r = take_new_name(&rest, &name);
    if (r == 0)
        r = take_text(&rest, PATH_MAX - 1, &target);
    if (r < 0)
        return r;
    return OPERATION(request, symlink) ? OPERATION(request, symlink)(request, request->inode, name, target) : -ENOSYS;
}

static int handle_unlink(struct linfsp_request *request, const void *head _unused_, struct rest rest) {
    const char *name;
    int r = take_new_name(&rest, &name);
    if (r < 0)
        return r;
    return OPERATION(request, unlink) ? OPERATION(request, unlink)(request, request->inode, name) : -ENOSYS;
}

static int handle_rmdir(struct linfsp_request *request, const void *head _unused_, struct rest rest) {
    const char *name;
    int r = take_new_name(&rest, &name);
    if (r < 0)
        return r;
    return OPERATION(request, rmdir) ? OPERATION(request, rmdir)(request, request->inode, name) : -ENOSYS;
}

static int rename_names(struct linfsp_request *request, uint64_t new_parent, uint32_t flags, struct rest rest) {
    const char *name, *new_name = NULL;
    int r = take_new_name(&rest, &name);
    if (r == 0)
        r = take_new_name(&rest, &new_name);
    if (r < 0)
        return r;
    if (!OPERATION(request, rename))
        return -ENOSYS;
    return OPERATION(request, rename)(request, request->inode, name, new_parent, new_name, flags);
}

static int handle_rename(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_rename_in *in = head;
    return rename_names(request, in->newdir, 0, rest);
}

static int handle_rename2(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_rename2_in *in = head;
    return rename_names(request, in->newdir, in->flags, rest);
}

static int handle_link(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_link_in *in = head;
    const char *name;
    int r = take_new_name(&rest, &name);
    if (r < 0)
        return r;
    return OPERATION(request, link) ? OPERATION(request, link)(request, in->oldnodeid, request->inode, name) : -ENOSYS;
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static int handle_getattr(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_getattr_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    if (!OPERATION(request, getattr))
        return -ENOSYS;
    return OPERATION(request, getattr)(request, request->inode, in->getattr_flags & FUSE_GETATTR_FH ? &file : NULL);
}

/* NOLINTBEGIN(misc-redundant-expression): that both sides are the same is the point */
static_assert(LINFSP_SET_MODE == FATTR_MODE && LINFSP_SET_UID == FATTR_UID && LINFSP_SET_GID == FATTR_GID &&
                  LINFSP_SET_SIZE == FATTR_SIZE && LINFSP_SET_ATIME == FATTR_ATIME && LINFSP_SET_MTIME == FATTR_MTIME &&
                  LINFSP_SET_ATIME_NOW == FATTR_ATIME_NOW && LINFSP_SET_MTIME_NOW == FATTR_MTIME_NOW &&
                  LINFSP_SET_CTIME == FATTR_CTIME && LINFSP_SET_KILL_SUIDGID == FATTR_KILL_SUIDGID,
              "LINFSP_SET_* are FATTR_*");
/* NOLINTEND(misc-redundant-expression) */

#define SET_KNOWN                                                                                                      \
    (LINFSP_SET_MODE | LINFSP_SET_UID | LINFSP_SET_GID | LINFSP_SET_SIZE | LINFSP_SET_ATIME | LINFSP_SET_MTIME |       \
     LINFSP_SET_ATIME_NOW | LINFSP_SET_MTIME_NOW | LINFSP_SET_CTIME | LINFSP_SET_KILL_SUIDGID)

static int handle_setattr(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_setattr_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    struct stat attributes = {
        .st_mode = in->mode,
        .st_uid = in->uid,
        .st_gid = in->gid,
        .st_size = (off_t)in->size,
        .st_atim = {(time_t)in->atime, (long)in->atimensec},
        .st_mtim = {(time_t)in->mtime, (long)in->mtimensec},
        .st_ctim = {(time_t)in->ctime, (long)in->ctimensec},
    };
    if (!OPERATION(request, setattr))
        return -ENOSYS;
    if ((in->valid & FATTR_SIZE) && attributes.st_size < 0)
        return -EINVAL;
    return OPERATION(request, setattr)(request, request->inode, &attributes, in->valid & SET_KNOWN,
                                       in->valid & FATTR_FH ? &file : NULL);
}

static int handle_access(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_access_in *in = head;
    if (!OPERATION(request, access))
        return -ENOSYS; /* success, and never asked again */
    return OPERATION(request, access)(request, request->inode, (int)in->mask);
}

static int handle_statfs(struct linfsp_request *request, const void *head _unused_, struct rest rest _unused_) {
    if (OPERATION(request, statfs))
        return OPERATION(request, statfs)(request, request->inode);
    struct statvfs nothing = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = FSP_NAME_MAX};
    return linfsp_reply_statfs(request, &nothing), 0;
}

/* ---- extended attributes --------------------------------------------------------------------------------------- */

static int handle_setxattr(struct linfsp_request *request, const void *head, struct rest rest) {
    struct fuse_setxattr_in in = {0};
    bool extended = request->session->flags & FUSE_SETXATTR_EXT;
    const char *name;
    memcpy(&in, head, extended ? sizeof in : FUSE_COMPAT_SETXATTR_IN_SIZE);
    int r = take_text(&rest, FSP_NAME_MAX, &name);
    if (r < 0)
        return r;
    if (rest.size < in.size)
        return -EIO;
    if (!OPERATION(request, setxattr))
        return -ENOSYS;
    return OPERATION(request, setxattr)(request, request->inode, name, rest.at, in.size, (int)in.flags,
                                        in.setxattr_flags & FUSE_SETXATTR_ACL_KILL_SGID);
}

static int handle_getxattr(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_getxattr_in *in = head;
    const char *name;
    int r = take_text(&rest, FSP_NAME_MAX, &name);
    if (r < 0)
        return r;
    request->answer_max = in->size;
    return OPERATION(request, getxattr) ? OPERATION(request, getxattr)(request, request->inode, name, in->size)
                                        : -ENOSYS;
}

static int handle_listxattr(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_getxattr_in *in = head;
    request->answer_max = in->size;
    return OPERATION(request, listxattr) ? OPERATION(request, listxattr)(request, request->inode, in->size) : -ENOSYS;
}

static int handle_removexattr(struct linfsp_request *request, const void *head _unused_, struct rest rest) {
    const char *name;
    int r = take_text(&rest, FSP_NAME_MAX, &name);
    if (r < 0)
        return r;
    return OPERATION(request, removexattr) ? OPERATION(request, removexattr)(request, request->inode, name) : -ENOSYS;
}

/* ---- open files ------------------------------------------------------------------------------------------------ */

static int handle_open(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_open_in *in = head;
    struct linfsp_file file = file_of(0, in->flags);
    if (request->session->granted & LINFSP_WANT_NO_OPEN)
        return -ENOSYS;
    if (!OPERATION(request, open))
        return linfsp_reply_open(request, &file), 0;
    request->kill_suidgid = in->open_flags & FUSE_OPEN_KILL_SUIDGID;
    return OPERATION(request, open)(request, request->inode, &file);
}

static int handle_opendir(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_open_in *in = head;
    struct linfsp_file file = file_of(0, in->flags);
    if (request->session->granted & LINFSP_WANT_NO_OPENDIR)
        return -ENOSYS;
    if (!OPERATION(request, opendir))
        return linfsp_reply_open(request, &file), 0;
    return OPERATION(request, opendir)(request, request->inode, &file);
}

static int handle_create(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_create_in *in = head;
    struct linfsp_file file = file_of(0, in->flags);
    const char *name;
    int r = take_new_name(&rest, &name);
    if (r < 0)
        return r;
    request->umask = in->umask;
    request->kill_suidgid = in->open_flags & FUSE_OPEN_KILL_SUIDGID;
    if (!OPERATION(request, create))
        return -ENOSYS; /* mknod and open, from now on */
    return OPERATION(request, create)(request, request->inode, name, in->mode, &file);
}

static int handle_tmpfile(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_create_in *in = head;
    struct linfsp_file file = file_of(0, in->flags);
    request->umask = in->umask;
    return OPERATION(request, tmpfile) ? OPERATION(request, tmpfile)(request, request->inode, in->mode, &file)
                                       : -ENOSYS;
}

static int handle_read(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_read_in *in = head;
    struct linfsp_file file = file_of(in->fh, in->flags);
    if ((off_t)in->offset < 0)
        return -EINVAL;
    request->answer_max = in->size;
    if (!OPERATION(request, read))
        return -ENOSYS;
    return OPERATION(request, read)(request, request->inode, &file, in->size, (off_t)in->offset);
}

/* NOLINTBEGIN(misc-redundant-expression): that both sides are the same is the point */
static_assert(LINFSP_WRITE_CACHE == FUSE_WRITE_CACHE && LINFSP_WRITE_KILL_SUIDGID == FUSE_WRITE_KILL_SUIDGID,
              "LINFSP_WRITE_* are FUSE_WRITE_*");
/* NOLINTEND(misc-redundant-expression) */

static int handle_write(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_write_in *in = head;
    struct linfsp_file file = file_of(in->fh, in->flags);
    if (rest.size < in->size)
        return -EIO;
    if ((off_t)in->offset < 0 || in->offset > (uint64_t)INT64_MAX - in->size)
        return -EINVAL;
    if (!OPERATION(request, write))
        return -ENOSYS;
    return OPERATION(request, write)(request, request->inode, &file, rest.at, in->size, (off_t)in->offset,
                                     in->write_flags & (LINFSP_WRITE_CACHE | LINFSP_WRITE_KILL_SUIDGID));
}

static int handle_flush(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_flush_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    if (!OPERATION(request, flush))
        return -ENOSYS; /* success, and never asked again */
    return OPERATION(request, flush)(request, request->inode, &file);
}

static int handle_release(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_release_in *in = head;
    struct linfsp_file file = file_of(in->fh, in->flags);
    bool directory = request->opcode == FUSE_RELEASEDIR;
    int (*operation)(linfsp_request *, uint64_t, struct linfsp_file *) =
        directory ? OPERATION(request, releasedir) : OPERATION(request, release);
    if (!operation)
        return linfsp_reply_done(request), 0;
    return operation(request, request->inode, &file);
}

static int handle_fsync(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_fsync_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    bool directory = request->opcode == FUSE_FSYNCDIR;
    int (*operation)(linfsp_request *, uint64_t, struct linfsp_file *, bool) =
        directory ? OPERATION(request, fsyncdir) : OPERATION(request, fsync);
    if (!operation)
        return -ENOSYS; /* success, and never asked again */
    return operation(request, request->inode, &file, in->fsync_flags & FUSE_FSYNC_FDATASYNC);
}

static int handle_readdir(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_read_in *in = head;
    struct linfsp_file file = file_of(in->fh, in->flags);
    if (!OPERATION(request, readdir))
        return -ENOSYS;
    size_t size = in->size;
    if (size > request->scratch_size / 2)
        size = request->scratch_size / 2; /* the other half is the file system's own */
    request->entries = request->scratch;
    request->entries_size = size & ~(size_t)7;
    request->scratch_used = request->entries_size;
    request->answer_max = in->size;
    return OPERATION(request, readdir)(request, request->inode, &file, size, (off_t)in->offset,
                                       request->opcode == FUSE_READDIRPLUS);
}

static int handle_fallocate(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_fallocate_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    if ((off_t)in->offset < 0 || (off_t)in->length < 0 || in->offset > (uint64_t)INT64_MAX - in->length)
        return -EINVAL;
    if (!OPERATION(request, fallocate))
        return -ENOSYS;
    return OPERATION(request, fallocate)(request, request->inode, &file, (int)in->mode, (off_t)in->offset,
                                         (off_t)in->length);
}

static int handle_lseek(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_lseek_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    if (!OPERATION(request, lseek))
        return -ENOSYS;
    return OPERATION(request, lseek)(request, request->inode, &file, (off_t)in->offset, (int)in->whence);
}

static int handle_copy_file_range(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_copy_file_range_in *in = head;
    struct linfsp_file from = file_of(in->fh_in, 0), to = file_of(in->fh_out, 0);
    /* the older answer has 32 bits for what was copied; one call need not do it all */
    size_t length = in->len > 0x7ffff000 ? 0x7ffff000 : in->len;
    if ((off_t)in->off_in < 0 || (off_t)in->off_out < 0)
        return -EINVAL;
    if (!OPERATION(request, copy_file_range))
        return -ENOSYS;
    return OPERATION(request, copy_file_range)(request, request->inode, &from, (off_t)in->off_in, in->nodeid_out, &to,
                                               (off_t)in->off_out, length, in->flags);
}

static int handle_ioctl(struct linfsp_request *request, const void *head, struct rest rest) {
    const struct fuse_ioctl_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    if (!OPERATION(request, ioctl))
        return -ENOSYS;
    if (rest.size < in->in_size)
        return -EIO;
    request->answer_max = in->out_size;
    return OPERATION(request, ioctl)(request, request->inode, &file, in->cmd, in->arg, in->flags, rest.at, in->in_size,
                                     in->out_size);
}

static int handle_statx(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_statx_in *in = head;
    struct linfsp_file file = file_of(in->fh, 0);
    if (!OPERATION(request, statx))
        return -ENOSYS; /* getattr, from now on */
    return OPERATION(request, statx)(request, request->inode, in->getattr_flags & FUSE_GETATTR_FH ? &file : NULL,
                                     in->sx_mask);
}

static int handle_syncfs(struct linfsp_request *request, const void *head _unused_, struct rest rest _unused_) {
    return OPERATION(request, syncfs) ? OPERATION(request, syncfs)(request, request->inode) : -ENOSYS;
}

/* ---- the session's own ----------------------------------------------------------------------------------------- */

static int handle_interrupt(struct linfsp_request *request, const void *head, struct rest rest _unused_) {
    const struct fuse_interrupt_in *in = head;
    fsp_session_interrupt(request->channel, in->unique);
    return 0;
}

static int handle_destroy(struct linfsp_request *request, const void *head _unused_, struct rest rest _unused_) {
    return linfsp_reply_done(request), 0;
}

static int handle_nothing(struct linfsp_request *request _unused_, const void *head _unused_,
                          struct rest rest _unused_) {
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------------------------- */

struct operation {
    const char *name;
    size_t head_size;
    handler *handle; /* NULL: ENOSYS */
    bool silent; /* has no answer */
};

#define WITH(type) sizeof(struct fuse_##type)
static const struct operation operations[FUSE_OPCODE_MAX + 1] = {
    [FUSE_LOOKUP] = {"LOOKUP", 0, handle_lookup},
    [FUSE_FORGET] = {"FORGET", WITH(forget_in), handle_forget, true},
    [FUSE_GETATTR] = {"GETATTR", WITH(getattr_in), handle_getattr},
    [FUSE_SETATTR] = {"SETATTR", WITH(setattr_in), handle_setattr},
    [FUSE_READLINK] = {"READLINK", 0, handle_readlink},
    [FUSE_SYMLINK] = {"SYMLINK", 0, handle_symlink},
    [FUSE_MKNOD] = {"MKNOD", WITH(mknod_in), handle_mknod},
    [FUSE_MKDIR] = {"MKDIR", WITH(mkdir_in), handle_mkdir},
    [FUSE_UNLINK] = {"UNLINK", 0, handle_unlink},
    [FUSE_RMDIR] = {"RMDIR", 0, handle_rmdir},
    [FUSE_RENAME] = {"RENAME", WITH(rename_in), handle_rename},
    [FUSE_LINK] = {"LINK", WITH(link_in), handle_link},
    [FUSE_OPEN] = {"OPEN", WITH(open_in), handle_open},
    [FUSE_READ] = {"READ", WITH(read_in), handle_read},
    [FUSE_WRITE] = {"WRITE", WITH(write_in), handle_write},
    [FUSE_STATFS] = {"STATFS", 0, handle_statfs},
    [FUSE_RELEASE] = {"RELEASE", WITH(release_in), handle_release},
    [FUSE_FSYNC] = {"FSYNC", WITH(fsync_in), handle_fsync},
    [FUSE_SETXATTR] = {"SETXATTR", WITH(setxattr_in), handle_setxattr},
    [FUSE_GETXATTR] = {"GETXATTR", WITH(getxattr_in), handle_getxattr},
    [FUSE_LISTXATTR] = {"LISTXATTR", WITH(getxattr_in), handle_listxattr},
    [FUSE_REMOVEXATTR] = {"REMOVEXATTR", 0, handle_removexattr},
    [FUSE_FLUSH] = {"FLUSH", WITH(flush_in), handle_flush},
    [FUSE_INIT] = {"INIT", WITH(init_in), NULL},
    [FUSE_OPENDIR] = {"OPENDIR", WITH(open_in), handle_opendir},
    [FUSE_READDIR] = {"READDIR", WITH(read_in), handle_readdir},
    [FUSE_RELEASEDIR] = {"RELEASEDIR", WITH(release_in), handle_release},
    [FUSE_FSYNCDIR] = {"FSYNCDIR", WITH(fsync_in), handle_fsync},
    [FUSE_GETLK] = {"GETLK", WITH(lk_in), NULL},
    [FUSE_SETLK] = {"SETLK", WITH(lk_in), NULL},
    [FUSE_SETLKW] = {"SETLKW", WITH(lk_in), NULL},
    [FUSE_ACCESS] = {"ACCESS", WITH(access_in), handle_access},
    [FUSE_CREATE] = {"CREATE", WITH(create_in), handle_create},
    [FUSE_INTERRUPT] = {"INTERRUPT", WITH(interrupt_in), handle_interrupt, true},
    [FUSE_BMAP] = {"BMAP", WITH(bmap_in), NULL},
    [FUSE_DESTROY] = {"DESTROY", 0, handle_destroy},
    [FUSE_IOCTL] = {"IOCTL", WITH(ioctl_in), handle_ioctl},
    [FUSE_POLL] = {"POLL", WITH(poll_in), NULL},
    [FUSE_NOTIFY_REPLY] = {"NOTIFY_REPLY", 0, handle_nothing, true},
    [FUSE_BATCH_FORGET] = {"BATCH_FORGET", WITH(batch_forget_in), handle_batch_forget, true},
    [FUSE_FALLOCATE] = {"FALLOCATE", WITH(fallocate_in), handle_fallocate},
    [FUSE_READDIRPLUS] = {"READDIRPLUS", WITH(read_in), handle_readdir},
    [FUSE_RENAME2] = {"RENAME2", WITH(rename2_in), handle_rename2},
    [FUSE_LSEEK] = {"LSEEK", WITH(lseek_in), handle_lseek},
    [FUSE_COPY_FILE_RANGE] = {"COPY_FILE_RANGE", WITH(copy_file_range_in), handle_copy_file_range},
    [FUSE_SYNCFS] = {"SYNCFS", WITH(syncfs_in), handle_syncfs},
    [FUSE_TMPFILE] = {"TMPFILE", WITH(create_in), handle_tmpfile},
    [FUSE_STATX] = {"STATX", WITH(statx_in), handle_statx},
    [FUSE_COPY_FILE_RANGE_64] = {"COPY_FILE_RANGE_64", WITH(copy_file_range_in), handle_copy_file_range},
};

static const struct operation *operation_of(uint32_t opcode) {
    return opcode <= FUSE_OPCODE_MAX && operations[opcode].name ? &operations[opcode] : NULL;
}

int fsp_head_size(const struct fsp_session *session, uint32_t opcode) {
    const struct operation *operation = operation_of(opcode);
    if (!operation)
        return -ENOSYS;
    if (opcode == FUSE_SETXATTR && !(session->flags & FUSE_SETXATTR_EXT))
        return FUSE_COMPAT_SETXATTR_IN_SIZE;
    return (int)operation->head_size;
}

const char *fsp_opcode_name(uint32_t opcode) {
    const struct operation *operation = operation_of(opcode);
    return operation ? operation->name : "?";
}

int fsp_dispatch(struct linfsp_request *request, const void *head, const char *rest, size_t rest_size,
                 bool *ret_silent) {
    const struct operation *operation = operation_of(request->opcode);
    *ret_silent = operation && operation->silent;
    if (!operation || !operation->handle)
        return -ENOSYS;
    return operation->handle(request, head, (struct rest){rest, rest_size});
}
