/* SPDX-License-Identifier: MIT */
#include "service/letter.h"

#include <stdio.h>
#include <string.h>

#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/list.h"

uint32_t letter_bit(const struct volume *volume) {
    const char *name = strrchr(volume->mount_point, '/');
    return name && name[1] >= 'a' && name[1] <= 'z' ? UINT32_C(1) << (name[1] - 'a') : 0;
}

void letter_inherit(struct volume *volume, const struct silo *silo) {
    if (!silo || !volume->made.by_service || !(silo->letter_folders & letter_bit(volume)))
        return;
    snprintf(volume->made.name, sizeof volume->made.name, "%s", strrchr(volume->mount_point, '/') + 1);
    volume->made.letters_too = silo->made_letters;
}

void letter_inherit_unless_made(struct volume *volume) {
    if (!volume->made.name[0] && volume->mount_point[0])
        letter_inherit(volume, silo_find(volume->service, volume->silo));
}

void letters_forget(struct silo *silo, const struct volume *gone) {
    const struct volume *other;
    list_for_each (other, &silo->volume_list, node)
        if (other != gone && other->made.by_service)
            return;
    silo->letter_folders = 0;
    silo->made_letters = false;
}

static void on_settled(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (!silo)
        return;
    bool again = silo->layer == LAYER_SETTLES_AGAIN;
    silo->layer = LAYER_SETTLED;
    if (again)
        letters_settle(silo);
}

/* The job takes its time, so there is one of a silo, whatever comes and goes in there. */
void letters_settle(struct silo *silo) {
    struct job job = {.type = JOB_UNMOUNT, .target = silo->target, .unmount.made.by_service = true};
    if (silo->host || silo_is_dead(silo) || silo->service->stopping)
        return;
    if (silo->layer != LAYER_SETTLED)
        silo->layer = LAYER_SETTLES_AGAIN;
    else if (workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_FOLDERS), on_settled,
                            silo->service, silo->number) >= 0)
        silo->layer = LAYER_SETTLES;
}
