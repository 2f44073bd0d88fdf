/* SPDX-License-Identifier: MIT */
/*
 * A volume's life.
 *
 *     NEW        asked for; a worker makes its mounts
 *     LIVE       mounted; its server has the fuse descriptor, its life line is open
 *     ENDING     a worker unmounts it
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
#include <sys/stat.h>

#include "fuse/fuse-abi.h"
#include "service/comeback.h"
#include "service/connection.h"
#include "service/event.h"
#include "service/fusermount.h"
#include "service/holders.h"
#include "service/intent.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/mount-options.h"
#include "service/mup.h"
#include "service/permission.h"
#include "service/programs.h"
#include "service/reaper.h"
#include "service/service.h"
#include "service/share.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/unc.h"
#include "service/watchdog.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"
#include "util/paths.h"
#include "util/process.h"
#include "wire/codec.h"

#define ORPHAN_USEC 1000000ull
#define ORPHAN_TURNS 10
#define ENDED_USEC 5000000ull
#define DEATHS_MAX 16 /* of workers, over one unmount, after which it is not tried again at once */
#define UNMOUNTS_LOST_MAX 5 /* a worker may die, or meet what hangs only for a while */
#define LOOKS 2 /* a descriptor may be on its way from one process to another */

struct volume *volume_new(struct service *service) {
    struct volume *volume = calloc(1, sizeof *volume);
    if (!volume)
        return NULL;
    volume->service = service;
    volume->abort_fd = volume->made_parent = -1;
    list_init(&volume->name_list);
    volume->since = clock_now_realtime();
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

static void tell(const struct volume *volume, enum event_kind kind, bool refused, const char *text) {
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
    tell(volume, EVENT_MOUNT, false, why);
}

static struct connection *life_line(const struct volume *volume) {
    return volume->connection;
}

void volume_abort(struct volume *volume) {
    if (volume->abort_fd >= 0 && write(volume->abort_fd, "1", 1) < 0 && errno != ENOTCONN && errno != EBADF)
        log_debug("volume %llu: abort: %s", (unsigned long long)volume->id, strerror(errno));
}

static void open_abort(struct volume *volume) {
    char name[32];
    snprintf(name, sizeof name, "%u/abort", volume->fuse_device);
    volume->abort_fd = openat(volume->service->fusectl, name, O_WRONLY | O_CLOEXEC);
    if (volume->abort_fd < 0 &&
        (errno != ENOENT || volume->connection)) /* its mount may have gone while no service ran */
        log_warning("volume %llu: connection %u is not under fusectl: %s", (unsigned long long)volume->id,
                    volume->fuse_device, strerror(errno));
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

static uint32_t letter_bit(const struct volume *volume) {
    const char *name = strrchr(volume->mount_point, '/');
    return name && name[1] >= 'a' && name[1] <= 'z' ? UINT32_C(1) << (name[1] - 'a') : 0;
}

/* A volume may find the folder of one that is just being unmounted, and mount on it before it is removed: then it has
 * it to remove. */
static void inherit_letter(struct volume *volume, const struct silo *silo) {
    if (!silo || !volume->made.by_service || !(silo->letter_folders & letter_bit(volume)))
        return;
    snprintf(volume->made.name, sizeof volume->made.name, "%s", strrchr(volume->mount_point, '/') + 1);
    volume->made.letters_too = silo->made_letters;
}

/* The same where all that is known of the volume is its intent. */
static void inherit_unless_made(struct volume *volume) {
    if (!volume->made.name[0] && volume->mount_point[0])
        inherit_letter(volume, silo_find(volume->service, volume->silo));
}

/* With the last letter. Until then one may be on its way that finds the folder of another. */
static void forget_letters(struct silo *silo, const struct volume *gone) {
    const struct volume *other;
    list_for_each (other, &silo->volume_list, node)
        if (other != gone && other->made.by_service)
            return;
    silo->letter_folders = 0;
    silo->made_letters = false;
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
        inherit_letter(volume, silo);
    }
    open_abort(volume);
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
    tell(volume, EVENT_MOUNT, true, result->message);
    if (connection) {
        connection->volume = 0;
        if (result->unanswered)
            connection_untaken(connection);
    }
    if (result->unanswered || result->mount.published) {
        intent_read(volume);
        inherit_unless_made(volume);
        volume->state = VOLUME_LIVE;
        volume->server_gone = true;
        if (volume->fuse_device)
            open_abort(volume);
        volume_end(volume, result->unanswered ? "it was not known how much of it had been made" : "it was refused",
                   true);
    } else {
        volume_free(volume);
    }
    if (connection && connection_error(connection, connection->serial, result->error, "%s", result->message) >= 0)
        connection_ready(connection);
}

static void on_mounted(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct volume *volume = volume_find(service, key);
    if (!volume) {
        if (result->mount.made && n_fds) /* a folder: ours may be the last of what is mounted there */
            reaper_close(service->reaper, steal_fd(&fds[n_fds - 1]));
        close_fds(fds, n_fds);
        return;
    }
    struct connection *connection = life_line(volume);
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

static bool server_is_there(const struct volume *volume) {
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
    bool asks_again = volume->unannounced && client->pid == volume->peer.pid && server_is_there(volume);
    if (asks_again)
        volume_end(volume, "its server did not hear that it was made", true);
    return asks_again || !server_is_there(volume);
}

static void tell_claim(const struct volume *volume, const struct connection *connection, bool refused,
                       const char *why) {
    event_tell(volume->service, &(struct event){.kind = EVENT_CLAIM,
                                                .refused = refused,
                                                .silo = connection->silo,
                                                .volume = volume,
                                                .uid = connection->peer.uid,
                                                .pid = connection->peer.pid,
                                                .text = why});
}

/* Enters it into the table, and takes the spelling that the folders have. ret_holder: who has what is taken. */
static int claim(struct volume *volume, uint64_t id, char *ret_taken, uint64_t *ret_holder) {
    char path[PREFIX_MAX], spelled[PREFIX_MAX];
    size_t hidden = volume->scope[0] ? strlen(volume->scope) + 1 : 0;
    if (!hidden)
        snprintf(path, sizeof path, "%s", volume->prefix);
    else if (scope_path(volume->scope, volume->prefix, path, sizeof path) < 0)
        return -ENAMETOOLONG;
    int r = unc_claim(volume->service->unc, path, id, spelled, ret_taken);
    if (r == -EEXIST && unc_find(volume->service->unc, ret_taken, ret_holder) != UNC_SHARE)
        *ret_holder = 0;
    if (r == -EEXIST && hidden)
        memmove(ret_taken, ret_taken + hidden, strlen(ret_taken + hidden) + 1);
    if (r < 0)
        return r;
    snprintf(volume->prefix, sizeof volume->prefix, "%s", spelled + hidden);
    snprintf(volume->unc_path, sizeof volume->unc_path, LINFSP_UNC_ROOT "/%s", volume->prefix);
    volume->staged = true;
    return 0;
}

/* "./data/cache" is "data/cache" in the scope of the client's group. */
static void take_scope(struct volume *volume, const struct silo *silo) {
    const char *rest;
    if (!scope_is_local(volume->prefix, &rest))
        return;
    memmove(volume->prefix, rest, strlen(rest) + 1);
    scope_of(silo, volume->scope);
}

int volume_claim(struct volume *volume, struct connection *connection, const char *prefix, uint32_t serial) {
    char taken[PREFIX_MAX];
    const char *why;
    int r = prefix_parse(prefix, volume->prefix, &why);
    if (r < 0)
        return connection_error(connection, serial, r, "prefix \"%.80s%s\": %s", prefix,
                                strlen(prefix) > 80 ? "..." : "", why) < 0
                   ? -EPIPE
                   : r;
    char message[WIRE_TEXT_MAX];
    r = permission_claim(connection->silo, volume->prefix, message, sizeof message);
    if (scope_is_local(volume->prefix, NULL) && !scope_is_known(connection->silo))
        return connection_error(connection, serial, -EAGAIN,
                                "it is not known yet which containers this one belongs to: try again") < 0
                   ? -EPIPE
                   : -EAGAIN;
    take_scope(volume, connection->silo);
    if (r < 0) {
        tell_claim(volume, connection, true, message);
        return connection_error(connection, serial, r, "%s", message) < 0 ? -EPIPE : r;
    }
    uint64_t holder;
    r = claim(volume, volume->id, taken, &holder);
    struct volume *other = r == -EEXIST ? volume_find(volume->service, holder) : NULL;
    if (r == -EEXIST) {
        char unc[PREFIX_MAX + 8];
        (void)prefix_to_unc(taken, unc, sizeof unc);
        if (other && volume_passes(other, &volume->peer))
            return connection_error(connection, serial, -EAGAIN,
                                    "the prefix %s belongs to a volume that is just ending: try again", unc) < 0
                       ? -EPIPE
                       : -EAGAIN;
        tell_claim(volume, connection, true, "the prefix is in use");
        return connection_error(connection, serial, r,
                                "the prefix %s is in use: choose another (linfsp volumes, on the "
                                "host, shows whose it is)",
                                unc) < 0
                   ? -EPIPE
                   : r;
    }
    if (r < 0)
        return connection_error(connection, serial, r, "prefix \"%s\": %s", prefix, strerror(-r)) < 0 ? -EPIPE : r;
    tell_claim(volume, connection, false, message);
    return 0;
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

/* ---- ended ----------------------------------------------------------------------------------------------------- */

static void tell_end(struct volume *volume) {
    struct connection *connection = life_line(volume);
    if (!connection || connection->volume != volume->id)
        return;
    struct wire_volume_ended event;
    wire_begin(&event, WIRE_VOLUME_ENDED, 0);
    event.volume = volume->id;
    WIRE_SET(event.reason, volume->end_reason);
    (void)connection_send(connection, &event, NULL, 0);
}

static void answer_waiter(struct volume *volume, const struct job_result *result) {
    struct connection *waiter = steal_pointer(volume->waiter);
    if (!waiter)
        return;
    int r = result->error < 0 ? connection_error(waiter, waiter->serial, result->error, "%s", result->message)
                              : connection_done(waiter, waiter->serial);
    if (r >= 0)
        connection_ready(waiter);
}

static int on_unmount_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    struct volume *volume = userdata;
    volume->unmount_timer = sd_event_source_disable_unref(volume->unmount_timer);
    volume->state = VOLUME_LIVE;
    volume_end(volume, volume->end_reason, true);
    return 0;
}

/* Its unmount did not come to an end. It keeps its place, its prefix included, until that succeeds: soon where a worker
 * died, as all that are idle may, then later and later. Whoever waits is told. */
static void unmount_again(struct volume *volume, const struct job_result *result) {
    unsigned turn = volume->unmounts_lost < UNMOUNTS_LOST_MAX ? volume->unmounts_lost : UNMOUNTS_LOST_MAX;
    bool soon = result->error == -EIO && volume->unmounts_lost < DEATHS_MAX;
    uint64_t usec = soon ? 20000ull * volume->unmounts_lost : 1000000ull << (2 * turn); /* else 4 s to 17 min */
    volume_abort(volume);
    if (!soon)
        answer_waiter(volume, result);
    volume->state = VOLUME_ENDING;
    if (sd_event_add_time_relative(volume->service->event, &volume->unmount_timer, CLOCK_MONOTONIC, usec, 100000,
                                   on_unmount_timer, volume) < 0)
        log_error("volume %llu stays mounted until the service starts anew: out of memory",
                  (unsigned long long)volume->id);
}

static uint64_t now_usec(const struct service *service) {
    uint64_t usec = 0;
    (void)sd_event_now(service->event, CLOCK_MONOTONIC, &usec);
    return usec;
}

/* libfuse closes its descriptor, by which the volume ends, and unmounts then: that is to find what it expects. */
static void remember_end(const struct volume *volume, struct silo *silo) {
    char *mount_point = strdup(volume->mount_point);
    if (!mount_point)
        return;
    unsigned at = silo->n_ended++ % SILO_ENDED_MAX;
    free(silo->ended[at].mount_point);
    silo->ended[at].mount_point = mount_point;
    silo->ended[at].usec = now_usec(volume->service);
}

bool volume_has_just_ended(struct silo *silo, const char *mount_point) {
    uint64_t now = now_usec(silo->service);
    for (size_t i = 0; i < SILO_ENDED_MAX; i++) {
        char *ended = silo->ended[i].mount_point;
        if (!ended || strcmp(ended, mount_point) != 0)
            continue;
        free(steal_pointer(silo->ended[i].mount_point));
        return now - silo->ended[i].usec < ENDED_USEC;
    }
    return false;
}

static void on_settled(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
}

/* A letter of the silo's has gone, and whoever unmounted it has been told. */
static void settle_layer(struct silo *silo) {
    struct job job = {.type = JOB_UNMOUNT, .target = silo->target, .unmount.made.by_service = true};
    if (!silo->host && !silo_is_dead(silo) && !silo->service->stopping)
        (void)workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_FOLDERS),
                             on_settled, silo->service, silo->number);
}

