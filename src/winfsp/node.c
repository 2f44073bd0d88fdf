/* SPDX-License-Identifier: MIT */
#include "winfsp/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/handle.h"
#include "winfsp/text.h"

#define FIRST_BUCKETS 256

static size_t hash_name(const struct fsp_volume *volume, const struct fsp_node *parent, const WCHAR *name,
                        size_t length) {
    size_t hash = (size_t)(uintptr_t)parent * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (volume->case_blind ? fsp_upper(name[i]) : name[i])) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 29;
}

static bool same_name(const struct fsp_volume *volume, const struct fsp_node *node, const WCHAR *name, size_t length) {
    return volume->case_blind ? fsp_wide_compare_folded(node->name, node->name_length, name, length) == 0
                              : fsp_wide_compare(node->name, node->name_length, name, length) == 0;
}

static struct fsp_node *allocate(const WCHAR *name, size_t length) {
    struct fsp_node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->name = fsp_wide_copy(name, length);
    if (!node->name) {
        free(node);
        return NULL;
    }
    node->name_length = (unsigned)length;
    pthread_mutex_init(&node->state, NULL);
    return node;
}

/* Of a volume that was ended while it was used nobody closes what is open. */
static void destroy(struct fsp_node *node) {
    for (struct fsp_open *open = node->opens, *next; open; open = next) {
        next = open->next;
        fsp_open_free(open);
    }
    pthread_mutex_destroy(&node->state);
    free(node->name);
    free(node);
}

int fsp_nodes_init(struct fsp_volume *volume) {
    struct fsp_node_table *table = &volume->table;
    table->buckets = calloc(FIRST_BUCKETS, sizeof(void *));
    volume->root = allocate((const WCHAR[]){0}, 0);
    if (!table->buckets || !volume->root)
        return -ENOMEM;
    table->bucket_count = FIRST_BUCKETS;
    pthread_mutex_init(&table->lock, NULL);
    volume->root->references = 1;
    volume->root->is_directory = true;
    volume->root->number = LINFSP_ROOT_INODE;
    return 0;
}

void fsp_nodes_destroy(struct fsp_volume *volume) {
    struct fsp_node_table *table = &volume->table;
    for (size_t i = 0; i < table->bucket_count; i++)
        for (struct fsp_node *node = table->buckets[i], *next; node; node = next) {
            next = node->next;
            destroy(node);
        }
    free(table->buckets);
    if (volume->root)
        destroy(volume->root);
    if (table->bucket_count)
        pthread_mutex_destroy(&table->lock);
    table->buckets = NULL;
    table->bucket_count = 0;
    volume->root = NULL;
}

struct fsp_node *fsp_node_of(struct fsp_volume *volume, uint64_t inode) {
    return inode == LINFSP_ROOT_INODE ? volume->root : (struct fsp_node *)(uintptr_t)inode;
}

uint64_t fsp_node_inode(const struct fsp_volume *volume, const struct fsp_node *node) {
    return node == volume->root ? LINFSP_ROOT_INODE : (uint64_t)(uintptr_t)node;
}

/* ---- the table, under its lock --------------------------------------------------------------------------------- */

