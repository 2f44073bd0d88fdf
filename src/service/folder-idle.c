/* SPDX-License-Identifier: MIT */
/*
 * Idle volumes: what is open in a folder is unmounted there once nobody uses it. A worker tries the names of a folder,
 * again and again, later each time. A few folders are tried at a time.
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
#define CLOSE_AFTER_MAX_USEC 64000000ull
#define CLOSINGS_MAX 4 /* folders at a time: a thousand at once would stand in the way of whoever walks somewhere */

static void close_due(struct service *service, uint64_t now);

/* The names in the file, each with its NUL, are closed. */
static void take_closed(struct folder *folder, FILE *file) {
    char *text = NULL;
    size_t size = 0;
    rewind(file); /* a worker has written it */
    while (getdelim(&text, &size, 0, file) > 0) {
        struct name *name = folder_name(folder, text);
        if (name && name->state == NAME_CLOSING)
            name->state = NAME_SHOWN;
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
        take_closed(folder, file);
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

static void close_idle(struct folder *folder, uint64_t now) {
    bool open = false;
    for (struct name *name = folder->names; name; name = name->hash.next)
        if (name->state == NAME_OPEN && name->volume) {
            name->state = NAME_CLOSING;
            open = true;
        }
    if (!open) {
        list_remove(&folder->of_open);
        return;
    }
    struct job job = folder_job(folder, FOLDER_CLOSE, "");
    _cleanup_close_ int names = folder_write_names(folder, NAME_CLOSING);
    folder->close_at = now + folder->close_after;
    if (folder->close_after < CLOSE_AFTER_MAX_USEC)
        folder->close_after *= 2;
    folder->closing = names >= 0 && folder_submit(folder, &job, names, folder_lane(folder, 0, LANE_UNMOUNTS), on_closed,
                                                  folder->id) >= 0;
    folder->service->closings += folder->closing;
    list_remove(&folder->of_open); /* the others first */
    list_append(&folder->service->open_folders, &folder->of_open);
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

void folder_watch_idle(struct folder *folder) {
    struct service *service = folder->service;
    uint64_t now = 0;
    (void)sd_event_now(service->event, CLOCK_MONOTONIC, &now);
    folder->close_at = now + CLOSE_AFTER_USEC;
    folder->close_after = CLOSE_AFTER_USEC;
    if (!folder->of_open.next)
        list_append(&service->open_folders, &folder->of_open);
    if (!service->close_timer) {
        (void)sd_event_add_time_relative(service->event, &service->close_timer, CLOCK_MONOTONIC, CLOSE_TICK_USEC,
                                         100000, on_close_timer, service);
        return;
    }
    int enabled = SD_EVENT_OFF;
    (void)sd_event_source_get_enabled(service->close_timer, &enabled);
    if (enabled == SD_EVENT_OFF) {
        (void)sd_event_source_set_time_relative(service->close_timer, CLOSE_TICK_USEC);
        (void)sd_event_source_set_enabled(service->close_timer, SD_EVENT_ONESHOT);
    }
}
