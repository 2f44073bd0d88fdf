/* SPDX-License-Identifier: MIT */
/*
 * The files of the folder that the kernel knows of.
 *
 * A node stands for one file, found by device and inode number, and pins it by an O_PATH descriptor: whatever is
 * renamed or replaced by a link meanwhile, an operation on a node reaches that file and no other. The inode number that
 * the kernel is given is the node's address; it lives as long as the kernel counts look-ups of it.
 */
#ifndef PTFS_NODE_H
#define PTFS_NODE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <uthash.h>

struct node_key {
    uint64_t device, inode;
};

struct node {
    struct node_key key;
    UT_hash_handle hash;
    int fd; /* O_PATH */
    uint64_t lookups; /* under the table's lock */

    /* How its open files are served: all of them alike, or the kernel refuses the second. */
    pthread_mutex_t lock;
    unsigned opens, writers; /* how often it is open, and for writing */
    int backing_id; /* > 0 while opened with pass-through */
};

struct node_table {
    pthread_mutex_t lock;
    struct node *nodes; /* hash */
    struct node root; /* in the hash, too; never freed */
};

/* root: an O_PATH descriptor of the folder; taken over. */
int node_table_init(struct node_table *table, int root);
void node_table_close(struct node_table *table);

/* The node of an inode number that the kernel gave. */
struct node *node_of(struct node_table *table, uint64_t inode);
uint64_t node_number(const struct node_table *table, const struct node *node);

/* Finds or makes the node of an O_PATH descriptor, which is taken over in any case, counting one look-up. -ENOMEM. */
int node_get(struct node_table *table, int fd, const struct stat *status, struct node **ret_node);
/* Gives look-ups back; the last one ends it. */
void node_put(struct node_table *table, struct node *node, uint64_t count);

#endif
