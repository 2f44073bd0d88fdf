/* SPDX-License-Identifier: MIT */
/* One client of a silo: messages in, replies out (connection.c has the model). */
#ifndef LINFSP_SERVICE_CONNECTION_H
#define LINFSP_SERVICE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

#include "util/hash.h"
#include "util/list.h"

struct silo;
union wire_message;

struct connection {
    struct list_node node; /* of its silo */
    UT_hash_handle hash; /* of all, by id */
    struct silo *silo;
    bool network; /* came over `net` */
    bool busy; /* an answer is under way: nothing more is read */
    bool closing_backing; /* the backing job under way is one that drops */
    bool carries_fds; /* the message at hand is in the queue still, with descriptors: for a worker to receive */
    uint64_t id;
    int fd;
    sd_event_source *io, *idle;
    struct ucred peer;
    uint64_t volume; /* whose life line this is; 0: none */
    uint64_t prepares; /* the silo that it waits for to be set up; 0: none */
    uint64_t waits_for; /* the volume whose end it asked for; 0: none */
    uint32_t serial; /* of the request under way */
    bool untaken; /* that request may be at the head of the queue still: no worker said that it took it out */
    uint16_t listing; /* WIRE_LIST_...: a list is being sent */
    bool waits_for_turn;
    struct list_node lister; /* of its silo: waits_for_turn */
    uint64_t cursor;
    bool watches; /* it gets events (event.h) */
    unsigned events_lost;
    char *classes; /* a launcher's (launch.h): a name a line; NULL: it is none */
    union wire_message *pending; /* a reply that the client's socket has no room for yet; NULL: none */
};

void connection_accept(struct silo *silo, bool network);
void connection_free(struct connection *connection);
/* Sends a reply or an event. Where the client's socket is full, one without descriptors is kept until there is room,
 * and nothing more is read from the client meanwhile. Closes the connection where it fails: do not use it when this
 * returns a negative errno. */
int connection_send(struct connection *connection, const void *message, const int *fds, size_t n_fds);
int connection_error(struct connection *connection, uint32_t serial, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int connection_done(struct connection *connection, uint32_t serial);
/* The answer is under way: read nothing until connection_ready. */
void connection_wait(struct connection *connection, uint32_t serial);
void connection_ready(struct connection *connection);

/* The worker that was to take the request out of the queue gave no answer: the request was refused, and is not to be
 * done a second time. Before connection_ready. */
void connection_untaken(struct connection *connection);
/* Has a worker take the message at hand out of the queue. */
void connection_discard(struct connection *connection);

#endif
