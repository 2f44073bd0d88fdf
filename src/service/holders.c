/* SPDX-License-Identifier: MIT */
#include "service/holders.h"

#include "service/comeback.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"

static void on_holders(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    for (uint32_t i = 0; result->error == 0 && i < result->holders.n && i < JOB_HOLDERS_MAX; i++) {
        struct volume *volume = volume_find(service, result->holders.of[i].volume);
        if (!volume || volume->state != VOLUME_LIVE || comeback_is_waiting(volume))
            continue;
        volume->holder = result->holders.of[i].pid;
        if (volume->holder)
            volume->looks = 0;
        if (volume->holder || volume->looks > 1) {
            volume->looks -= volume->looks > 0;
            continue;
        }
        volume->server_gone = true;
        volume_end(volume, "its server has ended", true);
    }
}

/* unsure: those for which looks are left; else the others. */
static void add_volumes(struct silo *silo, bool unsure, struct job *job) {
    struct volume *volume;
    list_for_each (volume, &silo->volume_list, node)
        if (volume->raw && !volume->keeps_connection && volume->state == VOLUME_LIVE && !comeback_is_waiting(volume) &&
            (volume->looks > 0) == unsure && job->holders.n < JOB_HOLDERS_MAX)
            job->holders.volumes[job->holders.n++] = volume->id;
}

void holders_look(struct silo *silo) {
    struct job job = {.type = JOB_HOLDERS, .target = silo->target};
    job.target.host = true; /* nothing of the silo's is entered */
    job.holders.anywhere = silo->host;
    add_volumes(silo, true, &job);
    add_volumes(silo, false, &job);
    struct lane lane = silo_lane(silo, 0, LANE_DESCRIPTIONS);
    if (job.holders.n > 0) /* where it fails, looks are left: holders_look_again */
        (void)workers_submit(silo->service->workers, &job, NULL, 0, lane, on_holders, silo->service, silo->number);
}

void holders_look_again(struct service *service) {
    struct silo *silo, *next;
    HASH_ITER (hash, service->silos, silo, next) {
        const struct volume *volume;
        bool unsure = false;
        list_for_each (volume, &silo->volume_list, node)
            unsure |= volume->looks > 0 && volume->state == VOLUME_LIVE;
        if (unsure)
            holders_look(silo);
    }
}
