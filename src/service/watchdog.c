/* SPDX-License-Identifier: MIT */
#include "service/watchdog.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "service/holders.h"
#include "service/lane.h"
#include "service/permission.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "service/worker.h"
#include "util/cleanup.h"
#include "util/fusectl.h"
#include "util/log.h"
#include "util/process.h"

#define TICK_USEC 1000000ull
#define ALARM_AFTER 4 /* s that a container may take to end, before it is looked for what holds it up */
#define BLOCKERS_AFTER 5 /* s: volumes of those who hold locks are ended */
#define ALL_AFTER 8 /* s: network volumes that do not answer are ended */
#define ALARM_TICKS 12 /* so long it is looked; a disk that writes for minutes is no affair of ours */
#define HELD_AFTER 3 /* s that a volume waits for another server, before it is looked who waits with it */
#define DYING_MAX 64
#define WATCH_TICKS 5
#define THOROUGH 4 /* every so many seconds each container is looked at more closely */

/* The first process of a container that is ending. */
struct dying {
    pid_t pid; /* 0: a free place */
    uint64_t start;
    unsigned seconds;
};

struct watchdog {
    struct service *service;
    sd_event_source *timer;
    struct dying dying[DYING_MAX];
    unsigned alarm; /* ticks that are left of one; 0: none */
    unsigned overdue; /* seconds since work of our own was first overdue; 0: none is */
    unsigned times_overdue; /* within this alarm */
    unsigned turn;
    bool looking; /* a worker is at it */
};

/* ---- requests that wait ---------------------------------------------------------------------------------------- */

