/* SPDX-License-Identifier: MIT */
/*
 * Names in the folder. Each call is relative to a pinned directory and follows no symbolic link in its last component;
 * a name is a single component, so nothing below the folder can lead out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ptfs.h"
#include "util/cleanup.h"

struct ptfs *ptfs_of(const linfsp_request *request) {
    return linfsp_request_context(request);
}

void ptfs_fd_path(int fd, char path[PTFS_FD_PATH_MAX]) {
    snprintf(path, PTFS_FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

int ptfs_pin(linfsp_request *request, uint64_t inode, struct pin *ret_pin) {
    struct node_table *nodes = &ptfs_of(request)->nodes;
    return node_pin(nodes, node_of(nodes, inode), ret_pin);
}

mode_t ptfs_new_mode(const linfsp_request *request, int directory, mode_t mode) {
    struct linfsp_caller caller;
    char path[PTFS_FD_PATH_MAX];
    if (!ptfs_of(request)->own_umask)
        return mode;
    linfsp_request_caller(request, &caller);
    if (!(mode & caller.umask))
        return mode;
    ptfs_fd_path(directory, path);
    return getxattr(path, "system.posix_acl_default", NULL, 0) > 0 ? mode : mode & ~caller.umask;
}

/* What goes with the ids of root is taken up again, of the thread alone: the kernel has checked the caller's
 * permissions already (default_permissions), by ACLs and further groups that we do not take on. */
static void keep_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    const uint32_t wanted = CAP_TO_MASK(CAP_DAC_OVERRIDE) | CAP_TO_MASK(CAP_DAC_READ_SEARCH) | CAP_TO_MASK(CAP_FOWNER) |
                            CAP_TO_MASK(CAP_FSETID);
    if (syscall(SYS_capget, &header, data) < 0)
        return;
    data[0].effective |= data[0].permitted & wanted;
    (void)syscall(SYS_capset, &header, data);
}

void ptfs_act_as_caller(struct ptfs *ptfs, const linfsp_request *request) {
    struct linfsp_caller caller;
    if (!ptfs->act_as_caller)
        return;
    linfsp_request_caller(request, &caller);
    setfsgid(caller.gid);
    setfsuid(caller.uid);
    if (caller.uid != 0)
        keep_capabilities();
}

void ptfs_act_as_self(struct ptfs *ptfs) {
    if (!ptfs->act_as_caller)
        return;
    setfsuid(0);
    setfsgid(0);
}

bool ptfs_is_attic(const struct ptfs *ptfs, const struct pin *parent, const char *name) {
    return ptfs->nodes.state && parent->node == &ptfs->nodes.root && strcmp(name, ptfs->nodes.state->attic) == 0;
}

bool ptfs_has_made(const linfsp_request *request, const struct pin *parent, const char *name, mode_t type) {
    struct stat status;
    return linfsp_request_may_be_done(request) && fstatat(parent->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           (status.st_mode & S_IFMT) == type;
}

int ptfs_find(struct ptfs *ptfs, const struct pin *parent, const char *name, struct linfsp_entry *ret_entry) {
    _cleanup_close_ int fd = -1;
    struct stat status;
    struct node *node;
    struct watch_mark mark = watch_names(ptfs, parent->node);
    if (ptfs_is_attic(ptfs, parent, name))
        return -ENOENT;
    do
        fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    while (fd < 0 && errno == EMFILE && node_make_room(&ptfs->nodes));
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    int r = node_get(&ptfs->nodes, steal_fd(&fd), &status, parent->node, name, &node);
    if (r < 0)
        return r;
    struct watch_mark own = mark;
    if (S_ISDIR(status.st_mode))
        own.watched = watch_directory(ptfs, node, &status);
    node_correct(&ptfs->nodes, node, &status);
    *ret_entry = (struct linfsp_entry){.inode = node_number(&ptfs->nodes, node),
                                       .attributes = status,
                                       .attributes_timeout = watch_attributes_timeout(ptfs, node, &status, own),
                                       .entry_timeout = watch_names_timeout(ptfs, mark)};
    return 0;
}

/* The answer to what made a name. */
static int reply_found(linfsp_request *request, const struct pin *parent, const char *name) {
    struct ptfs *ptfs = ptfs_of(request);
    struct linfsp_entry entry = {0};
    int r = ptfs_find(ptfs, parent, name, &entry);
    if (r < 0)
        return r;
    if (linfsp_reply_entry(request, &entry) < 0)
        node_put(&ptfs->nodes, node_of(&ptfs->nodes, entry.inode), 1);
    return 0;
}

int ptfs_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin directory = PIN_NONE;
    struct watch_mark mark = {0};
    int r = ptfs_pin(request, parent, &directory);
    if (r == 0) {
        mark = watch_names(ptfs, directory.node);
        r = reply_found(request, &directory, name);
    }
    if (r == -ENOENT && ptfs->timeout) {
        struct linfsp_entry none = {.entry_timeout = watch_names_timeout(ptfs, mark)};
        linfsp_reply_entry(request, &none);
        return 0;
    }
    return r;
}

void ptfs_forget(void *context, uint64_t inode, uint64_t count) {
    struct ptfs *ptfs = context;
    node_put(&ptfs->nodes, node_of(&ptfs->nodes, inode), count);
}

