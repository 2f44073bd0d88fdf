/* SPDX-License-Identifier: MIT */
#include "service/layer.h"

#include "service/catcher.h"
#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/process.h"

/* A list that is open for longer than this is nobody's who makes an image. */
#define HIDDEN_USEC (5 * 1000000ull)

/* Who waits for the job. */
struct reader {
    struct service *service;
    uint64_t ticket;
};

/* In the lane in which the layer is cleaned when the silo has ended. */
static int submit(struct service *service, uint64_t silo, bool hide, job_done done, void *context) {
    struct job job = {.type = JOB_LAYER, .target = {.host = true, .silo = silo}, .layer.hide = hide};
    return workers_submit(service->workers, &job, NULL, 0, (struct lane){.silo = silo, .kind = LANE_FOLDERS}, done,
                          context, silo);
}

static void done_nothing(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
}

static void show(struct silo *silo) {
    if (!silo->layer_timer)
        return;
    silo->layer_timer = sd_event_source_disable_unref(silo->layer_timer);
    (void)submit(silo->service, silo->number, false, done_nothing, silo->service);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
    show(userdata);
    return 0;
}

static void on_hidden(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct reader *reader = context;
    catcher_go_on(reader->service, reader->ticket);
    free(reader);
}

/* Then it may be its engine that lists the layer, in order to remove it with the folder around it, which must be empty
 * by then. */
static bool is_ending(const struct silo *silo) {
    return silo_is_ending(silo) || process_has_ended(silo->target.init_pid);
}

void layer_is_read(struct service *service, uint64_t number, uint64_t ticket) {
    struct silo *silo = silo_find(service, number);
    if (silo && is_ending(silo)) {
        catcher_go_on(service, ticket);
        return;
    }
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader)
        *reader = (struct reader){service, ticket};
    /* where the silo has ended, the job before this one has cleaned the layer */
    if (!reader || submit(service, number, true, on_hidden, reader) < 0) {
        free(reader);
        catcher_go_on(service, ticket);
        return;
    }
    if (!silo)
        return;
    silo->layer_timer = sd_event_source_disable_unref(silo->layer_timer);
    (void)sd_event_add_time_relative(service->event, &silo->layer_timer, CLOCK_MONOTONIC, HIDDEN_USEC, 100000, on_time,
                                     silo);
}

void layer_was_read(struct service *service, uint64_t number) {
    struct silo *silo = silo_find(service, number);
    if (silo)
        show(silo);
}

void layer_end(struct silo *silo) {
    show(silo);
}
