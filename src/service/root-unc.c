/* SPDX-License-Identifier: MIT */
#include "service/root-unc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/folder.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/unc.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/paths.h"

/* Who publishes a volume waits no longer for containers: for those that do not answer, and where there are a thousand.
 */
#define KEPT_USEC (500 * 1000ull)

/* Network volumes come and go. Where they soon come again /unc stays longer the next time. */
#define IDLE_USEC (10 * 1000000ull)
#define IDLE_MAX_USEC (3600 * 1000000ull)
#define SOON 6 /* times the time that it stayed */

/* A silo whose /unc could not be mounted has something of its own there. A claim tries it again, but not each claim. */
#define AGAIN_USEC (10 * 1000000ull)

/* Of all silos only so many are at it at once: what others want of workers must not wait for a thousand silos. */
#define AT_ONCE 8
#define WORKERS_LOST_MAX 3

/* A worker's answer that waits. */
struct kept_answer {
    struct list_node node;
    struct service *service;
    sd_event_source *timer;
    job_done done;
    uint64_t key;
    struct job_result result;
    int fds[JOB_FDS_MAX];
    size_t n_fds;
};

void root_unc_init(struct service *service) {
    list_init(&service->uncs.without);
    list_init(&service->uncs.with);
    list_init(&service->uncs.kept_answers);
}

bool root_unc_is_wanted(const struct service *service) {
    return unc_count(service->unc) > 0 || service->launchers > 0;
}

static void kept_free(struct kept_answer *kept) {
    list_remove(&kept->node);
    sd_event_source_disable_unref(kept->timer);
    for (size_t i = 0; i < kept->n_fds; i++)
        close_fd(&kept->fds[i]);
    free(kept);
}

static void pass_on(struct kept_answer *kept) {
    list_remove(&kept->node); /* done may come to pass others on */
    kept->done(kept->service, kept->key, &kept->result, kept->fds, kept->n_fds);
    kept_free(kept);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
    pass_on(userdata);
    return 0;
}

/* Whether a worker may be sent there. The root of a silo that is unsettled may still be the host's. */
static bool is_free(const struct silo *silo) {
    return silo->state == SILO_READY && !silo->unsettled && !silo->host && !silo->makes_unc;
}

static struct list_node *list_of(struct service *service, bool waits) {
    return waits ? &service->uncs.without : &service->uncs.with;
}

/* Into the list of those that are as it is: first those that have not had their turn, then those that have. */
static void enlist(struct silo *silo) {
    struct list_node *list = list_of(silo->service, silo->unc_waits);
    list_remove(&silo->of_uncs);
    if (is_free(silo))
        list_append(silo->unc_turn == silo->service->uncs.turn ? list : list->next, &silo->of_uncs);
}

static void on_made(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds);

/* wanted: mounts it; else unmounts it. */
static void submit(struct silo *silo, bool wanted) {
    struct service *service = silo->service;
    const struct folder *folder = folder_at(service, silo->number, "");
    struct job job = {.type = JOB_ROOT_UNC, .target = silo->target, .inject.unc_waits = !wanted};
    silo->unc_turn = service->uncs.turn;
    enlist(silo);
    if (!folder)
        return;
    job.inject.folder_number = folder->id;
    snprintf(job.inject.folder, sizeof job.inject.folder, "%s", silo->folder);
    if (workers_submit(service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS), on_made, service,
                       silo->number) < 0)
        return;
    silo->makes_unc = true;
    list_remove(&silo->of_uncs);
    service->uncs.in_making++;
}

/* The next silos' turn. */
static void go_on(struct service *service) {
    bool wanted = root_unc_is_wanted(service);
    struct list_node *list = list_of(service, wanted);
    if (service->stopping || wanted == service->uncs.goes)
        return;
    while (service->uncs.in_making < AT_ONCE && !list_empty(list)) {
        struct silo *silo = list_element(list->next, struct silo, of_uncs);
        if (silo->unc_turn == service->uncs.turn)
            return; /* and so have all behind it */
        if (is_free(silo))
            submit(silo, wanted);
        else
            list_remove(&silo->of_uncs); /* it ends */
    }
}

void root_unc_make(struct silo *silo) {
    enlist(silo);
    if (is_free(silo) && silo->unc_waits && root_unc_is_wanted(silo->service) && !silo->service->stopping)
        submit(silo, true);
    else
        go_on(silo->service); /* it may be one of those that it is to go from */
}

