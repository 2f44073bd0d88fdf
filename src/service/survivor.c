/* SPDX-License-Identifier: MIT */
#include "service/survivor.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/anchor.h"
#include "service/connection.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/process.h"

#define PROOFS_MAX 16 /* processes that are asked for a proof */
#define TURNS_MAX 3 /* searches whose finds had ended, one at once after the other */
#define AGAIN_USEC 1000000ull /* and twice as long each time */
#define AGAIN_MAX_USEC 60000000ull
#define FAILURES_MAX 30 /* that are no shortage: they would go on for ever */

/* Every process of the machine that has a mount namespace other than the service's. */
struct survey {
    size_t n, room;
    struct surveyed {
        uint64_t inode;
        pid_t pid;
    } * of;
};

static int take(struct silo *silo, pid_t pid) {
    int r = anchor_watch(silo, anchor_find(silo->mount_namespace.inode, pid));
    return r == -ENOENT ? -ESRCH : r; /* its folder of /proc has gone */
}

/* ---- in a running service -------------------------------------------------------------------------------------- */

static void found(struct silo *silo) {
    struct service *service = silo->service;
    survivor_forget(silo);
    silo->seek_turns = silo->seeks_put_off = silo->seeks_failed = 0;
    if (silo->state == SILO_READY)
        journal_put_silo(silo);
    silo_admit(silo);
    volumes_have_anchor(silo);
    if (silo_is_settled(silo))
        silo_answer_preparers(silo, silo->state == SILO_READY ? 0 : -EIO, silo->failure);
    if (silo->unsettled) /* its entry point was not looked at meanwhile */
        (void)silo_consider(service, silo->target.init_pid, false);
}

/* Nobody is left in its namespace. stranger: a process that has the namespace's inode number by now, or 0. */
static void nobody_left(struct silo *silo, pid_t stranger) {
    struct service *service = silo->service;
    survivor_forget(silo);
    silo_end(silo);
    if (stranger)
        (void)silo_consider(service, stranger, false);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
    struct silo *silo = userdata;
    silo->seek_timer = sd_event_source_disable_unref(source);
    survivor_seek(silo);
    return 0;
}

/* That something is lacking for a moment is no reason to end the silo; nor that what was found had ended. */
static void seek_again(struct silo *silo, int error, const char *why) {
    unsigned doublings = silo->seeks_put_off < 6 ? silo->seeks_put_off : 6;
    uint64_t usec = AGAIN_USEC << doublings < AGAIN_MAX_USEC ? AGAIN_USEC << doublings : AGAIN_MAX_USEC;
    if (!silo->seeks_put_off++)
        log_warning("container %s: its first process has ended, and its programs cannot mount until another one of its "
                    "processes is found: %s; tried again",
                    silo->id, why);
    if (error != -ESRCH && !journal_is_short(error) && ++silo->seeks_failed >= FAILURES_MAX) {
        log_warning("container %s: it is taken for ended: none of its processes can be used: %s", silo->id, why);
        nobody_left(silo, 0);
    } else if (sd_event_add_time_relative(silo->service->event, &silo->seek_timer, CLOCK_MONOTONIC, usec, 100000,
                                          on_again, silo) < 0)
        nobody_left(silo, 0);
}

/* -ESRCH: it has ended since; there may be others. */
static int take_sought(struct silo *silo, pid_t pid, uint64_t wanted_start) {
    uint64_t start;
    int r = process_start(pid, &start);
    if (r < 0)
        return journal_is_short(r) ? r : -ESRCH;
    return start == wanted_start ? take(silo, pid) : -ESRCH;
}

static void on_sought(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (!silo || silo_is_dead(silo) || !silo->seeks_anchor)
        return;
    if (result->error < 0) {
        seek_again(silo, result->error, result->message);
        return;
    }
    pid_t pid = result->survivor.pid;
    if (!pid) {
        nobody_left(silo, result->survivor.stranger);
        return;
    }
    int r = take_sought(silo, pid, result->survivor.start);
    if (r == 0)
        found(silo);
    else if (r == -ESRCH && ++silo->seek_turns < TURNS_MAX)
        survivor_seek(silo);
    else
        seek_again(silo, r, strerror(-r));
}

