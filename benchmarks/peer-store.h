/* SPDX-License-Identifier: MIT */
/*
 * What the libfuse peer keeps in memory: nodes, names and data. Knows nothing of FUSE.
 *
 * One read-write lock guards all names, link counts and the life of nodes; each node has one of its own for its
 * attributes and data. The first is taken before the second. A node lives as long as a name or the kernel (lookups)
 * refers to it.
 */
#ifndef LINFSP_BENCHMARKS_PEER_STORE_H
#define LINFSP_BENCHMARKS_PEER_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct name {
    struct name *next; /* in its bucket */
    struct node *node;
    uint64_t cookie; /* ascending within a directory, never used again: what readdir continues after */
    uint32_t hash;
    uint32_t index; /* in the directory's list */
    char text[];
};

struct directory {
    struct name **buckets; /* a power of two */
    struct name **listed; /* by cookie; NULL where a name was removed */
    uint64_t next_cookie;
    uint32_t n_buckets, n_names, n_listed, listed_size;
    struct node *parent;
};

struct node {
    pthread_rwlock_t lock;
    atomic_uint_fast64_t lookups;
    struct stat attributes;
    struct directory directory;
    char *data; /* of a file: capacity bytes, zero beyond the size; of a symbolic link: its target */
    size_t capacity;
};

extern pthread_rwlock_t tree_lock;

/* NULL when there is no memory. It has no name yet. */
struct node *node_new(mode_t mode, uid_t uid, gid_t gid, dev_t device);
/* Frees it, if neither a name nor the kernel refers to it. */
void node_put(struct node *node);
/* Its times: of status, and of modification. Locked for writing. */
void node_touch(struct node *node, bool modified);

/* 0, or a negative errno; the bytes up to size can be used then. The node is locked for writing. */
int node_reserve(struct node *node, size_t size);
int node_resize(struct node *node, size_t size);

/* The tree is locked: for reading, or for writing where names change. */
struct name *directory_find(const struct node *parent, const char *text);
int directory_add(struct node *parent, const char *text, struct node *node);
void directory_remove(struct node *parent, struct name *name);
/* The index in listed of the first name after a cookie. */
uint32_t directory_after(const struct node *parent, uint64_t cookie);

#endif
