/* SPDX-License-Identifier: MIT */
/*
 * The tree of names: from the kernel's inode numbers to the paths that FUSE's operations take.
 *
 * Model. A node stands for an inode that the kernel knows: its number is the node's address, the root's is
 * LINFSP_ROOT_INODE. A node has a parent and a name, and from these its path is made. While an operation with a path is
 * under way, every node on that path is held, so that no rename can change it. An operation that takes a name away
 * (unlink, rmdir, rename) first needs the name's node for itself: it waits until nobody holds that node. One mutex
 * guards the tree; nobody waits under it but for this.
 *
 * A node whose name was taken away is detached: it has no path any more, and goes when the kernel forgets it.
 */
#ifndef LINFSP_WINFSP_FUSE_TREE_H
#define LINFSP_WINFSP_FUSE_TREE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fsp_node {
    struct fsp_node *parent; /* NULL: the root, or detached */
    struct fsp_node *next; /* in its bucket */
    struct fsp_node *newer, *older; /* all nodes but the root */
    char *name; /* NULL: the root, or detached */
    uint64_t lookups; /* that the kernel has to give back */
    unsigned children;
    unsigned opens;
    unsigned held; /* operations whose path goes through here */
    bool taken; /* by an operation that changes its name */
    bool hidden; /* was unlinked while open: lives under a hidden name until it is closed */
};

struct fsp_tree {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned waiters;
    struct fsp_node root;
    struct fsp_node *newest;
    struct fsp_node **buckets;
    size_t n_buckets, n_nodes;
    uint64_t hidden; /* serial of hidden names */
};

int fsp_tree_init(struct fsp_tree *tree);
/* No operation may be under way. */
void fsp_tree_destroy(struct fsp_tree *tree);

struct fsp_node *fsp_tree_node(struct fsp_tree *tree, uint64_t inode);
uint64_t fsp_tree_inode(const struct fsp_tree *tree, const struct fsp_node *node);

/* The node of a name, made where there is none, with one look-up more. NULL: no memory. */
struct fsp_node *fsp_tree_enter(struct fsp_tree *tree, struct fsp_node *parent, const char *name);
/* The node of a name if there is one. Only of use for as long as the name is held. */
struct fsp_node *fsp_tree_find(struct fsp_tree *tree, struct fsp_node *parent, const char *name);
void fsp_tree_forget(struct fsp_tree *tree, struct fsp_node *node, uint64_t count);
/* One open file more; with it the node stays. */
void fsp_tree_open(struct fsp_tree *tree, struct fsp_node *node);
/* One less. True: it was the last one of a hidden file, which is to be removed. */
bool fsp_tree_close(struct fsp_tree *tree, struct fsp_node *node);

/* Holds node, and makes its path, or that of name in it where name is not NULL. *ret_path is to be freed.
 * -ENOENT: it is detached; -ENOMEM. */
int fsp_tree_hold(struct fsp_tree *tree, struct fsp_node *node, const char *name, char **ret_path);
void fsp_tree_release(struct fsp_tree *tree, struct fsp_node *node);

/* A name that is to change: its parent is held, and its node, where it has one, is taken. */
struct fsp_taken {
    struct fsp_node *parent;
    struct fsp_node *node; /* NULL: the kernel knows none */
    char *path;
};

int fsp_tree_take(struct fsp_tree *tree, struct fsp_node *parent, const char *name, struct fsp_taken *ret_taken);
/* Both at once, as rename needs them. */
int fsp_tree_take_two(struct fsp_tree *tree, struct fsp_node *parent, const char *name, struct fsp_node *new_parent,
                      const char *new_name, struct fsp_taken ret_taken[2]);
/* Gives back what was taken, and frees its path. */
void fsp_tree_give_back(struct fsp_tree *tree, struct fsp_taken *taken, size_t n);

/* The changes themselves, of nodes that are taken. */
void fsp_tree_detach(struct fsp_tree *tree, struct fsp_node *node);
/* -ENOMEM: nothing has changed but that node may be detached. */
int fsp_tree_move(struct fsp_tree *tree, struct fsp_node *node, struct fsp_node *new_parent, const char *new_name);
/* NULLs are taken. */
void fsp_tree_exchange(struct fsp_tree *tree, struct fsp_node *a, struct fsp_node *b);
/* A name that no file has, for an open file whose own name goes. */
void fsp_tree_hidden_name(struct fsp_tree *tree, char *ret_name, size_t size);

#endif
