/* SPDX-License-Identifier: MIT */
/*
 * What happened: each grant and refusal, each volume and silo that comes and goes.
 *
 * An event goes to the log, as one structured line (fields of the journal where the service's standard error is the
 * journal; JSON where audit_json is set), and to everybody who watches (`linfsp events`). The log takes a bounded
 * number of lines from each silo in a minute, so that no container fills the disk; those who watch get all, as fast as
 * they read.
 */
#ifndef LINFSP_SERVICE_EVENT_H
#define LINFSP_SERVICE_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct connection;
struct service;
struct silo;
struct volume;

#define EVENT_LINES_PER_MINUTE 120 /* of one silo, in the log */

enum event_kind {
    EVENT_SILO_READY,
    EVENT_SILO_FAILED, /* it goes without LinFsp, or a rule switches LinFsp off for it */
    EVENT_SILO_ENDED,
    EVENT_CLAIM, /* of a prefix */
    EVENT_OPEN, /* of a network volume, for the first time, in a silo */
    EVENT_MOUNT,
    EVENT_END, /* of a volume */
    EVENT_HELD, /* a volume whose server died waits for another one (hold.h) */
    EVENT_TAKEN_OVER, /* another server serves a held volume */
    EVENT_RELOAD, /* of the configuration */
    EVENT_CATCHER, /* linfspd-catcher had to be started again */
};

struct event {
    enum event_kind kind;
    bool refused;
    const struct silo *silo; /* in which it happened */
    const struct volume *volume; /* NULL: none is concerned, or there is none yet */
    uid_t uid; /* who asked, as the host counts; -1: nobody did */
    pid_t pid; /* 0: nobody's */
    const char *prefix; /* canonical; NULL: the volume's */
    const char *text; /* why, for a person; names the rule that decided */
};

/* How much of a silo's is in the log already. */
struct event_budget {
    uint64_t minute; /* since boot */
    unsigned lines, left_out;
};

void event_tell(struct service *service, const struct event *event);
/* Sends each event from now on to this connection: all to the host's root, a silo's own to others. */
void event_watch(struct connection *connection, uint32_t serial);

#endif
