/* SPDX-License-Identifier: MIT */
/* Volumes that outlive their servers (hold.c has the model). */
#ifndef LINFSP_SERVICE_HOLD_H
#define LINFSP_SERVICE_HOLD_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "wire/protocol.h"

struct connection;
struct volume;

/* What the service keeps of a volume. All zero: nothing. */
struct hold {
    int fds[WIRE_HELD_FDS_MAX + 1]; /* the fuse fds, then the state */
    unsigned n_fds; /* 0: the volume is not held */
    unsigned seconds; /* granted */
    struct wire_init init; /* what FUSE_INIT negotiated, as the server says */
    unsigned waited; /* of the watchdog's ticks, for another server */
    sd_event_source *timer; /* the server is dead: until when another one is waited for. NULL: there is a server */
};

/* WIRE_HOLD_VOLUME. The request's descriptors are received by a worker. */
void hold_begin(struct connection *connection, const struct wire_hold_volume *request);
/* WIRE_TAKE_OVER: makes the connection the life line of a held volume. */
void hold_take_over(struct connection *connection, const struct wire_take_over *request);
/* The volume's life line has closed. Returns true if the volume is held: it waits for another server. */
bool hold_catch(struct volume *volume);
/* The volume's own server is there again: stops waiting for another one. */
void hold_resume(struct volume *volume);
/* Whether the volume waits for another server. */
bool hold_is_waiting(const struct volume *volume);
/* Gives all up that is kept of the volume. Takes one that is not held. */
void hold_release(struct volume *volume);

#endif
