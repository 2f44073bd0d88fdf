/* SPDX-License-Identifier: MIT */
/*
 * The peer: a memory file system on libfuse 3's low-level API, written as its documentation has it, plain and without
 * waste.
 *
 *     peer-memfs-ll [--timeout=SECONDS] [libfuse's options] MOUNTPOINT
 *
 * As libfuse's own memfs_ll: the multi-threaded loop, a clone of the fuse fd for each thread, time-outs of zero unless
 * told otherwise. Inode numbers are the addresses of nodes, so nothing is looked up twice. Data is answered from where
 * it lies. FLUSH, OPENDIR, FSYNC and the xattr requests have no handler: the kernel is told once and asks no more.
 * Debian's libfuse is linked in statically.
 */
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "peer-store.h"

static struct node *root;
static struct { double timeout; } options;

static struct node *node_of(fuse_ino_t inode) {
    return inode == FUSE_ROOT_ID ? root : (struct node *)inode;
}

static void get_attributes(struct node *node, struct stat *ret_attributes) {
    pthread_rwlock_rdlock(&node->lock);
    *ret_attributes = node->attributes;
    pthread_rwlock_unlock(&node->lock);
}

/* Counts the look-up that the answer stands for. The tree is locked. */
static void fill_entry(struct node *node, struct fuse_entry_param *ret_entry) {
    *ret_entry = (struct fuse_entry_param){.ino = (fuse_ino_t)node};
    ret_entry->attr_timeout = ret_entry->entry_timeout = options.timeout;
    get_attributes(node, &ret_entry->attr);
    atomic_fetch_add(&node->lookups, 1);
}

static void reply_status(fuse_req_t request, int r) {
    fuse_reply_err(request, -r);
}

static void peer_lookup(fuse_req_t request, fuse_ino_t parent, const char *text) {
    struct fuse_entry_param entry;
    pthread_rwlock_rdlock(&tree_lock);
    struct name *name = directory_find(node_of(parent), text);
    if (name)
        fill_entry(name->node, &entry);
    pthread_rwlock_unlock(&tree_lock);
    if (name)
        fuse_reply_entry(request, &entry);
    else
        reply_status(request, -ENOENT);
}

/* Its last look-up given back and without a name, a node is known to nobody else: a read lock will do. */
static void forget(fuse_ino_t inode, uint64_t count) {
    struct node *node = node_of(inode);
    if (node != root && atomic_fetch_sub(&node->lookups, count) == count)
        node_put(node);
}

static void peer_forget(fuse_req_t request, fuse_ino_t inode, uint64_t count) {
    pthread_rwlock_rdlock(&tree_lock);
    forget(inode, count);
    pthread_rwlock_unlock(&tree_lock);
    fuse_reply_none(request);
}

static void peer_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets) {
    pthread_rwlock_rdlock(&tree_lock);
    for (size_t i = 0; i < count; i++)
        forget(forgets[i].ino, forgets[i].nlookup);
    pthread_rwlock_unlock(&tree_lock);
    fuse_reply_none(request);
}

static void peer_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info) {
    struct stat attributes;
    get_attributes(node_of(inode), &attributes);
    fuse_reply_attr(request, &attributes, options.timeout);
}

static void peer_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *to, int set, struct fuse_file_info *info) {
    struct node *node = node_of(inode);
    int r = 0;
    pthread_rwlock_wrlock(&node->lock);
    if (set & FUSE_SET_ATTR_SIZE)
        r = node_resize(node, (size_t)to->st_size);
    if (r == 0) {
        struct stat *attributes = &node->attributes;
        node_touch(node, set & (FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MTIME_NOW));
        if (set & FUSE_SET_ATTR_MODE)
            attributes->st_mode = (attributes->st_mode & S_IFMT) | (to->st_mode & 07777);
        if (set & FUSE_SET_ATTR_UID)
            attributes->st_uid = to->st_uid;
        if (set & FUSE_SET_ATTR_GID)
            attributes->st_gid = to->st_gid;
        if (set & FUSE_SET_ATTR_ATIME)
            attributes->st_atim = set & FUSE_SET_ATTR_ATIME_NOW ? attributes->st_ctim : to->st_atim;
        if (set & FUSE_SET_ATTR_MTIME && !(set & FUSE_SET_ATTR_MTIME_NOW))
            attributes->st_mtim = to->st_mtim;
    }
    struct stat attributes = node->attributes;
    pthread_rwlock_unlock(&node->lock);
    if (r < 0)
        reply_status(request, r);
    else
        fuse_reply_attr(request, &attributes, options.timeout);
}

