/* SPDX-License-Identifier: MIT */
/*
 * Lanes: jobs of one lane wait only for each other.
 *
 * A silo has a lane, and on the host each user has one, so that nobody is held up by another's files. Some jobs have
 * lanes beside that one, because those before them may hang.
 */
#ifndef LINFSP_SERVICE_LANE_H
#define LINFSP_SERVICE_LANE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum lane_kind {
    LANE_MOUNTS, /* what is asked for: mounts, shares, backing files; and all that is done to a silo itself */
    LANE_UNMOUNTS, /* not refused because workers were lost: its submitter waits longer and longer instead */
    LANE_DISCARDS, /* messages that were refused */
    LANE_DESCRIPTIONS,
    LANE_FOLDERS, /* the silo's folder and sockets */
    LANE_ANCHORS, /* its processes, none of which is entered; not refused either */
    LANE_WATCHDOG, /* of the service, for no silo */
};

struct lane {
    uint64_t silo; /* its number */
    uid_t user; /* of the host; 0 for other silos */
    enum lane_kind kind;
};

static inline bool lane_equal(const struct lane *a, const struct lane *b) {
    return a->silo == b->silo && a->user == b->user && a->kind == b->kind;
}

#endif
