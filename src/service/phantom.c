/* SPDX-License-Identifier: MIT */
#include "service/phantom.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "service/catcher.h"
#include "service/lane.h"
#include "service/reaper.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"
#include "util/process.h"

/* How long a program may take from its start to running its helper. While the silo has volumes the stand-in
 * stays, for unmounting them. */
#define STAY_USEC (20 * 1000000ull)

#define CHANGES_MAX 16 /* of one silo at a time; the stand-in does not give way to more */

/* A process that changes files. */
struct change {
    struct list_node node; /* of the silo's, as long as that is there */
    enum {
        CHANGE_WAITS, /* the stand-in is being made: nothing can be taken away yet */
        CHANGE_IS_MADE_WAY, /* a worker takes the stand-in away */
        CHANGE_RUNS,
    } state;
    struct service *service;
    struct silo *silo;
    uint64_t ticket;
    int pidfd; /* -1: it has ended */
    sd_event_source *io;
};

/* A process that waits for the job. */
struct waiting {
    struct service *service;
    uint64_t ticket;
    uint64_t program; /* that it runs (process_code); 0: it opened libfuse */
};

static void done_nothing(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
}

static void give_way_to_waiting(struct silo *silo);

static void close_folder(struct silo *silo) {
    reaper_close(silo->service->reaper, steal_fd(&silo->phantom_folder));
}

static void on_removed(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (silo && !silo->phantom && result->error == 0)
        close_folder(silo);
}

static void submit_removal(struct silo *silo) {
    struct job job = {.type = JOB_PHANTOM, .target = silo->target};
    silo->phantom = false;
    if (silo->state == SILO_READY)
        (void)workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS), on_removed,
                             silo->service, silo->number);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
    struct silo *silo = userdata;
    if (silo->volumes > 0 && sd_event_source_set_time_relative(source, STAY_USEC) >= 0 &&
        sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) >= 0)
        return 0;
    silo->phantom_timer = sd_event_source_disable_unref(source);
    submit_removal(silo);
    return 0;
}

static void stay(struct silo *silo) {
    silo->phantom = true;
    silo->phantom_timer = sd_event_source_disable_unref(silo->phantom_timer);
    (void)sd_event_add_time_relative(silo->service->event, &silo->phantom_timer, CLOCK_MONOTONIC, STAY_USEC, 100000,
                                     on_time, silo);
}

/* Whether that program is known to name the helper: it may be started again, with another PATH. */
static bool names_helper(const struct silo *silo, uint64_t program) {
    for (size_t i = 0; i < ARRAY_SIZE(silo->naming); i++)
        if (silo->naming[i] == program)
            return true;
    return false;
}

static void forget_examined(struct silo *silo, uint64_t program) {
    for (size_t i = 0; i < ARRAY_SIZE(silo->examined); i++)
        if (silo->examined[i] == program)
            silo->examined[i] = 0;
}

static void on_made(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct waiting *waiting = context;
    struct silo *silo = silo_find(waiting->service, key);
    if (result->error < 0)
        log_debug("silo %llu: no stand-in can be put there: %s", (unsigned long long)key, result->message);
    if (n_fds && silo) {
        close_folder(silo);
        silo->phantom_folder = steal_fd(&fds[0]);
    }
    if (n_fds && fds[0] >= 0)
        reaper_close(waiting->service->reaper, steal_fd(&fds[0]));
    if (silo && (silo->phantom || (result->error == 0 && result->phantom.made > 0))) {
        stay(silo);
        silo->n_examined = 0; /* this program may be started again */
        memset(silo->examined, 0, sizeof silo->examined);
    }
    if (silo && waiting->program && result->error < 0)
        forget_examined(silo, waiting->program);
    else if (silo && waiting->program && result->phantom.named && !names_helper(silo, waiting->program))
        silo->naming[silo->n_naming++ % ARRAY_SIZE(silo->naming)] = waiting->program;
    if (waiting->ticket)
        catcher_go_on(waiting->service, waiting->ticket);
    free(waiting);
    if (silo && --silo->phantoms_in_making == 0)
        give_way_to_waiting(silo);
}

static bool submit(struct silo *silo, struct job_phantom phantom, uint64_t ticket, uint64_t program) {
    struct job job = {.type = JOB_PHANTOM, .target = silo->target, .phantom = phantom};
    struct waiting *waiting = calloc(1, sizeof *waiting);
    job.phantom.there = true;
    if (!waiting)
        return false;
    *waiting = (struct waiting){silo->service, ticket, program};
    bool submitted = workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS),
                                    on_made, waiting, silo->number) >= 0;
    if (submitted)
        silo->phantoms_in_making++;
    else
        free(waiting);
    return submitted;
}

/* While something changes helpers none of ours is put there, whoever starts: the one that changes them may itself name
 * the helper. */
static bool gives_way(const struct silo *silo) {
    return !list_empty(&silo->changes);
}

void phantom_wanted(struct service *service, uint64_t mount_namespace, pid_t pid, bool lacking, uint64_t ticket) {
    struct silo *silo = silo_find_namespace(service, mount_namespace);
    const struct job_phantom phantom = {.opener = pid, .not_lacking = !lacking || (silo && gives_way(silo))};
    if (!silo || silo->host || silo->state != SILO_READY || !submit(silo, phantom, ticket, 0))
        catcher_go_on(service, ticket);
}