/* ---- what makes and removes names ------------------------------------------------------------------------------ */

/* Makes a node of that name. target: of a symbolic link, else NULL. */
static int make(fuse_req_t request, fuse_ino_t parent, const char *text, mode_t mode, dev_t device, const char *target,
                struct fuse_entry_param *ret_entry) {
    const struct fuse_ctx *context = fuse_req_ctx(request);
    struct node *node = node_new(mode, context->uid, context->gid, device);
    if (!node)
        return -ENOMEM;
    int r = target ? node_resize(node, strlen(target)) : 0;
    if (r == 0 && target)
        memcpy(node->data, target, strlen(target));
    pthread_rwlock_wrlock(&tree_lock);
    if (r == 0)
        r = directory_find(node_of(parent), text) ? -EEXIST : directory_add(node_of(parent), text, node);
    if (r == 0)
        fill_entry(node, ret_entry);
    else
        node_put(node);
    pthread_rwlock_unlock(&tree_lock);
    return r;
}

static void make_and_reply(fuse_req_t request, fuse_ino_t parent, const char *text, mode_t mode, dev_t device,
                           const char *target) {
    struct fuse_entry_param entry;
    int r = make(request, parent, text, mode, device, target, &entry);
    if (r < 0)
        reply_status(request, r);
    else
        fuse_reply_entry(request, &entry);
}

static void peer_mknod(fuse_req_t request, fuse_ino_t parent, const char *text, mode_t mode, dev_t device) {
    make_and_reply(request, parent, text, mode, device, NULL);
}

static void peer_mkdir(fuse_req_t request, fuse_ino_t parent, const char *text, mode_t mode) {
    make_and_reply(request, parent, text, S_IFDIR | mode, 0, NULL);
}

static void peer_symlink(fuse_req_t request, const char *target, fuse_ino_t parent, const char *text) {
    make_and_reply(request, parent, text, S_IFLNK | 0777, 0, target);
}

static void peer_readlink(fuse_req_t request, fuse_ino_t inode) {
    const struct node *node = node_of(inode);
    char target[4097];
    size_t length = (size_t)node->attributes.st_size; /* it never changes */
    if (length >= sizeof target) {
        reply_status(request, -ENAMETOOLONG);
        return;
    }
    memcpy(target, node->data, length);
    target[length] = 0;
    fuse_reply_readlink(request, target);
}

static void peer_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char *text) {
    struct fuse_entry_param entry;
    struct node *node = node_of(inode);
    pthread_rwlock_wrlock(&tree_lock);
    int r = directory_find(node_of(parent), text) ? -EEXIST : directory_add(node_of(parent), text, node);
    if (r == 0)
        fill_entry(node, &entry);
    pthread_rwlock_unlock(&tree_lock);
    if (r < 0)
        reply_status(request, r);
    else
        fuse_reply_entry(request, &entry);
}

/* 0 where the name may go: a directory must be empty. */
static int may_remove(const struct name *name, int want_directory) {
    if (!name)
        return -ENOENT;
    int is_directory = S_ISDIR(name->node->attributes.st_mode);
    if (want_directory && !is_directory)
        return -ENOTDIR;
    if (!want_directory && is_directory)
        return -EISDIR;
    return name->node->directory.n_names > 0 ? -ENOTEMPTY : 0;
}

static void remove_and_reply(fuse_req_t request, fuse_ino_t parent, const char *text, int want_directory) {
    pthread_rwlock_wrlock(&tree_lock);
    struct name *name = directory_find(node_of(parent), text);
    int r = may_remove(name, want_directory);
    if (r == 0) {
        struct node *node = name->node;
        directory_remove(node_of(parent), name);
        node_put(node);
    }
    pthread_rwlock_unlock(&tree_lock);
    reply_status(request, r);
}

static void peer_unlink(fuse_req_t request, fuse_ino_t parent, const char *text) {
    remove_and_reply(request, parent, text, 0);
}

static void peer_rmdir(fuse_req_t request, fuse_ino_t parent, const char *text) {
    remove_and_reply(request, parent, text, 1);
}

