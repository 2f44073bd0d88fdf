/* SPDX-License-Identifier: MIT */
#include "directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define BUCKETS_MIN 8

struct directory *directory_new(struct node *parent) {
    struct directory *directory = calloc(1, sizeof *directory);
    if (!directory)
        return NULL;
    directory->parent = parent;
    directory->next_cookie = DIRECTORY_FIRST_COOKIE;
    return directory;
}

void directory_free(struct directory *directory) {
    if (!directory)
        return;
    struct entry *entry;
    while ((entry = directory_next(directory, 0)))
        directory_remove(directory, entry);
    free(directory->buckets);
    free(directory);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

/* The greatest power of two that is not above count (>= 1). */
static size_t round_of(size_t count) {
    return (size_t)1 << (63 - __builtin_clzll(count));
}

/* With n buckets in the round of L (L <= n < 2L), the first n - L have been split: they and their other halves take one
 * more bit of the hash than the rest. */
static struct entry **bucket_of(const struct directory *directory, uint32_t hash) {
    size_t round = round_of(directory->bucket_count);
    size_t i = hash & (2 * round - 1);
    return &directory->buckets[i < directory->bucket_count ? i : i & (round - 1)];
}

static int reserve_buckets(struct directory *directory, size_t capacity) {
    struct entry **buckets = realloc(directory->buckets, capacity * sizeof(struct entry *));
    if (!buckets)
        return -ENOMEM;
    directory->buckets = buckets;
    directory->bucket_capacity = capacity;
    return 0;
}

/* One bucket more: the next one of this round is split. Without memory the chains grow instead. */
static void split_bucket(struct directory *directory) {
    size_t count = directory->bucket_count, round = round_of(count);
    if (count == directory->bucket_capacity && reserve_buckets(directory, 2 * count) < 0)
        return;
    struct entry **from = &directory->buckets[count - round], **to = &directory->buckets[count];
    *to = NULL;
    while (*from) {
        struct entry *entry = *from;
        if ((entry->hash & (2 * round - 1)) == count) {
            *from = entry->next;
            entry->next = *to;
            *to = entry;
        } else {
            from = &entry->next;
        }
    }
    directory->bucket_count++;
}

/* One bucket less: the last one joins the one that it was split from. */
static void merge_bucket(struct directory *directory) {
    size_t last = directory->bucket_count - 1;
    struct entry **end = &directory->buckets[last - round_of(last)];
    while (*end)
        end = &(*end)->next;
    *end = directory->buckets[last];
    directory->bucket_count = last;
    if (last >= BUCKETS_MIN && last <= directory->bucket_capacity / 4)
        reserve_buckets(directory, directory->bucket_capacity / 2);
}

static void hash_entry(struct directory *directory, struct entry *entry) {
    struct entry **bucket = bucket_of(directory, entry->hash);
    entry->next = *bucket;
    *bucket = entry;
}

static void unhash_entry(struct directory *directory, struct entry *entry) {
    struct entry **at = bucket_of(directory, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
}

struct entry *directory_find(const struct directory *directory, const struct names *names, const char *name,
                             size_t size) {
    if (directory->count == 0)
        return NULL;
    uint32_t hash = names_hash(names, name, size);
    for (struct entry *entry = *bucket_of(directory, hash); entry; entry = entry->next)
        if (entry->hash == hash && names_equal(names, entry->name, entry->name_size, name, size))
            return entry;
    return NULL;
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

static struct entry *new_entry(const struct names *names, const char *name, size_t size, struct node *node,
                               uint64_t cookie) {
    struct entry *entry = malloc(offsetof(struct entry, name) + size + 1);
    if (!entry)
        return NULL;
    /* one by one: the structure's padding is the name's */
    entry->next = NULL;
    entry->node = node;
    entry->cookie = cookie;
    entry->hash = names_hash(names, name, size);
    entry->name_size = (uint8_t)size;
    memcpy(entry->name, name, size);
    entry->name[size] = '\0';
    return entry;
}

int directory_insert(struct directory *directory, const struct names *names, const char *name, size_t size,
                     struct node *node, struct entry **ret_entry) {
    if (directory->bucket_capacity == 0) {
        if (reserve_buckets(directory, BUCKETS_MIN) < 0)
            return -ENOMEM;
        memset(directory->buckets, 0, BUCKETS_MIN * sizeof(struct entry *)); // NOLINT(bugprone-sizeof-expression)
        directory->bucket_count = BUCKETS_MIN;
    }
    _cleanup_free_ struct entry *entry = new_entry(names, name, size, node, directory->next_cookie);
    if (!entry || tree_set(&directory->order, entry->cookie, entry) < 0)
        return -ENOMEM;
    directory->next_cookie++;
    directory->count++;
    if (directory->count > directory->bucket_count)
        split_bucket(directory);
    hash_entry(directory, entry);
    if (ret_entry)
        *ret_entry = entry;
    (void)steal_pointer(entry);
    return 0;
}

void directory_remove(struct directory *directory, struct entry *entry) {
    tree_remove(&directory->order, entry->cookie);
    unhash_entry(directory, entry);
    free(entry);
    directory->count--;
    for (int i = 0; i < 2 && directory->bucket_count > BUCKETS_MIN; i++)
        if (directory->count < directory->bucket_count / 2)
            merge_bucket(directory);
}

int directory_rename(struct directory *directory, const struct names *names, struct entry *entry, const char *name,
                     size_t size, struct entry **ret_entry) {
    struct entry *renamed = new_entry(names, name, size, entry->node, entry->cookie);
    if (!renamed)
        return -ENOMEM;
    tree_set(&directory->order, entry->cookie, renamed); /* replaces, so it cannot fail */
    unhash_entry(directory, entry);
    free(entry);
    hash_entry(directory, renamed);
    if (ret_entry)
        *ret_entry = renamed;
    return 0;
}

struct entry *directory_next(const struct directory *directory, uint64_t cookie) {
    uint64_t key;
    return tree_next(&directory->order, cookie + 1, &key);
}
