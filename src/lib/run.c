/* SPDX-License-Identifier: MIT */
/*
 * Running a volume.
 *
 * Model. The caller's thread starts the session's channels and then only watches: the life line, the request to stop,
 * and whether the channels still run. A volume ends in one of three ways: it was unmounted (the channels see it),
 * linfsp_volume_stop asked for that (as does the unmounting of a network volume where it was mounted), or the service
 * ended it. Stopping goes on serving, because what is still under way must be answered before the unmount can come to
 * its end, but not for longer than END_TIMEOUT_MS: then the connection is cut, and the kernel answers whoever still
 * waits.
 *
 * Or another process takes the volume over (hand-over.c): then it does not end, but is served here no more.
 *
 * A volume that ends though nobody asked for it (the service ends it, or the kernel cuts the connection off because a
 * request was not answered in time) is an error of linfsp_volume_run, and lifeline.reason says why.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/volume.h"
#include "util/clock.h"

#define END_TIMEOUT_MS 1500
#define RECONNECT_MS 200
#define CLOSES_RETRY_MS 50
/* Between the kernel's cutting a connection off and the end of its mount, where both are meant (umount -f). */
#define UNMOUNT_FOLLOWS_MS 200

#define EVENT_STOP 1u
#define EVENT_LIFELINE 2u
#define EVENT_MOUNTS 4u

/* What the watcher knows of the life line; taken under its lock. */
struct view {
    int socket;
    bool ended;
    bool unmount_answered;
    bool unmount_refused;
    bool closes_wait;
};

static struct view look(struct fsp_lifeline *line) {
    pthread_mutex_lock(&line->lock);
    struct view view = {line->socket, line->ended, line->unmount_answered, line->unmount_refused, line->closes_wait};
    pthread_mutex_unlock(&line->lock);
    return view;
}

