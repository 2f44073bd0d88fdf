/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: one request at a time, read only when the one before is answered, so that a client can queue up nothing but its
 * own socket. Bounded per silo in number; one that says nothing and is no volume's life line is closed after a while; one that does not
 * read its replies, or sends what is no message, is closed at once.
 */
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "service/service.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/codec.h"

#define IDLE_USEC (10 * 1000000ull)

static int watch(struct connection *connection, uint32_t events) {
    return sd_event_source_set_io_events(connection->io, events);
}

void connection_free(struct connection *connection) {
    if (!connection)
        return;
    struct silo *silo = connection->silo;
    struct service *service = silo->service;
    struct volume *volume = connection->volume ? volume_find(service, connection->volume) : NULL;
    struct volume *other, *next;
    HASH_ITER(hash, service->volumes, other, next) if (other->waiter == connection) other->waiter = NULL;
    if (service->stopper == connection)
        service->stopper = NULL;
    list_remove(&connection->node);
    silo->connections--;
    sd_event_source_disable_unref(connection->io);
    sd_event_source_disable_unref(connection->idle);
    close_fd(&connection->fd);
    free(connection);
    if (volume)
        volume_lost_connection(volume);
}

int connection_send(struct connection *connection, const void *message, const int *fds, size_t n_fds) {
    int r = wire_send(connection->fd, message, fds, n_fds);
    if (r == -EAGAIN && connection->listing)
        return r; /* the list goes on when there is room */
    if (r < 0) {
        log_debug("a client (pid %d) does not take its reply: %s", connection->peer.pid, strerror(-r));
        connection_free(connection);
    }
    return r;
}

int connection_error(struct connection *connection, uint32_t serial, int error, const char *format, ...) {
    struct wire_error reply;
    char text[WIRE_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    wire_begin(&reply, WIRE_ERROR, serial);
    reply.error = -error;
    WIRE_SET(reply.message, text);
    return connection_send(connection, &reply, NULL, 0);
}

int connection_done(struct connection *connection, uint32_t serial) {
    struct wire_plain reply;
    wire_begin(&reply, WIRE_DONE, serial);
    return connection_send(connection, &reply, NULL, 0);
}

void connection_wait(struct connection *connection, uint32_t serial) {
    connection->busy = true;
    connection->serial = serial;
    (void)watch(connection, 0); /* a hang-up is told in any case */
}

static void restart_idle(struct connection *connection) {
    if (connection->volume || connection->busy) {
        (void)sd_event_source_set_enabled(connection->idle, SD_EVENT_OFF);
        return;
    }
    (void)sd_event_source_set_time_relative(connection->idle, IDLE_USEC);
    (void)sd_event_source_set_enabled(connection->idle, SD_EVENT_ONESHOT);
}

void connection_ready(struct connection *connection) {
    connection->busy = false;
    (void)watch(connection, EPOLLIN);
    restart_idle(connection);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
    struct connection *connection = userdata;
    if (!connection->volume && !connection->busy)
        connection_free(connection);
    return 0;
}

static void read_one(struct connection *connection) {
    static union wire_message message;
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    const char *why = NULL;
    int r = wire_receive(connection->fd, &message, fds, &n_fds, &why);
    if (r == -EAGAIN)
        return;
    if (r == -EBADMSG || r == -EPROTO) {
        log_debug("a client (pid %d) sent no message of ours: %s", connection->peer.pid, why ? why : "malformed");
        if (connection_error(connection, 0, r, "the message is not understood (%s): is this program of another version "
                                               "than the service?", why ? why : "malformed") >= 0)
            connection_free(connection);
        return;
    }
    if (r <= 0) {
        connection_free(connection);
        return;
    }
    struct silo *silo = connection->silo;
    request_handle(connection, &message, fds, n_fds);
    for (size_t i = 0; i < n_fds; i++)
        close_fd(&fds[i]);
    struct connection *still;
    list_for_each(still, &silo->connection_list, node) if (still == connection) {
        restart_idle(connection);
        return;
    }
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct connection *connection = userdata;
    if (connection->listing) {
        if (events & (EPOLLHUP | EPOLLERR))
            connection_free(connection);
        else
            request_continue_list(connection);
    } else if (connection->busy && (events & (EPOLLHUP | EPOLLERR))) {
        connection_free(connection);
    } else if (!connection->busy) {
        read_one(connection);
    }
    return 0;
}

static int set_up(struct connection *connection) {
    sd_event *event = connection->silo->service->event;
    socklen_t size = sizeof connection->peer;
    if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &connection->peer, &size) < 0)
        return -errno;
    int r = sd_event_add_io(event, &connection->io, connection->fd, EPOLLIN, on_connection, connection);
    if (r < 0)
        return r;
    return sd_event_add_time_relative(event, &connection->idle, CLOCK_MONOTONIC, IDLE_USEC, 1000000, on_idle,
                                      connection);
}

/* There is no room for this client: it is told so, as far as its socket takes it. */
static void turn_away(int fd, unsigned limit) {
    struct wire_error reply;
    char text[WIRE_TEXT_MAX];
    wire_begin(&reply, WIRE_ERROR, 0);
    reply.error = EMFILE;
    snprintf(text, sizeof text, "this container has %u connections to the service, and may have no more", limit);
    WIRE_SET(reply.message, text);
    (void)wire_send(fd, &reply, NULL, 0);
}

void connection_accept(struct silo *silo, bool network) {
    _cleanup_close_ int fd = accept4(silo->sockets[network], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            log_error("cannot accept a client: %s", strerror(errno));
        return;
    }
    unsigned limit = silo->service->limits.connections_per_silo;
    if (silo->connections >= limit) {
        turn_away(fd, limit);
        return;
    }
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return;
    connection->silo = silo;
    connection->network = network;
    connection->fd = steal_fd(&fd);
    list_append(&silo->connection_list, &connection->node);
    silo->connections++;
    if (set_up(connection) < 0)
        connection_free(connection);
}
