/* SPDX-License-Identifier: MIT */
/* Operations that find, make and remove names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "operations.h"
#include "spelling.h"

/* ---- finding --------------------------------------------------------------------------------------------------- */

/* A name that does not exist may be remembered, unless another spelling of it may be made: what the kernel has of this
 * one would then be wrong. */
static int reply_absent(linfsp_request *request, struct volume *volume) {
    struct linfsp_entry entry = {.inode = 0, .entry_timeout = volume->timeout};
    if (volume->names.fold || volume->timeout == 0)
        return -ENOENT;
    linfsp_reply_entry(request, &entry);
    return 0;
}

static enum spelling_answer answer_spelling(linfsp_request *request, const struct node *directory,
                                            const struct entry *entry, const char *name) {
    struct volume *volume = volume_of(request);
    struct linfsp_caller caller;
    if (!volume->names.fold)
        return SPELLING_EXISTS;
    linfsp_request_caller(request, &caller);
    return spellings_answer(volume->spellings, caller.pid, directory, entry, name);
}

/* "." and "..": how the kernel asks for what a file handle stands for. It compares generations itself. */
static int lookup_handle(linfsp_request *request, uint64_t inode, bool above) {
    struct volume *volume = volume_of(request);
    struct node *node = node_find(volume, inode), *parent = NULL;
    if (!node || !above)
        return node ? reply_node(request, volume, node, true) : -ENOENT;
    if (S_ISDIR(node->type)) {
        lock_shared(&node->directory->lock);
        parent = node->directory->removed ? NULL : node_hold(node->directory->parent);
        unlock_shared(&node->directory->lock);
    }
    node_drop(volume, node, 1);
    return parent ? reply_node(request, volume, parent, true) : -ENOENT;
}

int memfs_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    struct volume *volume = volume_of(request);
    if (name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])))
        return lookup_handle(request, parent, name[1]);
    struct node *directory = directory_node_of(volume, parent), *node = NULL;
    enum spelling_answer answer = SPELLING_ABSENT;
    bool exact = true;
    if (!directory)
        return -ENOTDIR;
    lock_shared(&directory->directory->lock);
    struct entry *entry = directory_find(directory->directory, &volume->names, name, strlen(name));
    if (entry)
        answer = answer_spelling(request, directory, entry, name);
    if (answer == SPELLING_EXISTS) {
        node = node_hold(entry->node);
        exact = !volume->names.fold || strcmp(entry->name, name) == 0;
    }
    unlock_shared(&directory->directory->lock);
    if (answer == SPELLING_ASK_AGAIN)
        return -ESTALE;
    if (!node)
        return reply_absent(request, volume);
    if (!exact && !S_ISDIR(node->type))
        spellings_shown(volume->spellings, directory, node, name);
    return reply_node(request, volume, node, exact);
}

