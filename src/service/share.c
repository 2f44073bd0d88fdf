/* SPDX-License-Identifier: MIT */
/*
 * Publishing a volume that is mounted already, and taking it back: for programs that know nothing of prefixes.
 *
 * The superblock must be one that the host may look into: of the initial user namespace, and open to other users
 * (allow_other). What a container with a user namespace of its own has mounted as a disk is not; it has to be mounted
 * with its prefix from the start.
 */
#include "service/share.h"

#include <errno.h>
#include <stdio.h>

#include "service/claim.h"
#include "service/connection.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/mup.h"
#include "service/policy.h"
#include "service/root-unc.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "wire/codec.h"

/* uncertain: it may be on the stage all the same, and is looked for there when it ends. */
static void drop_prefix(struct volume *volume, bool uncertain) {
    mup_release(volume);
    volume->staged = uncertain;
    volume->prefix[0] = volume->scope[0] = volume->unc_path[0] = 0;
    (void)journal_put_volume(volume);
}

static void on_shared(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct volume *volume = volume_find(service, key);
    struct connection *connection = volume ? connection_find(service, volume->sharer) : NULL;
    if (volume) {
        volume->sharing = false;
        bool taken_back = volume->unsharing && result->error == 0, failed = !volume->unsharing && result->error < 0;
        if (taken_back || failed) {
            drop_prefix(volume, result->unanswered);
        } else {
            mup_publish(volume);
            (void)journal_put_volume(volume);
        }
        if (volume->end_wanted) /* it waited for us: nothing is to be left at its prefix */
            volume_end(volume, volume->end_reason, volume->server_gone);
    }
    if (!connection)
        return;
    int r = result->error < 0 ? connection_error(connection, connection->serial, result->error, "%s", result->message)
                              : connection_done(connection, connection->serial);
    if (r >= 0)
        connection_ready(connection);
}

/* Who shares a volume hears of it when it can be found. */
static void on_done(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    const struct volume *volume = volume_find(context, key);
    if (volume && !volume->unsharing && result->error == 0 &&
        root_unc_keeps(context, on_shared, key, result, fds, n_fds))
        return;
    on_shared(context, key, result, fds, n_fds);
}

static int submit(struct volume *volume, bool unshare) {
    struct silo *silo = silo_find(volume->service, volume->silo);
    struct job job = {.type = JOB_SHARE, .target = silo->target};
    job.unmount.mount_id = unshare ? 0 : volume->mount_id;
    job.unmount.fuse_device = volume->fuse_device;
    snprintf(job.unmount.mount_point, sizeof job.unmount.mount_point, "%s", volume->mount_point);
    job.unmount.staged = volume->id;
    int r = workers_submit(silo->service->workers, &job, &silo->pidfd, silo->host ? 0 : 1,
                           silo_lane(silo, volume->peer.uid, LANE_MOUNTS), on_done, silo->service, volume->id);
    volume->unsharing_waits = false;
    return r;
}

static void begin(struct connection *connection, struct volume *volume, bool unshare) {
    volume->sharing = true;
    volume->sharer = connection->id;
    volume->unsharing = unshare;
    connection_wait(connection, connection->serial);
}

static void on_no_worker(struct volume *volume, int error) {
    struct job_result result = {.error = error, .message = "the service has no worker for this container"};
    on_done(volume->service, volume->id, &result, NULL, 0);
}

void share_withdrawn(struct volume *volume) {
    int r = submit(volume, true);
    if (r < 0)
        on_no_worker(volume, r);
}

/* A volume of the asker's own silo that it may dispose of; NULL after having told it why not. */
static struct volume *find_own(struct connection *connection, const char *target, uint32_t serial) {
    struct silo *silo = connection->silo;
    struct volume *volume = volume_by_target(silo->service, silo, target);
    if (!volume || volume->silo != silo->number || volume->state != VOLUME_LIVE)
        (void)connection_error(connection, serial, -ENOENT, "%s is no volume here: linfsp volumes shows them", target);
    else if (!policy_may_end(silo, &connection->peer, volume)) {
        volume_end_refused(volume, connection);
        (void)connection_error(connection, serial, -EPERM, "%s is another user's volume", target);
    } else if (volume->sharing)
        (void)connection_error(connection, serial, -EBUSY, "%s is being shared or unshared already", target);
    else
        return volume;
    return NULL;
}

void share_create(struct connection *connection, const struct wire_share *request) {
    uint32_t serial = request->header.serial;
    struct silo *silo = connection->silo;
    struct volume *volume = find_own(connection, request->mount_point, serial);
    if (!volume)
        return;
    char message[WIRE_TEXT_MAX];
    int r = policy_share(silo, volume, message, sizeof message);
    if (r < 0) {
        (void)connection_error(connection, serial, r, "%s: %s", request->mount_point, message);
        return;
    }
    if (claim_make(volume, connection, request->prefix, serial) < 0) {
        volume->prefix[0] = volume->scope[0] = volume->unc_path[0] = 0;
        return;
    }
    connection->serial = serial;
    begin(connection, volume, false);
    if ((r = submit(volume, false)) < 0)
        on_no_worker(volume, r);
}

void share_remove(struct connection *connection, const struct wire_share *request) {
    uint32_t serial = request->header.serial;
    const char *target = request->mount_point[0] ? request->mount_point : request->prefix;
    struct volume *volume = find_own(connection, target, serial);
    if (!volume)
        return;
    if (!volume->prefix[0] || !volume->mount_point[0]) {
        (void)connection_error(connection, serial, -EINVAL,
                               volume->prefix[0] ? "%s is nowhere but under its prefix: linfsp umount ends it"
                                                 : "%s is not shared",
                               target);
        return;
    }
    connection->serial = serial;
    volume_unshared(volume, connection);
    begin(connection, volume, true);
    volume->unsharing_waits = true;
    mup_withdraw(volume); /* the last name that goes comes to share_withdrawn; there may be none */
    if (list_empty(&volume->name_list) && volume->unsharing_waits)
        share_withdrawn(volume);
}
