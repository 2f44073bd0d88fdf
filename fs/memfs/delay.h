/* SPDX-License-Identifier: MIT */
/*
 * Slow I/O (-M, -P, -R): reads, writes and listings that take their time.
 *
 * Model. Each takes a random time of at most the maximum, halved a random number of times, at most `rarefy`: a high
 * rarefy makes long delays rare. `percent` of them are pending: the request is put away and a thread of the delay's own
 * carries it out when its time has come, while the server goes on with others. The rest hold up the thread that serves
 * them.
 */
#ifndef MEMFS_DELAY_H
#define MEMFS_DELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "linfsp/linfsp.h"

struct delay;

/* An operation put away, with what it needs. */
struct delayed {
    int (*run)(const struct delayed *io); /* answers, or returns a negative errno to answer */
    linfsp_request *request;
    uint64_t inode;
    struct linfsp_file file;
    size_t size;
    off_t offset;
    bool plus;
};

/* NULL without memory. maximum in ms. */
struct delay *delay_new(uint32_t maximum, uint32_t percent, uint32_t rarefy);
/* Runs io after a while, or puts a copy of it away and returns 0. delay may be NULL: at once. */
int delay(struct delay *delay, const struct delayed *io);
/* Carries out at once what was put away. None may come any more. Takes NULL. */
void delay_finish(struct delay *delay);
/* After delay_finish. Takes NULL. */
void delay_free(struct delay *delay);

#endif
