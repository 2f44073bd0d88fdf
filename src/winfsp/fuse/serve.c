/* SPDX-License-Identifier: MIT */
/* Names and attributes: what the kernel asks by inode and name becomes the program's operations by path. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/fuse/volume.h"
#include "winfsp/linux-flags.h"
#include "winfsp/thread-variable.h"

/* ---- what every request needs ---------------------------------------------------------------------------------- */

struct fsp_context *FSP_THREAD_VARIABLE(fsp_fuse_context)(void) {
    static _Thread_local struct fsp_context context;
    return &context;
}

struct fsp_fuse *fsp_path_begin(linfsp_request *request) {
    struct fsp_fuse *fuse = linfsp_request_context(request);
    struct fsp_context *context = fsp_fuse_context();
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    *context = (struct fsp_context){.fuse = fuse,
                                    .uid = caller.uid,
                                    .gid = caller.gid,
                                    .pid = caller.pid,
                                    .private_data = fuse->data,
                                    .umask = caller.umask};
    return fuse;
}

static struct fsp_node *node_of(struct fsp_fuse *fuse, uint64_t inode) {
    return fsp_tree_node(&fuse->tree, inode);
}

int fsp_path_hold(struct fsp_fuse *fuse, struct fsp_node *node, struct fsp_open *open, struct fsp_path_use *ret_use) {
    char *path;
    int r = fsp_tree_hold(&fuse->tree, node, NULL, &path);
    bool held = r == 0;
    if (r == -ENOENT && open) {
        path = strdup(open->path);
        r = path ? 0 : -ENOMEM;
    }
    if (r == 0)
        *ret_use = (struct fsp_path_use){.fuse = fuse, .open = open, .node = node, .path = path, .held = held};
    return r;
}

int fsp_path_use(linfsp_request *request, uint64_t inode, struct linfsp_file *file, struct fsp_path_use *ret_use) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    return fsp_path_hold(fuse, node_of(fuse, inode), fsp_path_open_of(file), ret_use);
}

void fsp_path_release_path(struct fsp_fuse *fuse, struct fsp_node *node, char *path) {
    fsp_tree_release(&fuse->tree, node);
    free(path);
}

void fsp_path_end(struct fsp_path_use *use) {
    if (use->held)
        fsp_tree_release(&use->fuse->tree, use->node);
    free(use->path);
}

void fsp_path_adjust(struct fsp_fuse *fuse, const struct fsp_node *node, struct stat *attributes) {
    const struct fsp_options *options = &fuse->options;
    if (attributes->st_ino == 0 && node)
        attributes->st_ino = fsp_tree_inode(&fuse->tree, node);
    if (options->set_uid)
        attributes->st_uid = options->uid < 0 ? linfsp_volume_owner_uid(fuse->volume) : (uid_t)options->uid;
    if (options->set_gid)
        attributes->st_gid = options->gid < 0 ? linfsp_volume_owner_gid(fuse->volume) : (gid_t)options->gid;
    if (options->set_umask)
        attributes->st_mode = (attributes->st_mode & S_IFMT) | (0777 & ~(mode_t)options->umask);
    if (attributes->st_nlink == 0)
        attributes->st_nlink = 1;
}

int fsp_path_entry(struct fsp_fuse *fuse, struct fsp_node *parent, const char *name, const struct stat *attributes,
                   struct linfsp_entry *ret_entry) {
    struct fsp_node *node = fsp_tree_enter(&fuse->tree, parent, name);
    if (!node)
        return -ENOMEM;
    *ret_entry = (struct linfsp_entry){.inode = fsp_tree_inode(&fuse->tree, node),
                                       .attributes = *attributes,
                                       .attributes_timeout = fsp_options_attributes_ms(&fuse->options),
                                       .entry_timeout = fsp_options_names_ms(&fuse->options)};
    fsp_path_adjust(fuse, node, &ret_entry->attributes);
    return 0;
}

/* Answers with the entry of a name that is held, or made a moment ago. */
static int reply_entry(linfsp_request *request, struct fsp_fuse *fuse, struct fsp_node *parent, const char *name,
                       const char *path) {
    struct stat attributes = {0};
    struct linfsp_entry entry;
    int r = fuse->calls->getattr(fuse, path, &attributes, NULL);
    if (r == 0)
        r = fsp_path_entry(fuse, parent, name, &attributes, &entry);
    if (r != 0)
        return r < 0 ? r : -EIO;
    struct fsp_node *node = node_of(fuse, entry.inode);
    if (linfsp_reply_entry(request, &entry) < 0)
        fsp_tree_forget(&fuse->tree, node, 1);
    return 0;
}

