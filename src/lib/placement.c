/* SPDX-License-Identifier: MIT */
#include "lib/placement.h"

#include <string.h>

/* Requests a second from which on it is worth while; below the second it ends. */
#define FAST 4000
#define SLOW 2000

#define TRY_NS INT64_C(1500000)
#define TICK_NS INT64_C(5000000)
#define HOLD_LEAST_NS INT64_C(50000000)
#define HOLD_MOST_NS INT64_C(2000000000)
#define SINGLE_CPUS_MAX 4 /* tried for one reader */

static void add(struct fsp_placement *placement, unsigned readers, int cpu) {
    placement->arrangements[placement->n_arrangements++] = (struct fsp_arrangement){readers, cpu};
}

/* Several readers on several CPUs also move their callers about: what is tried last finds these where they then are. */
void fsp_placement_init(struct fsp_placement *placement, unsigned channels, unsigned cpus) {
    unsigned all = cpus < channels ? cpus : channels;
    memset(placement, 0, sizeof *placement);
    add(placement, 1, FSP_ANY_CPU);
    if (all > 1) {
        add(placement, all, FSP_ANY_CPU);
        add(placement, all, FSP_A_CPU_EACH);
    }
    placement->n_several = placement->n_arrangements;
    for (unsigned i = 0; cpus > 1 && i < cpus && i < SINGLE_CPUS_MAX; i++)
        add(placement, 1, (int)i);
}

static void keep(struct fsp_placement *placement, unsigned winner, int64_t now) {
    placement->current = placement->kept = winner;
    placement->state = FSP_PLACEMENT_KEEPS;
    placement->until = now + placement->hold;
    placement->fresh = true;
}

/* The one kept stays unless another is clearly better. */
static unsigned find_winner(const struct fsp_placement *placement, unsigned from) {
    unsigned best = placement->kept;
    for (unsigned i = from; i < placement->n_arrangements; i++) {
        uint64_t needed = best == placement->kept ? placement->rates[best] * 11 / 10 : placement->rates[best];
        if (placement->rates[i] > needed)
            best = i;
    }
    return best;
}

static void try_all(struct fsp_placement *placement, int64_t now);

static void choose(struct fsp_placement *placement, int64_t now) {
    bool followed = placement->state == FSP_PLACEMENT_FOLLOWS;
    unsigned winner = find_winner(placement, followed ? placement->n_several : 0);
    if (followed && placement->rates[winner] < placement->lost / 2) {
        try_all(placement, now);
        return;
    }
    if (!followed)
        placement->hold = winner == placement->kept && placement->hold > 0 ? placement->hold * 2 : HOLD_LEAST_NS;
    if (placement->hold > HOLD_MOST_NS)
        placement->hold = HOLD_MOST_NS;
    keep(placement, winner, now);
}

/* What is kept is known already; and for one caller several readers are no use. */
static bool is_worth_trying(const struct fsp_placement *placement, unsigned i) {
    return i != placement->kept && (placement->several || i == 0 || i >= placement->n_several);
}

/* Goes on with the first that is worth it, from there on. */
static void try_from(struct fsp_placement *placement, unsigned next, int64_t now) {
    while (next < placement->n_arrangements && !is_worth_trying(placement, next))
        next++;
    if (next < placement->n_arrangements)
        placement->current = next;
    else
        choose(placement, now);
}

static void try_all(struct fsp_placement *placement, int64_t now) {
    for (unsigned i = 0; i < placement->n_arrangements; i++)
        if (i != placement->kept)
            placement->rates[i] = 0;
    placement->state = FSP_PLACEMENT_TRIES;
    try_from(placement, 0, now);
}

/* A caller that has gone to another CPU is looked for there, before anything else is tried. */
static void follow(struct fsp_placement *placement, uint64_t rate, int64_t now) {
    placement->lost = placement->rates[placement->kept];
    placement->rates[placement->kept] = rate;
    placement->state = FSP_PLACEMENT_FOLLOWS;
    try_from(placement, placement->n_several, now);
}

/* Under the one that is kept. */
static void watch(struct fsp_placement *placement, uint64_t rate, bool callers_changed, int64_t now) {
    uint64_t *known = &placement->rates[placement->kept];
    bool fell = rate < *known / 2 || callers_changed;
    placement->fresh = false;
    if (fell && !callers_changed && placement->arrangements[placement->kept].cpu >= 0) {
        follow(placement, rate, now);
    } else if (fell || now >= placement->until) {
        if (fell)
            placement->hold = HOLD_LEAST_NS / 2;
        *known = rate;
        try_all(placement, now);
    } else {
        *known = (*known * 3 + rate) / 4;
    }
}

bool fsp_placement_tick(struct fsp_placement *placement, uint64_t requests, bool several, int64_t elapsed,
                        int64_t now) {
    uint64_t rate = elapsed > 0 ? requests * 1000000000 / (uint64_t)elapsed : 0;
    bool idle = placement->state == FSP_PLACEMENT_RESTS, changed = several != placement->several;
    placement->several = several;
    if (placement->n_arrangements < 2)
        return false;
    if ((idle && rate < FAST) || (placement->state == FSP_PLACEMENT_KEEPS && rate < SLOW)) {
        placement->current = placement->kept = 0;
        placement->hold = 0;
        placement->state = FSP_PLACEMENT_RESTS;
        return false;
    }
    if (idle) {
        placement->rates[0] = rate;
        try_all(placement, now);
    } else if (placement->state == FSP_PLACEMENT_KEEPS) {
        watch(placement, rate, changed, now);
    } else if (changed) {
        placement->rates[placement->kept] = 0;
        try_all(placement, now);
    } else {
        placement->rates[placement->current] = rate;
        try_from(placement, placement->current + 1, now);
    }
    return true;
}

int64_t fsp_placement_pause(const struct fsp_placement *placement) {
    bool brief =
        placement->state == FSP_PLACEMENT_TRIES || placement->state == FSP_PLACEMENT_FOLLOWS || placement->fresh;
    return brief ? TRY_NS : TICK_NS;
}
