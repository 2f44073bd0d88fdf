/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "peer-store.h"

/* Files beyond it have a mapping of their own, which grows without copying and takes memory where
 * it is written only. */
#define SMALL_FILE 65536u

pthread_rwlock_t tree_lock = PTHREAD_RWLOCK_INITIALIZER;

struct node *node_new(mode_t mode, uid_t uid, gid_t gid, dev_t device) {
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    pthread_rwlock_init(&node->lock, NULL);
    node->attributes.st_ino = (ino_t)(uintptr_t)node;
    node->attributes.st_mode = mode;
    node->attributes.st_uid = uid;
    node->attributes.st_gid = gid;
    node->attributes.st_rdev = device;
    node->attributes.st_blksize = 4096;
    node_touch(node, true);
    node->attributes.st_atim = node->attributes.st_mtim;
    if (S_ISDIR(mode)) {
        node->attributes.st_nlink = 1;
        node->directory.next_cookie = 3; /* 1 and 2 are "." and ".." */
        node->directory.n_buckets = 16;
        node->directory.buckets = calloc(node->directory.n_buckets, sizeof(struct name *));
        if (!node->directory.buckets) {
            free(node);
            return NULL;
        }
    }
    return node;
}

static void data_free(struct node *node) {
    if (node->capacity > SMALL_FILE)
        munmap(node->data, node->capacity);
    else
        free(node->data);
}

void node_put(struct node *node) {
    bool named = S_ISDIR(node->attributes.st_mode) ? node->attributes.st_nlink > 1 : node->attributes.st_nlink > 0;
    if (named || atomic_load(&node->lookups) > 0)
        return;
    data_free(node);
    free(node->directory.buckets);
    free(node->directory.listed);
    pthread_rwlock_destroy(&node->lock);
    free(node);
}

void node_touch(struct node *node, bool modified) {
    clock_gettime(CLOCK_REALTIME, &node->attributes.st_ctim);
    if (modified)
        node->attributes.st_mtim = node->attributes.st_ctim;
}

/* ---- data ------------------------------------------------------------------------------------------------------ */

static int reserve_large(struct node *node, size_t size) {
    size_t capacity = node->capacity > SMALL_FILE ? node->capacity : 2 * (size_t)SMALL_FILE;
    while (capacity < size)
        capacity *= 2;
    char *data;
    if (node->capacity > SMALL_FILE) {
        data = mremap(node->data, node->capacity, capacity, MREMAP_MAYMOVE);
    } else {
        data = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (data != MAP_FAILED && node->data)
            memcpy(data, node->data, node->capacity);
    }
    if (data == MAP_FAILED)
        return -ENOSPC;
    if (node->capacity <= SMALL_FILE)
        free(node->data);
    node->data = data;
    node->capacity = capacity;
    return 0;
}

int node_reserve(struct node *node, size_t size) {
    if (size <= node->capacity)
        return 0;
    if (size > SMALL_FILE)
        return reserve_large(node, size);
    size_t capacity = node->capacity ? node->capacity : 1024;
    while (capacity < size)
        capacity *= 2;
    char *data = realloc(node->data, capacity);
    if (!data)
        return -ENOSPC;
    memset(data + node->capacity, 0, capacity - node->capacity);
    node->data = data;
    node->capacity = capacity;
    return 0;
}