void memfs_forget(void *context, uint64_t inode, uint64_t count) {
    struct volume *volume = context;
    if (inode != LINFSP_ROOT_INODE) /* of which the kernel never counted one */
        node_drop(volume, node_of(volume, inode), count);
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

/* What is particular to a kind of node. */
struct making {
    mode_t mode; /* with its type */
    const char *target;
    dev_t device;
};

/* A new node's access and default ACL, from a copy of its directory's default ACL. */
static int inherit_acl(struct volume *volume, struct node *node, char *acl, size_t size) {
    mode_t mode = node->permissions;
    if (S_ISDIR(node->type)) {
        int r = xattr_set(&node->xattrs, &volume->space, XATTR_ACL_DEFAULT, acl, size, 0);
        if (r < 0)
            return r;
    }
    bool more = acl_inherit(acl, size, &mode);
    node->permissions = mode & 07777;
    return more ? xattr_set(&node->xattrs, &volume->space, XATTR_ACL_ACCESS, acl, size, 0) : 0;
}

/* A copy of a directory's default ACL. 0: it has none; 1: it has. Its lock is held. */
static int copy_default_acl(struct node *directory, char **ret_acl, size_t *ret_size) {
    const struct xattr *found = xattr_find(directory->xattrs, XATTR_ACL_DEFAULT);
    if (!found)
        return 0;
    char *acl = malloc(found->value_size);
    if (!acl)
        return -ENOSPC;
    memcpy(acl, xattr_value(found), found->value_size);
    *ret_acl = acl;
    *ret_size = found->value_size;
    return 1;
}

/* What a new node, not yet to be seen by anyone, takes over from the directory that it is made in. */
static int inherit(struct volume *volume, struct node *directory, struct node *node, mode_t umask) {
    char *acl = NULL;
    size_t size = 0;
    lock_shared(&directory->lock);
    if (directory->permissions & S_ISGID) {
        node->gid = directory->gid;
        node->permissions |= S_ISDIR(node->type) ? S_ISGID : 0;
    }
    int r = S_ISLNK(node->type) ? 0 : copy_default_acl(directory, &acl, &size);
    unlock_shared(&directory->lock);
    if (r == 1)
        r = inherit_acl(volume, node, acl, size);
    else if (!S_ISLNK(node->type))
        node->permissions &= (uint16_t) ~(umask & 0777);
    free(acl);
    return r;
}

static int set_particulars(struct node *node, const struct making *making) {
    if (making->target) {
        node->target = strdup(making->target);
        if (!node->target)
            return -ENOSPC;
        node->target_size = strlen(making->target);
    } else if (S_ISCHR(making->mode) || S_ISBLK(making->mode)) {
        node->device = making->device;
    }
    return 0;
}

/* A new node for whoever asks, as it will be in directory; one reference. */
static int new_node(linfsp_request *request, struct node *directory, const struct making *making,
                    struct node **ret_node) {
    struct volume *volume = volume_of(request);
    struct linfsp_caller caller;
    struct node *node;
    linfsp_request_caller(request, &caller);
    int r = node_new(volume, making->mode, caller.uid, caller.gid, &node);
    if (r < 0)
        return r;
    r = set_particulars(node, making);
    if (r == 0)
        r = inherit(volume, directory, node, caller.umask);
    if (r < 0) {
        node_drop(volume, node, 1);
        return r;
    }
    *ret_node = node;
    return 0;
}

int make_whiteout(linfsp_request *request, struct node *directory, struct node **ret_node) {
    int r = new_node(request, directory, &(struct making){.mode = S_IFCHR}, ret_node);
    if (r == 0)
        (*ret_node)->links = 1;
    return r;
}

/* Gives a node its name, and that a reference. For a directory, also what makes it one. */
static int insert_name(struct volume *volume, struct node *directory, const char *name, struct node *node) {
    struct directory *entries = directory->directory;
    size_t size = strlen(name);
    int r = 0;
    lock_exclusive(&entries->lock);
    if (entries->removed)
        r = -ENOENT;
    else if (directory_find(entries, &volume->names, name, size))
        r = -EEXIST;
    else if (directory_insert(entries, &volume->names, name, size, node, NULL) < 0)
        r = -ENOSPC;
    if (r == 0) {
        bool is_directory = S_ISDIR(node->type);
        node_hold(node);
        if (is_directory)
            node->directory->parent = directory;
        changed_directory(directory, 1, is_directory);
    }
    unlock_exclusive(&entries->lock);
    return r;
}

/* Makes a node with a name. Returned with a look-up counted. */
static int make(linfsp_request *request, uint64_t parent, const char *name, const struct making *making,
                struct node **ret_node) {
    struct volume *volume = volume_of(request);
    struct node *directory = directory_node_of(volume, parent), *node;
    if (!directory)
        return -ENOTDIR;
    int r = new_node(request, directory, making, &node);
    if (r < 0)
        return r;
    node->links = S_ISDIR(making->mode) ? 2 : 1;
    r = insert_name(volume, directory, name, node);
    if (r < 0) {
        node_drop(volume, node, 1);
        return r;
    }
    *ret_node = node;
    return 0;
}

static int make_and_reply(linfsp_request *request, uint64_t parent, const char *name, const struct making *making) {
    struct node *node;
    int r = make(request, parent, name, making, &node);
    return r < 0 ? r : reply_node(request, volume_of(request), node, true);
}

int memfs_mknod(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device) {
    struct making making = {.mode = mode & S_IFMT ? mode : mode | S_IFREG, .device = device};
    return make_and_reply(request, parent, name, &making);
}

int memfs_mkdir(linfsp_request *request, uint64_t parent, const char *name, mode_t mode) {
    return make_and_reply(request, parent, name, &(struct making){.mode = (mode & 07777) | S_IFDIR});
}

int memfs_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target) {
    return make_and_reply(request, parent, name, &(struct making){.mode = 0777 | S_IFLNK, .target = target});
}

/* Answers a request that made a file and opened it; a look-up was counted. */
static int reply_created(linfsp_request *request, struct node *node, struct linfsp_file *file) {
    struct volume *volume = volume_of(request);
    struct linfsp_entry entry;
    count_open(volume, node, file);
    fill_entry(volume, node, true, &entry);
    if (linfsp_reply_create(request, &entry, file) < 0) {
        uncount_open(volume, node, file);
        node_drop(volume, node, 1);
    }
    return 0;
}

int memfs_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, struct linfsp_file *file) {
    struct node *node;
    int r = make(request, parent, name, &(struct making){.mode = (mode & 07777) | S_IFREG}, &node);
    return r < 0 ? r : reply_created(request, node, file);
}

