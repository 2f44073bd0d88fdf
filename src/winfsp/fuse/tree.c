/* SPDX-License-Identifier: MIT */
#include "winfsp/fuse/tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linfsp/linfsp.h"

#define BUCKETS_FIRST 256

/* ---- the table ------------------------------------------------------------------------------------------------- */

static size_t hash_of(const struct fsp_node *parent, const char *name) {
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uintptr_t)parent;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    return (size_t)(hash ^ (hash >> 29));
}

static struct fsp_node **bucket_of(struct fsp_tree *tree, const struct fsp_node *parent, const char *name) {
    return &tree->buckets[hash_of(parent, name) % tree->n_buckets];
}

static struct fsp_node *find(struct fsp_tree *tree, const struct fsp_node *parent, const char *name) {
    for (struct fsp_node *node = *bucket_of(tree, parent, name); node; node = node->next)
        if (node->parent == parent && strcmp(node->name, name) == 0)
            return node;
    return NULL;
}

static void insert(struct fsp_tree *tree, struct fsp_node *node) {
    struct fsp_node **bucket = bucket_of(tree, node->parent, node->name);
    node->next = *bucket;
    *bucket = node;
}

static void withdraw(struct fsp_tree *tree, struct fsp_node *node) {
    struct fsp_node **at = bucket_of(tree, node->parent, node->name);
    while (*at && *at != node)
        at = &(*at)->next;
    if (*at)
        *at = node->next;
}