int ptfs_mknod(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin directory = PIN_NONE;
    int r = ptfs_pin(request, parent, &directory);
    if (r < 0)
        return r;
    mode = ptfs_new_mode(request, directory.fd, mode);
    ptfs_act_as_caller(ptfs, request);
    r = mknodat(directory.fd, name, mode, device) < 0 ? -errno : 0;
    ptfs_act_as_self(ptfs);
    if (r == -EEXIST && ptfs_has_made(request, &directory, name, mode & S_IFMT ? mode & S_IFMT : S_IFREG))
        r = 0;
    return r < 0 ? r : reply_found(request, &directory, name);
}

int ptfs_mkdir(linfsp_request *request, uint64_t parent, const char *name, mode_t mode) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin directory = PIN_NONE;
    int r = ptfs_pin(request, parent, &directory);
    if (r < 0)
        return r;
    mode = ptfs_new_mode(request, directory.fd, mode);
    ptfs_act_as_caller(ptfs, request);
    r = mkdirat(directory.fd, name, mode) < 0 ? -errno : 0;
    ptfs_act_as_self(ptfs);
    if (r == -EEXIST && ptfs_has_made(request, &directory, name, S_IFDIR))
        r = 0;
    return r < 0 ? r : reply_found(request, &directory, name);
}

int ptfs_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin directory = PIN_NONE;
    int r = ptfs_pin(request, parent, &directory);
    if (r < 0)
        return r;
    ptfs_act_as_caller(ptfs, request);
    r = symlinkat(target, directory.fd, name) < 0 ? -errno : 0;
    ptfs_act_as_self(ptfs);
    if (r == -EEXIST && ptfs_has_made(request, &directory, name, S_IFLNK))
        r = 0;
    return r < 0 ? r : reply_found(request, &directory, name);
}

static int remove_name(linfsp_request *request, uint64_t parent, const char *name, int flags) {
    _cleanup_pin_ struct pin directory = PIN_NONE;
    int r = ptfs_pin(request, parent, &directory);
    if (r < 0)
        return r;
    node_keep(&ptfs_of(request)->nodes, &directory, name);
    if (!(flags & AT_REMOVEDIR))
        node_save(&ptfs_of(request)->nodes, &directory, name);
    if (unlinkat(directory.fd, name, flags) < 0 && !(errno == ENOENT && linfsp_request_may_be_done(request)))
        return -errno;
    linfsp_reply_done(request);
    return 0;
}

int ptfs_unlink(linfsp_request *request, uint64_t parent, const char *name) {
    return remove_name(request, parent, name, 0);
}

int ptfs_rmdir(linfsp_request *request, uint64_t parent, const char *name) {
    return remove_name(request, parent, name, AT_REMOVEDIR);
}

/* Whether an earlier server has done it. An exchange leaves both names; what was about to be moved was looked for when
 * the notes were taken up. */
static bool has_moved(struct node_table *nodes, const struct pin *from, const char *name, const struct pin *to,
                      const char *new_name, uint32_t flags) {
    struct stat status;
    if (flags & RENAME_EXCHANGE)
        return node_was_moved(nodes, to, new_name);
    return fstatat(from->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
           fstatat(to->fd, new_name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

int ptfs_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name,
                uint32_t flags) {
    struct node_table *nodes = &ptfs_of(request)->nodes;
    _cleanup_pin_ struct pin from = PIN_NONE, to = PIN_NONE;
    int r = ptfs_pin(request, parent, &from);
    if (r == 0)
        r = ptfs_pin(request, new_parent, &to);
    if (r < 0)
        return r;
    if (linfsp_request_may_be_done(request) && has_moved(nodes, &from, name, &to, new_name, flags)) {
        linfsp_reply_done(request);
        return 0;
    }
    if (!(flags & RENAME_EXCHANGE)) {
        node_keep(nodes, &to, new_name);
        node_save(nodes, &to, new_name);
    } else
        node_intend(nodes, &to, new_name, &from, name);
    node_intend(nodes, &from, name, &to, new_name);
    if (renameat2(from.fd, name, to.fd, new_name, flags) < 0)
        return -errno;
    node_moved(nodes, &to, new_name);
    if (flags & RENAME_EXCHANGE)
        node_moved(nodes, &from, name);
    linfsp_reply_done(request);
    return 0;
}

static bool is_file(const struct pin *parent, const char *name, int fd) {
    struct stat there, status;
    return fstatat(parent->fd, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &status) == 0 &&
           there.st_dev == status.st_dev && there.st_ino == status.st_ino;
}

int ptfs_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name) {
    _cleanup_pin_ struct pin file = PIN_NONE, directory = PIN_NONE;
    char path[PTFS_FD_PATH_MAX];
    int r = ptfs_pin(request, inode, &file);
    if (r == 0)
        r = ptfs_pin(request, new_parent, &directory);
    if (r < 0)
        return r;
    ptfs_fd_path(file.fd, path);
    if (linkat(AT_FDCWD, path, directory.fd, new_name, AT_SYMLINK_FOLLOW) < 0 &&
        !(errno == EEXIST && linfsp_request_may_be_done(request) && is_file(&directory, new_name, file.fd)))
        return -errno;
    return reply_found(request, &directory, new_name);
}

int ptfs_readlink(linfsp_request *request, uint64_t inode) {
    _cleanup_pin_ struct pin link = PIN_NONE;
    char target[LINFSP_PATH_MAX];
    int r = ptfs_pin(request, inode, &link);
    if (r < 0)
        return r;
    ssize_t length = readlinkat(link.fd, "", target, sizeof target);
    if (length < 0)
        return -errno;
    linfsp_reply_data(request, target, (size_t)length);
    return 0;
}
