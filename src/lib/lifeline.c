/* SPDX-License-Identifier: MIT */
/*
 * The life line's messages.
 *
 * Backing files are given back without waiting for the service. A burst of them (a process with thousands of open files
 * ends) must not fill the socket, so they stand in a queue of ours, and FSP_CLOSING_MAX of them at a time are with the
 * service: each answer lets the next one go. Whoever adds to the queue sends from it where the life line is free; else
 * the watcher does. When the service dies those without an answer go back into the queue, for the next service: the
 * kernel does not use their numbers again so soon, and to drop one twice is an error that harms nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/descriptor-flags.h"
#include "lib/volume.h"
#include "util/clock.h"
#include "wire/connect.h"

#define ANSWER_TIMEOUT_MS 5000

int fsp_lifeline_init(struct fsp_lifeline *line) {
    memset(line, 0, sizeof *line);
    line->socket = -1;
    line->fuse = -1;
    line->state = -1;
    line->wanted = -1;
    line->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (line->event < 0)
        return -errno;
    pthread_mutex_init(&line->ask_lock, NULL);
    pthread_mutex_init(&line->lock, NULL);
    pthread_mutex_init(&line->closes_lock, NULL);
    return 0;
}

void fsp_lifeline_destroy(struct fsp_lifeline *line) {
    close_fd(&line->socket);
    close_fd(&line->event);
    close_fd(&line->state);
    close_fd(&line->wanted);
    pthread_mutex_destroy(&line->ask_lock);
    pthread_mutex_destroy(&line->lock);
    pthread_mutex_destroy(&line->closes_lock);
    free(line->closes);
    line->closes = NULL;
}

static void take_socket(struct fsp_lifeline *line, int socket) {
    fsp_fcntl(socket, F_SETFL, fsp_fcntl(socket, F_GETFL, 0) | O_NONBLOCK);
    line->socket = socket;
}

void fsp_lifeline_attached(struct fsp_lifeline *line, int socket, const struct wire_volume_created *created) {
    take_socket(line, socket);
    line->serial = created->header.serial;
    line->volume = created->volume;
    memcpy(line->cookie, created->cookie, sizeof line->cookie);
}

static uint32_t next_serial(struct fsp_lifeline *line) {
    if (++line->serial == 0)
        line->serial = 1;
    return line->serial;
}

/* ---- backing files that are given back ------------------------------------------------------------------------- */

static int queue_close(struct fsp_lifeline *line, int32_t backing_id) {
    int r = 0;
    pthread_mutex_lock(&line->closes_lock);
    if (line->n_closes == line->closes_capacity) {
        size_t capacity = line->closes_capacity ? 2 * line->closes_capacity : 64;
        int32_t *closes = realloc(line->closes, capacity * sizeof *closes);
        if (closes) {
            line->closes = closes;
            line->closes_capacity = capacity;
        }
    }
    if (line->n_closes < line->closes_capacity)
        line->closes[line->n_closes++] = backing_id;
    else
        r = -ENOMEM;
    pthread_mutex_unlock(&line->closes_lock);
    return r;
}

/* 0: there is none. */
static int32_t next_close(struct fsp_lifeline *line) {
    pthread_mutex_lock(&line->closes_lock);
    int32_t id = line->n_closes > 0 ? line->closes[--line->n_closes] : 0;
    pthread_mutex_unlock(&line->closes_lock);
    return id;
}

/* Whether an answer was that of such a request. */
static bool close_answered(struct fsp_lifeline *line, uint32_t serial) {
    for (unsigned i = 0; i < line->n_closing; i++)
        if (line->closing[i].serial == serial) {
            line->closing[i] = line->closing[--line->n_closing];
            return true;
        }
    return false;
}

static void take_back_closes(struct fsp_lifeline *line) {
    while (line->n_closing > 0)
        (void)queue_close(line, line->closing[--line->n_closing].backing_id);
}