static int serve_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = node_of(fuse, parent);
    char *path;
    int r = fsp_tree_hold(&fuse->tree, node, name, &path);
    if (r != 0)
        return r;
    r = reply_entry(request, fuse, node, name, path);
    fsp_path_release_path(fuse, node, path);
    if (r == -ENOENT && fuse->options.negative_timeout > 0) {
        struct linfsp_entry none = {.entry_timeout = (uint64_t)(fuse->options.negative_timeout * 1000)};
        return linfsp_reply_entry(request, &none), 0;
    }
    return r;
}

static void serve_forget(void *context, uint64_t inode, uint64_t count) {
    struct fsp_fuse *fuse = context;
    fsp_tree_forget(&fuse->tree, node_of(fuse, inode), count);
}

/* ---- attributes ------------------------------------------------------------------------------------------------ */

static int reply_attributes(linfsp_request *request, const struct fsp_path_use *use) {
    struct stat attributes = {0};
    int r = use->fuse->calls->getattr(use->fuse, use->path, &attributes, use->open);
    if (r < 0)
        return r;
    fsp_path_adjust(use->fuse, use->node, &attributes);
    return linfsp_reply_attributes(request, &attributes, fsp_options_attributes_ms(&use->fuse->options)), 0;
}

static int serve_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = reply_attributes(request, &use);
    fsp_path_end(&use);
    return r;
}

/* Programs know neither UTIME_NOW nor UTIME_OMIT: they get both times. */
static int set_times(struct fsp_fuse *fuse, const char *path, const struct stat *attributes, uint32_t set,
                     struct fsp_open *open) {
    struct timespec times[2], now;
    clock_gettime(CLOCK_REALTIME, &now);
    if ((set & (LINFSP_SET_ATIME | LINFSP_SET_MTIME)) != (LINFSP_SET_ATIME | LINFSP_SET_MTIME)) {
        struct stat before = {0};
        int r = fuse->calls->getattr(fuse, path, &before, open);
        if (r < 0)
            return r;
        times[0] = before.st_atim;
        times[1] = before.st_mtim;
    }
    if (set & LINFSP_SET_ATIME)
        times[0] = set & LINFSP_SET_ATIME_NOW ? now : attributes->st_atim;
    if (set & LINFSP_SET_MTIME)
        times[1] = set & LINFSP_SET_MTIME_NOW ? now : attributes->st_mtim;
    return fuse->calls->utimens(fuse, path, times, open);
}

static int set_attributes(struct fsp_fuse *fuse, const char *path, const struct stat *attributes, uint32_t set,
                          struct fsp_open *open) {
    int r = 0;
    if (set & LINFSP_SET_MODE)
        r = fuse->calls->chmod(fuse, path, attributes->st_mode, open);
    if (r == 0 && (set & (LINFSP_SET_UID | LINFSP_SET_GID)))
        r = fuse->calls->chown(fuse, path, set & LINFSP_SET_UID ? attributes->st_uid : (uid_t)-1,
                               set & LINFSP_SET_GID ? attributes->st_gid : (gid_t)-1, open);
    if (r == 0 && (set & LINFSP_SET_SIZE))
        r = fuse->calls->truncate(fuse, path, attributes->st_size, open);
    if (r == 0 && (set & (LINFSP_SET_ATIME | LINFSP_SET_MTIME)))
        r = set_times(fuse, path, attributes, set, open);
    return r;
}

static int serve_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                         struct linfsp_file *file) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = set_attributes(use.fuse, use.path, attributes, set, use.open);
    if (r == 0)
        r = reply_attributes(request, &use);
    fsp_path_end(&use);
    return r;
}

static int serve_readlink(linfsp_request *request, uint64_t inode) {
    struct fsp_path_use use;
    char target[PATH_MAX] = "", whole[2 * PATH_MAX];
    int r = fsp_path_use(request, inode, NULL, &use);
    if (r != 0)
        return r;
    struct fsp_fuse *fuse = use.fuse;
    const char *mount_point = linfsp_volume_mount_point(fuse->volume);
    r = fuse->calls->readlink(fuse, use.path, target, sizeof target);
    fsp_path_end(&use);
    if (r < 0)
        return r;
    target[sizeof target - 1] = 0;
    bool relative = fuse->options.relative_links && target[0] == '/' && mount_point;
    snprintf(whole, sizeof whole, "%s%s", relative ? mount_point : "", target);
    if (strlen(whole) >= PATH_MAX)
        return -ENAMETOOLONG;
    return linfsp_reply_data(request, whole, strlen(whole)), 0;
}

/* ---- new names ------------------------------------------------------------------------------------------------- */

