/* SPDX-License-Identifier: MIT */
/*
 * Patience: when a worker that does not answer is given up.
 *
 * A worker that waits for a container's file system is given up after PATIENCE_USEC. Time in which the worker wants to
 * run and gets no CPU does not count: then the host is busy, and no container is to blame. The kernel tells that time
 * (/proc/PID/schedstat). A worker that uses CPU time without an end is given up as well: that counts like waiting.
 * PATIENCE_LIMIT_USEC bounds all of it.
 *
 * A job is looked at every PATIENCE_LOOK_USEC. If the service itself did not run meanwhile, at most two of these steps
 * count.
 */
#ifndef LINFSP_SERVICE_PATIENCE_H
#define LINFSP_SERVICE_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/process.h"

#define PATIENCE_LOOK_USEC (1000000ull)
#define PATIENCE_USEC (5 * 1000000ull)
#define PATIENCE_LIMIT_USEC (60 * 1000000ull)

struct patience {
    uint64_t begin, last; /* us: of the job, and of the last look at it */
    uint64_t counted; /* us */
    struct process_schedule before; /* at the last look; state 0: there was none */
};

void patience_begin(struct patience *patience, uint64_t now);
/* A look at the worker. schedule: what the kernel tells of it; NULL: nothing. Returns whether the worker is to be given
 * up. */
bool patience_is_over(struct patience *patience, uint64_t now, const struct process_schedule *schedule);

#endif