static void send_closes(struct fsp_lifeline *line) {
    int32_t id;
    line->closes_wait = false;
    while (line->socket >= 0 && !line->attach_serial && !line->ended && line->n_closing < FSP_CLOSING_MAX &&
           (id = next_close(line)) > 0) {
        struct wire_close_backing request;
        wire_begin(&request, WIRE_CLOSE_BACKING, next_serial(line));
        request.volume = line->volume;
        request.backing_id = id;
        if (wire_send(line->socket, &request, &line->fuse, 1) < 0) { /* full, or too many descriptors on their way */
            (void)queue_close(line, id);
            line->closes_wait = true;
            return;
        }
        line->closing[line->n_closing].serial = request.header.serial;
        line->closing[line->n_closing++].backing_id = id;
    }
}

/* Ends what was done under the lock: what it made room for goes out. */
static void unlock(struct fsp_lifeline *line) {
    send_closes(line);
    pthread_mutex_unlock(&line->lock);
}

int fsp_lifeline_close_backing(struct fsp_lifeline *line, int32_t backing_id) {
    int r = queue_close(line, backing_id);
    if (pthread_mutex_trylock(&line->lock) == 0)
        unlock(line);
    else
        eventfd_write(line->event, 1); /* whoever holds it may have looked at the queue already */
    return r;
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

static void broken(struct fsp_lifeline *line) {
    close_fd(&line->socket);
    line->attach_serial = 0;
    take_back_closes(line);
    if (!line->unmount_answered)
        line->unmount_serial = 0; /* the next service knows nothing of it */
}

/* "unmounted": somebody asked for that. All else is against the file system's will. */
static void ended(struct fsp_lifeline *line, const char *reason) {
    if (!line->ended && strcmp(reason, "unmounted") != 0)
        memcpy(line->reason, reason, sizeof line->reason);
    line->ended = true;
}

/* A service that is new holds nothing yet. Its answer is not waited for: whatever it is, the volume goes on. */
static void hold_again(struct fsp_lifeline *line) {
    if (!line->hold.has_state)
        return;
    line->hold.header.serial = next_serial(line);
    line->hold_fds[line->hold.fds] = line->state;
    (void)wire_send(line->socket, &line->hold, line->hold_fds, line->hold.fds + 1);
}

/* A message that nobody waits for in particular. */
static void take(struct fsp_lifeline *line, const union wire_message *message) {
    uint32_t serial = message->header.serial;
    if (message->header.type == WIRE_VOLUME_ENDED) {
        if (message->volume_ended.volume == line->volume)
            ended(line, message->volume_ended.reason);
        return;
    }
    if (message->header.type == WIRE_HAND_OVER_WANTED)
        return; /* what came with it is kept */
    bool refused = message->header.type == WIRE_ERROR;
    if (close_answered(line, serial))
        return;
    if (message->header.type == WIRE_BACKING_OPENED && message->backing_opened.backing_id > 0) {
        (void)queue_close(line, message->backing_opened.backing_id); /* whoever asked for it has given up */
    } else if (serial != 0 && serial == line->attach_serial) {
        line->attach_serial = 0;
        if (refused)
            ended(line, message->error.message);
        else
            hold_again(line);
    } else if (refused && message->error.error == ESHUTDOWN) {
        return; /* a service that stops unmounts all by itself, and says so when that is done */
    } else if (serial != 0 && serial == line->unmount_serial) {
        line->unmount_answered = true;
        line->unmount_refused = refused;
    }
}

/* One message: 1, or -EAGAIN where there is none, or -ENOTCONN. What a later service says and this library does not
 * know is passed over. */
static int receive(struct fsp_lifeline *line, union wire_message *ret_message) {
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    if (line->socket < 0)
        return -ENOTCONN;
    int r;
    do
        r = wire_receive(line->socket, ret_message, fds, &n_fds, NULL);
    while (r == -EOPNOTSUPP);
    if (r > 0 && n_fds > 0 && ret_message->header.type == WIRE_VOLUME_HELD && line->state < 0)
        line->state = steal_fd(&fds[0]);
    if (r > 0 && n_fds > 0 && ret_message->header.type == WIRE_HAND_OVER_WANTED && line->wanted < 0)
        line->wanted = steal_fd(&fds[0]);
    for (size_t i = 0; r > 0 && i < n_fds; i++)
        close_fd(&fds[i]); /* no others belong here */
    if (r > 0 || r == -EAGAIN)
        return r;
    broken(line);
    return -ENOTCONN;
}

void fsp_lifeline_process(struct fsp_lifeline *line) {
    union wire_message message;
    eventfd_t value;
    eventfd_read(line->event, &value);
    if (pthread_mutex_trylock(&line->ask_lock) != 0) { /* who asks takes what arrives, and is awake for it */
        sched_yield();
        return;
    }
    pthread_mutex_lock(&line->lock);
    while (receive(line, &message) > 0)
        take(line, &message);
    unlock(line);
    pthread_mutex_unlock(&line->ask_lock);
}

void fsp_lifeline_reconnect(struct fsp_lifeline *line) {
    int socket;
    if (wire_connect(line->device, 0, &socket) < 0)
        return;
    pthread_mutex_lock(&line->lock);
    take_socket(line, socket);
    struct wire_attach_volume request;
    wire_begin(&request, WIRE_ATTACH_VOLUME, next_serial(line));
    request.volume = line->volume;
    memcpy(request.cookie, line->cookie, sizeof request.cookie);
    line->attach_serial = request.header.serial;
    if (wire_send(socket, &request, NULL, 0) < 0)
        broken(line);
    pthread_mutex_unlock(&line->lock);
}

void fsp_lifeline_unmount(struct fsp_lifeline *line) {
    struct wire_unmount request;
    pthread_mutex_lock(&line->lock);
    if (line->socket >= 0 && !line->unmount_serial && !line->ended) {
        wire_begin(&request, WIRE_UNMOUNT, next_serial(line));
        request.volume = line->volume;
        line->unmount_serial = request.header.serial;
        if (wire_send(line->socket, &request, NULL, 0) < 0)
            broken(line);
    }
    pthread_mutex_unlock(&line->lock);
}

int fsp_lifeline_wanted(struct fsp_lifeline *line) {
    pthread_mutex_lock(&line->lock);
    int socket = steal_fd(&line->wanted);
    pthread_mutex_unlock(&line->lock);
    return socket;
}

void fsp_lifeline_close(struct fsp_lifeline *line) {
    pthread_mutex_lock(&line->lock);
    broken(line);
    pthread_mutex_unlock(&line->lock);
}

/* Without the lock: nobody else waits for what this one asks. Another thread may end the life line meanwhile, so the
 * socket is looked at through a descriptor of our own. */
static void wait_for_message(struct fsp_lifeline *line, int timeout_ms) {
    struct pollfd item = {.fd = fsp_fcntl(line->socket, F_DUPFD_CLOEXEC, 3), .events = POLLIN};
    pthread_mutex_unlock(&line->lock);
    poll(&item, 1, item.fd < 0 && timeout_ms > 10 ? 10 : timeout_ms);
    close_fd(&item.fd);
    pthread_mutex_lock(&line->lock);
}

static int wait_for_answer(struct fsp_lifeline *line, uint32_t serial, union wire_message *ret_answer) {
    int64_t end = clock_ms() + ANSWER_TIMEOUT_MS;
    for (;;) {
        int r = receive(line, ret_answer);
        if (r > 0 && ret_answer->header.serial == serial)
            return 0;
        if (r > 0) {
            take(line, ret_answer);
            continue;
        }
        if (r != -EAGAIN)
            return r;
        int64_t left = end - clock_ms();
        if (left <= 0)
            return -ETIMEDOUT;
        wait_for_message(line, (int)left);
    }
}

int fsp_lifeline_ask(struct fsp_lifeline *line, void *message, const int *fds, size_t n_fds,
                     union wire_message *ret_answer) {
    struct wire_header *header = message;
    pthread_mutex_lock(&line->ask_lock);
    pthread_mutex_lock(&line->lock);
    int r = -ENOTCONN;
    if (line->socket >= 0 && !line->attach_serial && !line->ended) {
        header->serial = next_serial(line);
        r = wire_send(line->socket, message, fds, n_fds);
        if (r == 0)
            r = wait_for_answer(line, header->serial, ret_answer);
    }
    bool tell = line->ended || line->socket < 0 || line->wanted >= 0;
    unlock(line);
    pthread_mutex_unlock(&line->ask_lock);
    if (tell)
        eventfd_write(line->event, 1); /* the watcher may be waiting for what was taken here */
    if (r == 0 && ret_answer->header.type == WIRE_ERROR)
        return ret_answer->error.error > 0 ? -ret_answer->error.error : -EIO;
    return r;
}
