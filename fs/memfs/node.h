/* SPDX-License-Identifier: MIT */
/*
 * Nodes: files, directories, symbolic links, FIFOs, sockets, devices. And the volume they are in.
 *
 * Model. A node lives in a slot of a table; the inode number given to the kernel is the slot's, so finding a node takes
 * two loads and no lock. What stat(2) shows as st_ino is another number, never used twice, which is the generation too.
 * references counts the kernel's look-ups, names in directories, open handles, and operations that need the node beyond
 * their answer. Who finds a node by its name, under the directory's lock, may take a reference; at zero it is freed,
 * and nobody can find it any more. A file that was unlinked but is open so lives on until it is closed and forgotten.
 *
 * Locks. directory->lock guards what a directory contains, node->lock all other members of a node. Order: first
 * directories' locks, several by ascending slot, then nodes' locks, two (only copying between files) by ascending slot,
 * then those inside node.c, blocks.c and space.h. A parent and its child directory are taken together by ascending slot
 * too, so whoever finds a child by name and needs both lets go, locks in order and looks again (operations-rename.c).
 * type, index and number never change.
 *
 * Content. What is in a memory file (data-file.h) changes behind our back. Operations begin with node_refresh, which
 * sees it by the file's mtime, and end with node_settle, which gives that file the node's times.
 *
 * Room. Each node counts against the volume's limit of nodes, each further name of one too (they cost memory as well).
 */
#ifndef MEMFS_NODE_H
#define MEMFS_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "../common/privileges.h"
#include "../common/seek.h"
#include "data.h"
#include "directory.h"
#include "linfsp/linfsp.h"
#include "listing.h"
#include "lock.h"
#include "names.h"
#include "space.h"
#include "xattr.h"

enum { ATIME = 1, MTIME = 2, CTIME = 4 };

struct node {
    _Atomic uint64_t references;
    uint64_t number;
    struct lock lock;
    uint32_t index;
    uint16_t type; /* S_IFMT */
    uint16_t permissions; /* 07777 */
    uid_t uid;
    gid_t gid;
    uint32_t links;
    _Atomic uint32_t opens; /* where they are counted */
    _Atomic uint32_t spelling_shown; /* spelling.c: the last one to be dropped from the kernel's cache, 0: none */
    uint32_t passing : 1; /* pass.c: open, and the kernel reads and writes it by itself */
    uint32_t writers : 31; /* pass.c: how often it is open for writing */
    uint32_t atime_ns, mtime_ns, ctime_ns;
    int64_t atime, mtime, ctime;
    struct xattr *xattrs;
    union {
        struct data data; /* S_IFREG */
        struct { /* S_IFDIR */
            struct directory *directory;
            uint64_t entries;
        };
        struct { /* S_IFLNK */
            char *target;
            uint64_t target_size;
        };
        dev_t device;
    };
} __attribute__((aligned(64)));

#define NODES_MAX UINT32_C(0xf0000000) /* what slots are numbered with, less some */
#define NODE_POOLS 4

struct node_chunk;

struct node_pool {
    struct lock lock;
    struct node_chunk *open; /* chunks with free slots */
} __attribute__((aligned(64)));

struct node_table {
    _Atomic(struct node_chunk *) *chunks;
    struct lock lock; /* of what follows */
    uint32_t used; /* chunk numbers up to here were used */
    uint32_t *free; /* among them those that are not now */
    uint32_t free_count, free_capacity;
    struct node_pool pools[NODE_POOLS];
    _Atomic uint64_t next_number __attribute__((aligned(64)));
};

struct volume {
    struct names names;
    uint64_t file_size_max;
    uint64_t timeout; /* ms, or LINFSP_TIMEOUT_INFINITE */
    bool counts_opens; /* the kernel says when a file is opened and closed */
    bool purge; /* -f: drop cached pages when a file is closed */
    struct spellings *spellings; /* with -i */
    struct delay *delay; /* NULL: I/O is as fast as it can be */
    linfsp_volume *mounted;
    struct pass *pass; /* NULL: the kernel reads and writes no file by itself */
    uint64_t size; /* bytes that the volume is shown to have; no more than space.limit can be used */
    struct space space; /* bytes */
    struct space nodes;
    _Atomic uint64_t most_nodes; /* there have been since memory was last given back */
    struct node_table table;
    struct node *root;
    struct listings listings;
    struct seeks seeks;
    struct privileges privileges;
};

/* Makes an empty volume with its root: 0777, uid 0 and gid 0 until they are set. Options are set by the caller. */
int volume_init(struct volume *volume, bool fold, uint64_t space_limit, uint64_t node_limit);
void volume_free(struct volume *volume);

/* A node without a name, with one reference, owned by uid and gid; all times are now. links is 0. -ENOSPC: too many
 * nodes, or no memory. */
int node_new(struct volume *volume, mode_t mode, uid_t uid, gid_t gid, struct node **ret_node);
/* The node of an inode that the kernel has looked up. */
struct node *node_of(struct volume *volume, uint64_t inode);
/* A node by its inode, whoever has that from wherever: NULL where there is none. Holds it; the caller compares numbers.
 */
struct node *node_find(struct volume *volume, uint64_t inode);

/* For a volume that another memfs's state is read into (state.h), and that nobody uses yet. */

/* Gives up all nodes, the root too. */
int nodes_clear(struct volume *volume);
/* A node with that index, all zero otherwise, and no reference: it is not there before it has one. NULL: the index is
 * taken or out of range, or there is no memory. */
struct node *node_restore(struct volume *volume, uint32_t index);
/* The node with that index, NULL where there is none. */
struct node *node_at(const struct volume *volume, uint32_t index);
/* The first node whose index is not less than that, or NULL. */
struct node *node_next(const struct volume *volume, uint64_t index);
/* Behind the last node_restore: what is free can be used. */
void nodes_restored(struct volume *volume);

static inline uint64_t node_inode(const struct node *node) {
    return (uint64_t)node->index + 1;
}

static inline struct node *node_hold(struct node *node) {
    atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
    return node;
}

void node_drop(struct volume *volume, struct node *node, uint64_t count);

/* Which of ATIME, MTIME, CTIME to set to now. Call with the node's lock held exclusively. */
void node_touch(struct node *node, unsigned which);
/* Whether being read changes atime: when it is older than the last change, or than a day (relatime). Lock held. */
bool node_needs_atime(const struct node *node);
/* What stat(2) shows; takes the node's lock. */
void node_stat(struct volume *volume, struct node *node, struct stat *ret_stat);
/* Content in a memory file may have been read and written by the kernel: takes over its size and times. Lock held
 * exclusively. */
void node_refresh(struct volume *volume, struct node *node);
/* Its times were set, or its content changed, by us: the memory file is to show that. Lock held exclusively. */
void node_settle(const struct node *node);
/* Clears setuid, setgid and file capabilities, as a change of content or owner by that caller has to (privileges.h).
 * group: the node's before that. Whether the mode has changed. Lock held exclusively. */
bool node_kill_privileges(struct volume *volume, struct node *node, gid_t group, const struct linfsp_caller *caller);
/* Content has changed: mtime, ctime, and file capabilities; and where kill is not NULL, that caller's change takes
 * setuid and setgid away. Whether the mode has changed. Lock held exclusively. */
bool node_changed_content(struct volume *volume, struct node *node, const struct linfsp_caller *kill);
/* Sets the permission bits and keeps the access ACL in step. Lock held exclusively. */
void node_set_permissions(struct node *node, mode_t mode);

#endif