/* All its mounts are gone. */
static void finish(struct volume *volume, const struct job_result *result) {
    struct service *service = volume->service;
    if (result->error < 0)
        log_warning("volume %llu: %s", (unsigned long long)volume->id, result->message);
    struct silo *silo = silo_find(service, volume->silo);
    if (silo && volume->made.by_service) {
        forget_letters(silo, volume);
        volume->made.by_service = false;
        settle_layer(silo);
    }
    if (silo && !silo_is_dead(silo) && volume->raw && volume->server_gone && !volume->waiter)
        remember_end(volume, silo);
    bool own_wish = volume->waiter && volume->waiter == life_line(volume);
    if (own_wish && strcmp(volume->end_reason, "unmounted") != 0)
        tell_end(volume); /* it was ending for another reason when its server asked for that */
    answer_waiter(volume, result);
    tell(volume, EVENT_END, false, volume->end_reason);
    if (!own_wish)
        tell_end(volume);
    bool watched = volume->raw && !volume->keeps_connection && !volume->server_gone;
    if (!life_line(volume) && !watched) { /* also where telling it failed */
        if (!comeback_let_go(volume))
            volume_abort(volume);
        volume_free(volume);
        return;
    }
    /* files may be open still: it may go on answering, and is watched, until it hangs up */
    volume->state = VOLUME_DETACHED;
    mup_release(volume);
    journal_drop_volume(volume);
    volume->unc_path[0] = volume->prefix[0] = volume->scope[0] = volume->mount_point[0] = 0;
    if (service->stopping || !silo || silo_is_dead(silo)) {
        volume_abort(volume);
        volume_free(volume);
    }
}

