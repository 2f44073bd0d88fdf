/* SPDX-License-Identifier: MIT */
/*
 * Open directories, by the handles that the kernel has.
 *
 * A handle is a number, not an address: it stays good when another memfs goes on with the volume (state.h).
 */
#ifndef MEMFS_LISTING_H
#define MEMFS_LISTING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lock.h"

struct node;

struct listing {
    _Atomic uint64_t end; /* where it ends: a cookie; 0: it has not begun */
    struct node *node; /* of the directory; has a reference */
    uint64_t handle;
    bool cached; /* the kernel keeps it */
};

/* Of a volume. Zeroed: none is open. */
struct listings {
    struct lock lock;
    struct listing **slots; /* by handle - 1 */
    uint32_t *free; /* slots that are free again */
    uint32_t used, free_count, capacity; /* slots from used on are free too */
};

/* One of node, which has a handle from here on. NULL: no memory. Counts no reference. */
struct listing *listing_new(struct listings *listings, struct node *node);
/* The same with that handle, which must be free. For a volume that nobody uses yet; listings_restored comes after the
 * last. */
struct listing *listing_restore(struct listings *listings, struct node *node, uint64_t handle);
void listings_restored(struct listings *listings);
/* NULL where there is none. */
struct listing *listing_of(struct listings *listings, uint64_t handle);
void listing_free(struct listings *listings, struct listing *listing);
/* Frees all. */
void listings_free(struct listings *listings);

#endif
