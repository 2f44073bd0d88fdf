/* SPDX-License-Identifier: MIT */
/*
 * A volume's life.
 *
 *     NEW        asked for; a worker makes its mounts
 *     LIVE       mounted; its server has the fuse descriptor, its life line is open
 *     ENDING     a worker unmounts it (volume-end.c)
 *     DETACHED   unmounted at its server's wish; files may still be open, and its server goes on answering until its
 *                life line closes
 *
 * A connection is cut off (fusectl's abort) through a file opened when the volume was made: numbers of connections are
 * used again, an open abort file never means another.
 */
#include "service/volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#include "fuse/fuse-abi.h"
#include "service/comeback.h"
#include "service/connection.h"
#include "service/event.h"
#include "service/fusermount.h"
#include "service/holders.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/letter.h"
#include "service/mup.h"
#include "service/permission.h"
#include "service/reaper.h"
#include "service/root-unc.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/watchdog.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/fusectl.h"
#include "util/list.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/process.h"
#include "util/utf8.h"
#include "wire/codec.h"

#define LOOKS 2 /* a descriptor may be on its way from one process to another */

struct volume *volume_new(struct service *service) {
    struct volume *volume = calloc(1, sizeof *volume);
    if (!volume)
        return NULL;
    volume->service = service;
    volume->abort_fd = volume->made_parent = -1;
    list_init(&volume->name_list);
    volume->since = clock_realtime_ns();
    if (getrandom(volume->cookie, sizeof volume->cookie, 0) != sizeof volume->cookie) {
        free(volume);
        return NULL;
    }
    return volume;
}

int volume_register(struct volume *volume, uint64_t id, struct silo *silo) {
    volume->id = id;
    HASH_ADD(hash, volume->service->volumes, id, sizeof volume->id, volume);
    if (!hash_has(hash, volume)) {
        volume->id = 0;
        return -ENOMEM;
    }
    volume->silo = silo->number;
    silo->volumes++;
    list_append(&silo->volume_list, &volume->node);
    watchdog_volumes_changed(volume->service->watchdog);
    return 0;
}

void volume_free(struct volume *volume) {
    if (!volume)
        return;
    struct service *service = volume->service;
    if (volume->id) {
        HASH_DELETE(hash, service->volumes, volume);
        list_remove(&volume->node);
        mup_release(volume);
        journal_drop_volume(volume);
        intent_drop(volume->id);
    }
    if (volume->connection)
        volume->connection->volume = 0;
    sd_event_source_disable_unref(volume->orphan_timer);
    sd_event_source_disable_unref(volume->unmount_timer);
    hold_release(volume);
    comeback_end(volume);
    fusermount_forget(volume);
    free(volume->unmounted);
    close_fd(&volume->abort_fd);
    reaper_close(service->reaper, steal_fd(&volume->made_parent));
    struct silo *silo = volume->id ? silo_find(service, volume->silo) : NULL;
    free(volume);
    if (silo && --silo->volumes == 0) {
        silo->unmounts = false;
        service->hooks.volume_gone(silo);
    }
}

void volume_tell(const struct volume *volume, enum event_kind kind, bool refused, const char *text) {
    event_tell(volume->service, &(struct event){.kind = kind,
                                                .refused = refused,
                                                .silo = silo_find(volume->service, volume->silo),
                                                .volume = volume,
                                                .uid = volume->peer.uid,
                                                .pid = volume->peer.pid,
                                                .text = text});
}

/* With the rule that allowed it; that of a network volume was told with its claim. */
static void tell_mount(const struct volume *volume) {
    const struct silo *silo = silo_find(volume->service, volume->silo);
    char why[WIRE_TEXT_MAX] = "";
    if (silo && !volume->prefix[0])
        (void)permission_disk(silo, why, sizeof why);
    volume_tell(volume, EVENT_MOUNT, false, why);
}

void volume_abort(struct volume *volume) {
    if (volume->abort_fd >= 0 && write(volume->abort_fd, "1", 1) < 0 && errno != ENOTCONN && errno != EBADF)
        log_debug("volume %llu: abort: %s", (unsigned long long)volume->id, strerror(errno));
}