static struct fsp_node **place_of(struct fsp_node_table *table, size_t hash) {
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static void insert(struct fsp_node_table *table, struct fsp_node *node) {
    struct fsp_node **place = place_of(table, node->hash);
    node->next = *place;
    *place = node;
    table->count++;
}

static void take_out(struct fsp_node_table *table, struct fsp_node *node) {
    struct fsp_node **place = place_of(table, node->hash);
    while (*place && *place != node)
        place = &(*place)->next;
    if (*place) {
        *place = node->next;
        table->count--;
    }
    node->next = NULL;
}

/* A table that cannot grow only gets slower. */
static void grow(struct fsp_node_table *table) {
    struct fsp_node_table larger = {.bucket_count = table->bucket_count * 2};
    if (table->count < table->bucket_count)
        return;
    larger.buckets = calloc(larger.bucket_count, sizeof(void *));
    if (!larger.buckets)
        return;
    for (size_t i = 0; i < table->bucket_count; i++)
        for (struct fsp_node *node = table->buckets[i], *next; node; node = next) {
            next = node->next;
            insert(&larger, node);
        }
    free(table->buckets);
    table->buckets = larger.buckets;
    table->bucket_count = larger.bucket_count;
}

static struct fsp_node *find(struct fsp_volume *volume, const struct fsp_node *parent, const WCHAR *name, size_t length,
                             size_t hash) {
    struct fsp_node *node = *place_of(&volume->table, hash);
    while (node && (node->hash != hash || node->parent != parent || !same_name(volume, node, name, length)))
        node = node->next;
    return node;
}

/* Frees a node that nobody needs, then its parent if that was only needed by it. */
static void free_unused(struct fsp_volume *volume, struct fsp_node *node) {
    while (node && node != volume->root && node->lookups == 0 && node->references == 0) {
        struct fsp_node *parent = node->parent;
        if (!node->detached)
            take_out(&volume->table, node);
        destroy(node);
        if (parent)
            parent->references--;
        node = parent;
    }
}

static void detach(struct fsp_volume *volume, struct fsp_node *node) {
    if (node->detached || node == volume->root)
        return;
    take_out(&volume->table, node);
    node->detached = true;
}

/* ---- from outside ---------------------------------------------------------------------------------------------- */

struct fsp_node *fsp_node_find(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length) {
    size_t hash = hash_name(volume, parent, name, length);
    pthread_mutex_lock(&volume->table.lock);
    struct fsp_node *node = find(volume, parent, name, length, hash);
    if (node)
        node->references++;
    pthread_mutex_unlock(&volume->table.lock);
    return node;
}

static bool is_another_file(const struct fsp_node *node, const FSP_FSCTL_FILE_INFO *info) {
    bool directory = info->FileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    return node->is_directory != directory || (node->index && info->IndexNumber && node->index != info->IndexNumber);
}

static struct fsp_node *create(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length,
                               size_t hash, const FSP_FSCTL_FILE_INFO *info) {
    struct fsp_node *node = allocate(name, length);
    if (!node)
        return NULL;
    node->parent = parent;
    node->hash = hash;
    node->index = info->IndexNumber;
    node->number = info->IndexNumber ? info->IndexNumber : UINT64_C(1) << 62 | atomic_fetch_add(&volume->next_index, 1);
    node->is_directory = info->FileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    parent->references++;
    insert(&volume->table, node);
    grow(&volume->table);
    return node;
}

struct fsp_node *fsp_node_get(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length,
                              const FSP_FSCTL_FILE_INFO *info) {
    size_t hash = hash_name(volume, parent, name, length);
    pthread_mutex_lock(&volume->table.lock);
    struct fsp_node *node = find(volume, parent, name, length, hash);
    if (node && is_another_file(node, info)) {
        detach(volume, node);
        free_unused(volume, node);
        node = NULL;
    }
    if (!node)
        node = create(volume, parent, name, length, hash, info);
    if (node)
        node->references++;
    pthread_mutex_unlock(&volume->table.lock);
    return node;
}

void fsp_node_hold(struct fsp_volume *volume, struct fsp_node *node) {
    pthread_mutex_lock(&volume->table.lock);
    node->references++;
    pthread_mutex_unlock(&volume->table.lock);
}

void fsp_node_release(struct fsp_volume *volume, struct fsp_node *node) {
    if (!node)
        return;
    pthread_mutex_lock(&volume->table.lock);
    node->references--;
    free_unused(volume, node);
    pthread_mutex_unlock(&volume->table.lock);
}

void fsp_node_count_lookup(struct fsp_volume *volume, struct fsp_node *node) {
    pthread_mutex_lock(&volume->table.lock);
    node->lookups++;
    pthread_mutex_unlock(&volume->table.lock);
}

void fsp_node_turn_into_lookup(struct fsp_volume *volume, struct fsp_node *node) {
    pthread_mutex_lock(&volume->table.lock);
    node->lookups++;
    node->references--;
    pthread_mutex_unlock(&volume->table.lock);
}

void fsp_node_forget(struct fsp_volume *volume, struct fsp_node *node, uint64_t count) {
    if (node == volume->root)
        return;
    pthread_mutex_lock(&volume->table.lock);
    node->lookups -= count < node->lookups ? count : node->lookups;
    free_unused(volume, node);
    pthread_mutex_unlock(&volume->table.lock);
}

void fsp_node_detach(struct fsp_volume *volume, struct fsp_node *node) {
    pthread_mutex_lock(&volume->table.lock);
    detach(volume, node);
    pthread_mutex_unlock(&volume->table.lock);
}

int fsp_node_move(struct fsp_volume *volume, struct fsp_node *node, struct fsp_node *parent, const WCHAR *name,
                  size_t length) {
    PWSTR copy = fsp_wide_copy(name, length);
    size_t hash = hash_name(volume, parent, name, length);
    if (!copy)
        return -ENOMEM;
    pthread_mutex_lock(&volume->table.lock);
    struct fsp_node *there = find(volume, parent, name, length, hash), *before = node->parent;
    if (there && there != node) {
        detach(volume, there);
        free_unused(volume, there);
    }
    take_out(&volume->table, node);
    free(node->name);
    node->name = copy;
    node->name_length = (unsigned)length;
    node->hash = hash;
    node->parent = parent;
    parent->references++;
    insert(&volume->table, node);
    before->references--;
    free_unused(volume, before);
    pthread_mutex_unlock(&volume->table.lock);
    return 0;
}

static bool is_below(const struct fsp_node *node, const struct fsp_node *ancestor) {
    while (node && node != ancestor)
        node = node->parent;
    return node != NULL;
}

bool fsp_node_is_open_below(struct fsp_volume *volume, const struct fsp_node *node) {
    bool open = false;
    pthread_mutex_lock(&volume->table.lock);
    for (size_t i = 0; !open && i < volume->table.bucket_count; i++)
        for (const struct fsp_node *each = volume->table.buckets[i]; !open && each; each = each->next)
            open = each->open_count > 0 && is_below(each, node);
    pthread_mutex_unlock(&volume->table.lock);
    return open;
}

int fsp_node_path(const struct fsp_node *node, const WCHAR *name, size_t length, WCHAR *ret_path) {
    size_t at = FSP_PATH_UNITS - 1;
    ret_path[at] = 0;
    for (;;) {
        if (length > 0) {
            if (at < length + 1)
                return -ENAMETOOLONG;
            at -= length;
            memcpy(ret_path + at, name, length * sizeof *name);
            ret_path[--at] = '\\';
        }
        if (!node || !node->parent)
            break;
        if (node->detached)
            return -ENOENT;
        name = node->name;
        length = node->name_length;
        node = node->parent;
    }
    if (at == FSP_PATH_UNITS - 1)
        ret_path[--at] = '\\';
    size_t units = FSP_PATH_UNITS - 1 - at;
    memmove(ret_path, ret_path + at, (units + 1) * sizeof *ret_path);
    return (int)units;
}
