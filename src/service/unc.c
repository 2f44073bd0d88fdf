/* SPDX-License-Identifier: MIT */
#include "service/unc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/hash.h"
#include "util/list.h"

struct node {
    UT_hash_handle hash; /* by folded */
    UT_hash_handle by_volume; /* shares only */
    struct node *parent;
    struct list_node sibling, children;
    uint64_t volume; /* 0: a folder */
    size_t name; /* where the last component begins in path */
    char *folded; /* key: the path, folded; behind path */
    char path[]; /* as claimed */
};

struct unc {
    struct node *nodes, *volumes; /* hashes */
    struct node root;
};

int unc_new(struct unc **ret_unc) {
    struct unc *unc = calloc(1, sizeof *unc + 1); /* the root's path is "" */
    if (!unc)
        return -ENOMEM;
    list_init(&unc->root.children);
    *ret_unc = unc;
    return 0;
}

static void node_free(struct unc *unc, struct node *node) {
    HASH_DELETE(hash, unc->nodes, node); // NOLINT(clang-analyzer-core.NullDereference)
    if (node->volume)
        HASH_DELETE(by_volume, unc->volumes, node); // NOLINT(clang-analyzer-core.NullDereference)
    list_remove(&node->sibling);
    free(node);
}

void unc_free(struct unc *unc) {
    if (!unc)
        return;
    HASH_CLEAR(by_volume, unc->volumes);
    struct node *node, *next;
    HASH_ITER (hash, unc->nodes, node, next) {
        HASH_DELETE(hash, unc->nodes, node);
        free(node);
    }
    free(unc);
}

static struct node *node_find(const struct unc *unc, const char *folded, size_t length) {
    struct node *node;
    HASH_FIND(hash, unc->nodes, folded, length, node);
    return node;
}

/* The new node's path is that of its parent, and this name. */
static struct node *node_new(struct unc *unc, struct node *parent, const char *name, size_t length, const char *folded,
                             size_t folded_length) {
    size_t above = strlen(parent->path), begins = above + (above > 0), path = begins + length;
    struct node *node = path >= PREFIX_MAX ? NULL : calloc(1, sizeof *node + path + 1 + folded_length + 1);
    if (!node)
        return NULL;
    snprintf(node->path, path + 1, "%s%s%.*s", parent->path, above ? "/" : "", (int)length, name);
    node->name = begins;
    node->folded = node->path + path + 1;
    memcpy(node->folded, folded, folded_length);
    node->parent = parent;
    list_init(&node->children);
    HASH_ADD_KEYPTR(hash, unc->nodes, node->folded, folded_length, node);
    if (!hash_has(hash, node)) {
        free(node);
        return NULL;
    }
    list_append(&parent->children, &node->sibling);
    return node;
}

static const struct node *first_share(const struct node *node) {
    while (!node->volume)
        node = list_element(node->children.next, struct node, sibling);
    return node;
}

/* Removes a node and the folders above it that have nothing else in them. */
static void prune(struct unc *unc, struct node *node) {
    while (node != &unc->root && list_empty(&node->children)) {
        struct node *parent = node->parent;
        node_free(unc, node);
        node = parent;
    }
}

int unc_claim(struct unc *unc, const char *canonical, uint64_t volume, char *ret_spelled, char *ret_taken) {
    char folded[PREFIX_MAX];
    int r = prefix_fold(canonical, folded);
    if (r < 0)
        return r;
    struct node *at = &unc->root;
    const char *name = canonical;
    for (size_t end = 0; folded[end];) {
        end += strcspn(folded + end + (end > 0), "/") + (end > 0);
        size_t length = strcspn(name, "/");
        struct node *next = node_find(unc, folded, end);
        if (next && (next->volume || !folded[end])) {
            snprintf(ret_taken, PREFIX_MAX, "%s", first_share(next)->path);
            prune(unc, at);
            return -EEXIST;
        }
        if (!next && !(next = node_new(unc, at, name, length, folded, end))) {
            prune(unc, at);
            return strlen(at->path) + length + 1 >= PREFIX_MAX ? -ENAMETOOLONG : -ENOMEM;
        }
        at = next;
        name += length + (name[length] == '/');
    }
    at->volume = volume;
    HASH_ADD(by_volume, unc->volumes, volume, sizeof at->volume, at);
    if (!hash_has(by_volume, at)) {
        at->volume = 0;
        prune(unc, at);
        return -ENOMEM;
    }
    snprintf(ret_spelled, PREFIX_MAX, "%s", at->path);
    return 0;
}

void unc_release(struct unc *unc, uint64_t volume) {
    struct node *node;
    HASH_FIND(by_volume, unc->volumes, &volume, sizeof volume, node);
    if (node)
        prune(unc, node);
}

static const struct node *find_exactly(const struct unc *unc, const char *path) {
    char folded[PREFIX_MAX];
    if (!path[0])
        return &unc->root;
    if (strlen(path) >= PREFIX_MAX || prefix_fold(path, folded) < 0)
        return NULL;
    const struct node *node = node_find(unc, folded, strlen(folded));
    return node && strcmp(node->path, path) == 0 ? node : NULL;
}

enum unc_kind unc_find(const struct unc *unc, const char *path, uint64_t *ret_volume) {
    const struct node *node = find_exactly(unc, path);
    if (!node)
        return UNC_NOTHING;
    if (!node->volume)
        return UNC_FOLDER;
    *ret_volume = node->volume;
    return UNC_SHARE;
}

void unc_list(const struct unc *unc, const char *folder, unc_visit *visit, void *context) {
    const struct node *node = find_exactly(unc, folder), *child;
    if (node && !node->volume)
        list_for_each (child, &node->children, sibling)
            if (!visit(context, child->path + child->name, first_share(child)->volume))
                return;
}

static bool each_share(const struct node *node, unc_visit *visit, void *context) {
    const struct node *child;
    if (node->volume)
        return visit(context, node->path, node->volume);
    list_for_each (child, &node->children, sibling)
        if (!each_share(child, visit, context))
            return false;
    return true;
}

bool unc_each_share(const struct unc *unc, const char *path, unc_visit *visit, void *context) {
    const struct node *node = find_exactly(unc, path);
    return !node || each_share(node, visit, context);
}

uint64_t unc_resolve(const struct unc *unc, const char *canonical, const char **ret_rest) {
    char folded[PREFIX_MAX];
    /* the shortest prefix that is a share: they do not overlap */
    for (const char *end = strchr(canonical, '/'); end;) {
        end = strchr(end + 1, '/');
        char part[PREFIX_MAX];
        size_t length = end ? (size_t)(end - canonical) : strlen(canonical);
        if (length >= sizeof part)
            return 0;
        snprintf(part, sizeof part, "%.*s", (int)length, canonical);
        const struct node *node = prefix_fold(part, folded) == 0 ? node_find(unc, folded, strlen(folded)) : NULL;
        if (node && node->volume) {
            *ret_rest = canonical + length;
            return node->volume;
        }
    }
    return 0;
}

unsigned unc_count(const struct unc *unc) {
    return HASH_CNT(by_volume, unc->volumes);
}
