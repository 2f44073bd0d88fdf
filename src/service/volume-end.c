/* SPDX-License-Identifier: MIT */
/* A volume's end: a worker unmounts it, again if need be, and whoever waits for that is told. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "service/anchor.h"
#include "service/comeback.h"
#include "service/connection.h"
#include "service/event.h"
#include "service/hold.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/letter.h"
#include "service/mup.h"
#include "service/reaper.h"
#include "service/service.h"
#include "service/share.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"
#include "wire/codec.h"

#define ENDED_USEC 5000000ull
#define DEATHS_MAX 16 /* of workers, over one unmount, after which it is not tried again at once */
#define UNMOUNTS_LOST_MAX 5 /* a worker may die, or meet what hangs only for a while */

static void tell_end(struct volume *volume) {
    struct connection *connection = volume->connection;
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

/* Something has been unmounted in that silo. What was below it, if it has ended as well, can go now. */
static void unmount_covered(struct service *service, uint64_t silo_number) {
    struct silo *silo = silo_find(service, silo_number);
    struct volume *volume, *next;
    if (!silo)
        return;
    list_for_each_safe (volume, next, &silo->volume_list, node) {
        if (!volume->covered || volume->state != VOLUME_ENDING)
            continue;
        volume->covered = false;
        volume->unmount_timer = sd_event_source_disable_unref(volume->unmount_timer);
        volume->state = VOLUME_LIVE;
        volume_end(volume, volume->end_reason, true);
    }
}

/* Whether another volume of its silo is being unmounted, which may be the one over it. */
static bool others_are_ending(const struct volume *volume) {
    const struct silo *silo = silo_find(volume->service, volume->silo);
    const struct volume *other;
    if (silo)
        list_for_each (other, &silo->volume_list, node)
            if (other != volume && other->state == VOLUME_ENDING && !other->covered)
                return true;
    return false;
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

static void tell_asked(const struct volume *volume, const struct silo *silo, bool refused, uid_t uid, pid_t pid,
                       const char *text) {
    event_tell(volume->service, &(struct event){.kind = EVENT_END,
                                                .refused = refused,
                                                .silo = silo,
                                                .volume = volume,
                                                .uid = uid,
                                                .pid = pid,
                                                .text = text});
}

void volume_end_asked(struct volume *volume, const struct connection *asker) {
    volume->ended_by.known = true;
    volume->ended_by.from_host = asker->silo->number != volume->silo;
    volume->ended_by.uid = asker->peer.uid;
    volume->ended_by.pid = asker->peer.pid;
}

void volume_end_refused(const struct volume *volume, const struct connection *asker) {
    tell_asked(volume, asker->silo, true, asker->peer.uid, asker->peer.pid, "it is another user's");
}

void volume_unshared(const struct volume *volume, const struct connection *asker) {
    tell_asked(volume, asker->silo, false, asker->peer.uid, asker->peer.pid, "unshared");
}

/* With who asked for it; else with who served it. */
static void tell_ended(const struct volume *volume, const struct silo *silo) {
    char text[sizeof volume->end_reason + 32];
    snprintf(text, sizeof text, "%s%s", volume->end_reason, volume->ended_by.from_host ? " from the host" : "");
    if (volume->ended_by.known)
        tell_asked(volume, silo, false, volume->ended_by.uid, volume->ended_by.pid, text);
    else
        volume_tell(volume, EVENT_END, false, volume->end_reason);
}

/* All its mounts are gone. It may be freed. */
static void tell_and_let_go(struct volume *volume, const struct job_result *result) {
    struct service *service = volume->service;
    if (result->error < 0)
        log_warning("volume %llu: %s", (unsigned long long)volume->id, result->message);
    struct silo *silo = silo_find(service, volume->silo);
    if (silo && volume->made.by_service) {
        letters_forget(silo, volume);
        volume->made.by_service = false;
        letters_settle(silo);
    }
    if (silo && !silo_is_dead(silo) && volume->raw && volume->server_gone && !volume->waiter)
        remember_end(volume, silo);
    bool own_wish = volume->waiter && volume->waiter == volume->connection;
    if (own_wish && strcmp(volume->end_reason, "unmounted") != 0)
        tell_end(volume); /* it was ending for another reason when its server asked for that */
    answer_waiter(volume, result);
    tell_ended(volume, silo);
    if (!own_wish)
        tell_end(volume);
    bool watched = volume->raw && !volume->keeps_connection && !volume->server_gone;
    if (!volume->connection && !watched) { /* also where telling it failed */
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

static void finish(struct volume *volume, const struct job_result *result) {
    struct service *service = volume->service;
    uint64_t silo = volume->silo;
    tell_and_let_go(volume, result);
    unmount_covered(service, silo);
}

/* A silo that outlives its anchor keeps its mounts, and is entered by the next one. */
static bool lacks_anchor(const struct silo *silo) {
    return !silo->host && !silo_is_dead(silo) && !silo->sole_init && !silo->service->stopping &&
           (silo->seeks_anchor || anchor_has_ended(silo->pidfd));
}

/* Whether the worker came too late for one anchor, and another one can be asked. */
static bool went_by_old_anchor(const struct volume *volume, const struct job_result *result) {
    const struct silo *silo = silo_find(volume->service, volume->silo);
    return result->gone && silo && !silo_is_dead(silo) && (lacks_anchor(silo) || silo->anchors != volume->anchors);
}

void volumes_have_anchor(struct silo *silo) {
    struct volume *volume, *next;
    list_for_each_safe (volume, next, &silo->volume_list, node)
        if (volume->awaits_anchor)
            volume_end(volume, volume->end_reason, false);
}

static void on_unmounted(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct volume *volume = volume_find(service, key);
    if (!volume)
        return;
    if (went_by_old_anchor(volume, result)) {
        volume->state = VOLUME_LIVE;
        volume_end(volume, volume->end_reason, false);
        return;
    }
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
        volume->ended_by.known = false;
        answer_waiter(volume, result);
        return;
    }
    volume->covered = result->covered;
    bool left = service->stopping && volume->covered && !others_are_ending(volume); /* no volume of ours is over it */
    if (result->unanswered && !left && (++volume->unmounts_lost < UNMOUNTS_LOST_MAX || !service->stopping)) {
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
    if (volume->awaits_anchor) {
        volume->awaits_anchor = false;
        volume->state = VOLUME_LIVE;
    }
    if (volume->state != VOLUME_LIVE || volume->sharing)
        return;
    volume->state = VOLUME_ENDING;
    if (!volume->not_lazy) {
        mup_withdraw(volume);
        (void)journal_put_volume(volume); /* if we die now, the next service ends it at once, and awaits no server */
    }
    struct silo *silo = silo_find(service, volume->silo);
    volume->awaits_anchor = !volume->nested.inode && lacks_anchor(silo);
    volume->anchors = silo->anchors;
    if (volume->awaits_anchor)
        return;
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
