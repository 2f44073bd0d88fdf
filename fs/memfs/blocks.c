/* SPDX-License-Identifier: MIT */
#include "blocks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "lock.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define POOLS 4
#define REGION_BYTES (UINT64_C(64) << 20)

struct spare {
    char *block;
    uint64_t touched;
};

struct pool {
    struct lock lock;
    struct spare *spares; /* those with touched pages are last, so taken first */
    size_t count, capacity;
    uint64_t kept; /* touched pages in spares */
    char *region, *region_end; /* never yet given out */
} __attribute__((aligned(64)));

static struct pool pools[POOLS];

static struct pool *own_pool(void) {
    static _Atomic unsigned threads;
    static _Thread_local unsigned mine;
    if (mine == 0)
        mine = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % POOLS;
    return &pools[mine - 1];
}

/* The next block of the pool's region, or of a new one. */
static char *carve(struct pool *pool) {
    if (pool->region == pool->region_end) {
        char *all = mmap(NULL, REGION_BYTES + BLOCK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED)
            return NULL;
        char *start = (char *)(((uintptr_t)all + BLOCK_BYTES - 1) & ~(uintptr_t)(BLOCK_BYTES - 1));
        if (start > all)
            munmap(all, (size_t)(start - all));
        size_t behind = (size_t)(all + BLOCK_BYTES - start);
        if (behind > 0)
            munmap(start + REGION_BYTES, behind);
        pool->region = start;
        pool->region_end = start + REGION_BYTES;
    }
    char *block = pool->region;
    pool->region += BLOCK_BYTES;
    return block;
}

char *blocks_get(uint64_t *ret_touched) {
    struct pool *pool = own_pool();
    struct spare spare = {NULL, 0};
    lock_exclusive(&pool->lock);
    if (pool->count > 0) {
        spare = pool->spares[--pool->count];
        pool->kept -= (uint64_t)__builtin_popcountll(spare.touched);
    } else {
        spare.block = carve(pool);
    }
    unlock_exclusive(&pool->lock);
    if (spare.block)
        *ret_touched = spare.touched;
    return spare.block;
}

static int reserve_spare(struct pool *pool) {
    if (pool->count < pool->capacity)
        return 0;
    size_t capacity = pool->capacity ? 2 * pool->capacity : 64;
    struct spare *spares = realloc(pool->spares, capacity * sizeof *spares);
    if (!spares)
        return -1;
    pool->spares = spares;
    pool->capacity = capacity;
    return 0;
}

/* Whether that many touched pages may stay; counts them if so. */
static bool keep(struct pool *pool, uint64_t pages) {
    if (pool->kept + pages > BLOCKS_KEPT)
        return false;
    pool->kept += pages;
    return true;
}

void blocks_put(char *block, uint64_t touched) {
    struct pool *pool = own_pool();
    lock_exclusive(&pool->lock);
    bool kept = keep(pool, (uint64_t)__builtin_popcountll(touched));
    unlock_exclusive(&pool->lock);
    if (!kept) {
        madvise(block, BLOCK_BYTES, MADV_DONTNEED);
        touched = 0;
    }
    lock_exclusive(&pool->lock);
    bool stored = reserve_spare(pool) == 0;
    if (stored) {
        pool->spares[pool->count++] = (struct spare){block, touched};
        if (touched == 0) { /* to the front */
            struct spare first = pool->spares[0];
            pool->spares[0] = pool->spares[pool->count - 1];
            pool->spares[pool->count - 1] = first;
        }
    } else {
        pool->kept -= (uint64_t)__builtin_popcountll(touched);
    }
    unlock_exclusive(&pool->lock);
    if (!stored)
        munmap(block, BLOCK_BYTES);
}

int blocks_populate(char *block, unsigned first, unsigned last) {
    int r = madvise(block + first * PAGE_BYTES, (last - first + 1) * PAGE_BYTES, MADV_POPULATE_WRITE);
    return r < 0 && errno == ENOMEM ? -ENOMEM : 0; /* a kernel before 5.14 touches them later */
}

void blocks_discard(char *block, uint64_t pages) {
    while (pages) {
        unsigned first = (unsigned)__builtin_ctzll(pages);
        uint64_t rest = ~(pages >> first);
        unsigned count = rest ? (unsigned)__builtin_ctzll(rest) : BLOCK_PAGES;
        madvise(block + first * PAGE_BYTES, count * PAGE_BYTES, MADV_DONTNEED);
        pages &= first + count >= BLOCK_PAGES ? 0 : ~UINT64_C(0) << (first + count);
    }
}