int memfs_tmpfile(linfsp_request *request, uint64_t parent, mode_t mode, struct linfsp_file *file) {
    struct node *directory = directory_node_of(volume_of(request), parent), *node;
    if (!directory)
        return -ENOTDIR;
    int r = new_node(request, directory, &(struct making){.mode = (mode & 07777) | S_IFREG}, &node);
    return r < 0 ? r : reply_created(request, node, file);
}

/* One more name of a node, counted before it is made. The first name of a file from O_TMPFILE has its room already. */
static int count_link(struct volume *volume, struct node *node) {
    int r = 0;
    lock_exclusive(&node->lock);
    if (node->links >= MEMFS_LINKS_MAX)
        r = -EMLINK;
    else if (node->links > 0 && !space_take(&volume->nodes, 1))
        r = -ENOSPC;
    if (r == 0) {
        node->links++;
        node_touch(node, CTIME);
    }
    unlock_exclusive(&node->lock);
    return r;
}

int memfs_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name) {
    struct volume *volume = volume_of(request);
    struct node *directory = directory_node_of(volume, new_parent), *node = node_of(volume, inode);
    if (!directory)
        return -ENOTDIR;
    if (S_ISDIR(node->type))
        return -EPERM;
    int r = count_link(volume, node);
    if (r < 0)
        return r;
    node_hold(node); /* the look-up */
    r = insert_name(volume, directory, new_name, node);
    if (r == 0)
        return reply_node(request, volume, node, true);
    lost_name(volume, node);
    node_drop(volume, node, 1);
    return r;
}

/* ---- removing -------------------------------------------------------------------------------------------------- */

int memfs_unlink(linfsp_request *request, uint64_t parent, const char *name) {
    struct volume *volume = volume_of(request);
    struct node *directory = directory_node_of(volume, parent), *node = NULL;
    if (!directory)
        return -ENOTDIR;
    struct directory *entries = directory->directory;
    lock_exclusive(&entries->lock);
    struct entry *entry = directory_find(entries, &volume->names, name, strlen(name));
    int r = !entry ? -ENOENT : S_ISDIR(entry->node->type) ? -EISDIR : 0;
    char stored[DIRECTORY_NAME_MAX + 1] = "";
    if (r == 0) {
        if (volume->names.fold && strcmp(entry->name, name) != 0)
            memcpy(stored, entry->name, (size_t)entry->name_size + 1);
        node = entry->node;
        directory_remove(entries, entry);
        lost_name(volume, node);
        changed_directory(directory, -1, 0);
    }
    unlock_exclusive(&entries->lock);
    if (r < 0)
        return r;
    if (*stored)
        spellings_removed(volume->spellings, directory, node, stored);
    linfsp_reply_done(request);
    node_drop(volume, node, 1); /* after the answer: freeing much takes a while */
    return 0;
}

/* The directory of that name, with a reference; where it is, and whether it is one, may change at once. */
static int find_directory(struct volume *volume, struct node *directory, const char *name, struct node **ret_node) {
    int r = 0;
    lock_shared(&directory->directory->lock);
    struct entry *entry = directory_find(directory->directory, &volume->names, name, strlen(name));
    if (!entry)
        r = -ENOENT;
    else if (!S_ISDIR(entry->node->type))
        r = -ENOTDIR;
    else
        *ret_node = node_hold(entry->node);
    unlock_shared(&directory->directory->lock);
    return r;
}

static void lock_both(struct node *a, struct node *b) {
    lock_exclusive(&(a->index < b->index ? a : b)->directory->lock);
    lock_exclusive(&(a->index < b->index ? b : a)->directory->lock);
}

/* With both locked. 1: name is another's now. */
static int remove_directory(struct volume *volume, struct node *directory, const char *name, struct node *victim) {
    struct entry *entry = directory_find(directory->directory, &volume->names, name, strlen(name));
    if (!entry || entry->node != victim)
        return 1;
    if (victim->directory->count > 0)
        return -ENOTEMPTY;
    directory_remove(directory->directory, entry);
    victim->directory->removed = true;
    victim->directory->parent = NULL;
    changed_directory(victim, 0, -2);
    changed_directory(directory, -1, -1);
    return 0;
}

int memfs_rmdir(linfsp_request *request, uint64_t parent, const char *name) {
    struct volume *volume = volume_of(request);
    struct node *directory = directory_node_of(volume, parent);
    int r = directory ? 1 : -ENOTDIR;
    while (r == 1) {
        struct node *victim = NULL;
        r = find_directory(volume, directory, name, &victim);
        if (r < 0)
            break;
        lock_both(directory, victim);
        r = remove_directory(volume, directory, name, victim);
        unlock_exclusive(&directory->directory->lock);
        unlock_exclusive(&victim->directory->lock);
        node_drop(volume, victim, r == 0 ? 2 : 1);
    }
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}
