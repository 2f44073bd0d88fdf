/* SPDX-License-Identifier: MIT */
/* The time. */
#ifndef LINFSP_UTIL_CLOCK_H
#define LINFSP_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

/* What a clock says, in nanoseconds; of CLOCK_REALTIME since 1970. A process's or thread's clock that is gone says 0.
 */
static inline int64_t clock_read(clockid_t clock) {
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Nanoseconds by the clock that only goes forward. */
static inline int64_t clock_ns(void) {
    return clock_read(CLOCK_MONOTONIC);
}

/* The same in milliseconds. */
static inline int64_t clock_ms(void) {
    return clock_ns() / 1000000;
}

/* Nanoseconds since 1970, as administrators set the clock. */
static inline uint64_t clock_realtime_ns(void) {
    return (uint64_t)clock_read(CLOCK_REALTIME);
}

#endif
