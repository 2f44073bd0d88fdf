/* SPDX-License-Identifier: MIT */
/*
 * A client's connection: one request at a time, read only when the one before is answered, so that a client can queue
 * up nothing but its own socket. Bounded per silo in number; one that says nothing and is no volume's life line is
 * closed after a while; one that sends what is no message is closed at once. A client that does not read its replies is
 * asked for nothing more until it does: the one reply that its socket has no room for is kept here.
 */
#include "service/connection.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "service/lane.h"
#include "service/permission.h"
#include "service/policy.h"
#include "service/reaper.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/list.h"
#include "util/log.h"
#include "util/plural.h"
#include "util/process.h"
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
    struct volume *other = connection->waits_for ? volume_find(service, connection->waits_for) : NULL;
    if (other && other->waiter == connection)
        other->waiter = NULL;
    if (service->stopper == connection)
        service->stopper = NULL;
    service->watchers -= connection->watches;
    service->hooks.launcher_closed(connection);
    if (connection->waits_for_turn)
        list_remove(&connection->lister);
    list_remove(&connection->node);
    HASH_DELETE(hash, service->connections, connection);
    silo->connections--;
    sd_event_source_disable_unref(connection->io);
    sd_event_source_disable_unref(connection->idle);
    (void)shutdown(connection->fd, SHUT_RDWR); /* the reaper may be held up: the client is not to wait for it */
    reaper_close(service->reaper, steal_fd(&connection->fd));
    free(connection->pending);
    free(connection);
    if (volume)
        service->hooks.life_line_closed(volume);
}

/* There is one reply for each request, and no request is taken while one is kept: a second that has to be kept is an
 * event for a client that has stopped reading. */
static int keep(struct connection *connection, const struct wire_header *message) {
    if (connection->pending)
        return -EAGAIN;
    connection->pending = malloc(message->size);
    if (!connection->pending)
        return -ENOMEM;
    memcpy(connection->pending, message, message->size);
    return watch(connection, EPOLLOUT);
}

int connection_send(struct connection *connection, const void *message, const int *fds, size_t n_fds) {
    int r = connection->pending ? -EAGAIN : wire_send(connection->fd, message, fds, n_fds);
    if (r == -EAGAIN && connection->listing)
        return r; /* the list goes on when there is room */
    if (r == -EAGAIN && n_fds == 0)
        r = keep(connection, message);
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
    (void)watch(connection, connection->pending ? EPOLLOUT : EPOLLIN);
    restart_idle(connection);
}

/* Sends what was kept, if the client has made room for it. */
static void send_pending(struct connection *connection, uint32_t events) {
    int r = events & (EPOLLHUP | EPOLLERR) ? -EPIPE : wire_send(connection->fd, connection->pending, NULL, 0);
    if (r == -EAGAIN)
        return;
    if (r < 0) {
        connection_free(connection);
        return;
    }
    free(steal_pointer(connection->pending));
    (void)watch(connection, connection->listing ? EPOLLOUT : connection->busy ? 0 : EPOLLIN);
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
    struct connection *connection = userdata;
    if (!connection->volume && !connection->busy)
        connection_free(connection);
    return 0;
}

/* Looks at the next message without taking it out of the queue: descriptors that come with it must not come to us
 * (reaper.h). Same results as wire_receive. */