/* Larger where it pays. Without memory the table stays as it is, only slower. */
static void grow(struct fsp_tree *tree) {
    if (tree->n_nodes < tree->n_buckets)
        return;
    size_t n = tree->n_buckets * 2, n_before = tree->n_buckets;
    struct fsp_node **before = tree->buckets, **buckets = calloc(n, sizeof(void *));
    if (!buckets)
        return;
    tree->buckets = buckets;
    tree->n_buckets = n;
    for (size_t i = 0; i < n_before; i++)
        for (struct fsp_node *node = before[i], *next; node; node = next) {
            next = node->next;
            insert(tree, node);
        }
    free(before);
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

int fsp_tree_init(struct fsp_tree *tree) {
    memset(tree, 0, sizeof *tree);
    tree->n_buckets = BUCKETS_FIRST;
    tree->buckets = calloc(tree->n_buckets, sizeof(void *));
    if (!tree->buckets)
        return -ENOMEM;
    pthread_mutex_init(&tree->lock, NULL);
    pthread_cond_init(&tree->changed, NULL);
    tree->root.lookups = 1;
    return 0;
}

static void free_node(struct fsp_tree *tree, struct fsp_node *node) {
    *(node->newer ? &node->newer->older : &tree->newest) = node->older;
    if (node->older)
        node->older->newer = node->newer;
    tree->n_nodes--;
    free(node->name);
    free(node);
}

void fsp_tree_destroy(struct fsp_tree *tree) {
    if (!tree->buckets)
        return;
    for (struct fsp_node *node = tree->newest, *older; node; node = older) {
        older = node->older;
        free(node->name);
        free(node);
    }
    free(tree->buckets);
    pthread_mutex_destroy(&tree->lock);
    pthread_cond_destroy(&tree->changed);
    memset(tree, 0, sizeof *tree);
}

struct fsp_node *fsp_tree_node(struct fsp_tree *tree, uint64_t inode) {
    return inode == LINFSP_ROOT_INODE ? &tree->root : (struct fsp_node *)(uintptr_t)inode;
}

uint64_t fsp_tree_inode(const struct fsp_tree *tree, const struct fsp_node *node) {
    return node == &tree->root ? LINFSP_ROOT_INODE : (uint64_t)(uintptr_t)node;
}

static void detach(struct fsp_tree *tree, struct fsp_node *node) {
    if (!node->name)
        return;
    withdraw(tree, node);
    free(node->name);
    node->name = NULL;
}

/* Frees node if nothing knows it any more, and its parents if that was the last they had. */
static void reap(struct fsp_tree *tree, struct fsp_node *node) {
    while (node && node != &tree->root && node->lookups == 0 && node->children == 0 && node->opens == 0 &&
           node->held == 0 && !node->taken) {
        struct fsp_node *parent = node->parent;
        detach(tree, node);
        free_node(tree, node);
        if (parent)
            parent->children--;
        node = parent;
    }
}

static struct fsp_node *make(struct fsp_tree *tree, struct fsp_node *parent, const char *name) {
    struct fsp_node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->name = strdup(name);
    if (!node->name) {
        free(node);
        return NULL;
    }
    grow(tree);
    node->parent = parent;
    parent->children++;
    tree->n_nodes++;
    node->older = tree->newest;
    if (tree->newest)
        tree->newest->newer = node;
    tree->newest = node;
    insert(tree, node);
    return node;
}

struct fsp_node *fsp_tree_enter(struct fsp_tree *tree, struct fsp_node *parent, const char *name) {
    pthread_mutex_lock(&tree->lock);
    struct fsp_node *node = find(tree, parent, name);
    if (!node)
        node = make(tree, parent, name);
    if (node)
        node->lookups++;
    pthread_mutex_unlock(&tree->lock);
    return node;
}

struct fsp_node *fsp_tree_find(struct fsp_tree *tree, struct fsp_node *parent, const char *name) {
    pthread_mutex_lock(&tree->lock);
    struct fsp_node *node = find(tree, parent, name);
    pthread_mutex_unlock(&tree->lock);
    return node;
}

void fsp_tree_forget(struct fsp_tree *tree, struct fsp_node *node, uint64_t count) {
    pthread_mutex_lock(&tree->lock);
    node->lookups -= count < node->lookups ? count : node->lookups;
    if (node != &tree->root)
        reap(tree, node);
    pthread_mutex_unlock(&tree->lock);
}

void fsp_tree_open(struct fsp_tree *tree, struct fsp_node *node) {
    pthread_mutex_lock(&tree->lock);
    node->opens++;
    pthread_mutex_unlock(&tree->lock);
}

bool fsp_tree_close(struct fsp_tree *tree, struct fsp_node *node) {
    pthread_mutex_lock(&tree->lock);
    bool last = --node->opens == 0 && node->hidden;
    reap(tree, node);
    pthread_mutex_unlock(&tree->lock);
    return last;
}

/* ---- paths ----------------------------------------------------------------------------------------------------- */

/* 1: every node up to the root can be held; 0: one is taken; -ENOENT: one is detached. */
static int may_hold(const struct fsp_tree *tree, const struct fsp_node *node) {
    for (; node != &tree->root; node = node->parent) {
        if (!node->name)
            return -ENOENT;
        if (node->taken)
            return 0;
    }
    return 1;
}

static int make_path(const struct fsp_tree *tree, const struct fsp_node *node, const char *name, char **ret_path) {
    size_t size = 1 + (name ? strlen(name) + 1 : 0);
    for (const struct fsp_node *at = node; at != &tree->root; at = at->parent)
        size += strlen(at->name) + 1;
    char *path = malloc(size + 1);
    if (!path)
        return -ENOMEM;
    char *end = path + size;
    *end = 0;
    if (name) {
        size_t length = strlen(name);
        end -= length;
        memcpy(end, name, length);
        *--end = '/';
    }
    for (const struct fsp_node *at = node; at != &tree->root; at = at->parent) {
        size_t length = strlen(at->name);
        end -= length;
        memcpy(end, at->name, length);
        *--end = '/';
    }
    if (!*end)
        *--end = '/';
    memmove(path, end, strlen(end) + 1);
    *ret_path = path;
    return 0;
}

static void count_held(const struct fsp_tree *tree, struct fsp_node *node) {
    for (; node != &tree->root; node = node->parent)
        node->held++;
}

static void wait_for_change(struct fsp_tree *tree) {
    tree->waiters++;
    pthread_cond_wait(&tree->changed, &tree->lock);
    tree->waiters--;
}

static void announce(struct fsp_tree *tree) {
    if (tree->waiters)
        pthread_cond_broadcast(&tree->changed);
}

int fsp_tree_hold(struct fsp_tree *tree, struct fsp_node *node, const char *name, char **ret_path) {
    int r;
    pthread_mutex_lock(&tree->lock);
    while ((r = may_hold(tree, node)) == 0)
        wait_for_change(tree);
    if (r > 0)
        r = make_path(tree, node, name, ret_path);
    if (r == 0)
        count_held(tree, node);
    pthread_mutex_unlock(&tree->lock);
    return r;
}

static void release(struct fsp_tree *tree, struct fsp_node *node) {
    struct fsp_node *first = node;
    for (; node != &tree->root; node = node->parent)
        node->held--;
    reap(tree, first);
    announce(tree);
}

void fsp_tree_release(struct fsp_tree *tree, struct fsp_node *node) {
    pthread_mutex_lock(&tree->lock);
    release(tree, node);
    pthread_mutex_unlock(&tree->lock);
}

/* ---- names that change ----------------------------------------------------------------------------------------- */

/* As may_hold, for a name in parent whose node is to be taken. */
static int may_take(struct fsp_tree *tree, struct fsp_node *parent, const char *name) {
    int r = may_hold(tree, parent);
    struct fsp_node *node = r > 0 ? find(tree, parent, name) : NULL;
    return node && (node->held || node->taken) ? 0 : r;
}

static int take(struct fsp_tree *tree, struct fsp_node *parent, const char *name, struct fsp_taken *ret_taken) {
    int r = make_path(tree, parent, name, &ret_taken->path);
    if (r < 0)
        return r;
    ret_taken->parent = parent;
    ret_taken->node = find(tree, parent, name);
    if (ret_taken->node)
        ret_taken->node->taken = true;
    count_held(tree, parent);
    return 0;
}

static void give_back(struct fsp_tree *tree, struct fsp_taken *taken) {
    if (taken->node) {
        taken->node->taken = false;
        reap(tree, taken->node);
    }
    release(tree, taken->parent);
    free(taken->path);
    taken->path = NULL;
}

int fsp_tree_take(struct fsp_tree *tree, struct fsp_node *parent, const char *name, struct fsp_taken *ret_taken) {
    int r;
    pthread_mutex_lock(&tree->lock);
    while ((r = may_take(tree, parent, name)) == 0)
        wait_for_change(tree);
    if (r > 0)
        r = take(tree, parent, name, ret_taken);
    pthread_mutex_unlock(&tree->lock);
    return r;
}

int fsp_tree_take_two(struct fsp_tree *tree, struct fsp_node *parent, const char *name, struct fsp_node *new_parent,
                      const char *new_name, struct fsp_taken ret_taken[2]) {
    int r;
    pthread_mutex_lock(&tree->lock);
    for (;;) {
        r = may_take(tree, parent, name);
        if (r > 0)
            r = may_take(tree, new_parent, new_name);
        if (r != 0)
            break;
        wait_for_change(tree);
    }
    if (r > 0)
        r = take(tree, parent, name, &ret_taken[0]);
    if (r == 0) {
        r = take(tree, new_parent, new_name, &ret_taken[1]);
        if (r < 0)
            give_back(tree, &ret_taken[0]);
    }
    pthread_mutex_unlock(&tree->lock);
    return r;
}

void fsp_tree_give_back(struct fsp_tree *tree, struct fsp_taken *taken, size_t n) {
    pthread_mutex_lock(&tree->lock);
    for (size_t i = n; i > 0; i--)
        give_back(tree, &taken[i - 1]);
    pthread_mutex_unlock(&tree->lock);
}

void fsp_tree_detach(struct fsp_tree *tree, struct fsp_node *node) {
    pthread_mutex_lock(&tree->lock);
    detach(tree, node);
    pthread_mutex_unlock(&tree->lock);
}

int fsp_tree_move(struct fsp_tree *tree, struct fsp_node *node, struct fsp_node *new_parent, const char *new_name) {
    char *name = strdup(new_name);
    if (!name)
        return -ENOMEM;
    pthread_mutex_lock(&tree->lock);
    struct fsp_node *before = find(tree, new_parent, new_name), *parent = node->parent;
    if (before && before != node)
        detach(tree, before);
    detach(tree, node);
    node->name = name;
    node->parent = new_parent;
    new_parent->children++;
    parent->children--;
    insert(tree, node);
    reap(tree, parent);
    pthread_mutex_unlock(&tree->lock);
    return 0;
}

static void swap(struct fsp_node *a, struct fsp_node *b) {
    struct fsp_node *parent = a->parent;
    char *name = a->name;
    a->parent = b->parent;
    a->name = b->name;
    b->parent = parent;
    b->name = name;
}

void fsp_tree_exchange(struct fsp_tree *tree, struct fsp_node *a, struct fsp_node *b) {
    pthread_mutex_lock(&tree->lock);
    if (a && b) {
        withdraw(tree, a);
        withdraw(tree, b);
        swap(a, b);
        insert(tree, a);
        insert(tree, b);
    } else {
        /* what the kernel knows of the one alone is looked up anew */
        if (a)
            detach(tree, a);
        if (b)
            detach(tree, b);
    }
    pthread_mutex_unlock(&tree->lock);
}

void fsp_tree_hidden_name(struct fsp_tree *tree, char *ret_name, size_t size) {
    pthread_mutex_lock(&tree->lock);
    uint64_t serial = ++tree->hidden;
    pthread_mutex_unlock(&tree->lock);
    snprintf(ret_name, size, ".fuse_hidden%08" PRIx64 "%08x", serial, (unsigned)(uintptr_t)tree);
}