static int exchange(struct name *name, struct name *other) {
    if (!other)
        return -ENOENT;
    if (S_ISDIR(name->node->attributes.st_mode) != S_ISDIR(other->node->attributes.st_mode))
        return -EINVAL; /* the parents' link counts would have to follow: a peer for speed does without */
    struct node *node = name->node;
    name->node = other->node;
    other->node = node;
    return 0;
}

static int move(struct node *from, struct name *name, struct node *to, const char *text, struct name *replaced) {
    struct node *node = name->node, *old = replaced ? replaced->node : NULL;
    if (old == node)
        return 0; /* two names of one file: rename(2) does nothing */
    int r = replaced ? may_remove(replaced, S_ISDIR(node->attributes.st_mode)) : 0;
    if (r < 0)
        return r;
    if (replaced)
        directory_remove(to, replaced);
    r = directory_add(to, text, node);
    if (r == 0)
        directory_remove(from, name);
    if (old)
        node_put(old);
    return r;
}

static void peer_rename(fuse_req_t request, fuse_ino_t parent, const char *text, fuse_ino_t new_parent,
                        const char *new_text, unsigned flags) {
    struct node *from = node_of(parent), *to = node_of(new_parent);
    int r;
    pthread_rwlock_wrlock(&tree_lock);
    struct name *name = directory_find(from, text), *replaced = directory_find(to, new_text);
    if (!name)
        r = -ENOENT;
    else if (flags & RENAME_EXCHANGE)
        r = exchange(name, replaced);
    else if (flags & RENAME_NOREPLACE && replaced)
        r = -EEXIST;
    else
        r = move(from, name, to, new_text, replaced);
    pthread_rwlock_unlock(&tree_lock);
    reply_status(request, r);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static void peer_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info) {
    struct node *node = node_of(inode);
    if (info->flags & O_TRUNC) {
        pthread_rwlock_wrlock(&node->lock);
        node_resize(node, 0);
        node_touch(node, true);
        pthread_rwlock_unlock(&node->lock);
    }
    fuse_reply_open(request, info);
}

static void peer_create(fuse_req_t request, fuse_ino_t parent, const char *text, mode_t mode,
                        struct fuse_file_info *info) {
    struct fuse_entry_param entry;
    int r = make(request, parent, text, S_IFREG | (mode & 07777), 0, NULL, &entry);
    if (r < 0)
        reply_status(request, r);
    else
        fuse_reply_create(request, &entry, info);
}

/* Answers from the file's own memory: no copy but the kernel's. */
static void peer_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *info) {
    struct node *node = node_of(inode);
    pthread_rwlock_rdlock(&node->lock);
    size_t end = (size_t)node->attributes.st_size, from = (size_t)offset;
    if (from >= end)
        fuse_reply_buf(request, NULL, 0);
    else
        fuse_reply_buf(request, node->data + from, size < end - from ? size : end - from);
    pthread_rwlock_unlock(&node->lock);
}

