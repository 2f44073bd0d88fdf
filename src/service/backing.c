/* SPDX-License-Identifier: MIT */
/* Backing files of servers without privileges: counted here, checked and registered by a worker
 * (worker/job-backing.c, which has the rules). */
#include "service/backing.h"

#include <errno.h>

#include "service/connection.h"
#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "wire/codec.h"

#define BACKING_FILES_MAX 16384

static void on_backing(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct connection *connection = connection_find(context, key);
    struct wire_backing_opened reply;
    if (!connection)
        return;
    struct volume *volume = volume_find(context, connection->volume);
    int r;
    if (result->error < 0) {
        if (result->unanswered)
            connection_untaken(connection);
        r = connection_error(connection, connection->serial, result->error, "%s", result->message);
    } else if (connection->closing_backing) {
        if (volume && volume->backing_files > 0)
            volume->backing_files--;
        r = connection_done(connection, connection->serial);
    } else {
        if (volume)
            volume->backing_files++;
        wire_begin(&reply, WIRE_BACKING_OPENED, connection->serial);
        reply.backing_id = result->backing_id;
        r = connection_send(connection, &reply, NULL, 0);
    }
    if (r >= 0)
        connection_ready(connection);
}

static void submit(struct connection *connection, uint64_t volume, uint32_t serial, int32_t close) {
    if (!connection->carries_fds || !connection->volume || connection->volume != volume) {
        (void)connection_error(connection, serial, -EINVAL, "backing files belong to the connection's own volume");
        return;
    }
    struct job job = {.type = JOB_BACKING, .client_fds = close ? 1 : 2};
    job.backing.close = close;
    /* who may mount overlays: root of a user namespace, and any user of the host in one */
    job.backing.no_layers =
        connection->silo->target.user_namespace || (connection->silo->host && connection->peer.uid != 0);
    job.backing.uid = connection->peer.uid;
    job.backing.gid = connection->peer.gid;
    connection->closing_backing = close != 0;
    int r = workers_submit(connection->silo->service->workers, &job, &connection->fd, 1,
                           silo_lane(connection->silo, connection->peer.uid, LANE_MOUNTS), on_backing,
                           connection->silo->service, connection->id);
    if (r < 0)
        (void)connection_error(connection, serial, r, "the service has no worker for this container");
    else
        connection_wait(connection, serial);
}

void backing_open(struct connection *connection, const struct wire_open_backing *request) {
    const struct volume *volume = volume_find(connection->silo->service, connection->volume);
    if (volume &&
        volume->backing_files >= BACKING_FILES_MAX) /* refused with its descriptors, which a worker takes out */
        (void)connection_error(connection, request->header.serial, -EMFILE,
                               "this volume has %d backing files, and may have no more", BACKING_FILES_MAX);
    else
        submit(connection, request->volume, request->header.serial, 0);
}

void backing_close(struct connection *connection, const struct wire_close_backing *request) {
    if (request->backing_id > 0)
        submit(connection, request->volume, request->header.serial, request->backing_id);
    else
        (void)connection_error(connection, request->header.serial, -EINVAL, "there is no such backing file");
}
