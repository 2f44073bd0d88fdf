/* SPDX-License-Identifier: MIT */
/*
 * One inotify instance for all silos. Its folders are added by workers, inside the silo: to look at a folder asks the
 * file system it is on, which may be the silo's own and never answer. Several silos may have one folder, of the host's
 * or of an image they share, and it then is one watch.
 */
#include "service/programs.h"

#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "service/lane.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"

struct watch {
    int number; /* key */
    UT_hash_handle hash;
    struct list_node silos;
};

struct programs {
    int inotify;
    sd_event_source *io;
    struct watch *watches; /* hash */
};

static void watch_free(struct programs *programs, struct watch *watch) {
    struct silo *silo, *next;
    list_for_each_safe (silo, next, &watch->silos, programs_node) {
        list_remove(&silo->programs_node);
        silo->programs = NULL;
    }
    HASH_DELETE(hash, programs->watches, watch);
    free(watch);
}

static struct watch *watch_find(struct programs *programs, int number) {
    struct watch *watch;
    HASH_FIND(hash, programs->watches, &number, sizeof number, watch);
    return watch;
}

static void make_room(struct silo *silo);

static void on_placed(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (!silo)
        return;
    silo->placing = false;
    make_room(silo);
}

/* A package manager writes FILE.dpkg-new and the like beside it, and renames that over it, which a mount there would
 * forbid. One job at a time, however many files come and go there. */
static void make_room(struct silo *silo) {
    struct job job = {
        .type = JOB_STAND_IN, .target = silo->target, .give_way = silo->helpers_wanted == HELPERS_GIVE_WAY};
    if (silo->placing || silo->helpers_wanted == HELPERS_SETTLED || silo->state != SILO_READY || silo->dead)
        return;
    silo->helpers_wanted = HELPERS_SETTLED;
    silo->placing = workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS),
                                   on_placed, silo->service, silo->number) >= 0;
}

static void handle(struct programs *programs, const struct inotify_event *event) {
    struct watch *watch = watch_find(programs, event->wd);
    if (!watch)
        return;
    if (event->mask & IN_IGNORED) {
        watch_free(programs, watch);
        return;
    }
    const char *helper =
        event->len ? strstr(event->name, "fusermount") : NULL; /* mergerfs's is called mergerfs-fusermount */
    if (!helper)
        return;
    bool give_way = helper[strlen("fusermount")] && strcmp(helper, "fusermount3") != 0;
    struct silo *silo;
    list_for_each (silo, &watch->silos, programs_node) {
        silo->helpers_wanted = give_way ? HELPERS_GIVE_WAY : HELPERS_PLACE;
        make_room(silo);
    }
}

/* Events were lost: the stand-ins are looked after everywhere. */
static void handle_overflow(struct programs *programs) {
    struct watch *watch, *next;
    struct silo *silo;
    log_info("what was installed in containers was not seen in full: all are looked after");
    HASH_ITER (hash, programs->watches, watch, next)
        list_for_each (silo, &watch->silos, programs_node) {
            silo->helpers_wanted = HELPERS_PLACE;
            make_room(silo);
        }
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct programs *programs = userdata;
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t length = read(fd, buffer, sizeof buffer);
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const void *)(buffer + at);
        if (event->mask & IN_Q_OVERFLOW)
            handle_overflow(programs);
        else
            handle(programs, event);
        at += (ssize_t)(sizeof *event + event->len);
    }
    return 0;
}

int programs_new(struct service *service, struct programs **ret_programs) {
    struct programs *programs = calloc(1, sizeof *programs);
    if (!programs)
        return -ENOMEM;
    programs->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int r = programs->inotify < 0
                ? -errno
                : sd_event_add_io(service->event, &programs->io, programs->inotify, EPOLLIN, on_events, programs);
    if (r < 0) {
        programs_free(programs);
        return r;
    }
    *ret_programs = programs;
    return 0;
}

void programs_free(struct programs *programs) {
    if (!programs)
        return;
    struct watch *watch, *next;
    HASH_ITER (hash, programs->watches, watch, next)
        watch_free(programs, watch);
    sd_event_source_disable_unref(programs->io);
    close_fd(&programs->inotify);
    free(programs);
}

int programs_descriptor(const struct programs *programs) {
    return programs->inotify;
}

void programs_watch(struct silo *silo, int number) {
    struct programs *programs = silo->service->programs;
    programs_forget(silo);
    struct watch *watch = watch_find(programs, number);
    if (!watch) {
        watch = calloc(1, sizeof *watch);
        if (!watch)
            return;
        watch->number = number;
        list_init(&watch->silos);
        HASH_ADD(hash, programs->watches, number, sizeof watch->number, watch);
        if (!hash_has(hash, watch)) {
            free(watch);
            return;
        }
    }
    list_append(&watch->silos, &silo->programs_node);
    silo->programs = watch;
}

void programs_forget(struct silo *silo) {
    struct watch *watch = silo->programs;
    if (!watch)
        return;
    list_remove(&silo->programs_node);
    silo->programs = NULL;
    if (!list_empty(&watch->silos))
        return;
    (void)inotify_rm_watch(silo->service->programs->inotify, watch->number);
    watch_free(silo->service->programs, watch);
}