static void on_unmounted(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct volume *volume = volume_find(service, key);
    if (!volume)
        return;
    if (result->error == -EBUSY && !volume->not_lazy) {
        /* only if nobody used it, and then its server went: now it ends in any case */
        volume->state = VOLUME_LIVE;
        volume_end(volume, volume->end_reason, true);
        return;
    }
    if (result->error < 0 && volume->not_lazy && !result->unanswered) { /* busy, or it failed: it is mounted still */
        volume->state = VOLUME_LIVE;
        volume->not_lazy = false;
        volume->end_reason[0] = 0;
        answer_waiter(volume, result);
        return;
    }
    if (result->unanswered && (++volume->unmounts_lost < UNMOUNTS_LOST_MAX || !service->stopping)) {
        unmount_again(volume, result);
        return;
    }
    mup_withdraw(volume);
    if (!list_empty(&volume->name_list) && (volume->unmounted = malloc(sizeof *result)))
        *volume->unmounted = *result; /* the last name that goes comes to volume_withdrawn */
    else
        finish(volume, result);
}

void volume_withdrawn(struct volume *volume) {
    _cleanup_free_ struct job_result *result = steal_pointer(volume->unmounted);
    if (result)
        finish(volume, result);
    else if (volume->unsharing_waits)
        share_withdrawn(volume);
}