static void peer_write(fuse_req_t request, fuse_ino_t inode, const char *data, size_t size, off_t offset,
                       struct fuse_file_info *info) {
    struct node *node = node_of(inode);
    size_t end = (size_t)offset + size;
    pthread_rwlock_wrlock(&node->lock);
    int r = node_reserve(node, end);
    if (r == 0 && end > (size_t)node->attributes.st_size)
        r = node_resize(node, end);
    if (r == 0) {
        memcpy(node->data + offset, data, size);
        node_touch(node, true);
    }
    pthread_rwlock_unlock(&node->lock);
    if (r < 0)
        reply_status(request, r);
    else
        fuse_reply_write(request, size);
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

static size_t add_entry(fuse_req_t request, char *buffer, size_t room, const char *text, struct node *node,
                        uint64_t cookie, int plus) {
    struct fuse_entry_param entry = {.attr = {.st_ino = node->attributes.st_ino, .st_mode = node->attributes.st_mode}};
    if (!plus)
        return fuse_add_direntry(request, buffer, room, text, &entry.attr, (off_t)cookie);
    if (cookie > 2) /* "." and ".." count as no look-up: the kernel knows these already */
        fill_entry(node, &entry);
    size_t size = fuse_add_direntry_plus(request, buffer, room, text, &entry, (off_t)cookie);
    if (size > room && cookie > 2)
        atomic_fetch_sub(&node->lookups, 1);
    return size;
}

static size_t fill_directory(fuse_req_t request, struct node *parent, char *buffer, size_t size, uint64_t after,
                             int plus) {
    struct directory *directory = &parent->directory;
    size_t used = 0, added;
    for (; after < 2; after++, used += added) {
        struct node *node = after == 0 || !directory->parent ? parent : directory->parent;
        added = add_entry(request, buffer + used, size - used, after == 0 ? "." : "..", node, after + 1, plus);
        if (added > size - used)
            return used;
    }
    for (uint32_t i = directory_after(parent, after); i < directory->n_listed; i++) {
        struct name *name = directory->listed[i];
        if (!name)
            continue;
        added = add_entry(request, buffer + used, size - used, name->text, name->node, name->cookie, plus);
        if (added > size - used)
            break;
        used += added;
    }
    return used;
}

static void read_directory(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, int plus) {
    char *buffer = malloc(size);
    if (!buffer) {
        reply_status(request, -ENOMEM);
        return;
    }
    pthread_rwlock_rdlock(&tree_lock);
    size_t used = fill_directory(request, node_of(inode), buffer, size, (uint64_t)offset, plus);
    pthread_rwlock_unlock(&tree_lock);
    fuse_reply_buf(request, buffer, used);
    free(buffer);
}

static void peer_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, struct fuse_file_info *info) {
    read_directory(request, inode, size, offset, 0);
}

static void peer_readdirplus(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
                             struct fuse_file_info *info) {
    read_directory(request, inode, size, offset, 1);
}

static void peer_statfs(fuse_req_t request, fuse_ino_t inode) {
    uint64_t blocks = (uint64_t)sysconf(_SC_PHYS_PAGES);
    struct statvfs statistics = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
    statistics.f_blocks = statistics.f_bfree = statistics.f_bavail = blocks;
    statistics.f_files = statistics.f_ffree = blocks;
    fuse_reply_statfs(request, &statistics);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = peer_lookup,
    .forget = peer_forget,
    .forget_multi = peer_forget_multi,
    .getattr = peer_getattr,
    .setattr = peer_setattr,
    .readlink = peer_readlink,
    .mknod = peer_mknod,
    .mkdir = peer_mkdir,
    .unlink = peer_unlink,
    .rmdir = peer_rmdir,
    .symlink = peer_symlink,
    .rename = peer_rename,
    .link = peer_link,
    .open = peer_open,
    .create = peer_create,
    .read = peer_read,
    .write = peer_write,
    .readdir = peer_readdir,
    .readdirplus = peer_readdirplus,
    .statfs = peer_statfs,
};

static int serve(struct fuse_session *session, const struct fuse_cmdline_opts *command) {
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_clone_fd(config, 1);
    int r = -1;
    if (fuse_set_signal_handlers(session) == 0) {
        if (fuse_session_mount(session, command->mountpoint) == 0) {
            fuse_daemonize(command->foreground);
            r = fuse_session_loop_mt(session, config);
            fuse_session_unmount(session);
        }
        fuse_remove_signal_handlers(session);
    }
    fuse_loop_cfg_destroy(config);
    return r;
}

int main(int argc, char **argv) {
    static const struct fuse_opt own[] = {{"--timeout=%lf", 0, 0}, FUSE_OPT_END};
    struct fuse_args arguments = FUSE_ARGS_INIT(argc, argv);
    struct fuse_cmdline_opts command;
    int r = -1;
    if (fuse_opt_parse(&arguments, &options, own, NULL) < 0 || fuse_parse_cmdline(&arguments, &command) < 0)
        return 2;
    if (!command.mountpoint) {
        fprintf(stderr, "usage: %s [--timeout=SECONDS] [OPTION...] MOUNTPOINT\n", argv[0]);
        return 2;
    }
    root = node_new(S_IFDIR | 0755, getuid(), getgid(), 0);
    struct fuse_session *session = root ? fuse_session_new(&arguments, &operations, sizeof operations, NULL) : NULL;
    if (session) {
        root->attributes.st_nlink = 2;
        root->attributes.st_ino = FUSE_ROOT_ID;
        r = serve(session, &command);
        fuse_session_destroy(session);
    }
    free(command.mountpoint);
    fuse_opt_free_args(&arguments);
    return r == 0 ? 0 : 1;
}