static bool take_client(struct silo *silo) {
    const struct connection *connection;
    unsigned proofs = 0;
    /* without ids the proof is a mount table, which may be long */
    if (!silo->mount_namespace.id)
        return false;
    list_for_each (connection, &silo->connection_list, node)
        if (proofs++ < PROOFS_MAX && anchor_prove(silo, connection->peer.pid) == 0 &&
            take(silo, connection->peer.pid) == 0)
            return true;
    return false;
}

void survivor_seek(struct silo *silo) {
    struct job job = {.type = JOB_SURVIVOR, .target = silo->target};
    job.target.host = true; /* nothing of the silo's is entered */
    job.survivor.is_injected = silo->state == SILO_READY;
    survivor_forget(silo);
    silo->pidfd_io = sd_event_source_disable_unref(silo->pidfd_io);
    if (silo->sole_init) {
        nobody_left(silo, 0);
        return;
    }
    if (take_client(silo)) {
        found(silo);
        return;
    }
    silo->seeks_anchor = true;
    silo_admit(silo);
    int r = workers_submit(silo->service->workers, &job, NULL, 0, silo_lane(silo, 0, LANE_ANCHORS), on_sought,
                           silo->service, silo->number);
    if (r < 0)
        seek_again(silo, r, strerror(-r));
}

void survivor_forget(struct silo *silo) {
    silo->seeks_anchor = false;
    silo->seek_timer = sd_event_source_disable_unref(silo->seek_timer);
}

/* ---- at the start ---------------------------------------------------------------------------------------------- */

static bool survey_add(struct survey *survey, uint64_t inode, pid_t pid) {
    if (survey->n == survey->room) {
        size_t room = survey->room ? survey->room * 2 : 64;
        struct surveyed *more = reallocarray(survey->of, room, sizeof *more);
        if (!more)
            return false;
        survey->of = more;
        survey->room = room;
    }
    survey->of[survey->n++] = (struct surveyed){.inode = inode, .pid = pid};
    return true;
}

static void survey_free(struct survey *survey) {
    if (survey)
        free(survey->of);
    free(survey);
}

static int by_inode(const void *one, const void *other) {
    const struct surveyed *a = one, *b = other;
    return a->inode == b->inode ? (a->pid > b->pid) - (a->pid < b->pid) : a->inode > b->inode ? 1 : -1;
}

/* NULL: errno says why. */
static struct survey *survey_all(const struct service *service) {
    _cleanup_closedir_ DIR *directory = proc_open_folder(".");
    struct survey *survey = directory ? calloc(1, sizeof *survey) : NULL;
    struct dirent *entry;
    while (survey && (entry = readdir(directory))) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        uint64_t inode;
        if (*end || pid <= 0 || process_namespace((pid_t)pid, "mnt", &inode) < 0 ||
            inode == service->host_mount_namespace)
            continue;
        if (!survey_add(survey, inode, (pid_t)pid)) {
            survey_free(survey);
            errno = ENOMEM;
            return NULL;
        }
    }
    if (survey && survey->n)
        qsort(survey->of, survey->n, sizeof *survey->of, by_inode);
    return survey;
}

/* The first process of that namespace in the survey, or its end. */
static size_t first_of(const struct survey *survey, uint64_t inode) {
    size_t low = 0, high = survey->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (survey->of[middle].inode < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int survivor_find_at_start(struct silo *silo) {
    struct service *service = silo->service;
    uint64_t inode = silo->mount_namespace.inode;
    const struct survey *survey = service->survey ? service->survey : (service->survey = survey_all(service));
    if (!survey)
        return -errno;
    size_t first = first_of(survey, inode);
    int r = -ESRCH;
    for (size_t i = first; i < survey->n && i < first + PROOFS_MAX && survey->of[i].inode == inode; i++) {
        int proven = anchor_prove(silo, survey->of[i].pid);
        if (proven == 0 && (proven = take(silo, survey->of[i].pid)) == 0)
            return 0;
        if (journal_is_short(proven))
            r = proven; /* it may be one */
    }
    return r;
}

void survivor_end_start(struct service *service) {
    survey_free(steal_pointer(service->survey));
}
