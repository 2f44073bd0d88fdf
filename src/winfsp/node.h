/* SPDX-License-Identifier: MIT */
/*
 * Nodes: the inodes that the kernel knows of a volume.
 *
 * Model. A node's number for the kernel is its address (the root's is 1). A node is found by its parent and its name;
 * on a case-blind volume names that differ in case only are one. A node lives as long as the kernel counts look-ups of
 * it, it is open, it has children, or somebody here holds a reference. A node whose file was deleted is detached: it is
 * found by nobody, has no path, and serves what has it open.
 */
#ifndef WINFSP_NODE_H
#define WINFSP_NODE_H

#include "winfsp/volume.h"

struct fsp_node {
    struct fsp_node *next; /* in its bucket */
    struct fsp_node *parent; /* NULL: the root */
    size_t hash;
    uint64_t lookups; /* by the kernel; as the next two under the table's lock */
    unsigned references; /* children, open files, and who is at work on it */
    atomic_bool detached; /* is looked at without the lock */
    unsigned name_length;
    WCHAR *name;

    struct fsp_lock lock; /* the file */
    pthread_mutex_t state; /* what follows */
    bool is_directory;
    bool doomed; /* to be deleted at the last close */
    unsigned open_count;
    struct fsp_open *opens;
    uint64_t number; /* st_ino */
    uint64_t index; /* as the file system says it; 0: it does not */
    bool has_security;
    mode_t mode; /* permission bits */
    uid_t uid;
    gid_t gid;
    mode_t special_type; /* of a reparse point that is a FIFO, a device or a socket; 0: it is none */
    dev_t special_device;
    uint64_t link_length; /* bytes of a symbolic link's target */
    atomic_uint modified_count; /* open files that have written; is looked at without the lock */
    uint64_t written_at; /* FILETIME of the last write that no one else's time has replaced; 0: none */
};

/* An open file: what a program here has open, with the file system's context. */
struct fsp_open {
    struct fsp_node *node;
    struct fsp_open *next, *previous; /* in node->opens */
    uint64_t context, context2;
    UINT32 granted;
    bool modified, accessed;
    bool set_access_time, set_write_time, set_change_time, set_attributes; /* by who has it open */
    bool delete_on_close;
    struct fsp_listing *listing; /* of a directory */
    pthread_mutex_t listing_lock;
};

int fsp_nodes_init(struct fsp_volume *volume);
void fsp_nodes_destroy(struct fsp_volume *volume);

/* The node of a number from the kernel. */
struct fsp_node *fsp_node_of(struct fsp_volume *volume, uint64_t inode);
uint64_t fsp_node_inode(const struct fsp_volume *volume, const struct fsp_node *node);

/* The node, or NULL. With a reference. */
struct fsp_node *fsp_node_find(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length);
/* The same, made if there is none. A node that stands for another file than info says is detached first. NULL: out of
 * memory. */
struct fsp_node *fsp_node_get(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length,
                              const FSP_FSCTL_FILE_INFO *info);
void fsp_node_hold(struct fsp_volume *volume, struct fsp_node *node);
/* Takes NULL. */
void fsp_node_release(struct fsp_volume *volume, struct fsp_node *node);
/* One look-up more, which the kernel is told of. */
void fsp_node_count_lookup(struct fsp_volume *volume, struct fsp_node *node);
/* A reference becomes a look-up, which the kernel is told of. */
void fsp_node_turn_into_lookup(struct fsp_volume *volume, struct fsp_node *node);
void fsp_node_forget(struct fsp_volume *volume, struct fsp_node *node, uint64_t count);
/* Its file is gone. */
void fsp_node_detach(struct fsp_volume *volume, struct fsp_node *node);
/* It has another name now; a node that had that is detached. -ENOMEM. The names' lock is held. */
int fsp_node_move(struct fsp_volume *volume, struct fsp_node *node, struct fsp_node *parent, const WCHAR *name,
                  size_t length);
/* Whether it, or a node below it, is open. */
bool fsp_node_is_open_below(struct fsp_volume *volume, const struct fsp_node *node);

/* The path of a node, and of a name in it if there is one: units without the NUL that stands behind it, or
 * -ENOENT: detached, -ENAMETOOLONG. The names' lock is held or shared. */
int fsp_node_path(const struct fsp_node *node, const WCHAR *name, size_t length, WCHAR *ret_path);

#endif
