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
#include "util/log.h"
#include "util/paths.h"

/* Who publishes a volume waits no longer for containers: for those that do not answer, and where there are a thousand.
 */
#define KEPT_USEC (500 * 1000ull)

/* Network volumes come and go. */
#define IDLE_USEC (10 * 1000000ull)

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

static void on_made(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds);

/* wanted: mounts it; else unmounts it. Without a worker, the next network volume has it tried again. */
static void submit(struct silo *silo, bool wanted) {
    struct service *service = silo->service;
    const struct folder *folder = folder_at(service, silo->number, "");
    struct job job = {.type = JOB_ROOT_UNC, .target = silo->target, .inject.unc_waits = !wanted};
    if (!folder || silo->makes_unc || silo->state != SILO_READY || service->stopping)
        return;
    job.inject.folder_number = folder->id;
    snprintf(job.inject.folder, sizeof job.inject.folder, "%s", silo->folder);
    if (workers_submit(service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS), on_made, service,
                       silo->number) < 0)
        return;
    silo->makes_unc = true;
    service->uncs_in_making++;
}

void root_unc_make(struct silo *silo) {
    if (silo->unc_waits && !silo->unsettled && root_unc_is_wanted(silo->service))
        submit(silo, true);
}

/* Its /unc is mounted, or unmounted. */
static void take_result(struct silo *silo, const struct job_result *result) {
    silo->makes_unc = false;
    if (result->error < 0) {
        if (silo->unc_waits && result->error != -ESRCH)
            log_warning("container %s has no " LINFSP_UNC_ROOT ": %s", silo->id, result->message);
        return;
    }
    silo->unc_waits = !silo->unc_waits;
    journal_put_silo(silo);
    root_unc_make(silo); /* there may be a network volume again */
}

static void on_made(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct silo *silo = silo_find(service, key);
    struct kept_answer *kept, *next;
    if (silo)
        take_result(silo, result);
    if (--service->uncs_in_making > 0)
        return;
    list_for_each_safe (kept, next, &service->kept_answers, node)
        (void)sd_event_source_set_time_relative(kept->timer, 0);
}

void root_unc_wanted(struct service *service) {
    struct silo *silo, *next;
    HASH_ITER (hash, service->silos, silo, next)
        root_unc_make(silo);
}

static int on_unwanted(sd_event_source *source, uint64_t usec, void *userdata) {
    struct service *service = userdata;
    struct silo *silo, *next;
    service->unc_timer = sd_event_source_disable_unref(source);
    if (!root_unc_is_wanted(service))
        HASH_ITER (hash, service->silos, silo, next)
            if (!silo->host && !silo->unc_waits)
                submit(silo, false);
    return 0;
}

void root_unc_unwanted(struct service *service) {
    if (root_unc_is_wanted(service) || service->stopping)
        return;
    service->unc_timer = sd_event_source_disable_unref(service->unc_timer);
    (void)sd_event_add_time_relative(service->event, &service->unc_timer, CLOCK_MONOTONIC, IDLE_USEC, 100000,
                                     on_unwanted, service);
}

bool root_unc_keeps(struct service *service, job_done done, uint64_t key, const struct job_result *result, int *fds,
                    size_t n_fds) {
    struct kept_answer *kept = service->uncs_in_making > 0 ? malloc(sizeof *kept) : NULL;
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
    list_append(&service->kept_answers, &kept->node);
    return true;
}

void root_unc_free(struct service *service) {
    struct kept_answer *kept, *next;
    list_for_each_safe (kept, next, &service->kept_answers, node)
        kept_free(kept);
    service->unc_timer = sd_event_source_disable_unref(service->unc_timer);
}
