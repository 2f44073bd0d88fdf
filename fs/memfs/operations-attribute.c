/* SPDX-License-Identifier: MIT */
/* Attributes, extended ones and ACLs among them, and the volume's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "acl.h"
#include "operations.h"
#include "pass.h"
#include "util/cleanup.h"

int memfs_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct volume *volume = volume_of(request);
    struct stat attributes;
    node_stat(volume, node_of(volume, inode), &attributes);
    linfsp_reply_attributes(request, &attributes, volume->timeout);
    return 0;
}

/* ---- setattr --------------------------------------------------------------------------------------------------- */

static void set_times(struct node *node, const struct stat *attributes, uint32_t set) {
    unsigned now = CTIME | (set & LINFSP_SET_ATIME_NOW ? ATIME : 0) | (set & LINFSP_SET_MTIME_NOW ? MTIME : 0);
    if (set & LINFSP_SET_ATIME) {
        node->atime = attributes->st_atim.tv_sec;
        node->atime_ns = (uint32_t)attributes->st_atim.tv_nsec;
    }
    if (set & LINFSP_SET_MTIME) {
        node->mtime = attributes->st_mtim.tv_sec;
        node->mtime_ns = (uint32_t)attributes->st_mtim.tv_nsec;
    }
    node_touch(node, now);
}

static int set_size(struct volume *volume, struct node *node, uint64_t size) {
    if (!S_ISREG(node->type))
        return S_ISDIR(node->type) ? -EISDIR : -EINVAL;
    if (size > node->data.size && size > volume->file_size_max)
        return -ENOSPC;
    pass_grow(volume, node, size);
    data_set_size(&node->data, &volume->space, size);
    node_touch(node, MTIME);
    if (node->xattrs)
        xattr_remove(&node->xattrs, &volume->space, XATTR_CAPABILITY);
    return 0;
}

/* Set-user-ID and the like, as privileges.h has it. group: the node's before that. */
static void kill_privileges(linfsp_request *request, struct node *node, gid_t group, uint32_t set) {
    struct volume *volume = volume_of(request);
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    if (set & (LINFSP_SET_UID | LINFSP_SET_GID | LINFSP_SET_KILL_SUIDGID))
        node_kill_privileges(volume, node, group, &caller);
}

static enum privileges_open how_opened(const struct volume *volume, const struct node *node) {
    if (!volume->pass || !volume->counts_opens)
        return PRIVILEGES_UNKNOWN;
    return node->writers == 0 ? PRIVILEGES_NOBODY_WRITES
           : node->passing    ? PRIVILEGES_PASSED_THROUGH
                              : PRIVILEGES_UNKNOWN;
}

/* A SETATTR that sets nothing. */
static int set_nothing(linfsp_request *request, struct node *node) {
    struct volume *volume = volume_of(request);
    struct linfsp_caller caller;
    struct stat status = {.st_mode = (mode_t)node->type | node->permissions, .st_uid = node->uid, .st_gid = node->gid};
    linfsp_request_caller(request, &caller);
    switch (privileges_judge(&volume->privileges, node_inode(node), &status, how_opened(volume, node), &caller)) {
    case PRIVILEGES_REFUSED:
        return -EPERM;
    case PRIVILEGES_GO:
        node_kill_privileges(volume, node, node->gid, &caller);
        break;
    case PRIVILEGES_LATER:
        return 0;
    default:
        break;
    }
    node_touch(node, CTIME);
    return 0;
}

/* What may fail comes first. */
static int set_attributes(linfsp_request *request, struct node *node, const struct stat *attributes, uint32_t set) {
    struct volume *volume = volume_of(request);
    gid_t group = node->gid;
    int r = set & LINFSP_SET_SIZE ? set_size(volume, node, (uint64_t)attributes->st_size) : 0;
    if (r < 0)
        return r;
    if (set & LINFSP_SET_UID)
        node->uid = attributes->st_uid;
    if (set & LINFSP_SET_GID)
        node->gid = attributes->st_gid;
    kill_privileges(request, node, group, set);
    if (set & LINFSP_SET_MODE)
        node_set_permissions(node, attributes->st_mode);
    set_times(node, attributes, set);
    return 0;
}

int memfs_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                  struct linfsp_file *file) {
    struct volume *volume = volume_of(request);
    struct node *node = node_of(volume, inode);
    struct stat result;
    lock_exclusive(&node->lock);
    node_refresh(volume, node);
    int r = set == 0 ? set_nothing(request, node) : set_attributes(request, node, attributes, set);
    node_settle(node);
    unlock_exclusive(&node->lock);
    if (r < 0)
        return r;
    node_stat(volume, node, &result);
    linfsp_reply_attributes(request, &result, volume->timeout);
    return 0;
}

int memfs_readlink(linfsp_request *request, uint64_t inode) {
    struct node *node = node_of(volume_of(request), inode);
    if (!S_ISLNK(node->type))
        return -EINVAL;
    lock_exclusive(&node->lock);
    if (node_needs_atime(node))
        node_touch(node, ATIME);
    unlock_exclusive(&node->lock);
    linfsp_reply_data(request, node->target, node->target_size); /* which never changes */
    return 0;
}

/* ---- the volume ------------------------------------------------------------------------------------------------ */

static uint64_t pages_free(uint64_t limit, uint64_t used) {
    return used < limit ? (limit - used) / PAGE_BYTES : 0;
}