void volume_open_abort(struct volume *volume) {
    volume->abort_fd = fusectl_open_file(volume->service->fusectl, volume->fuse_device, "abort", O_WRONLY);
    if (volume->abort_fd < 0 &&
        (volume->abort_fd != -ENOENT || volume->connection)) /* its mount may have gone while no service ran */
        log_warning("volume %llu: connection %u is not under fusectl: %s", (unsigned long long)volume->id,
                    volume->fuse_device, strerror(-volume->abort_fd));
}

/* ---- made ------------------------------------------------------------------------------------------------------ */

static void close_fds(int *fds, size_t n_fds) {
    for (size_t i = 0; i < n_fds; i++)
        close_fd(&fds[i]);
}

int volume_announce(const struct volume *volume, struct connection *connection, uint32_t serial,
                    const struct wire_init *init, const int *fds, size_t n_fds) {
    struct wire_volume_created reply;
    wire_begin(&reply, WIRE_VOLUME_CREATED, serial);
    reply.volume = volume->id;
    memcpy(reply.cookie, volume->cookie, sizeof reply.cookie);
    reply.owner_uid = volume->owner_uid;
    reply.owner_gid = volume->owner_gid;
    reply.init = *init;
    WIRE_SET(reply.mount_point, volume->mount_point);
    WIRE_SET(reply.unc_path, volume->unc_path);
    return connection_send(connection, &reply, fds, n_fds);
}

static void take_over_result(struct volume *volume, const struct job_result *result) {
    struct silo *silo = silo_find(volume->service, volume->silo);
    volume->state = VOLUME_LIVE;
    volume->fuse_device = result->mount.fuse_device;
    volume->mount_id = result->mount.mount_id;
    volume->nested = result->mount.nested;
    volume->letters_mount_id = result->mount.letters_mount_id;
    volume->ring = result->mount.init.flags & FUSE_OVER_IO_URING;
    volume->has_timeout = !volume->raw && (result->mount.init.flags & FUSE_REQUEST_TIMEOUT);
    volume->owner_uid = result->mount.owner_uid;
    volume->owner_gid = result->mount.owner_gid;
    snprintf(volume->mount_point, sizeof volume->mount_point, "%s", result->mount.mount_point);
    if (result->mount.made) {
        snprintf(volume->made.name, sizeof volume->made.name, "%s", result->mount.made_name);
        volume->made.uid = volume->peer.uid;
        volume->made.gid = volume->peer.gid;
        if (silo && volume->made.by_service) {
            volume->made.letters_too = silo->made_letters |= result->mount.made_letters;
            silo->letter_folders |= letter_bit(volume);
        }
    } else {
        volume->made.name[0] = 0;
        letter_inherit(volume, silo);
    }
    volume_open_abort(volume);
}

/* The volume is mounted, but its server, which waits for the reply, does not get it. */
static void refuse(struct volume *volume, int error, const char *what, const char *why) {
    struct connection *connection = steal_pointer(volume->connection);
    if (!connection)
        return;
    connection->volume = 0;
    volume->server_gone = true;
    if (connection_error(connection, connection->serial, error, "%s: %s", what, why) >= 0)
        connection_ready(connection);
}

/* The volume ended during its creation. */
static void refuse_ended(struct volume *volume) {
    refuse(volume, -ECANCELED, "the volume was ended while it was being made",
           volume->end_reason[0] ? volume->end_reason : "its container has ended");
}

