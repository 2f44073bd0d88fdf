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
#include "service/phantom.h"
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
    struct list_node members;
};

/* A silo with a folder that is watched. */
struct member {
    struct list_node of_watch, of_silo;
    struct silo *silo;
    struct watch *watch;
};

struct programs {
    int inotify;
    sd_event_source *io;
    struct watch *watches; /* hash */
};

static void member_free(struct member *member) {
    list_remove(&member->of_watch);
    list_remove(&member->of_silo);
    free(member);
}

static void watch_free(struct programs *programs, struct watch *watch) {
    struct member *member, *next;
    list_for_each_safe (member, next, &watch->members, of_watch)
        member_free(member);
    HASH_DELETE(hash, programs->watches, watch); // NOLINT(clang-analyzer-core.NullDereference)
    free(watch);
}

static struct watch *watch_find(struct programs *programs, int number) {
    struct watch *watch;
    HASH_FIND(hash, programs->watches, &number, sizeof number, watch);
    return watch;
}

static void on_looked(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct silo *silo = silo_find(context, key);
    if (!silo)
        return;
    silo->looking = false;
    if (result->error == 0)
        programs_watch(silo, result);
    if (silo->look_again)
        programs_look(silo);
}

void programs_look(struct silo *silo) {
    struct job job = {
        .type = JOB_HELPERS,
        .target = silo->target,
        .helpers = {.unmounters = silo->unmounts, .tools = silo->phantom, .layer_is_read = silo->layer_timer != NULL}};
    silo->look_again = silo->looking;
    /* the programs of a silo that may mount are not looked after, and it may mount them from anywhere */
    if (silo->looking || silo->host || silo->state != SILO_READY || !silo->caught)
        return;
    silo->looking = workers_submit(silo->service->workers, &job, &silo->pidfd, 1, silo_lane(silo, 0, LANE_MOUNTS),
                                   on_looked, silo->service, silo->number) >= 0;
}

void programs_expect_unmounts(struct silo *silo) {
    if (silo->unmounts)
        return;
    silo->unmounts = true;
    programs_look(silo);
}

/* The other programs that are watched (worker/helpers.c). */
static bool is_command(const char *name) {
    static const char *const commands[] = {"umount", "chroot", "busybox", "toybox"};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(name, commands[i]) == 0)
            return true;
    return false;
}

/* A package manager writes FILE.dpkg-new and the like, and renames that; others write the file itself. */
static void handle(struct programs *programs, const struct inotify_event *event) {
    struct watch *watch = watch_find(programs, event->wd);
    if (!watch)
        return;
    if (event->mask & IN_IGNORED) {
        watch_free(programs, watch);
        return;
    }
    bool is_helper = event->len && strstr(event->name, "fusermount"); /* mergerfs's is called mergerfs-fusermount */
    if (!is_helper && !(event->len && is_command(event->name)))
        return;
    bool is_name = strcmp(event->name, "fusermount3") == 0 || strcmp(event->name, "fusermount") == 0;
    struct member *member;
    list_for_each (member, &watch->members, of_watch) {
        if (is_helper && !is_name)
            phantom_give_way(member->silo);
        programs_look(member->silo);
    }
}

/* Events were lost: helpers are looked for everywhere. */
static void handle_overflow(struct programs *programs) {
    struct watch *watch, *next;
    struct member *member;
    log_info("what was installed in containers was not seen in full: all are looked after");
    HASH_ITER (hash, programs->watches, watch, next)
        list_for_each (member, &watch->members, of_watch)
            programs_look(member->silo);
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

static bool is_member(const struct silo *silo, const struct watch *watch) {
    const struct member *member;
    list_for_each (member, &silo->programs, of_silo)
        if (member->watch == watch)
            return true;
    return false;
}

static struct watch *watch_get(struct programs *programs, int number) {
    struct watch *watch = watch_find(programs, number);
    if (watch || !(watch = calloc(1, sizeof *watch)))
        return watch;
    watch->number = number;
    list_init(&watch->members);
    HASH_ADD(hash, programs->watches, number, sizeof watch->number, watch);
    if (hash_has(hash, watch))
        return watch;
    free(watch);
    return NULL;
}

void programs_watch(struct silo *silo, const struct job_result *result) {
    silo->lacks_helper = result->helpers.lacking;
    if (result->helpers.stand_in && phantom_found(silo))
        programs_look(silo);
    for (uint32_t i = 0; i < result->helpers.n_watches && i < JOB_WATCHES_MAX; i++) {
        struct watch *watch = watch_get(silo->service->programs, result->helpers.watches[i]);
        struct member *member = watch && !is_member(silo, watch) ? calloc(1, sizeof *member) : NULL;
        if (!member)
            continue;
        member->silo = silo;
        member->watch = watch;
        list_append(&watch->members, &member->of_watch);
        list_append(&silo->programs, &member->of_silo);
    }
}

void programs_forget(struct silo *silo) {
    struct programs *programs = silo->service->programs;
    struct member *member, *next;
    list_for_each_safe (member, next, &silo->programs, of_silo) {
        struct watch *watch = member->watch;
        member_free(member);
        if (!list_empty(&watch->members))
            continue;
        (void)inotify_rm_watch(programs->inotify, watch->number);
        watch_free(programs, watch);
    }
}
