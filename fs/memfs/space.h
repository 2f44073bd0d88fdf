/* SPDX-License-Identifier: MIT */
/*
 * How much of a volume is in use: a counter with a limit, from any thread.
 *
 * Model. Whoever is about to keep something takes its room first and gives it back with it; what was not granted was
 * not taken. File contents count in whole pages, extended attributes in bytes. Nodes have a counter of their own.
 */
#ifndef MEMFS_SPACE_H
#define MEMFS_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct space {
    _Atomic uint64_t used;
    uint64_t limit;
} __attribute__((aligned(64))); /* what changes all the time keeps off what does not */

/* All of amount, or nothing. */
static inline bool space_take(struct space *space, uint64_t amount) {
    uint64_t used = atomic_load_explicit(&space->used, memory_order_relaxed);
    do {
        if (used > space->limit || amount > space->limit - used)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&space->used, &used, used + amount, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static inline void space_give(struct space *space, uint64_t amount) {
    atomic_fetch_sub_explicit(&space->used, amount, memory_order_relaxed);
}

/* What is taken already, whether there is room or not. */
static inline void space_overdraw(struct space *space, uint64_t amount) {
    atomic_fetch_add_explicit(&space->used, amount, memory_order_relaxed);
}

static inline uint64_t space_used(struct space *space) {
    return atomic_load_explicit(&space->used, memory_order_relaxed);
}

#endif