/* Its /unc is mounted, or unmounted. */
static void take_result(struct silo *silo, const struct job_result *result) {
    silo->makes_unc = false;
    if (result->error == 0) {
        silo->unc_waits = !silo->unc_waits;
        silo->unc_told = false;
        silo->unc_workers_lost = 0;
        silo->unc_turn = 0; /* meanwhile the opposite may be wanted */
        journal_put_silo(silo);
        return;
    }
    if (result->unanswered && ++silo->unc_workers_lost <= WORKERS_LOST_MAX) {
        silo->unc_turn = 0;
        return;
    }
    silo->unc_workers_lost = 0;
    if (silo->unc_waits && result->error != -ESRCH && !silo->unc_told)
        log_warning("container %s has no " LINFSP_UNC_ROOT ": %s", silo->id, result->message);
    silo->unc_told |= silo->unc_waits;
}

static void on_made(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct silo *silo = silo_find(service, key);
    struct kept_answer *kept, *next;
    service->uncs.in_making--;
    if (silo) {
        take_result(silo, result);
        enlist(silo);
    }
    go_on(service);
    if (service->uncs.in_making > 0)
        return;
    list_for_each_safe (kept, next, &service->uncs.kept_answers, node)
        (void)sd_event_source_set_time_relative(kept->timer, 0);
}

static void next_turn(struct service *service, uint64_t now) {
    service->uncs.turn++;
    service->uncs.turn_began = now;
}

void root_unc_wanted(struct service *service, struct silo *own) {
    uint64_t now = (uint64_t)clock_ns() / 1000;
    if (service->uncs.goes || now - service->uncs.turn_began >= AGAIN_USEC)
        next_turn(service, now);
    if (service->uncs.goes) {
        bool soon = now - service->uncs.gone_at < SOON * service->uncs.idle_usec;
        service->uncs.idle_usec = !soon                                         ? IDLE_USEC
                                  : service->uncs.idle_usec < IDLE_MAX_USEC / 2 ? 2 * service->uncs.idle_usec
                                                                                : IDLE_MAX_USEC;
    }
    service->uncs.goes = false;
    if (own && is_free(own) && own->unc_waits && own->unc_turn != service->uncs.turn && !service->stopping)
        submit(own, true);
    go_on(service);
}

void root_unc_start(struct service *service) {
    struct silo *silo, *next;
    next_turn(service, (uint64_t)clock_ns() / 1000);
    HASH_ITER (hash, service->silos, silo, next)
        enlist(silo);
    go_on(service);
    root_unc_unwanted(service);
}

static int on_unwanted(sd_event_source *source, uint64_t usec, void *userdata) {
    struct service *service = userdata;
    service->uncs.timer = sd_event_source_disable_unref(source);
    if (root_unc_is_wanted(service))
        return 0;
    service->uncs.goes = true;
    service->uncs.gone_at = (uint64_t)clock_ns() / 1000;
    next_turn(service, service->uncs.gone_at);
    go_on(service);
    return 0;
}

void root_unc_unwanted(struct service *service) {
    if (root_unc_is_wanted(service) || service->stopping)
        return;
    if (!service->uncs.idle_usec)
        service->uncs.idle_usec = IDLE_USEC;
    service->uncs.timer = sd_event_source_disable_unref(service->uncs.timer);
    (void)sd_event_add_time_relative(service->event, &service->uncs.timer, CLOCK_MONOTONIC, service->uncs.idle_usec,
                                     100000, on_unwanted, service);
}

bool root_unc_keeps(struct service *service, job_done done, uint64_t key, const struct job_result *result, int *fds,
                    size_t n_fds) {
    struct kept_answer *kept = service->uncs.in_making > 0 ? malloc(sizeof *kept) : NULL;
    if (!kept)
        return false;
    *kept = (struct kept_answer){.service = service, .done = done, .key = key, .result = *result};
    list_init(&kept->node);
    if (sd_event_add_time_relative(service->event, &kept->timer, CLOCK_MONOTONIC, KEPT_USEC, 1000, on_time, kept) < 0) {
        free(kept);
        return false;
    }
    for (; kept->n_fds < n_fds; kept->n_fds++)
        kept->fds[kept->n_fds] = steal_fd(&fds[kept->n_fds]);
    list_append(&service->uncs.kept_answers, &kept->node);
    return true;
}

void root_unc_free(struct service *service) {
    struct kept_answer *kept, *next;
    list_for_each_safe (kept, next, &service->uncs.kept_answers, node)
        kept_free(kept);
    service->uncs.timer = sd_event_source_disable_unref(service->uncs.timer);
}
