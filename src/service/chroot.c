/* SPDX-License-Identifier: MIT */
#include "service/chroot.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "service/catcher.h"
#include "service/lane.h"
#include "service/programs.h"
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

/* A process that the catcher holds. Its pid is its own meanwhile. */
struct waiting {
    struct list_node node; /* of the silo's, until its job begins */
    struct service *service;
    uint64_t ticket;
    pid_t pid;
    int pidfd;
};

static void do_next(struct silo *silo);

static void let_go(struct waiting *waiting) {
    catcher_go_on(waiting->service, waiting->ticket);
    close_fd(&waiting->pidfd);
    free(waiting);
}

static void process_free(struct chroot_process *process) {
    list_remove(&process->node);
    sd_event_source_disable_unref(process->io);
    close_fd(&process->pidfd);
    free(process);
}

static int on_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct chroot_process *process = userdata;
    struct silo *silo = process->silo;
    process_free(process);
    do_next(silo);
    return 0;
}

/* The tree stays ready for as long as the process lives. */
static void watch(struct silo *silo, struct waiting *waiting) {
    struct chroot_process *process = calloc(1, sizeof *process);
    silo->chroots.made = true;
    if (!process ||
        sd_event_add_io(silo->service->event, &process->io, waiting->pidfd, EPOLLIN, on_ended, process) < 0) {
        free(process);
        return;
    }
    process->silo = silo;
    process->pidfd = steal_fd(&waiting->pidfd);
    list_append(&silo->chroots.processes, &process->node);
}

static void on_ready(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct waiting *waiting = context;
    struct silo *silo = silo_find(waiting->service, key);
    if (silo && result->error == 0)
        watch(silo, waiting);
    if (result->error < 0 && result->message[0])
        log_debug("silo %llu: %s", (unsigned long long)key, result->message);
    let_go(waiting);
    if (!silo)
        return;
    silo->chroots.busy = false;
    do_next(silo);
}

static void on_undone(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (!silo)
        return;
    silo->chroots.busy = false;
    programs_look(silo); /* with the tree's mounts the kernel has forgotten inodes that were watched */
    do_next(silo);
}

static bool submit(struct silo *silo, pid_t program, job_done done, void *context) {
    struct job job = {.type = JOB_CHROOT, .target = silo->target, .chroot.program = program};
    silo->chroots.busy = workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS),
                                        done, context, silo->number) >= 0;
    return silo->chroots.busy;
}

/* One job of a silo's at a time: what one makes the next finds, and none is undone that another has just found. */
static void do_next(struct silo *silo) {
    struct chroots *chroots = &silo->chroots;
    while (!chroots->busy && !silo_is_dead(silo) && !list_empty(&chroots->waiting)) {
        struct waiting *waiting = list_element(chroots->waiting.next, struct waiting, node);
        list_remove(&waiting->node);
        if (!submit(silo, waiting->pid, on_ready, waiting))
            let_go(waiting);
    }
    if (!chroots->busy && !silo_is_dead(silo) && chroots->made && list_empty(&chroots->processes) && silo->volumes == 0)
        chroots->made = !submit(silo, 0, on_undone, silo->service);
}

void chroot_settle(struct silo *silo) {
    do_next(silo);
}

static size_t count(const struct list_node *list) {
    size_t n = 0;
    for (const struct list_node *node = list->next; node != list; node = node->next)
        n++;
    return n;
}

static bool has_room(const struct silo *silo) {
    return count(&silo->chroots.processes) + count(&silo->chroots.waiting) < PROCESSES_MAX;
}

void chroot_wanted(struct service *service, uint64_t mount_namespace, pid_t pid, uint64_t ticket) {
    struct silo *silo = silo_find_namespace(service, mount_namespace);
    bool takes = silo && !silo->host && silo->state == SILO_READY && !silo->target.user_namespace;
    struct waiting *waiting = takes && has_room(silo) ? calloc(1, sizeof *waiting) : NULL;
    if (!waiting) {
        catcher_go_on(service, ticket);
        return;
    }
    *waiting = (struct waiting){
        .service = service, .ticket = ticket, .pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    if (waiting->pidfd < 0) {
        let_go(waiting);
        return;
    }
    list_append(&silo->chroots.waiting, &waiting->node);
    do_next(silo);
}

void chroot_begin(struct silo *silo) {
    list_init(&silo->chroots.processes);
    list_init(&silo->chroots.waiting);
}

void chroot_end(struct silo *silo) {
    struct chroot_process *process, *next_process;
    struct waiting *waiting, *next_waiting;
    list_for_each_safe (process, next_process, &silo->chroots.processes, node)
        process_free(process);
    list_for_each_safe (waiting, next_waiting, &silo->chroots.waiting, node) {
        list_remove(&waiting->node);
        let_go(waiting);
    }
}