int memfs_statfs(linfsp_request *request, uint64_t inode) {
    struct volume *volume = volume_of(request);
    pass_refresh(volume);
    uint64_t used = space_used(&volume->space), nodes = space_used(&volume->nodes);
    struct statvfs statistics = {
        .f_bsize = PAGE_BYTES,
        .f_frsize = PAGE_BYTES,
        .f_blocks = volume->size / PAGE_BYTES,
        .f_bfree = pages_free(volume->size, used),
        .f_bavail = pages_free(volume->space.limit, used),
        .f_files = volume->nodes.limit,
        .f_ffree = volume->nodes.limit - nodes,
        .f_favail = volume->nodes.limit - nodes,
        .f_namemax = DIRECTORY_NAME_MAX,
    };
    linfsp_reply_statfs(request, &statistics);
    return 0;
}

/* ---- extended attributes --------------------------------------------------------------------------------------- */

static bool is_acl(const char *name) {
    return strcmp(name, XATTR_ACL_ACCESS) == 0 || strcmp(name, XATTR_ACL_DEFAULT) == 0;
}

static bool starts_with(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* The kernel lets every name pass, also one that is only its prefix. */
static int check_name(const char *name) {
    static const char *const prefixes[] = {"user.", "trusted.", "security."};
    if (is_acl(name))
        return 0;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (starts_with(name, prefixes[i]))
            return name[strlen(prefixes[i])] ? 0 : -EINVAL;
    return -EOPNOTSUPP;
}

/* An access ACL changes the mode with it, and is kept only where it says more. */
static int set_access_acl(struct volume *volume, struct node *node, const void *value, size_t size, int flags,
                          bool kill_sgid) {
    mode_t mode;
    bool more;
    int r = acl_check(value, size);
    if (r < 0)
        return r;
    acl_to_mode(value, size, &mode, &more);
    if (more)
        r = xattr_set(&node->xattrs, &volume->space, XATTR_ACL_ACCESS, value, size, flags);
    else
        xattr_remove(&node->xattrs, &volume->space, XATTR_ACL_ACCESS);
    if (r == 0)
        node->permissions = (uint16_t)((node->permissions & (kill_sgid ? 05000 : 07000)) | mode);
    return r;
}

static int set_xattr(struct volume *volume, struct node *node, const char *name, const void *value, size_t size,
                     int flags, bool kill_sgid) {
    if (strcmp(name, XATTR_ACL_ACCESS) == 0)
        return set_access_acl(volume, node, value, size, flags, kill_sgid);
    if (strcmp(name, XATTR_ACL_DEFAULT) == 0) {
        int r = S_ISDIR(node->type) ? acl_check(value, size) : -EACCES;
        if (r < 0)
            return r;
    }
    return xattr_set(&node->xattrs, &volume->space, name, value, size, flags);
}

int memfs_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size, int flags,
                   bool kill_sgid) {
    struct volume *volume = volume_of(request);
    struct node *node = node_of(volume, inode);
    int r = check_name(name);
    if (r < 0)
        return r;
    lock_exclusive(&node->lock);
    r = set_xattr(volume, node, name, value, size, flags, kill_sgid);
    if (r == 0)
        node_touch(node, CTIME);
    unlock_exclusive(&node->lock);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

int memfs_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size) {
    struct volume *volume = volume_of(request);
    struct node *node = node_of(volume, inode);
    int r = check_name(name);
    if (r < 0)
        return r;
    node_hold(node); /* beyond the answer, to unlock it */
    lock_shared(&node->lock);
    struct xattr *xattr = xattr_find(node->xattrs, name);
    if (!xattr)
        r = -ENODATA;
    else if (size == 0)
        linfsp_reply_size(request, xattr->value_size);
    else if (xattr->value_size > size)
        r = -ERANGE;
    else
        linfsp_reply_data(request, xattr_value(xattr), xattr->value_size);
    unlock_shared(&node->lock);
    node_drop(volume, node, 1);
    return r;
}

int memfs_listxattr(linfsp_request *request, uint64_t inode, size_t size) {
    struct node *node = node_of(volume_of(request), inode);
    _cleanup_free_ char *names = size > 0 ? malloc(size) : NULL;
    if (size > 0 && !names)
        return -ENOMEM;
    lock_shared(&node->lock);
    int64_t length = xattr_list(node->xattrs, names, size);
    unlock_shared(&node->lock);
    if (length < 0)
        return (int)length;
    if (size == 0)
        linfsp_reply_size(request, (size_t)length);
    else
        linfsp_reply_data(request, names, (size_t)length);
    return 0;
}

static void note_removal(linfsp_request *request, uint64_t inode) {
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    privileges_note_removal(&volume_of(request)->privileges, inode, &caller);
}

int memfs_removexattr(linfsp_request *request, uint64_t inode, const char *name) {
    struct volume *volume = volume_of(request);
    struct node *node = node_of(volume, inode);
    int r = check_name(name);
    if (r < 0)
        return r;
    lock_exclusive(&node->lock);
    r = xattr_remove(&node->xattrs, &volume->space, name);
    if (r == 0 && strcmp(name, XATTR_CAPABILITY) == 0)
        note_removal(request, inode);
    if (r == -ENODATA && is_acl(name))
        r = 0; /* a mode is an ACL too: removing what is not there is no error */
    if (r == 0)
        node_touch(node, CTIME);
    unlock_exclusive(&node->lock);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}
