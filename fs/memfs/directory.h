/* SPDX-License-Identifier: MIT */
/*
 * A directory's entries, found by name and listed in order.
 *
 * Model. Two indexes over the same entries. By name: a hash table that grows and shrinks by one bucket at a time
 * (linear hashing), so that no single insertion pays for all. In order: each entry gets a cookie when it is made,
 * greater than all before, and a tree keeps the entries by cookie. A listing goes on behind a cookie whether or not its
 * entry still exists; an entry that is there all the while is seen exactly once, whatever comes and goes beside it.
 * Look-up, insertion, removal and the next entry cost the same in a directory of a million entries as in one of ten.
 *
 * An entry renamed within its directory keeps its cookie, and one renamed over another takes that one's: a name that
 * exists all the while is not missed. Whoever lists notes directory_end at the start and stops there, so that a loop
 * which makes entries as it lists ends.
 *
 * Nothing here locks: callers hold directory->lock.
 */
#ifndef MEMFS_DIRECTORY_H
#define MEMFS_DIRECTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lock.h"
#include "names.h"
#include "tree.h"

struct node;

/* Cookies 1 and 2 stand for "." and "..". */
#define DIRECTORY_FIRST_COOKIE 3
#define DIRECTORY_NAME_MAX 255

struct entry {
    struct entry *next; /* in its bucket */
    struct node *node;
    uint64_t cookie;
    uint32_t hash;
    uint8_t name_size;
    char name[]; /* name_size bytes and a NUL, in the case it was made with */
};

struct directory {
    struct lock lock;
    struct node *parent; /* of ".."; not counted as a reference: a parent outlives its children's names */
    struct entry **buckets;
    size_t bucket_count;
    size_t bucket_capacity;
    size_t count;
    uint64_t next_cookie;
    struct tree order;
    bool removed; /* by rmdir, or replaced: nothing can be made in it any more */
    atomic_bool cached; /* one who lists it uses the kernel's cache */
};

struct directory *directory_new(struct node *parent);
/* Takes NULL. The entries left are freed, not what they name. */
void directory_free(struct directory *directory);

struct entry *directory_find(const struct directory *directory, const struct names *names, const char *name,
                             size_t size);
/* name must not be there yet. -ENOMEM: nothing changed. */
int directory_insert(struct directory *directory, const struct names *names, const char *name, size_t size,
                     struct node *node, struct entry **ret_entry);
void directory_remove(struct directory *directory, struct entry *entry);
/* Gives an entry another name, which must not be there yet but as entry itself (another case). -ENOMEM: nothing
 * changed. */
int directory_rename(struct directory *directory, const struct names *names, struct entry *entry, const char *name,
                     size_t size, struct entry **ret_entry);
/* The first entry behind cookie, or NULL. */
struct entry *directory_next(const struct directory *directory, uint64_t cookie);
/* Entries made from now on have this cookie or a greater one. */
static inline uint64_t directory_end(const struct directory *directory) {
    return directory->next_cookie;
}

#endif