static int peek(int fd, union wire_message *message, bool *ret_carries_fds, const char **ret_why) {
    struct iovec part = {message, sizeof *message};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t size = recvmsg(fd, &packet, MSG_PEEK | MSG_DONTWAIT);
    if (size < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    *ret_carries_fds = packet.msg_flags & MSG_CTRUNC;
    if (size == 0)
        return 0;
    if (packet.msg_flags & MSG_TRUNC) {
        *ret_why = "it is too long";
        return -EBADMSG;
    }
    int r = wire_check(message, (size_t)size, ret_why);
    return r < 0 ? r : 1;
}

static void on_discarded(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct connection *connection = connection_find(context, key);
    if (!connection)
        return;
    if (result->unanswered)
        connection_untaken(connection);
    connection_ready(connection);
}

void connection_untaken(struct connection *connection) {
    connection->untaken = connection->carries_fds;
}

void connection_discard(struct connection *connection) {
    struct job job = {.type = JOB_DISCARD};
    connection_wait(connection, connection->serial);
    if (workers_submit(connection->silo->service->workers, &job, &connection->fd, 1,
                       silo_lane(connection->silo, connection->peer.uid, LANE_DISCARDS), on_discarded,
                       connection->silo->service, connection->id) < 0)
        connection_free(connection);
}

/* A request of a later LinFsp's. What comes with it is for a worker to close. */
static void refuse_unknown(struct connection *connection, uint32_t serial, bool carries_fds) {
    struct service *service = connection->silo->service;
    uint64_t id = connection->id;
    connection->carries_fds = carries_fds;
    connection->serial = serial;
    if (connection_error(connection, serial, -EOPNOTSUPP,
                         "the LinFsp service of the host is older than this program and does not know this request: "
                         "upgrade LinFsp there") < 0)
        return;
    connection = connection_find(service, id);
    if (connection && carries_fds)
        connection_discard(connection);
    else if (connection)
        restart_idle(connection);
}

static void read_one(struct connection *connection) {
    static union wire_message message;
    bool carries_fds = false;
    const char *why = NULL;
    int r = peek(connection->fd, &message, &carries_fds, &why);
    if (r == -EAGAIN)
        return;
    bool again = r > 0 && connection->untaken && message.header.serial == connection->serial;
    connection->untaken = false;
    if (again) {
        connection_discard(connection);
        return;
    }
    if ((r > 0 || r == -EOPNOTSUPP) && !carries_fds &&
        recv(connection->fd, &(char){0}, 1, MSG_DONTWAIT | MSG_TRUNC) < 0)
        return;
    if (r == -EBADMSG || r == -EPROTO) {
        log_debug("a client (pid %d) sent no message of ours: %s", connection->peer.pid, why ? why : "malformed");
        if (connection_error(connection, 0, r,
                             "the message is not understood (%s): is this program of another version "
                             "than the service?",
                             why ? why : "malformed") >= 0)
            connection_free(connection);
        return;
    }
    if (r == -EOPNOTSUPP) {
        refuse_unknown(connection, message.header.serial, carries_fds);
        return;
    }
    if (r <= 0) {
        connection_free(connection);
        return;
    }
    struct service *service = connection->silo->service;
    uint64_t id = connection->id;
    connection->carries_fds = carries_fds;
    service->hooks.message(connection, &message);
    connection = connection_find(service, id); /* it may have been closed */
    if (connection && !connection->busy && connection->carries_fds) {
        connection_discard(connection); /* the message was refused: no worker takes it out of the queue */
        connection = connection_find(service, id);
    }
    if (connection)
        restart_idle(connection);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct connection *connection = userdata;
    if (connection->pending) {
        send_pending(connection, events);
    } else if (connection->listing) {
        if (events & (EPOLLHUP | EPOLLERR))
            connection_free(connection);
        else
            connection->silo->service->hooks.room(connection);
    } else if (connection->busy && (events & (EPOLLHUP | EPOLLERR))) {
        connection_free(connection);
    } else if (!connection->busy) {
        read_one(connection);
    }
    return 0;
}

static int set_up(struct connection *connection) {
    sd_event *event = connection->silo->service->event;
    int r = sd_event_add_io(event, &connection->io, connection->fd, EPOLLIN, on_connection, connection);
    if (r < 0)
        return r;
    return sd_event_add_time_relative(event, &connection->idle, CLOCK_MONOTONIC, IDLE_USEC, 1000000, on_idle,
                                      connection);
}

/* There is no room for this client: it is told so, as far as its socket takes it. */
static void turn_away(const struct silo *silo, int fd) {
    struct wire_error reply;
    char text[WIRE_TEXT_MAX], place[PERMISSION_PLACE_MAX];
    wire_begin(&reply, WIRE_ERROR, 0);
    reply.error = EMFILE;
    snprintf(text, sizeof text, "%s has %u %s (%s)", policy_limited(silo), permission_max_connections(silo),
             plural(permission_max_connections(silo), "connection to the service, and may have no more",
                    "connections to the service, and may have no more"),
             permission_limit_place(silo, LIMIT_CONNECTIONS, place));
    WIRE_SET(reply.message, text);
    (void)wire_send(fd, &reply, NULL, 0);
}

/* Out of descriptors: one is kept for this, so that the client is told by the end of its connection and does not wake
 * us for ever. */
static void drop_client(struct silo *silo, bool network) {
    static uint64_t last_said; /* 0: never */
    struct service *service = silo->service;
    uint64_t now = (uint64_t)clock_ns();
    if (!last_said || now - last_said > 60000000000u) {
        log_error("out of descriptors (RLIMIT_NOFILE): clients are turned away");
        last_said = now;
    }
    close_fd(&service->reserve);
    int fd = accept4(silo->sockets[network], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        reaper_close(service->reaper, fd);
    service->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void connection_accept(struct silo *silo, bool network) {
    _cleanup_close_ int fd = accept4(silo->sockets[network], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
        drop_client(silo, network);
        return;
    }
    if (fd < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            log_error("cannot accept a client: %s", strerror(errno));
        return;
    }
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || policy_connections_full(silo, peer.uid)) {
        turn_away(silo, fd);
        reaper_close(silo->service->reaper, steal_fd(&fd)); /* it may have sent something already */
        return;
    }
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        reaper_close(silo->service->reaper, steal_fd(&fd));
        return;
    }
    connection->silo = silo;
    connection->network = network;
    connection->peer = peer;
    connection->id = ++silo->service->next_connection;
    HASH_ADD(hash, silo->service->connections, id, sizeof connection->id, connection);
    if (!hash_has(hash, connection)) {
        free(connection);
        reaper_close(silo->service->reaper, steal_fd(&fd));
        return;
    }
    connection->fd = steal_fd(&fd);
    list_append(&silo->connection_list, &connection->node);
    silo->connections++;
    if (set_up(connection) < 0)
        connection_free(connection);
}