int node_resize(struct node *node, size_t size) {
    int r = node_reserve(node, size);
    if (r < 0)
        return r;
    size_t old = (size_t)node->attributes.st_size;
    if (size < old)
        memset(node->data + size, 0, old - size);
    node->attributes.st_size = (off_t)size;
    node->attributes.st_blocks = (blkcnt_t)((size + 511) / 512);
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

struct name *directory_find(const struct node *parent, const char *text) {
    uint32_t hash = hash_text(text);
    struct name *name = parent->directory.buckets[hash & (parent->directory.n_buckets - 1)];
    while (name && (name->hash != hash || strcmp(name->text, text) != 0))
        name = name->next;
    return name;
}

static int grow_buckets(struct directory *directory) {
    uint32_t size = directory->n_buckets * 2;
    struct name **buckets = calloc(size, sizeof(struct name *));
    if (!buckets)
        return -ENOMEM;
    for (uint32_t i = 0; i < directory->n_buckets; i++) {
        struct name *next;
        for (struct name *name = directory->buckets[i]; name; name = next) {
            next = name->next;
            name->next = buckets[name->hash & (size - 1)];
            buckets[name->hash & (size - 1)] = name;
        }
    }
    free(directory->buckets);
    directory->buckets = buckets;
    directory->n_buckets = size;
    return 0;
}

/* Room for one more: by dropping the holes where these are half of the list, else by growing. */
static int grow_list(struct directory *directory) {
    if (directory->n_listed < directory->listed_size)
        return 0;
    if (directory->n_names < directory->n_listed / 2) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < directory->n_listed; i++) {
            if (!directory->listed[i])
                continue;
            directory->listed[kept] = directory->listed[i];
            directory->listed[kept]->index = kept;
            kept++;
        }
        directory->n_listed = kept;
        return 0;
    }
    uint32_t size = directory->listed_size ? directory->listed_size * 2 : 16;
    struct name **listed = realloc(directory->listed, size * sizeof(struct name *));
    if (!listed)
        return -ENOMEM;
    directory->listed = listed;
    directory->listed_size = size;
    return 0;
}

/* The tree is locked for writing, but getattr takes a node's own lock only. */
static void change_links(struct node *node, int links, bool modified) {
    pthread_rwlock_wrlock(&node->lock);
    node->attributes.st_nlink += (nlink_t)links;
    node_touch(node, modified);
    pthread_rwlock_unlock(&node->lock);
}

int directory_add(struct node *parent, const char *text, struct node *node) {
    struct directory *directory = &parent->directory;
    if (grow_list(directory) < 0 || (directory->n_names >= directory->n_buckets && grow_buckets(directory) < 0))
        return -ENOMEM;
    size_t length = strlen(text);
    struct name *name = malloc(sizeof *name + length + 1);
    if (!name)
        return -ENOMEM;
    memcpy(name->text, text, length + 1);
    name->node = node;
    name->hash = hash_text(text);
    name->cookie = directory->next_cookie++;
    struct name **bucket = &directory->buckets[name->hash & (directory->n_buckets - 1)];
    name->next = *bucket;
    *bucket = name;
    name->index = directory->n_listed;
    directory->listed[directory->n_listed++] = name;
    directory->n_names++;
    if (S_ISDIR(node->attributes.st_mode))
        node->directory.parent = parent;
    change_links(node, 1, false);
    change_links(parent, S_ISDIR(node->attributes.st_mode) ? 1 : 0, true);
    return 0;
}

/* The first name at or behind the index, holes left out; n_listed where there is none. */
static uint32_t skip_holes(const struct directory *directory, uint32_t index) {
    while (index < directory->n_listed && !directory->listed[index])
        index++;
    return index;
}

uint32_t directory_after(const struct node *parent, uint64_t cookie) {
    const struct directory *directory = &parent->directory;
    uint32_t low = 0, high = directory->n_listed;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2, at = skip_holes(directory, middle);
        if (at >= high || directory->listed[at]->cookie > cookie)
            high = middle;
        else
            low = at + 1;
    }
    return skip_holes(directory, low);
}

void directory_remove(struct node *parent, struct name *name) {
    struct directory *directory = &parent->directory;
    struct name **link = &directory->buckets[name->hash & (directory->n_buckets - 1)];
    while (*link != name)
        link = &(*link)->next;
    *link = name->next;
    directory->listed[name->index] = NULL;
    directory->n_names--;
    change_links(name->node, -1, false);
    change_links(parent, S_ISDIR(name->node->attributes.st_mode) ? -1 : 0, true);
    free(name);
}
