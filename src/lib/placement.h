/* SPDX-License-Identifier: MIT */
/*
 * How many readers fetch requests, and on which CPUs: found by trying.
 *
 * Model. What a request costs is mostly whom it wakes where. A reader on its caller's core answers in a few
 * microseconds; one on another core, which sleeps, takes ten times that, and whichever of the two it is stays so for as
 * long as it is left alone. Nobody tells a server where its callers are. So while requests come fast, each of a few
 * arrangements is in force for a moment, and the one under which most requests came is kept: until the rate falls, or
 * for a while that grows with each time that it wins again. Callers who ask seldom lose little, and no reader is tied
 * to a CPU for them.
 */
#ifndef LINFSP_LIB_PLACEMENT_H
#define LINFSP_LIB_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#define FSP_ARRANGEMENTS_MAX 8

enum {
    FSP_ANY_CPU = -1,
    FSP_A_CPU_EACH = -2,
};

struct fsp_arrangement {
    unsigned readers;
    int cpu; /* FSP_*, or one: the so-manieth of those that the process may use */
};

enum fsp_placement_state {
    FSP_PLACEMENT_RESTS, /* requests come seldom */
    FSP_PLACEMENT_TRIES,
    FSP_PLACEMENT_FOLLOWS, /* tries other CPUs for its one reader */
    FSP_PLACEMENT_KEEPS,
};

struct fsp_placement {
    struct fsp_arrangement arrangements[FSP_ARRANGEMENTS_MAX]; /* the first is that of all who ask seldom */
    uint64_t rates[FSP_ARRANGEMENTS_MAX]; /* requests a second, when last tried */
    unsigned n_arrangements, n_several; /* those behind n_several: one reader on one CPU */
    enum fsp_placement_state state;
    unsigned current; /* in force */
    unsigned kept; /* the one that won last */
    bool fresh; /* kept for less than a tick: what was tried after it may have changed what it is good for */
    bool several; /* callers */
    uint64_t lost; /* the rate before it fell */
    int64_t hold, until; /* ns */
};

void fsp_placement_init(struct fsp_placement *placement, unsigned channels, unsigned cpus);
/* What came in the time since the last tick, under the arrangement in force; several: of more than one caller, as far
 * as one can tell. False: too little to choose by; the first arrangement is then in force. */
bool fsp_placement_tick(struct fsp_placement *placement, uint64_t requests, bool several, int64_t elapsed, int64_t now);
/* How long until the next tick is due (ns). */
int64_t fsp_placement_pause(const struct fsp_placement *placement);

static inline struct fsp_arrangement fsp_placement_current(const struct fsp_placement *placement) {
    return placement->arrangements[placement->current];
}

#endif
