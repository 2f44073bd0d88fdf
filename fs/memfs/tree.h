/* SPDX-License-Identifier: MIT */
/*
 * A sparse array: items (non-NULL pointers) by 64-bit key, kept in the order of their keys.
 *
 * Model. A radix tree of fan-out 16 that is no higher than its greatest key needs; a tree that holds key 0 alone is
 * that item and costs nothing. Everything takes as many steps as the greatest key has hexadecimal digits; there is no
 * rebuilding, so no operation is ever slow. Nodes that become empty are freed. Not locked.
 */
#ifndef MEMFS_TREE_H
#define MEMFS_TREE_H

#include <stdint.h>

struct tree {
    void *root; /* the item of key 0 where height is 0 */
    uint8_t height;
};

/* NULL where there is none. */
void *tree_get(const struct tree *tree, uint64_t key);
/* Puts item where none was, or replaces. -ENOMEM: nothing changed. */
int tree_set(struct tree *tree, uint64_t key, void *item);
/* Returns the item taken out, NULL where there was none. */
void *tree_remove(struct tree *tree, uint64_t key);
/* The first item whose key is >= key, or NULL. */
void *tree_next(const struct tree *tree, uint64_t key, uint64_t *ret_key);

#endif
