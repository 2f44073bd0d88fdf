/* SPDX-License-Identifier: MIT */
/*
 * Folders when the service starts and stops. A service that starts takes up the folders of the service before it, has
 * the host's /unc made, and sweeps the stage of what is nobody's. The service is ready once that is done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "service/folder-work.h"
#include "service/lane.h"
#include "service/mup.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/open-at.h"

#define SWEEPERS_LOST_MAX 16
#define TAKE_UPS_LOST_MAX 16
#define TAKE_UPS_USEC 2000000ull /* so long a container that holds its folder's lock may delay a start */

static int take_up(struct folder *folder);

void folder_take_up_again(struct folder *folder) {
    folder->restored = true; /* it is there */
    if (++folder->take_ups_lost < TAKE_UPS_LOST_MAX)
        (void)take_up(folder);
}

static void on_taken_up(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct folder *folder = folder_find(service, key);
    service->take_ups--;
    if (folder && result->unanswered && result->error == -EIO && ++folder->take_ups_lost < TAKE_UPS_LOST_MAX &&
        take_up(folder) >= 0)
        return; /* else all first accesses there would be refused until the next start */
    if (n_fds && folder && result->error == 0 && folder_take(folder, fds[0]) == 0)
        (void)steal_fd(&fds[0]);
    else if (n_fds && folder && result->error == 0 && folder->take_ups_lost < TAKE_UPS_LOST_MAX) {
        folder_take_up_again(folder);
        return;
    }
    if (folder && result->error < 0)
        log_error("/unc/%s of silo %llu: %s", folder->path, (unsigned long long)folder->silo, result->message);
    if (folder && folder == service->host_folder)
        service->host_folder_state = result->error;
    service_host_is_bound(service);
}

static int on_take_ups_late(sd_event_source *source, uint64_t usec, void *userdata) {
    struct service *service = userdata;
    service->take_ups_timer = sd_event_source_disable_unref(source);
    service_host_is_bound(service);
    return 0;
}

/* Forgets the names of what has ended while no service ran: that may leave a folder empty, whose name goes, too. */
static void forget_unwanted(struct service *service) {
    struct folder *folder, *next;
    for (bool again = true; again;) {
        again = false;
        HASH_ITER (hash, service->folders, folder, next) {
            struct name *name = folder->restored ? mup_unwanted(folder) : NULL;
            if (name) {
                name_free(name);
                folder_keep(folder);
                again = true;
                break; /* it may have gone */
            }
        }
    }
}

static int take_up(struct folder *folder) {
    struct job job = folder_job(folder, folder->restored ? FOLDER_REOPEN : FOLDER_MAKE, "");
    mup_list(folder);
    _cleanup_close_ int names = folder_write_names(folder, NAME_HIDING);
    folder->unshown = false;
    job.folder.at_host = folder == folder->service->host_folder;
    folder_watch_idle(folder);
    int r = folder_submit(folder, &job, names, folder_lane(folder, 0, LANE_MOUNTS), on_taken_up, folder->id);
    folder->service->take_ups += r >= 0;
    return r;
}

static void sweep(struct service *service);

static void on_swept(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    if (result->unanswered && result->error == -EIO && ++service->sweepers_lost < SWEEPERS_LOST_MAX)
        sweep(service);
}

/* What is on the stage and nobody's: of silos and volumes that ended while no service ran. */
static void sweep(struct service *service) {
    struct job job = {.type = JOB_FOLDER, .target = {.host = true}};
    int fd = memfd_create("linfsp-stage", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "we");
    struct volume *volume, *next_volume;
    struct folder *folder, *next;
    if (!file) {
        close_fd(&fd);
        return;
    }
    HASH_ITER (hash, service->volumes, volume, next_volume)
        fprintf(file, "volumes/%llu%c", (unsigned long long)volume->id, 0);
    HASH_ITER (hash, service->folders, folder, next)
        fprintf(file, "folders/%llu%c", (unsigned long long)folder->id, 0);
    job.folder.action = FOLDER_SWEEP;
    job.folder.folder = service->sweep_folder;
    job.folder.volume = service->sweep_volume;
    if (stream_is_whole(file)) /* what the list lacks would be swept */
        (void)workers_submit(service->workers, &job, &fd, 1, silo_lane(service->host, 0, LANE_UNMOUNTS), on_swept,
                             service, 0);
    (void)fclose(file);
}

int folders_start(struct service *service) {
    struct folder *folder, *next;
    uint64_t host = service->host->number;
    int r = 0;
    service->host_folder = folder_at(service, host, "");
    if (!service->host_folder)
        service->host_folder = folder_new(service, service->host, "");
    if (!service->host_folder)
        return -ENOMEM;
    service->host_folder_state = 1;
    forget_unwanted(service);
    sweep(service);
    HASH_ITER (hash, service->folders, folder, next)
        if ((folder->restored || folder == service->host_folder) && (r = take_up(folder)) < 0)
            return r;
    r = sd_event_add_time_relative(service->event, &service->take_ups_timer, CLOCK_MONOTONIC, TAKE_UPS_USEC, 100000,
                                   on_take_ups_late, service);
    return r < 0 ? r : 0;
}

bool folders_are_starting(const struct service *service) {
    return service->host_folder_state > 0 || (service->take_ups > 0 && service->take_ups_timer);
}

static void on_stopped(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    service->host_folder_state = 0;
    service->hooks.silo_gone(service);
}

void folders_stop(struct service *service) {
    struct folder *folder = service->host_folder;
    service->host_folder = NULL;
    if (!folder)
        return;
    struct job job = folder_job(folder, FOLDER_END, "");
    job.folder.at_host = true;
    service->host_folder_state = 1;
    if (folder_submit(folder, &job, -1, folder_lane(folder, 0, LANE_UNMOUNTS), on_stopped, 0) < 0)
        service->host_folder_state = 0;
}

bool folders_are_stopped(const struct service *service) {
    return service->host_folder_state != 1;
}

/* ---- from the journal ------------------------------------------------------------------------------------------ */

int folder_restore(struct service *service, uint64_t id, const struct folder_record *record) {
    struct silo *silo = silo_find(service, record->silo);
    bool known = folder_at(service, record->silo, record->path) != NULL;
    struct folder *folder = silo && !known ? folder_enter(service, silo, id, record->path) : NULL;
    if (id > service->next_folder)
        service->next_folder = id;
    if (!folder)
        return !silo ? -ESRCH : known ? -EEXIST : -ENOMEM;
    folder->restored = true;
    return 0;
}

int name_restore(struct service *service, uint64_t id, const struct name_record *record) {
    struct folder *folder = folder_find(service, record->folder);
    struct volume *volume = record->volume ? volume_find(service, record->volume) : NULL;
    if (id > service->next_name)
        service->next_name = id;
    if (!folder || (record->volume && !volume) || (record->child && !folder_find(service, record->child)))
        return -ESRCH;
    const struct silo *silo = silo_find(service, folder->silo);
    if (!silo || (silo->names >= NAMES_PER_SILO_MAX && !silo->host))
        return -EDQUOT;
    struct name *name = name_enter(folder, id, record->text);
    if (!name)
        return -ENOMEM;
    name->state = NAME_OPEN;
    name->child = record->child;
    name->since = record->since;
    name->uid = record->uid;
    name->opener = record->opener;
    name_set_volume(name, volume);
    return 0;
}