/* Programs of one name and size of code are the same program, mostly: each is looked at once. */
static bool is_examined(struct silo *silo, uint64_t program) {
    for (size_t i = 0; i < ARRAY_SIZE(silo->examined); i++)
        if (silo->examined[i] == program)
            return true;
    silo->examined[silo->n_examined++ % ARRAY_SIZE(silo->examined)] = program;
    return false;
}

void phantom_program(struct silo *silo, pid_t pid) {
    uint64_t program;
    if (silo->phantom && process_code(pid, &program) == 0)
        stay(silo); /* it may be one that needs it */
    if (silo->state != SILO_READY)
        return;
    if (process_code(pid, &program) < 0)
        return;
    bool known = names_helper(silo, program);
    if (!known && is_examined(silo, program))
        return;
    uint64_t ticket = catcher_hold(silo->service, pid);
    const struct job_phantom phantom = {
        .program = known ? 0 : pid, .opener = pid, .not_lacking = !silo->lacks_helper || gives_way(silo)};
    if (!submit(silo, phantom, ticket, program))
        catcher_go_on(silo->service, ticket);
}

static void forget_time(struct silo *silo) {
    silo->phantom_timer = sd_event_source_disable_unref(silo->phantom_timer);
}

void phantom_give_way(struct silo *silo) {
    if (!silo->phantom)
        return;
    forget_time(silo);
    submit_removal(silo);
}

static void change_free(struct change *change) {
    list_remove(&change->node);
    sd_event_source_disable_unref(change->io);
    close_fd(&change->pidfd);
    free(change);
}

static void let_go(struct change *change) {
    catcher_go_on(change->service, change->ticket);
    change_free(change);
}

static void come_back(struct silo *silo) {
    if (!silo->phantom && list_empty(&silo->changes) && silo->state == SILO_READY)
        (void)submit(silo, (struct job_phantom){0}, 0, 0);
}

static int on_changed(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct change *change = userdata;
    struct silo *silo = change->silo;
    change_free(change);
    come_back(silo);
    return 0;
}

static bool is_there(const struct silo *silo) {
    return silo->phantom || silo->phantoms_in_making > 0 || !list_empty(&silo->changes);
}

bool phantom_found(struct silo *silo) {
    if (is_there(silo) || silo->state != SILO_READY)
        return false;
    stay(silo);
    return true;
}

/* The stand-in is gone: the process runs. */
static void on_gave_way(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct change *change = context;
    struct silo *silo = silo_find(change->service, key);
    if (silo && change->pidfd >= 0 &&
        sd_event_add_io(silo->service->event, &change->io, change->pidfd, EPOLLIN, on_changed, change) >= 0) {
        change->state = CHANGE_RUNS;
        catcher_go_on(change->service, change->ticket);
        return;
    }
    let_go(change);
    if (silo)
        come_back(silo);
}

static void give_way_to(struct change *change) {
    struct silo *silo = change->silo;
    struct job job = {.type = JOB_PHANTOM, .target = silo->target};
    forget_time(silo);
    silo->phantom = false;
    change->state = CHANGE_IS_MADE_WAY;
    if (workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS), on_gave_way,
                       change, silo->number) < 0)
        let_go(change);
}

static void give_way_to_waiting(struct silo *silo) {
    struct change *change, *next;
    list_for_each_safe (change, next, &silo->changes, node)
        if (change->state == CHANGE_WAITS)
            give_way_to(change);
}

static size_t count_changes(const struct silo *silo) {
    size_t n = 0;
    for (const struct list_node *node = silo->changes.next; node != &silo->changes; node = node->next)
        n++;
    return n;
}

void phantom_before_change(struct service *service, uint64_t mount_namespace, pid_t pid, uint64_t ticket) {
    struct silo *silo = silo_find_namespace(service, mount_namespace);
    bool has_to = silo && !silo->host && silo->state == SILO_READY && is_there(silo);
    struct change *change = has_to && count_changes(silo) < CHANGES_MAX ? calloc(1, sizeof *change) : NULL;
    if (!change) {
        catcher_go_on(service, ticket);
        return;
    }
    *change = (struct change){
        .service = service, .silo = silo, .ticket = ticket, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    list_append(&silo->changes, &change->node);
    if (silo->phantoms_in_making == 0)
        give_way_to(change);
}

static void changes_end(struct silo *silo) {
    struct change *change, *next;
    list_for_each_safe (change, next, &silo->changes, node)
        if (change->state == CHANGE_IS_MADE_WAY)
            list_remove(&change->node); /* its job's end frees it */
        else if (change->state == CHANGE_WAITS)
            let_go(change);
        else
            change_free(change);
}

void phantom_end(struct silo *silo) {
    struct job job = {.type = JOB_PHANTOM, .target = {.host = true, .silo = silo->number}};
    changes_end(silo);
    forget_time(silo);
    if (silo->phantom_folder >= 0)
        (void)workers_submit(silo->service->workers, &job, &silo->phantom_folder, 1,
                             (struct lane){.silo = silo->number, .kind = LANE_FOLDERS}, done_nothing, silo->service,
                             silo->number);
    close_folder(silo);
}