static uint64_t abort_inode(const struct volume *volume) {
    struct stat status;
    return volume->abort_fd >= 0 && fstat(volume->abort_fd, &status) == 0 ? status.st_ino : 0;
}

void volume_end_unless_busy(struct volume *volume, const char *reason) {
    volume->not_lazy = true;
    volume_end(volume, reason, false);
}

void volume_end(struct volume *volume, const char *reason, bool abort) {
    struct service *service = volume->service;
    abort |= hold_is_waiting(volume); /* nobody answers for it */
    abort |= comeback_is_waiting(volume) && !comeback_is_replaced(volume);
    if (abort) {
        comeback_end(volume);
        volume->not_lazy = false;
        volume_abort(volume);
        hold_release(volume);
    }
    if (!volume->end_reason[0])
        snprintf(volume->end_reason, sizeof volume->end_reason, "%s", reason);
    if (volume->state == VOLUME_NEW || volume->sharing)
        volume->end_wanted = true;
    if (volume->state == VOLUME_DETACHED && abort) {
        volume_free(volume);
        return;
    }
    if (volume->state != VOLUME_LIVE || volume->sharing)
        return;
    volume->state = VOLUME_ENDING;
    if (!volume->not_lazy) {
        mup_withdraw(volume);
        (void)journal_put_volume(volume); /* if we die now, the next service ends it at once, and awaits no server */
    }
    struct silo *silo = silo_find(service, volume->silo);
    struct job job = {.type = JOB_UNMOUNT, .target = silo->target};
    job.unmount.not_lazy = volume->not_lazy;
    job.unmount.mount_id = volume->mount_id;
    job.unmount.nested = volume->nested;
    job.unmount.server = volume->peer.pid;
    job.unmount.fuse_device = volume->fuse_device;
    job.unmount.abort_inode = abort_inode(volume);
    job.unmount.letters_mount_id = volume->letters_mount_id;
    job.unmount.made = volume->made;
    snprintf(job.unmount.mount_point, sizeof job.unmount.mount_point, "%s", volume->mount_point);
    job.unmount.staged = volume->staged ? volume->id : 0;
    int fds[2];
    size_t n = 0;
    if (!silo->host)
        fds[n++] = silo->pidfd;
    if (volume->made_parent >= 0)
        fds[n++] = volume->made_parent;
    /* a lane beside that of its mounts: those may hang */
    int r = workers_submit(service->workers, &job, fds, n, silo_lane(silo, volume->peer.uid, LANE_UNMOUNTS),
                           on_unmounted, service, volume->id);
    if (!volume->not_lazy)
        reaper_close(service->reaper, steal_fd(&volume->made_parent));
    if (r < 0) {
        struct job_result result = {.error = r, .unanswered = true, .message = "the service has no worker for it now"};
        log_warning("volume %llu cannot be unmounted now: %s", (unsigned long long)volume->id, strerror(-r));
        volume->unmounts_lost++;
        unmount_again(volume, &result);
    }
}

