/* SPDX-License-Identifier: MIT */
/* Setting a silo up: its folder is made, and a worker moves that into the container. */
#include "service/furnish.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "service/catcher.h"
#include "service/device.h"
#include "service/event.h"
#include "service/folder.h"
#include "service/journal.h"
#include "service/lane.h"
#include "service/mup.h"
#include "service/phantom.h"
#include "service/programs.h"
#include "service/root-unc.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/process.h"

#define INJECTORS_LOST_MAX 3 /* workers that die over an injection before that fails */

void silo_fail(struct silo *silo, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(silo->failure, sizeof silo->failure, format, arguments);
    va_end(arguments);
    silo_enter(silo, SILO_FAILED);
    silo->service->failures++;
    silo_answer_preparers(silo, -EIO, silo->failure);
    silo_describe(silo);
    silo_tell(silo, EVENT_SILO_FAILED, silo->failure);
}

/* Of its /unc, which was made with the rest. */
static void take_folder(struct silo *silo, const struct job_result *result, int *fds, size_t n_fds) {
    struct folder *folder = silo ? folder_at(silo->service, silo->number, "") : NULL;
    if (folder)
        folder->uncertain = result->unanswered;
    if (n_fds && folder && folder_take(folder, fds[0]) == 0)
        (void)steal_fd(&fds[0]);
    if (folder && folder->live)
        mup_list(folder); /* it may browse */
}

void silo_leave_alone(struct silo *silo, const char *why) {
    silo_enter(silo, SILO_OFF);
    snprintf(silo->failure, sizeof silo->failure, "%.255s", why);
    silo_answer_preparers(silo, 0, "");
    silo_tell(silo, EVENT_SILO_FAILED, silo->failure);
}

/* A worker died over it: half of it may be there. A runtime's hook, at whose time the root was another, is told that it
 * failed, and the entry point is the second chance (silo_consider). */
static bool is_injected_again(struct silo *silo, const struct job_result *result) {
    bool by_hook = silo->unsettled && !silo->was_early;
    return result->unanswered && result->error == -EIO && !silo_is_dead(silo) &&
           ++silo->injectors_lost <= INJECTORS_LOST_MAX && !by_hook;
}

/* A service was killed after it had mounted this and before it had noted the silo: the next service found the folder of
 * a silo that nobody knows. */
static bool is_left_behind(struct silo *silo, const struct job_result *result) {
    return result->error == 0 && result->inject.nested && result->inject.around && !silo_is_dead(silo) &&
           !silo_find(silo->service, result->inject.around) && silo->injectors_lost++ == 0;
}

static void on_injected(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct silo *silo = silo_find(service, key);
    take_folder(silo, result, fds, n_fds);
    bool again = silo && (is_injected_again(silo, result) || is_left_behind(silo, result));
    if (silo && silo->state == SILO_DYING)
        silo_enter(silo, SILO_DEAD);
    if (silo && !again)
        silo_answer_preparers(silo, result->error, result->message);
    if (silo && silo->state == SILO_DEAD && !silo_in_use(silo)) {
        silo_free(silo);
        silo = NULL;
    }
    if (!silo || silo_is_dead(silo)) {
        /* it came too late */
    } else if (result->error == 0 && result->inject.not_yet && silo->entered) {
        folders_end(silo); /* its entry point ran meanwhile: no event will find it anew */
        if (silo_inject(silo, false, "") < 0)
            silo_free(silo);
    } else if (again) {
        folders_end(silo);
        if (silo_inject(silo, silo->was_early, "") < 0)
            silo_free(silo);
    } else if (result->error == -ESRCH || (result->error == 0 && result->inject.not_yet)) {
        silo_free(silo); /* gone; or the candidate's next event, or the exec, finds it anew */
    } else if (result->error == 0 && result->inject.nested) {
        device_remove(silo);
        folders_end(silo);
        silo_enter(silo, SILO_NESTED);
    } else if (result->error == 0 && result->inject.off) {
        device_remove(silo);
        folders_end(silo);
        silo_leave_alone(silo, result->message);
    } else if (result->error < 0) {
        folders_end(silo);
        silo_fail(silo, "%s", result->message);
    } else {
        silo_enter(silo, SILO_READY);
        silo->unc_waits = result->inject.unc_waits;
        root_unc_make(silo);
        programs_watch(silo, result);
        catcher_serve(silo, silo->unsettled || !result->inject.mounts);
        if (!silo->unsettled)
            phantom_program(silo, silo->target.init_pid);
        service->injections++;
        silo_describe(silo);
        silo_tell(silo, EVENT_SILO_READY, NULL);
        journal_put_silo(silo);
        log_debug("silo %llu (pid %d) is ready", (unsigned long long)key, silo->target.init_pid);
    }
    if (service->stopping && (silo = silo_find(service, key)))
        silo_eject(silo);
}

int silo_inject(struct silo *silo, bool early, const char *rootfs) {
    struct job job = {.type = JOB_INJECT, .target = silo->target};
    struct folder *folder = folder_new(silo->service, silo, "");
    if (!folder)
        return -ENOMEM;
    job.inject.folder_number = folder->id;
    snprintf(job.inject.rootfs, sizeof job.inject.rootfs, "%s", rootfs);
    job.inject.early = early;
    job.inject.unc_waits = !root_unc_is_wanted(silo->service);
    job.inject.found_by = silo->found_by;
    job.inject.again = silo->injectors_lost > 0;
    /* a runtime at work has all capabilities still: what its container has is seen at its entry point (settle) */
    silo->unsettled = early || rootfs[0];
    job.inject.may_mount = !silo->unsettled && process_may_mount(silo->target.init_pid);
    snprintf(job.inject.folder, sizeof job.inject.folder, "%s", silo->folder);
    silo->was_early = early;
    int r = workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS), on_injected,
                           silo->service, silo->number);
    if (r >= 0)
        silo_enter(silo, SILO_INJECTING);
    return r;
}

int silo_furnish(struct silo *silo, bool early, const char *rootfs) {
    int r = device_make(silo);
    if (r >= 0)
        r = silo_inject(silo, early, rootfs);
    return r;
}
