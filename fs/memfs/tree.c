/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define DIGIT_BITS 4
#define FAN_OUT (1 << DIGIT_BITS)
#define HEIGHT_MAX (64 / DIGIT_BITS)

struct tree_node {
    void *slots[FAN_OUT]; /* nodes, or items in a node of height 1 */
    uint16_t used; /* bit i: slots[i] is not NULL */
};

/* Whether a tree of this height can hold key. */
static bool reaches(unsigned height, uint64_t key) {
    return height >= HEIGHT_MAX || key >> (height * DIGIT_BITS) == 0;
}

/* key's digit in a node of this height (>= 1) */
static unsigned digit(uint64_t key, unsigned height) {
    return (unsigned)(key >> ((height - 1) * DIGIT_BITS)) & (FAN_OUT - 1);
}

void *tree_get(const struct tree *tree, uint64_t key) {
    if (!reaches(tree->height, key))
        return NULL;
    void *at = tree->root;
    for (unsigned height = tree->height; height > 0 && at; height--)
        at = ((struct tree_node *)at)->slots[digit(key, height)];
    return at;
}

static void set_slot(struct tree_node *node, unsigned i, void *value) {
    node->slots[i] = value;
    node->used = value ? node->used | (uint16_t)(1u << i) : node->used & (uint16_t) ~(1u << i);
}

/* Puts nodes over the root until the tree reaches key. Those stay when memory then runs out further down: they hold
 * what was there. */
static int grow(struct tree *tree, uint64_t key) {
    while (!reaches(tree->height, key)) {
        if (tree->root) {
            struct tree_node *node = calloc(1, sizeof *node);
            if (!node)
                return -ENOMEM;
            set_slot(node, 0, tree->root);
            tree->root = node;
        }
        tree->height++;
    }
    return 0;
}

/* A path of new nodes down from height (>= 1), with item at its end. NULL without memory. */
static void *new_path(unsigned height, uint64_t key, void *item) {
    void *at = item;
    for (unsigned level = 1; level <= height; level++) {
        struct tree_node *node = calloc(1, sizeof *node);
        if (!node) {
            while (--level > 0) {
                struct tree_node *lower = at;
                at = lower->slots[digit(key, level)];
                free(lower);
            }
            return NULL;
        }
        set_slot(node, digit(key, level), at);
        at = node;
    }
    return at;
}

int tree_set(struct tree *tree, uint64_t key, void *item) {
    int r = grow(tree, key);
    if (r < 0)
        return r;
    unsigned height = tree->height;
    struct tree_node *node = NULL;
    void *at = tree->root;
    while (height > 0 && at) {
        node = at;
        at = node->slots[digit(key, height)];
        height--;
    }
    void *path = new_path(height, key, item);
    if (!path)
        return -ENOMEM;
    if (node)
        set_slot(node, digit(key, height + 1), path);
    else
        tree->root = path;
    return 0;
}

/* Without nodes that only lead to slot 0 the tree is lower, and so faster. */
static void shrink(struct tree *tree) {
    while (tree->height > 0 && tree->root) {
        struct tree_node *root = tree->root;
        if (root->used != 1)
            return;
        tree->root = root->slots[0];
        tree->height--;
        free(root);
    }
    if (!tree->root)
        tree->height = 0;
}

void *tree_remove(struct tree *tree, uint64_t key) {
    struct tree_node *path[HEIGHT_MAX + 1];
    if (!reaches(tree->height, key))
        return NULL;
    void *at = tree->root;
    for (unsigned height = tree->height; height > 0; height--) {
        if (!at)
            return NULL;
        path[height] = at;
        at = path[height]->slots[digit(key, height)];
    }
    if (!at)
        return NULL;
    unsigned height = 1;
    for (; height <= tree->height; height++) {
        set_slot(path[height], digit(key, height), NULL);
        if (path[height]->used != 0)
            break;
        free(path[height]);
    }
    if (height > tree->height)
        tree->root = NULL;
    shrink(tree);
    return at;
}

/* The least item at or after key in the part below a node of that height; key's higher digits are those of the part. */
static void *first_from(void *at, unsigned height, uint64_t key, uint64_t *ret_key) {
    if (height == 0 || !at) {
        if (at)
            *ret_key = key;
        return at;
    }
    const struct tree_node *node = at;
    unsigned from = digit(key, height);
    for (unsigned left = node->used & (0xffffu << from); left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        unsigned shift = (height - 1) * DIGIT_BITS;
        if (i != from) /* past key's own digit: from the start of that part */
            key = (((key >> shift) & ~(uint64_t)(FAN_OUT - 1)) | i) << shift;
        void *item = first_from(node->slots[i], height - 1, key, ret_key);
        if (item)
            return item;
    }
    return NULL;
}

void *tree_next(const struct tree *tree, uint64_t key, uint64_t *ret_key) {
    return reaches(tree->height, key) ? first_from(tree->root, tree->height, key, ret_key) : NULL;
}
