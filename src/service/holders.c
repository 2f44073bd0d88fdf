/* SPDX-License-Identifier: MIT */
#include "service/holders.h"

#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"

static void on_holders(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    for (uint32_t i = 0; result->error == 0 && i < result->holders.n && i < JOB_HOLDERS_MAX; i++) {
        struct volume *volume = volume_find(service, result->holders.of[i].volume);
        if (!volume || volume->state != VOLUME_LIVE)
            continue;
        volume->holder = result->holders.of[i].pid;
        if (volume->holder)
            continue;
        volume->server_gone = true;
        volume_end(volume, "its server has ended", true);
    }
}

void holders_look(struct silo *silo) {
    struct job job = {.type = JOB_HOLDERS, .target = silo->target};
    struct volume *volume;
    job.target.host = true; /* nothing of the silo's is entered */
    job.holders.anywhere = silo->host;
    list_for_each (volume, &silo->volume_list, node)
        if (volume->raw && !volume->keeps_connection && volume->state == VOLUME_LIVE && job.holders.n < JOB_HOLDERS_MAX)
            job.holders.volumes[job.holders.n++] = volume->id;
    struct lane lane = silo_lane(silo, 0, LANE_DESCRIPTIONS);
    if (job.holders.n > 0) /* where it is not known they go on, and end when their descriptor is closed */
        (void)workers_submit(silo->service->workers, &job, NULL, 0, lane, on_holders, silo->service, silo->number);
}
