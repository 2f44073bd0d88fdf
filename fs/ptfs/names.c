/* SPDX-License-Identifier: MIT */
/*
 * Names in the folder. Each call is relative to a pinned directory and follows no symbolic link in its last component;
 * a name is a single component, so nothing below the folder can lead out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
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

mode_t ptfs_new_mode(const linfsp_request *request, const struct node *directory, mode_t mode) {
    struct linfsp_caller caller;
    char path[PTFS_FD_PATH_MAX];
    if (!ptfs_of(request)->own_umask)
        return mode;
    linfsp_request_caller(request, &caller);
    if (!(mode & caller.umask))
        return mode;
    ptfs_fd_path(directory->fd, path);
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

int ptfs_find(struct ptfs *ptfs, struct node *parent, const char *name, struct linfsp_entry *ret_entry) {
    _cleanup_close_ int fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    struct node *node;
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    int r = node_get(&ptfs->nodes, steal_fd(&fd), &status, &node);
    if (r < 0)
        return r;
    *ret_entry = (struct linfsp_entry){.inode = node_number(&ptfs->nodes, node),
                                       .attributes = status,
                                       .attributes_timeout = ptfs->timeout,
                                       .entry_timeout = ptfs->timeout};
    return 0;
}

/* The answer to what made a name. */
static int reply_found(linfsp_request *request, struct node *parent, const char *name) {
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
    int r = reply_found(request, node_of(&ptfs->nodes, parent), name);
    if (r == -ENOENT && ptfs->timeout) {
        struct linfsp_entry none = {.entry_timeout = ptfs->timeout};
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
    struct node *directory = node_of(&ptfs->nodes, parent);
    mode = ptfs_new_mode(request, directory, mode);
    ptfs_act_as_caller(ptfs, request);
    int r = mknodat(directory->fd, name, mode, device) < 0 ? -errno : 0;
    ptfs_act_as_self(ptfs);
    return r < 0 ? r : reply_found(request, directory, name);
}

int ptfs_mkdir(linfsp_request *request, uint64_t parent, const char *name, mode_t mode) {
    struct ptfs *ptfs = ptfs_of(request);
    struct node *directory = node_of(&ptfs->nodes, parent);
    mode = ptfs_new_mode(request, directory, mode);
    ptfs_act_as_caller(ptfs, request);
    int r = mkdirat(directory->fd, name, mode) < 0 ? -errno : 0;
    ptfs_act_as_self(ptfs);
    return r < 0 ? r : reply_found(request, directory, name);
}

int ptfs_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target) {
    struct ptfs *ptfs = ptfs_of(request);
    struct node *directory = node_of(&ptfs->nodes, parent);
    ptfs_act_as_caller(ptfs, request);
    int r = symlinkat(target, directory->fd, name) < 0 ? -errno : 0;
    ptfs_act_as_self(ptfs);
    return r < 0 ? r : reply_found(request, directory, name);
}

int ptfs_unlink(linfsp_request *request, uint64_t parent, const char *name) {
    if (unlinkat(node_of(&ptfs_of(request)->nodes, parent)->fd, name, 0) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}

int ptfs_rmdir(linfsp_request *request, uint64_t parent, const char *name) {
    if (unlinkat(node_of(&ptfs_of(request)->nodes, parent)->fd, name, AT_REMOVEDIR) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}

int ptfs_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name,
                uint32_t flags) {
    struct node_table *nodes = &ptfs_of(request)->nodes;
    if (renameat2(node_of(nodes, parent)->fd, name, node_of(nodes, new_parent)->fd, new_name, flags) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}

int ptfs_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name) {
    struct node_table *nodes = &ptfs_of(request)->nodes;
    struct node *directory = node_of(nodes, new_parent);
    char path[PTFS_FD_PATH_MAX];
    ptfs_fd_path(node_of(nodes, inode)->fd, path);
    if (linkat(AT_FDCWD, path, directory->fd, new_name, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    return reply_found(request, directory, new_name);
}

int ptfs_readlink(linfsp_request *request, uint64_t inode) {
    char target[LINFSP_PATH_MAX];
    ssize_t length = readlinkat(node_of(&ptfs_of(request)->nodes, inode)->fd, "", target, sizeof target);
    if (length < 0)
        return -errno;
    linfsp_reply_data(request, target, (size_t)length);
    return 0;
}