/* Its mounts could not be made. A worker that could still say so has undone what it made, but for the share. */
static void on_refused(struct volume *volume, const struct job_result *result) {
    struct connection *connection = steal_pointer(volume->connection);
    volume_tell(volume, EVENT_MOUNT, true, result->message);
    if (connection) {
        connection->volume = 0;
        if (result->unanswered)
            connection_untaken(connection);
    }
    if (result->unanswered || result->mount.published) {
        intent_read(volume);
        letter_inherit_unless_made(volume);
        volume->state = VOLUME_LIVE;
        volume->server_gone = true;
        if (volume->fuse_device)
            volume_open_abort(volume);
        volume_end(volume, result->unanswered ? "it was not known how much of it had been made" : "it was refused",
                   true);
    } else {
        volume_free(volume);
    }
    if (connection && connection_error(connection, connection->serial, result->error, "%s", result->message) >= 0)
        connection_ready(connection);
}

static void on_mount_result(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct volume *volume = volume_find(service, key);
    if (!volume) {
        if (result->mount.made && n_fds) /* a folder: ours may be the last of what is mounted there */
            reaper_close(service->reaper, steal_fd(&fds[n_fds - 1]));
        close_fds(fds, n_fds);
        return;
    }
    struct connection *connection = volume->connection;
    if (result->error < 0) {
        on_refused(volume, result);
        return;
    }
    take_over_result(volume, result);
    size_t clones = result->mount.clones;
    if (result->mount.made && n_fds == clones + 2)
        volume->made_parent = steal_fd(&fds[n_fds - 1]);
    struct silo *silo = silo_find(service, volume->silo);
    if (volume->abort_fd < 0 && connection) {
        close_fds(fds, n_fds);
        refuse(volume, -EMFILE, "the service cannot hold the volume's connection",
               "it is out of descriptors or memory");
        volume_end(volume, "the service could not hold its connection", true);
        return;
    }
    if (volume->end_wanted || !connection || !silo || silo_is_dead(silo)) {
        close_fds(fds, n_fds);
        refuse_ended(volume);
        volume_end(volume, volume->end_reason[0] ? volume->end_reason : "its server has gone", true);
        return;
    }
    /* before its server hears of it: what was announced is to outlive the service. The intent goes afterwards: an entry
     * with an intent is of a volume that may not have been announced */
    int r = journal_put_volume(volume);
    if (r < 0) {
        close_fds(fds, n_fds);
        refuse(volume, r, "the service cannot write down the volume in " LINFSP_RUN_DIR, strerror(-r));
        volume_end(volume, "it could not be written down", true);
        return;
    }
    if (volume->raw && !volume->keeps_connection) {
        volume->connection = NULL;
        connection->volume = 0;
    }
    if (volume->prefix[0])
        mup_publish(volume);
    if (volume->raw && clones > 0) {
        if (!volume->nested.inode)
            comeback_new(volume, steal_fd(&fds[1]));
        clones = 0; /* its program has what it expects */
    }
    if (volume->raw)
        comeback_replaced(volume);
    /* a client that does not take it may end the volume */
    r = volume_announce(volume, connection, connection->serial, &result->mount.init, fds, 1 + clones);
    close_fds(fds, n_fds); /* a copy kept here would hide the server's death */
    if (r >= 0)
        connection_ready(connection);
    volume = volume_find(service, key);
    if (!volume)
        return;
    intent_drop(key);
    tell_mount(volume);
}

/* A network volume is announced when it can be found. */
static void on_mounted(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    const struct volume *volume = volume_find(context, key);
    if (volume && volume->prefix[0] && result->error == 0 &&
        root_unc_keeps(context, on_mount_result, key, result, fds, n_fds))
        return;
    on_mount_result(context, key, result, fds, n_fds);
}

bool volume_server_is_there(const struct volume *volume) {
    uint64_t start;
    if (process_has_ended(volume->peer.pid)) /* nobody may have waited for it yet */
        return false;
    return process_start(volume->peer.pid, &start) < 0 || start == volume->server_start;
}

bool volume_passes(struct volume *volume, const struct ucred *client) {
    if (volume->state == VOLUME_ENDING)
        return volume->server_gone && !volume->unmount_timer;
    if (!volume->orphan_timer)
        return false;
    bool asks_again = volume->unannounced && client->pid == volume->peer.pid && volume_server_is_there(volume);
    if (asks_again)
        volume_end(volume, "its server did not hear that it was made", true);
    return asks_again || !volume_server_is_there(volume);
}

