/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX (UINT32_C(1) << 28)

/* Makes room for slots up to count. There is always as much room in the list of free ones. */
static int reserve(struct listings *listings, uint32_t count) {
    uint32_t capacity = listings->capacity ? listings->capacity : 16;
    if (count <= listings->capacity)
        return 0;
    if (count > SLOTS_MAX)
        return -ENOMEM;
    while (capacity < count)
        capacity *= 2;
    struct listing **slots = realloc(listings->slots, capacity * sizeof(struct listing *));
    if (!slots)
        return -ENOMEM;
    listings->slots = slots;
    uint32_t *list = realloc(listings->free, capacity * sizeof *list);
    if (!list)
        return -ENOMEM;
    listings->free = list;
    for (uint32_t i = listings->capacity; i < capacity; i++)
        slots[i] = NULL;
    listings->capacity = capacity;
    return 0;
}

struct listing *listing_new(struct listings *listings, struct node *node) {
    struct listing *listing = calloc(1, sizeof *listing);
    if (!listing)
        return NULL;
    lock_exclusive(&listings->lock);
    uint32_t slot = listings->free_count > 0 ? listings->free[--listings->free_count] : listings->used;
    bool room = slot < listings->used || reserve(listings, slot + 1) == 0;
    if (room) {
        if (slot == listings->used)
            listings->used++;
        listing->node = node;
        listing->handle = (uint64_t)slot + 1;
        listings->slots[slot] = listing;
    }
    unlock_exclusive(&listings->lock);
    if (room)
        return listing;
    free(listing);
    return NULL;
}

struct listing *listing_restore(struct listings *listings, struct node *node, uint64_t handle) {
    if (handle == 0 || handle > SLOTS_MAX || reserve(listings, (uint32_t)handle) < 0 || listings->slots[handle - 1])
        return NULL;
    struct listing *listing = calloc(1, sizeof *listing);
    if (!listing)
        return NULL;
    listing->node = node;
    listing->handle = handle;
    listings->slots[handle - 1] = listing;
    if (handle > listings->used)
        listings->used = (uint32_t)handle;
    return listing;
}

void listings_restored(struct listings *listings) {
    for (uint32_t i = 0; i < listings->used; i++)
        if (!listings->slots[i])
            listings->free[listings->free_count++] = i;
}

struct listing *listing_of(struct listings *listings, uint64_t handle) {
    lock_shared(&listings->lock);
    struct listing *listing = handle > 0 && handle <= listings->used ? listings->slots[handle - 1] : NULL;
    unlock_shared(&listings->lock);
    return listing;
}

void listing_free(struct listings *listings, struct listing *listing) {
    lock_exclusive(&listings->lock);
    listings->slots[listing->handle - 1] = NULL;
    listings->free[listings->free_count++] = (uint32_t)listing->handle - 1;
    unlock_exclusive(&listings->lock);
    free(listing);
}

void listings_free(struct listings *listings) {
    for (uint32_t i = 0; i < listings->used; i++)
        free(listings->slots[i]);
    free(listings->slots);
    free(listings->free);
    memset(listings, 0, sizeof *listings);
}
