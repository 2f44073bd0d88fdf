/* SPDX-License-Identifier: MIT */
#include "service/chroot.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "service/catcher.h"
#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"

#define PROCESSES_MAX 16 /* of one silo, in trees at the same time; others' trees are left as they are */

/* A process whose new root was made ready, and what it has become since. */
struct chroot_process {
    struct list_node node; /* of the silo's */
    struct silo *silo;
    int pidfd;
    sd_event_source *io;
};

/* A process that waits for the job. */
struct waiting {
    struct service *service;
    uint64_t ticket;
    int pidfd;
};

static void waiting_free(struct waiting *waiting) {
    close_fd(&waiting->pidfd);
    free(waiting);
}

static void process_free(struct chroot_process *process) {
    list_remove(&process->node);
    sd_event_source_disable_unref(process->io);
    close_fd(&process->pidfd);
    free(process);
}

static void on_undone(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
}

void chroot_settle(struct silo *silo) {
    struct job job = {.type = JOB_CHROOT, .target = silo->target};
    if (!silo->has_chroots || silo->volumes > 0 || silo_is_dead(silo) || !list_empty(&silo->chroots))
        return;
    silo->has_chroots = workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS),
                                       on_undone, silo->service, silo->number) < 0;
}

static int on_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct chroot_process *process = userdata;
    struct silo *silo = process->silo;
    process_free(process);
    chroot_settle(silo);
    return 0;
}

/* The tree stays ready for as long as the process lives. */
static void watch(struct silo *silo, struct waiting *waiting) {
    struct chroot_process *process = calloc(1, sizeof *process);
    silo->has_chroots = true;
    if (!process ||
        sd_event_add_io(silo->service->event, &process->io, waiting->pidfd, EPOLLIN, on_ended, process) < 0) {
        free(process);
        chroot_settle(silo);
        return;
    }
    process->silo = silo;
    process->pidfd = steal_fd(&waiting->pidfd);
    list_append(&silo->chroots, &process->node);
}

static void on_ready(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct waiting *waiting = context;
    struct silo *silo = silo_find(waiting->service, key);
    if (silo && result->error == 0)
        watch(silo, waiting);
    if (result->error < 0 && result->message[0])
        log_debug("silo %llu: %s", (unsigned long long)key, result->message);
    catcher_go_on(waiting->service, waiting->ticket);
    waiting_free(waiting);
}

static size_t count_processes(const struct silo *silo) {
    const struct chroot_process *process;
    size_t n = 0;
    list_for_each (process, &silo->chroots, node)
        n++;
    return n;
}

/* Its pid is its own: the catcher holds it. */
static bool submit(struct silo *silo, pid_t pid, uint64_t ticket) {
    struct job job = {.type = JOB_CHROOT, .target = silo->target, .chroot.program = pid};
    struct waiting *waiting = count_processes(silo) < PROCESSES_MAX ? calloc(1, sizeof *waiting) : NULL;
    if (!waiting)
        return false;
    *waiting = (struct waiting){silo->service, ticket, (int)syscall(SYS_pidfd_open, pid, 0)};
    if (waiting->pidfd >= 0 && workers_submit(silo->service->workers, &job, &silo->pidfd, 1,
                                              silo_lane(silo, 0, LANE_MOUNTS), on_ready, waiting, silo->number) >= 0)
        return true;
    waiting_free(waiting);
    return false;
}

void chroot_wanted(struct service *service, uint64_t mount_namespace, pid_t pid, uint64_t ticket) {
    struct silo *silo = silo_find_namespace(service, mount_namespace);
    if (!silo || silo->host || silo->state != SILO_READY || silo->target.user_namespace || !submit(silo, pid, ticket))
        catcher_go_on(service, ticket);
}

void chroot_end(struct silo *silo) {
    struct chroot_process *process, *next;
    list_for_each_safe (process, next, &silo->chroots, node)
        process_free(process);
}
