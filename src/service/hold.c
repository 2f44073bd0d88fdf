/* SPDX-License-Identifier: MIT */
/*
 * Fail-over: a volume that outlives its server.
 *
 * A server that wants this sends its fuse descriptors on its life line (WIRE_HOLD_VOLUME). The service keeps a copy of
 * each, and a memory file, the state, in which the server notes what another server has to know. A fuse connection
 * lives as long as somebody has its descriptors. So if the server dies, requests wait instead of failing, and what the
 * dead server had taken is sent again (FUSE_NOTIFY_RESEND). A client of the same silo, with the same uid and the same
 * file system name, gets the descriptors and the state (WIRE_TAKE_OVER), and goes on.
 *
 * Nobody waits without a bound: if no other server comes within the granted time the volume ends, as it would have
 * ended at once without all this. The volume also ends at once with its silo, when the silo's first process is ending,
 * and by the watchdog's word.
 *
 * What the service keeps it keeps in its own process, unlike all else that clients send. A worker has seen before that
 * the descriptors are FUSE devices and a sealed memory file (worker/job-hold.c): to close those never waits.
 */
#include "service/hold.h"

#include <errno.h>
#include <string.h>

#include "fuse/fuse-abi.h"
#include "service/connection.h"
#include "service/event.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/permission.h"
#include "service/policy.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/codec.h"

#define DESCRIPTORS_MAX 32768 /* kept for all volumes together; the service may have 1,048,576 open */

/* ---- what is kept ---------------------------------------------------------------------------------------------- */

void hold_release(struct volume *volume) {
    struct hold *hold = &volume->hold;
    hold->timer = sd_event_source_disable_unref(hold->timer);
    for (unsigned i = 0; i < hold->n_fds; i++)
        close_fd(&hold->fds[i]);
    volume->service->kept_descriptors -= hold->n_fds;
    hold->n_fds = 0;
}

static void keep(struct volume *volume, int *fds, size_t n_fds) {
    struct hold *hold = &volume->hold;
    for (size_t i = 0; i < n_fds; i++)
        hold->fds[i] = steal_fd(&fds[i]);
    hold->n_fds = (unsigned)n_fds;
    volume->service->kept_descriptors += hold->n_fds;
}

static int answer_held(struct connection *connection, const struct volume *volume, const int *state) {
    struct wire_volume_held reply;
    wire_begin(&reply, WIRE_VOLUME_HELD, connection->serial);
    reply.seconds = volume->hold.seconds;
    return connection_send(connection, &reply, state, state ? 1 : 0);
}

/* The worker has received and checked what is to be kept. */
static void on_checked(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct connection *connection = connection_find(service, key);
    struct volume *volume = connection ? volume_find(service, connection->volume) : NULL;
    int r = 0;
    if (connection && result->unanswered)
        connection_untaken(connection);
    if (!connection || !volume || result->error < 0 || n_fds < 2 || volume->state != VOLUME_LIVE) {
        for (size_t i = 0; i < n_fds; i++)
            close_fd(&fds[i]);
        if (connection)
            r = connection_error(connection, connection->serial, result->error < 0 ? result->error : -ENOENT, "%s",
                                 result->error < 0 ? result->message : "the volume has ended");
    } else {
        int state = result->made_state ? fds[n_fds - 1] : -1;
        keep(volume, fds, n_fds);
        r = answer_held(connection, volume, state < 0 ? NULL : &state);
    }
    if (connection && r >= 0)
        connection_ready(connection);
}

void hold_begin(struct connection *connection, const struct wire_hold_volume *request) {
    struct silo *silo = connection->silo;
    struct service *service = silo->service;
    struct volume *volume = volume_find(service, connection->volume);
    uint32_t serial = request->header.serial;
    char message[WIRE_TEXT_MAX];
    if (!volume || volume->id != request->volume || !connection->carries_fds || volume->raw ||
        volume->state != VOLUME_LIVE || volume->hold.n_fds) {
        (void)connection_error(connection, serial, volume && volume->hold.n_fds ? -EALREADY : -EINVAL,
                               "a server may have its own volume held, once");
        return;
    }
    int r = policy_hold(silo, &connection->peer, message, sizeof message);
    if (r < 0 || service->kept_descriptors >= DESCRIPTORS_MAX) {
        (void)connection_error(connection, serial, r < 0 ? r : -ENFILE, "%s",
                               r < 0 ? message : "the service holds as many volumes as it can");
        return;
    }
    struct job job = {.type = JOB_HOLD, .client_fds = request->fds + request->has_state};
    job.hold.state_size = request->state_size;
    job.hold.has_state = request->has_state;
    unsigned most = permission_max_fail_over(silo);
    volume->hold.seconds = request->seconds < most ? request->seconds : most;
    volume->hold.init = request->init;
    r = workers_submit(service->workers, &job, &connection->fd, 1, silo_lane(silo, connection->peer.uid, LANE_MOUNTS),
                       on_checked, service, connection->id);
    if (r < 0)
        (void)connection_error(connection, serial, r, "the service has no worker for this container");
    else
        connection_wait(connection, serial);
}