/* What a caller asks for, less what the options take away from it. */
static mode_t new_mode(const struct fsp_options *options, mode_t mode) {
    int mask = S_ISDIR(mode) ? options->create_dir_umask : options->create_file_umask;
    if (mask < 0)
        mask = options->create_umask;
    return mask < 0 ? mode : mode & ~(mode_t)(mask & 0777);
}

struct new_name {
    enum { NEW_NODE, NEW_DIRECTORY, NEW_LINK } kind;
    mode_t mode;
    dev_t device;
    const char *target;
};

static int make_name(struct fsp_fuse *fuse, const char *path, const struct new_name *what) {
    if (what->kind == NEW_DIRECTORY)
        return fuse->calls->mkdir(fuse, path, new_mode(&fuse->options, what->mode | S_IFDIR) & ~(mode_t)S_IFMT);
    if (what->kind == NEW_LINK)
        return fuse->calls->symlink(fuse, what->target, path);
    return fuse->calls->mknod(fuse, path, new_mode(&fuse->options, what->mode), what->device);
}

static int serve_new(linfsp_request *request, uint64_t parent, const char *name, const struct new_name *what) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = node_of(fuse, parent);
    char *path;
    int r = fsp_tree_hold(&fuse->tree, node, name, &path);
    if (r != 0)
        return r;
    r = make_name(fuse, path, what);
    if (r == 0)
        r = reply_entry(request, fuse, node, name, path);
    fsp_path_release_path(fuse, node, path);
    return r;
}

static int serve_mknod(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device) {
    return serve_new(request, parent, name, &(struct new_name){.kind = NEW_NODE, .mode = mode, .device = device});
}

static int serve_mkdir(linfsp_request *request, uint64_t parent, const char *name, mode_t mode) {
    return serve_new(request, parent, name, &(struct new_name){.kind = NEW_DIRECTORY, .mode = mode});
}

static int serve_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target) {
    return serve_new(request, parent, name, &(struct new_name){.kind = NEW_LINK, .target = target});
}

static int serve_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = node_of(fuse, inode), *parent = node_of(fuse, new_parent);
    char *path, *new_path;
    int r = fsp_tree_hold(&fuse->tree, node, NULL, &path);
    if (r != 0)
        return r;
    r = fsp_tree_hold(&fuse->tree, parent, new_name, &new_path);
    if (r == 0) {
        r = fuse->calls->link(fuse, path, new_path);
        if (r == 0)
            r = reply_entry(request, fuse, parent, new_name, new_path);
        fsp_path_release_path(fuse, parent, new_path);
    }
    fsp_path_release_path(fuse, node, path);
    return r;
}

/* ---- names that go --------------------------------------------------------------------------------------------- */

/* The file of a taken name is open: it gets a name that nobody knows, until it is closed. */
static int hide(struct fsp_fuse *fuse, struct fsp_taken *taken) {
    char name[64];
    _cleanup_free_ char *path = NULL;
    fsp_tree_hidden_name(&fuse->tree, name, sizeof name);
    const char *slash = strrchr(taken->path, '/');
    if (asprintf(&path, "%.*s/%s", (int)(slash - taken->path), taken->path, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    int r = fuse->calls->rename(fuse, taken->path, path, 0);
    if (r < 0)
        return r;
    taken->node->hidden = true;
    return fsp_tree_move(&fuse->tree, taken->node, taken->parent, name);
}

static bool to_be_hidden(const struct fsp_fuse *fuse, const struct fsp_taken *taken) {
    return taken->node && taken->node->opens > 0 && !taken->node->hidden && !fuse->options.hard_remove;
}

static int remove_name(struct fsp_fuse *fuse, struct fsp_taken *taken, bool directory) {
    if (!directory && to_be_hidden(fuse, taken) && hide(fuse, taken) == 0)
        return 0;
    int r = directory ? fuse->calls->rmdir(fuse, taken->path) : fuse->calls->unlink(fuse, taken->path);
    if (r == 0 && taken->node)
        fsp_tree_detach(&fuse->tree, taken->node);
    return r;
}

static int serve_remove(linfsp_request *request, uint64_t parent, const char *name, bool directory) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_taken taken;
    int r = fsp_tree_take(&fuse->tree, node_of(fuse, parent), name, &taken);
    if (r != 0)
        return r;
    r = remove_name(fuse, &taken, directory);
    fsp_tree_give_back(&fuse->tree, &taken, 1);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

static int serve_unlink(linfsp_request *request, uint64_t parent, const char *name) {
    return serve_remove(request, parent, name, false);
}

static int serve_rmdir(linfsp_request *request, uint64_t parent, const char *name) {
    return serve_remove(request, parent, name, true);
}

static int rename_taken(struct fsp_fuse *fuse, struct fsp_taken taken[2], const char *new_name, uint32_t flags) {
    if (!(flags & RENAME_EXCHANGE) && to_be_hidden(fuse, &taken[1])) {
        int r = hide(fuse, &taken[1]);
        if (r < 0)
            return r;
    }
    int r = fuse->calls->rename(fuse, taken[0].path, taken[1].path, flags);
    if (r < 0)
        return r;
    if (flags & RENAME_EXCHANGE)
        fsp_tree_exchange(&fuse->tree, taken[0].node, taken[1].node);
    else if (taken[0].node)
        return fsp_tree_move(&fuse->tree, taken[0].node, taken[1].parent, new_name);
    else if (taken[1].node && !taken[1].node->hidden)
        fsp_tree_detach(&fuse->tree, taken[1].node);
    return 0;
}

static int serve_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent,
                        const char *new_name, uint32_t flags) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_taken taken[2];
    if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    int r = fsp_tree_take_two(&fuse->tree, node_of(fuse, parent), name, node_of(fuse, new_parent), new_name, taken);
    if (r != 0)
        return r;
    r = rename_taken(fuse, taken, new_name, flags);
    fsp_tree_give_back(&fuse->tree, taken, 2);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

/* ---- the volume, and extended attributes ----------------------------------------------------------------------- */

static int serve_statfs(linfsp_request *request, uint64_t inode) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct statvfs statistics = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};
    int r = fuse->calls->statfs(fuse, "/", &statistics);
    if (r < 0 && r != -ENOSYS)
        return r;
    return linfsp_reply_statfs(request, &statistics), 0;
}

