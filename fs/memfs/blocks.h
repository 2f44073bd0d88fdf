/* SPDX-License-Identifier: MIT */
/*
 * Memory for file contents, in blocks of 256 KiB of address space.
 *
 * Model. A block costs memory only where its pages have been touched. Blocks that come back keep their touched pages
 * for the next taker as long as the pool holds no more than BLOCKS_KEPT of such pages, for touching fresh ones is what
 * costs the time; beyond that the pages are given back to the kernel and only the address space is kept. Several pools
 * side by side keep threads apart.
 */
#ifndef MEMFS_BLOCKS_H
#define MEMFS_BLOCKS_H

#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_BYTES (UINT64_C(1) << PAGE_SHIFT)
#define BLOCK_SHIFT 18
#define BLOCK_BYTES (UINT64_C(1) << BLOCK_SHIFT)
#define BLOCK_PAGES 64
#define BLOCKS_KEPT 2048 /* pages a pool: 8 MiB */

/* A block of unspecified contents, aligned to its size; NULL without memory. ret_touched: bit i is set where page i may
 * hold old bytes; the others are zero. */
char *blocks_get(uint64_t *ret_touched);
void blocks_put(char *block, uint64_t touched);
/* Makes pages first to last of a block, none of them touched, ready to be written, in one go: faster than one by one as
 * they are touched. -ENOMEM: there is no memory. */
int blocks_populate(char *block, unsigned first, unsigned last);
/* Gives the pages of a block in the set back to the kernel: they read as zero. */
void blocks_discard(char *block, uint64_t pages);

#endif