/* How many requests of a volume wait for an answer; 0 also where that is not known. */
static unsigned waiting_requests(const struct volume *volume) {
    int fusectl = volume->service->fusectl;
    char text[32] = "";
    struct stat of_number, of_volume;
    if (volume->abort_fd < 0 || fstat(volume->abort_fd, &of_volume) < 0)
        return 0;
    /* the number may be another connection's by now */
    _cleanup_close_ int abort_now = fusectl_open_file(fusectl, volume->fuse_device, "abort", O_PATH);
    if (abort_now < 0 || fstat(abort_now, &of_number) < 0 || of_number.st_ino != of_volume.st_ino)
        return 0;
    _cleanup_close_ int fd = fusectl_open_file(fusectl, volume->fuse_device, "waiting", O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        return 0;
    return (unsigned)strtoul(text, NULL, 10);
}

static void sample(struct watchdog *watchdog) {
    struct volume *volume, *next;
    HASH_ITER (hash, watchdog->service->volumes, volume, next) {
        bool waits = waiting_requests(volume);
        volume->stuck_ticks = waits ? volume->stuck_ticks + 1 : 0;
        volume->unserved_ticks = waits && !hold_is_waiting(volume) ? volume->unserved_ticks + 1 : 0;
    }
}

/* ---- who holds others up --------------------------------------------------------------------------------------- */

static bool is_of(const struct volume *volume, const struct silo *silo, const struct job_waiting_task *task) {
    return silo && !silo_is_dead(silo) && silo->mount_namespace.inode == task->mount_namespace &&
           (!silo->host || volume->peer.uid == task->uid);
}

static void end_stuck(struct volume *volume) {
    log_warning("volume %llu (%s%s) is ended: it does not answer, and holds up others", (unsigned long long)volume->id,
                volume->mount_point, volume->unc_path);
    volume_end(volume, "it did not answer, and held up others", true);
}

/*
 * A busy volume has some request waiting at each look, and does not hold up anybody. So at first a volume is ended only
 * for a task that stands in one and the same wait, and only where its server had the time to answer: one that replaced
 * a dead server a moment ago had not (hold.c), and one that is still to come even less. A hostile server could answer
 * one page after another, or be replaced again and again, and hold a lock all the while. If what raised the alarm
 * lasts, that help ends: `lasts`.
 */
static bool is_stuck(const struct volume *volume, bool lasts) {
    return (lasts ? volume->stuck_ticks : volume->unserved_ticks) >= 2;
}

/* seconds: how long somebody has been held up. */
static void end_blockers(struct watchdog *watchdog, const struct job_waiting *waiting, unsigned seconds, bool lasts) {
    struct service *service = watchdog->service;
    bool any_in_fuse = false;
    for (uint32_t i = 0; i < waiting->n; i++)
        any_in_fuse |= waiting->tasks[i].kind == WAITS_IN_FUSE && (lasts || waiting->tasks[i].steady);
    struct volume *volume, *next;
    HASH_ITER (hash, service->volumes, volume, next) {
        bool blocks = false;
        if (!is_stuck(volume, lasts))
            continue;
        const struct silo *silo = silo_find(service, volume->silo);
        for (uint32_t i = 0; i < waiting->n && !blocks; i++)
            blocks = waiting->tasks[i].kind == WAITS_FOR_MEMORY && (lasts || waiting->tasks[i].steady) &&
                     is_of(volume, silo, &waiting->tasks[i]);
        if ((blocks && seconds >= BLOCKERS_AFTER) ||
            (volume->prefix[0] && any_in_fuse && seconds >= ALL_AFTER && volume->stuck_ticks >= BLOCKERS_AFTER))
            end_stuck(volume);
    }
}

static unsigned longest_dying(const struct watchdog *watchdog) {
    unsigned most = 0;
    for (size_t i = 0; i < DYING_MAX; i++)
        if (watchdog->dying[i].pid && watchdog->dying[i].seconds > most)
            most = watchdog->dying[i].seconds;
    return most;
}

static unsigned longest_wait(const struct watchdog *watchdog) {
    unsigned dying = longest_dying(watchdog);
    return dying > watchdog->overdue ? dying : watchdog->overdue;
}

/* A worker that was overdue has been given up: that alone does not last. */
static bool alarm_lasts(const struct watchdog *watchdog) {
    return longest_dying(watchdog) >= ALL_AFTER || (watchdog->times_overdue > 1 && watchdog->overdue >= ALL_AFTER);
}

static void on_looked(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct watchdog *watchdog = service->watchdog;
    if (!watchdog)
        return;
    watchdog->looking = false;
    if (result->error == 0 && !service->stopping)
        end_blockers(watchdog, &result->waiting, longest_wait(watchdog), alarm_lasts(watchdog));
}

static void look(struct watchdog *watchdog) {
    struct service *service = watchdog->service;
    struct job job = {.type = JOB_WAITING, .target = {.host = true}};
    sample(watchdog);
    if (!watchdog->looking && longest_wait(watchdog) >= BLOCKERS_AFTER)
        watchdog->looking = workers_submit(service->workers, &job, NULL, 0, (struct lane){.kind = LANE_WATCHDOG},
                                           on_looked, service, 0) >= 0;
}

void watchdog_alarm(struct watchdog *watchdog) {
    if (watchdog->overdue < BLOCKERS_AFTER)
        watchdog->overdue = BLOCKERS_AFTER;
    watchdog->times_overdue++;
    watchdog->alarm = ALARM_TICKS;
    watchdog_volumes_changed(watchdog);
}

/* A worker had its 5 s. */
static void on_overdue(void *context) {
    watchdog_alarm(context);
}

/* ---- volumes that wait for another server ---------------------------------------------------------------------- */

/* Somebody who was killed before the requests of the dead server were sent again waits on for an answer, and so does
 * whoever waits for that process's end. It is not known which file system such a task waits for. */
static void on_looked_for_killed(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    bool killed = false;
    if (service->watchdog)
        service->watchdog->looking = false;
    for (uint32_t i = 0; result->error == 0 && i < result->waiting.n; i++)
        killed |= result->waiting.tasks[i].killed && result->waiting.tasks[i].kind == WAITS_IN_FUSE;
    struct volume *volume, *next;
    HASH_ITER (hash, service->volumes, volume, next)
        if (killed && hold_is_waiting(volume) && volume->hold.waited >= HELD_AFTER && waiting_requests(volume))
            volume_end(volume, "its server has ended, and somebody who was killed waited for it", true);
}

static void watch_held(struct watchdog *watchdog) {
    struct service *service = watchdog->service;
    struct volume *volume, *next;
    bool any = false;
    HASH_ITER (hash, service->volumes, volume, next)
        if (hold_is_waiting(volume))
            any |= volume->hold.waited++ >= HELD_AFTER && waiting_requests(volume);
    struct job job = {.type = JOB_WAITING, .target = {.host = true}};
    if (any && !watchdog->looking && !service->stopping)
        watchdog->looking = workers_submit(service->workers, &job, NULL, 0, (struct lane){.kind = LANE_WATCHDOG},
                                           on_looked_for_killed, service, 0) >= 0;
}

/* ---- containers that end --------------------------------------------------------------------------------------- */

static bool is_gone(const struct dying *dying) {
    uint64_t start;
    return process_start(dying->pid, &start) < 0 || start != dying->start || process_has_ended(dying->pid);
}

static void follow_dying(struct watchdog *watchdog) {
    for (size_t i = 0; i < DYING_MAX; i++) {
        struct dying *dying = &watchdog->dying[i];
        if (!dying->pid)
            continue;
        if (is_gone(dying) || ++dying->seconds > ALARM_AFTER + ALARM_TICKS)
            dying->pid = 0;
        else if (dying->seconds == ALARM_AFTER)
            watchdog->alarm = ALARM_TICKS;
    }
}

static void add_dying(struct watchdog *watchdog, const struct silo *silo) {
    struct dying *place = NULL;
    for (size_t i = 0; i < DYING_MAX; i++) {
        if (watchdog->dying[i].pid == silo->target.init_pid && watchdog->dying[i].start == silo->init_start)
            return;
        if (!watchdog->dying[i].pid)
            place = &watchdog->dying[i];
    }
    if (place)
        *place = (struct dying){.pid = silo->target.init_pid, .start = silo->init_start};
}

static void look_at_silos(struct watchdog *watchdog) {
    struct service *service = watchdog->service;
    struct silo *silo, *next;
    unsigned i = watchdog->turn++;
    HASH_ITER (hash, service->silos, silo, next) {
        uint64_t inode;
        if (silo->host || silo_is_dead(silo) || silo->pidfd < 0 || silo->seeks_anchor)
            continue;
        bool closely = i++ % THOROUGH == 0;
        if (process_namespace(silo->target.init_pid, "mnt", &inode) == 0 && !closely)
            continue;
        if (!process_is_ending(silo->target.init_pid))
            continue;
        add_dying(watchdog, silo);
        if (silo->volumes > 0 && silo->sole_init)
            silo_end(silo);
    }
}

/* ---- volumes without a request time-out of the kernel's --------------------------------------------------------- */

/*
 * A request that waits cannot be told from the next one: all that is known is how many wait. So a volume is taken to
 * hang when some request has waited, at each look, for the whole of request_timeout, and in the second half of that
 * time its server used no CPU time at all. A server that is slow but alive does use some. Two steps of WATCH_TICKS do
 * not count: the first look, before which nothing may have waited, and the one that begins the second half.
 */
static void watch_requests(struct volume *volume, struct silo *silo) {
    if (volume->state != VOLUME_LIVE || volume->has_timeout)
        return;
    if (!waiting_requests(volume)) {
        volume->waited = 0;
        return;
    }
    unsigned limit = permission_request_timeout(silo);
    pid_t server = volume->raw && volume->holder ? volume->holder : volume->peer.pid;
    uint64_t ticks;
    unsigned before = volume->waited;
    volume->waited += WATCH_TICKS;
    if (before < limit / 2 && volume->waited >= limit / 2) {
        volume->holder = 0;
        if (volume->raw && !volume->keeps_connection)
            holders_look(silo); /* the program may have gone into the background since */
    }
    if (volume->waited < limit / 2 + WATCH_TICKS || process_cpu_ticks(server, &ticks) < 0)
        return;
    if (volume->waited < limit / 2 + 2 * WATCH_TICKS || ticks != volume->cpu_ticks) {
        volume->cpu_ticks = ticks;
        volume->waited = limit / 2 + 2 * WATCH_TICKS;
    } else if (volume->waited >= limit + 2 * WATCH_TICKS)
        end_stuck(volume);
}

static void watch_all_requests(struct watchdog *watchdog) {
    struct volume *volume, *next;
    HASH_ITER (hash, watchdog->service->volumes, volume, next)
        watch_requests(volume, silo_find(watchdog->service, volume->silo));
}

/* ---- the timer ------------------------------------------------------------------------------------------------- */

static bool is_needed(const struct watchdog *watchdog) {
    if (HASH_CNT(hash, watchdog->service->volumes) > 0 || watchdog->alarm)
        return true;
    for (size_t i = 0; i < DYING_MAX; i++)
        if (watchdog->dying[i].pid)
            return true;
    return false;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
    struct watchdog *watchdog = userdata;
    look_at_silos(watchdog);
    watch_held(watchdog);
    if (watchdog->turn % WATCH_TICKS == 0)
        watch_all_requests(watchdog);
    if (watchdog->turn % WATCH_TICKS == 0)
        holders_look_again(watchdog->service);
    follow_dying(watchdog);
    if (watchdog->alarm) {
        look(watchdog);
        watchdog->overdue += watchdog->overdue > 0;
        if (--watchdog->alarm == 0)
            watchdog->overdue = watchdog->times_overdue = 0;
    }
    if (!is_needed(watchdog))
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
    (void)sd_event_source_set_time_relative(source, TICK_USEC);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void watchdog_volumes_changed(struct watchdog *watchdog) {
    int enabled = SD_EVENT_OFF;
    if (!watchdog || !is_needed(watchdog) || sd_event_source_get_enabled(watchdog->timer, &enabled) < 0 ||
        enabled != SD_EVENT_OFF)
        return;
    (void)sd_event_source_set_time_relative(watchdog->timer, TICK_USEC);
    (void)sd_event_source_set_enabled(watchdog->timer, SD_EVENT_ONESHOT);
}

int watchdog_new(struct service *service, struct watchdog **ret_watchdog) {
    struct watchdog *watchdog = calloc(1, sizeof *watchdog);
    if (!watchdog)
        return -ENOMEM;
    watchdog->service = service;
    int r = sd_event_add_time_relative(service->event, &watchdog->timer, CLOCK_MONOTONIC, TICK_USEC, 100000, on_tick,
                                       watchdog);
    if (r >= 0)
        r = sd_event_source_set_enabled(watchdog->timer, SD_EVENT_OFF);
    if (r < 0) {
        watchdog_free(watchdog);
        return r;
    }
    *ret_watchdog = watchdog;
    workers_when_overdue(service->workers, on_overdue, watchdog);
    watchdog_volumes_changed(watchdog);
    return 0;
}

void watchdog_free(struct watchdog *watchdog) {
    if (!watchdog)
        return;
    sd_event_source_disable_unref(watchdog->timer);
    free(watchdog);
}