static int serve_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size,
                          int flags, bool kill_sgid _unused_) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = node_of(fuse, inode);
    char *path;
    int r = fsp_tree_hold(&fuse->tree, node, NULL, &path);
    if (r != 0)
        return r;
    r = fuse->calls->setxattr(fuse, path, name, value, size, flags);
    fsp_path_release_path(fuse, node, path);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

/* name NULL: the list of names. */
static int serve_xattr(linfsp_request *request, uint64_t inode, const char *name, size_t size) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = node_of(fuse, inode);
    char *path, *value = size ? linfsp_request_buffer(request, size) : NULL;
    if (size && !value)
        return -ENOMEM;
    int r = fsp_tree_hold(&fuse->tree, node, NULL, &path);
    if (r != 0)
        return r;
    r = name ? fuse->calls->getxattr(fuse, path, name, value, size) : fuse->calls->listxattr(fuse, path, value, size);
    fsp_path_release_path(fuse, node, path);
    if (r < 0)
        return r;
    if (size && (size_t)r > size)
        return -ERANGE;
    return size ? linfsp_reply_data(request, value, (size_t)r) : linfsp_reply_size(request, (size_t)r), 0;
}

static int serve_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size) {
    return serve_xattr(request, inode, name, size);
}

static int serve_listxattr(linfsp_request *request, uint64_t inode, size_t size) {
    return serve_xattr(request, inode, NULL, size);
}

static int serve_removexattr(linfsp_request *request, uint64_t inode, const char *name) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = node_of(fuse, inode);
    char *path;
    int r = fsp_tree_hold(&fuse->tree, node, NULL, &path);
    if (r != 0)
        return r;
    r = fuse->calls->removexattr(fuse, path, name);
    fsp_path_release_path(fuse, node, path);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

const struct linfsp_operations fsp_fuse_volume_operations = {
    .size = sizeof fsp_fuse_volume_operations,
    .lookup = serve_lookup,
    .forget = serve_forget,
    .getattr = serve_getattr,
    .setattr = serve_setattr,
    .readlink = serve_readlink,
    .mknod = serve_mknod,
    .mkdir = serve_mkdir,
    .symlink = serve_symlink,
    .unlink = serve_unlink,
    .rmdir = serve_rmdir,
    .rename = serve_rename,
    .link = serve_link,
    .open = fsp_path_open,
    .create = fsp_path_create,
    .read = fsp_path_read,
    .write = fsp_path_write,
    .flush = fsp_path_flush,
    .release = fsp_path_release,
    .fsync = fsp_path_fsync,
    .opendir = fsp_path_opendir,
    .readdir = fsp_path_readdir,
    .releasedir = fsp_path_releasedir,
    .fsyncdir = fsp_path_fsyncdir,
    .statfs = serve_statfs,
    .setxattr = serve_setxattr,
    .getxattr = serve_getxattr,
    .listxattr = serve_listxattr,
    .removexattr = serve_removexattr,
    .fallocate = fsp_path_fallocate,
    .ioctl = fsp_path_ioctl,
};