void volume_lost_connection(struct volume *volume) {
    volume->connection = NULL;
    if (hold_catch(volume))
        return;
    volume->server_gone = true;
    volume_end(volume, "its server has ended", true);
}

struct volume *volume_by_target(struct service *service, const struct silo *silo, const char *target) {
    char canonical[WIRE_PATH_MAX], path[WIRE_PATH_MAX];
    snprintf(path, sizeof path, "%s", target);
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

/* ---- after a restart ------------------------------------------------------------------------------------------- */

/* Where the process that asked for the volume has gone, only a child of it could come back, and had the time. */
static int on_orphaned(sd_event_source *source, uint64_t usec, void *userdata) {
    struct volume *volume = userdata;
    if (--volume->orphan_turns > 0 && server_is_there(volume)) {
        (void)sd_event_source_set_time_relative(source, ORPHAN_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    volume->orphan_timer = sd_event_source_disable_unref(volume->orphan_timer);
    volume_end(volume, "its server did not come back after a restart of the service", true);
    return 0;
}

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
        tell(volume, EVENT_HELD, false, NULL);
        return;
    }
    volume_end(volume, "its server has ended", true);
}

int volume_watch_node(struct volume *volume) {
    return fusermount_watch(volume, on_node_closed);
}

/* Puts it into the tables, and takes its prefix. */
static int re_register(struct service *service, struct volume *volume, uint64_t id) {
    struct silo *silo = silo_find(service, volume->silo);
    char taken[PREFIX_MAX];
    if (!silo)
        return -ESRCH;
    int r = volume_register(volume, id, silo);
    if (r < 0)
        return r;
    uint64_t holder;
    if (volume->prefix[0] && claim(volume, id, taken, &holder) == 0)
        mup_restore(volume);
    else
        volume->prefix[0] = volume->scope[0] = volume->unc_path[0] = 0;
    volume->state = VOLUME_LIVE;
    if (volume->mount_point[0])
        programs_expect_unmounts(silo);
    volume->staged = true; /* it may be there: the service may have died over a share */
    if (volume->made.by_service && volume->made.name[0])
        silo->letter_folders |= letter_bit(volume);
    open_abort(volume);
    if (id > service->next_volume)
        service->next_volume = id;
    unsigned depth;
    if (server_is_there(volume))
        (void)process_inner_pid(volume->peer.pid, &volume->inner_pid, &depth);
    return 0;
}

/* Whether its server can be expected to come back, or serves it still. */
static bool await_server(struct volume *volume) {
    if (volume->raw && !volume->keeps_connection) {
        volume->looks = 1; /* who has its descriptor is looked for later: holders_look */
        return volume_watch_node(volume) >= 0;
    }
    volume->orphan_turns = ORPHAN_TURNS;
    return sd_event_add_time_relative(volume->service->event, &volume->orphan_timer, CLOCK_MONOTONIC, ORPHAN_USEC,
                                      100000, on_orphaned, volume) >= 0;
}

int volume_restore(struct service *service, struct volume *volume, uint64_t id) {
    bool network = volume->prefix[0];
    int r = re_register(service, volume, id);
    if (r == 0 && network && !volume->published) {
        /* it is mounted, and must not be forgotten; but nobody would find it */
        volume_end(volume, "its prefix could not be taken again after a restart of the service", true);
    } else if (r == 0 && volume->was_ending) {
        volume->server_gone = true;
        volume_end(volume, "the service died while it was being unmounted", true);
    } else if (r == 0 && !await_server(volume)) {
        volume->server_gone = true;
        volume_end(volume, "its server ended while the service was away", true);
    }
    return r;
}

int volume_restore_to_end(struct service *service, struct volume *volume, uint64_t id, const char *reason) {
    int r = re_register(service, volume, id);
    if (r == 0) {
        inherit_unless_made(volume);
        volume->server_gone = true;
        volume_end(volume, reason, true);
    }
    return r;
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
        tell(volume, EVENT_TAKEN_OVER, false, NULL);
    }
    if (connection_done(connection, serial) >= 0 && !before)
        log_info("volume %llu: its server came back", (unsigned long long)volume->id);
}