/* ---- between two servers --------------------------------------------------------------------------------------- */

bool hold_is_waiting(const struct volume *volume) {
    return volume->hold.timer != NULL;
}

static void tell(const struct volume *volume, enum event_kind kind, const char *text) {
    event_tell(volume->service, &(struct event){.kind = kind,
                                                .silo = silo_find(volume->service, volume->silo),
                                                .volume = volume,
                                                .uid = volume->peer.uid,
                                                .pid = volume->peer.pid,
                                                .text = text});
}

/* A container that is being killed must not wait for a volume of its own. */
static bool is_ending(const struct silo *silo) {
    return !silo || silo_is_ending(silo);
}

/* What the dead server had taken stands first in the queue again. A caller who waits for that can be killed, too: the
 * kernel lets nobody go whose request a server has. Takes no lock but the connection's own spin locks. */
static int send_again(const struct volume *volume) {
    struct fuse_out_header notice = {.len = sizeof notice, .error = FUSE_NOTIFY_RESEND};
    return write(volume->hold.fds[0], &notice, sizeof notice) == (ssize_t)sizeof notice ? 0 : -errno;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    struct volume *volume = userdata;
    volume_end(volume, "its server has ended, and no other one took the volume over in time", true);
    return 0;
}

bool hold_catch(struct volume *volume) {
    struct hold *hold = &volume->hold;
    struct service *service = volume->service;
    if (!hold->n_fds || volume->state != VOLUME_LIVE || volume->end_wanted || service->stopping ||
        is_ending(silo_find(service, volume->silo)))
        return false;
    int r = send_again(volume);
    if (r == 0)
        r = sd_event_add_time_relative(service->event, &hold->timer, CLOCK_MONOTONIC, hold->seconds * 1000000ull,
                                       100000, on_timer, volume);
    if (r < 0) {
        log_warning("volume %llu is not held: %s", (unsigned long long)volume->id, strerror(-r));
        return false;
    }
    hold->waited = 0;
    tell(volume, EVENT_HELD, NULL);
    return true;
}

void hold_resume(struct volume *volume) {
    volume->hold.timer = sd_event_source_disable_unref(volume->hold.timer);
}

/* Returns 0, -ENOENT, or -EAGAIN: its server is there. */
static int find_held(const struct connection *connection, const struct wire_take_over *request,
                     struct volume **ret_volume) {
    struct volume *volume = volume_by_target(connection->silo->service, connection->silo, request->target);
    if (!volume || volume->silo != connection->silo->number || volume->peer.uid != connection->peer.uid ||
        !volume->hold.n_fds || volume->state != VOLUME_LIVE || volume->end_wanted ||
        strcmp(volume->file_system_name, request->file_system_name) != 0)
        return -ENOENT;
    *ret_volume = volume;
    return hold_is_waiting(volume) ? 0 : -EAGAIN;
}

void hold_take_over(struct connection *connection, const struct wire_take_over *request) {
    struct volume *volume = NULL;
    uint32_t serial = request->header.serial;
    int r = connection->volume ? -EBUSY : find_held(connection, request, &volume);
    if (r < 0) {
        (void)connection_error(connection, serial, r,
                               r == -EBUSY    ? "this connection has a volume already"
                               : r == -EAGAIN ? "the server of that volume is there"
                                              : "no volume is held there");
        return;
    }
    hold_resume(volume);
    volume->connection = connection;
    volume->peer = connection->peer;
    volume->unserved_ticks = 0;
    volume_learn_server(volume);
    connection->volume = volume->id;
    uint64_t id = volume->id;
    struct service *service = volume->service;
    if (volume_announce(volume, connection, serial, &volume->hold.init, volume->hold.fds, volume->hold.n_fds) < 0 ||
        !(volume = volume_find(service, id)))
        return; /* the connection has closed, and the volume waits again */
    journal_put_volume(volume);
    tell(volume, EVENT_TAKEN_OVER, NULL);
}