/* What happened: EVENT_*. */
static unsigned wait_for_events(struct linfsp_volume *volume, int socket, int mounts, bool stopping, int64_t until_ns) {
    struct pollfd items[] = {
        {.fd = volume->session.ended_event, .events = POLLIN},
        {.fd = volume->session.activity_event, .events = POLLIN},
        {.fd = stopping ? -1 : volume->stop_event, .events = POLLIN},
        {.fd = volume->lifeline.event, .events = POLLIN},
        {.fd = socket, .events = POLLIN},
        {.fd = mounts, .events = POLLPRI},
    };
    int64_t left = until_ns < 0 ? -1 : until_ns - clock_ns();
    struct timespec timeout = {.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
    eventfd_t value;
    if (until_ns >= 0 && left < 0)
        timeout = (struct timespec){0};
    if (ppoll(items, ARRAY_SIZE(items), until_ns < 0 ? NULL : &timeout, NULL) <= 0)
        return 0;
    if (items[0].revents)
        eventfd_read(volume->session.ended_event, &value);
    if (items[1].revents)
        eventfd_read(volume->session.activity_event, &value);
    return (items[2].revents ? EVENT_STOP : 0) | (items[3].revents || items[4].revents ? EVENT_LIFELINE : 0) |
           (items[5].revents ? EVENT_MOUNTS : 0);
}

static int64_t earlier(int64_t a, int64_t b) {
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

/* True: the volume is another's now. */
static bool hand_over_if_wanted(struct linfsp_volume *volume, bool ending) {
    _cleanup_close_ int socket = fsp_lifeline_wanted(&volume->lifeline);
    if (socket >= 0 && !ending)
        volume->handed_over = fsp_hand_over(volume, socket) > 0;
    return volume->handed_over;
}

/* Until the channels have ended, or it is time to cut. False: the service did not unmount the volume when asked.
 * *ret_stopping: that was asked for. */
static bool watch(struct linfsp_volume *volume, struct fsp_mount_watch *mount, bool *ret_stopping) {
    struct fsp_lifeline *line = &volume->lifeline;
    int64_t deadline = -1, reconnect = -1;
    bool stopping = false;
    *ret_stopping = false;
    while (!fsp_session_ended(&volume->session)) {
        struct view view = look(line);
        if (view.ended && deadline < 0)
            deadline = clock_ms() + END_TIMEOUT_MS;
        if (view.socket < 0 && !view.ended && reconnect < 0)
            reconnect = clock_ms();
        if (view.unmount_refused || (deadline >= 0 && clock_ms() >= deadline))
            return false;
        if (reconnect >= 0 && clock_ms() >= reconnect) {
            fsp_lifeline_reconnect(line);
            view = look(line);
            reconnect = view.socket < 0 ? clock_ms() + RECONNECT_MS : -1;
        }
        if (stopping)
            fsp_lifeline_unmount(line);
        int64_t until = earlier(deadline, reconnect);
        until = earlier(until, view.closes_wait ? clock_ms() + CLOSES_RETRY_MS : -1);
        until = earlier(until < 0 ? -1 : until * 1000000, fsp_gate_tick(&volume->session));
        unsigned events = wait_for_events(volume, view.socket, volume->network ? mount->table : -1, stopping, until);
        if ((events & EVENT_MOUNTS) && fsp_mount_watch_gone(mount))
            events |= EVENT_STOP; /* unmounted here: then it is to end everywhere */
        if (events & EVENT_STOP) {
            stopping = *ret_stopping = true;
            deadline = earlier(deadline, clock_ms() + END_TIMEOUT_MS);
        }
        if ((events & EVENT_LIFELINE) || view.closes_wait)
            fsp_lifeline_process(line);
        if (hand_over_if_wanted(volume, stopping || deadline >= 0))
            return true;
    }
    return true;
}

/* The channels have ended. The service still has directories to remove and to unmount the volume elsewhere: whoever
 * runs us again at once should find all that done. */
void fsp_volume_take_leave(struct linfsp_volume *volume, bool wait) {
    struct fsp_lifeline *line = &volume->lifeline;
    int64_t deadline = clock_ms() + (wait ? END_TIMEOUT_MS : 0);
    fsp_lifeline_unmount(line);
    for (;;) {
        struct view view = look(line);
        if (view.socket < 0 || view.ended || view.unmount_answered || clock_ms() >= deadline)
            break;
        struct pollfd item = {.fd = view.socket, .events = POLLIN};
        poll(&item, 1, (int)(deadline - clock_ms()));
        fsp_lifeline_process(line);
    }
    fsp_lifeline_close(line);
}

/* The channels have ended by themselves: with the mount, or without. */
static void find_cut_off(struct linfsp_volume *volume, struct fsp_mount_watch *mount) {
    struct pollfd item = {.fd = mount->table, .events = POLLPRI};
    int64_t deadline = clock_ms() + UNMOUNT_FOLLOWS_MS;
    if (look(&volume->lifeline).ended || mount->table < 0)
        return;
    while (!fsp_mount_watch_gone(mount)) {
        int64_t left = deadline - clock_ms();
        if (left <= 0) {
            WIRE_SET(volume->lifeline.reason, "the kernel cut the connection off: it was aborted, or a request was not "
                                              "answered within the request time-out");
            return;
        }
        poll(&item, 1, (int)left);
    }
}

int linfsp_volume_run(linfsp_volume *volume) {
    struct fsp_session *session = &volume->session;
    if (volume->run)
        return -EALREADY;
    volume->run = true;
    if (session->operations.init)
        session->operations.init(session->context, session->granted);
    struct fsp_mount_watch mount = FSP_MOUNT_WATCH_NONE;
    if (volume->mount_point[0])
        fsp_mount_watch_open(&mount, volume->mount_point);
    bool stopping = false;
    int r = fsp_session_start(session, volume->threads, true);
    bool orderly = r < 0 || watch(volume, &mount, &stopping);
    if (r == 0 && !stopping && orderly && !volume->handed_over)
        find_cut_off(volume, &mount);
    fsp_mount_watch_close(&mount);
    fsp_session_cut(session);
    int result = fsp_session_join(session);
    if (volume->handed_over)
        fsp_lifeline_close(&volume->lifeline);
    else
        fsp_volume_take_leave(volume, orderly);
    if (session->operations.destroy)
        session->operations.destroy(session->context);
    if (stopping || volume->handed_over)
        volume->lifeline.reason[0] = 0;
    if (r < 0 || result < 0)
        return r < 0 ? r : result;
    return volume->lifeline.reason[0] ? -ECONNABORTED : 0;
}

const char *linfsp_volume_end_reason(const linfsp_volume *volume) {
    return volume->lifeline.reason[0] ? volume->lifeline.reason : NULL;
}

void linfsp_volume_stop(linfsp_volume *volume) {
    int saved = errno;
    if (volume)
        eventfd_write(volume->stop_event, 1);
    errno = saved;
}