int volume_submit(struct volume *volume, struct job *job, const int *fds, size_t n_fds) {
    struct service *service = volume->service;
    job->mount.volume = volume->id;
    return workers_submit(service->workers, job, fds, n_fds,
                          silo_lane(silo_find(service, volume->silo), volume->peer.uid, LANE_MOUNTS), on_mounted,
                          service, volume->id);
}

void volume_learn_server(struct volume *volume) {
    unsigned depth;
    (void)process_start(volume->peer.pid, &volume->server_start);
    if (process_inner_pid(volume->peer.pid, &volume->inner_pid, &depth) < 0)
        volume->inner_pid = 0;
}

struct volume *volume_by_target(struct service *service, const struct silo *silo, const char *target) {
    char canonical[WIRE_PATH_MAX], path[WIRE_PATH_MAX];
    utf8_escape(target, path, sizeof path); /* as mount points are kept (check_place) */
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = 0;
    struct volume *volume, *newest = NULL;
    if (strlen(path) == 2 && path[1] == ':') /* a letter */
        snprintf(path, sizeof path, LINFSP_LETTER_ROOT "/%c", target[0] | 0x20);
    list_for_each (volume, &silo->volume_list, node)
        if (volume->mount_point[0] && strcmp(volume->mount_point, path) == 0 && (!newest || volume->id > newest->id))
            newest = volume;
    if (newest) /* programs may mount over each other: the one on top */
        return newest;
    if (prefix_parse_path(path, LINFSP_UNC_ROOT, canonical, sizeof canonical, NULL) < 0)
        return NULL;
    return volume_find(service, scope_resolve(service, silo, canonical));
}

/* ---- its server -------------------------------------------------------------------------------------------------- */

static void on_node_closed(struct volume *volume, bool certain) {
    struct silo *silo = silo_find(volume->service, volume->silo);
    if (!certain) {
        volume->looks = LOOKS;
        if (silo)
            holders_look(silo);
        return;
    }
    volume->server_gone = true;
    if (comeback_catch(volume)) {
        volume_tell(volume, EVENT_HELD, false, NULL);
        return;
    }
    volume_end(volume, "its server has ended", true);
}

int volume_watch_node(struct volume *volume) {
    return fusermount_watch(volume, on_node_closed);
}

/* The server so far: it may leave. Its connection is an ordinary one from here on. */
static void let_go(struct connection *before, const struct volume *volume) {
    struct wire_volume_ended event;
    wire_begin(&event, WIRE_VOLUME_ENDED, 0);
    event.volume = volume->id;
    WIRE_SET(event.reason, "handed over");
    before->volume = 0;
    (void)connection_send(before, &event, NULL, 0);
}

void volume_attach(struct connection *connection, const struct wire_attach_volume *request) {
    struct volume *volume = volume_find(connection->silo->service, request->volume);
    uint32_t serial = request->header.serial;
    struct connection *before = volume ? volume->connection : NULL;
    if (!volume || volume->silo != connection->silo->number || (before && !volume->being_handed_over) ||
        connection->volume || volume->state != VOLUME_LIVE ||
        memcmp(volume->cookie, request->cookie, sizeof volume->cookie) != 0) {
        (void)connection_error(connection, serial, -ENOENT, "there is no such volume");
        return;
    }
    volume->orphan_timer = sd_event_source_disable_unref(volume->orphan_timer);
    hold_resume(volume);
    volume->being_handed_over = false;
    volume->connection = connection;
    volume->peer = connection->peer;
    volume->unserved_ticks = 0;
    volume_learn_server(volume);
    connection->volume = volume->id;
    (void)journal_put_volume(volume); /* what is there is good still, but for the server's pid */
    if (before) {
        let_go(before, volume);
        volume_tell(volume, EVENT_TAKEN_OVER, false, NULL);
    }
    if (connection_done(connection, serial) >= 0 && !before)
        log_info("volume %llu: its server came back", (unsigned long long)volume->id);
}
