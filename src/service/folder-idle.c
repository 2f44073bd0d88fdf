/* SPDX-License-Identifier: MIT */
/*
 * Idle volumes: what is open in a folder is unmounted there once nobody uses it. A worker tries to unmount each name,
 * again and again, later each time. Names of one folder that are due are tried together, and a few folders at a time.
 *
 * Short processes that use a share one after the other leave it idle between two of them. So a name that is opened
 * again soon after it was unmounted is tried as late as it would have been otherwise. A service that starts cannot know
 * how a share was used before, and gives each some time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/folder-work.h"
#include "service/lane.h"
#include "service/service.h"
#include "service/worker.h"
#include "util/cleanup.h"

#define CLOSE_TICK_USEC 500000ull
#define CLOSE_AFTER_USEC 1000000ull /* so long after it was opened an idle volume is unmounted, at first */
#define CLOSE_AFTER_START_USEC 8000000ull /* so long after the service has started */
#define CLOSE_AFTER_MAX_USEC 64000000ull
#define SOON_USEC 10000000ull
#define CLOSINGS_MAX 4 /* folders at a time: a thousand at once would stand in the way of whoever walks somewhere */

static void close_due(struct service *service, uint64_t now);

/* The names in the file, each with its NUL, are closed. */
static void take_closed(struct folder *folder, FILE *file, uint64_t now) {
    char *text = NULL;
    size_t size = 0;
    rewind(file); /* a worker has written it */
    while (getdelim(&text, &size, 0, file) > 0) {
        struct name *name = folder_name(folder, text);
        if (name && name->state == NAME_CLOSING) {
            name->state = NAME_SHOWN;
            name->closed_at = now;
        }
    }
    free(text);
}

static void on_closed(void *context, uint64_t key, const struct job_result *result, int *fds, size_t n_fds) {
    struct service *service = context;
    struct folder *folder = folder_find(service, key);
    _cleanup_fclose_ FILE *file = n_fds ? fdopen(fds[0], "re") : NULL;
    uint64_t now = 0;
    if (file)
        (void)steal_fd(&fds[0]);
    service->closings--;
    (void)sd_event_now(service->event, CLOCK_MONOTONIC, &now);
    close_due(service, now);
    if (!folder)
        return;
    folder->closing = false;
    if (file)
        take_closed(folder, file, now);
    for (struct name *name = folder->names; name; name = name->hash.next)
        if (name->state == NAME_CLOSING)
            name->state = NAME_OPEN;
    uint64_t id = folder->id;
    for (struct name *name = folder->names, *next; name && folder_find(service, id); name = next) {
        next = name->hash.next;
        if (name->hide_wanted || name->waits)
            name_after_work(name);
    }
}

/* Whether a volume is open at the name. It stays so while a worker mounts it elsewhere, too. */
static bool is_open(const struct name *name) {
    return name->volume && (name->state == NAME_OPEN || (name->state == NAME_OPENING && name->there));
}

/* Marks the names that are due and not at work. Returns when the next one will be; UINT64_MAX: never. */
static uint64_t mark_due(struct folder *folder, uint64_t now) {
    uint64_t next = UINT64_MAX;
    for (struct name *name = folder->names; name; name = name->hash.next) {
        if (!is_open(name))
            continue;
        if (name->close_at <= now && name->state == NAME_OPEN) {
            name->state = NAME_CLOSING;
            name->close_at = now + name->close_after;
            if (name->close_after < CLOSE_AFTER_MAX_USEC)
                name->close_after *= 2;
        }
        if (name->close_at < next)
            next = name->close_at;
    }
    return next;
}

static bool has_closing(const struct folder *folder) {
    for (const struct name *name = folder->names; name; name = name->hash.next)
        if (name->state == NAME_CLOSING)
            return true;
    return false;
}

static void close_idle(struct folder *folder, uint64_t now) {
    folder->close_at = mark_due(folder, now);
    list_remove(&folder->of_open);
    if (folder->close_at == UINT64_MAX)
        return;
    list_append(&folder->service->open_folders, &folder->of_open); /* the others first */
    if (!has_closing(folder))
        return;
    struct job job = folder_job(folder, FOLDER_CLOSE, "");
    _cleanup_close_ int names = folder_write_names(folder, NAME_CLOSING);
    folder->closing = names >= 0 && folder_submit(folder, &job, names, folder_lane(folder, 0, LANE_UNMOUNTS), on_closed,
                                                  folder->id) >= 0;
    folder->service->closings += folder->closing;
    for (struct name *name = folder->names; name && !folder->closing; name = name->hash.next)
        if (name->state == NAME_CLOSING)
            name->state = NAME_OPEN;
}

/* As many at a time as there may be; each that is done has the next one begun. */
static void close_due(struct service *service, uint64_t now) {
    struct folder *folder, *next;
    list_for_each_safe (folder, next, &service->open_folders, of_open) {
        if (service->closings >= CLOSINGS_MAX)
            return;
        if (!folder->closing && folder->close_at <= now)
            close_idle(folder, now);
    }
}

static int on_close_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    struct service *service = userdata;
    close_due(service, usec);
    if (list_empty(&service->open_folders))
        return 0;
    (void)sd_event_source_set_time_relative(source, CLOSE_TICK_USEC);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void start_timer(struct service *service) {
    int enabled = SD_EVENT_OFF;
    if (!service->close_timer) {
        (void)sd_event_add_time_relative(service->event, &service->close_timer, CLOCK_MONOTONIC, CLOSE_TICK_USEC,
                                         100000, on_close_timer, service);
        return;
    }
    (void)sd_event_source_get_enabled(service->close_timer, &enabled);
    if (enabled == SD_EVENT_OFF) {
        (void)sd_event_source_set_time_relative(service->close_timer, CLOSE_TICK_USEC);
        (void)sd_event_source_set_enabled(service->close_timer, SD_EVENT_ONESHOT);
    }
}

static void watch(struct name *name, uint64_t now, uint64_t after) {
    struct folder *folder = name->folder;
    name->close_after = after;
    name->close_at = now + after;
    if (!folder->of_open.next) {
        folder->close_at = name->close_at;
        list_append(&folder->service->open_folders, &folder->of_open);
    } else if (name->close_at < folder->close_at) {
        folder->close_at = name->close_at;
    }
    start_timer(folder->service);
}

void name_watch_idle(struct name *name) {
    uint64_t now = 0;
    (void)sd_event_now(name->folder->service->event, CLOCK_MONOTONIC, &now);
    bool soon = name->closed_at && now - name->closed_at < SOON_USEC;
    watch(name, now, soon ? name->close_after : CLOSE_AFTER_USEC);
}

void folder_watch_idle(struct folder *folder) {
    uint64_t now = 0;
    (void)sd_event_now(folder->service->event, CLOCK_MONOTONIC, &now);
    for (struct name *name = folder->names; name; name = name->hash.next)
        if (name->state == NAME_OPEN && name->volume)
            watch(name, now, CLOSE_AFTER_START_USEC);
}
