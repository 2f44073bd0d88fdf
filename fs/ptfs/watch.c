/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "ptfs.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* Who changes a file by a mapping is not seen before closing it: so not for ever. */
#define LASTING 60000
/* Directories. Each watch holds one in the kernel's memory. */
#define WATCHED_MAX 32768
/* Of the user's watches, which others need as well. */
#define SHARE 4
/* Events are gathered for so long: many changes of one file are one, and answers that are on their way arrive first. */
#define GATHER_NS 4000000
/* Of so long each: as an operation may take. */
#define CHANGE_TURNS 50
/* A directory must not have changed for so long before its listing is kept: two changes within one tick of the kernel's
 * clock for files have the same time. A tick lasts 10 ms at most. */
#define LISTING_AGE_NS 20000000
#define MASK                                                                                                           \
    (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR |       \
     IN_EXCL_UNLINK)

/* ---- what may be remembered for how long ----------------------------------------------------------------------- */

static uint64_t ctime_of(const struct stat *status) {
    return (uint64_t)status->st_ctim.tv_sec * 1000000000u + (uint64_t)status->st_ctim.tv_nsec;
}

static struct watch_mark mark(struct ptfs *ptfs, bool watched) {
    return (struct watch_mark){.turn = atomic_load(&ptfs->watches.turn), .watched = watched};
}

struct watch_mark watch_names(struct ptfs *ptfs, struct node *directory) {
    return mark(ptfs, ptfs->watches.fd >= 0 && node_is_watched(&ptfs->nodes, directory));
}

struct watch_mark watch_node(struct ptfs *ptfs, struct node *node) {
    return mark(ptfs, ptfs->watches.fd >= 0 && node_is_seen(&ptfs->nodes, node));
}

uint64_t watch_names_timeout(struct ptfs *ptfs, struct watch_mark mark) {
    bool lasting = mark.watched && mark.turn == atomic_load(&ptfs->watches.turn);
    return lasting ? LASTING : ptfs->timeout;
}

uint64_t watch_attributes_timeout(struct ptfs *ptfs, struct node *node, const struct stat *status,
                                  struct watch_mark mark) {
    if (ptfs->watches.fd < 0)
        return ptfs->timeout;
    node_told(&ptfs->nodes, node, ctime_of(status), (uint64_t)status->st_size);
    if (!S_ISDIR(status->st_mode) && status->st_nlink != 1)
        return ptfs->timeout;
    return watch_names_timeout(ptfs, mark);
}

bool watch_listing(struct ptfs *ptfs, struct node *directory, const struct stat *status) {
    int64_t age = (int64_t)(clock_realtime_ns() - ctime_of(status));
    bool whole_seconds = status->st_ctim.tv_nsec == 0; /* as ext2 and ext3 have them */
    return watch_names(ptfs, directory).watched && age > LISTING_AGE_NS + (whole_seconds ? 1000000000 : 0);
}

bool watch_directory(struct ptfs *ptfs, struct node *node, struct stat *status) {
    return ptfs->watches.fd >= 0 && node_watch(&ptfs->nodes, node, MASK, ptfs->watches.max, status);
}

void watch_change_begin(struct ptfs *ptfs, const struct pin *file, struct watch_change *ret_change) {
    struct stat status;
    *ret_change = (struct watch_change){.node = file->node, .fd = file->fd};
    if (ptfs->watches.fd < 0)
        return;
    ret_change->ptfs = ptfs;
    ret_change->known = fstat(file->fd, &status) == 0 &&
                        node_knows(&ptfs->nodes, file->node, ctime_of(&status), (uint64_t)status.st_size) == 1;
    node_changing(&ptfs->nodes, file->node, 1);
}

void watch_change_end(struct watch_change *change) {
    struct stat status;
    if (!change->ptfs)
        return;
    struct node_table *nodes = &change->ptfs->nodes;
    if (change->known && change->made && fstat(change->fd, &status) == 0)
        node_told(nodes, change->node, ctime_of(&status), (uint64_t)status.st_size);
    node_changing(nodes, change->node, -1);
    change->ptfs = NULL;
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void attributes_changed(struct ptfs *ptfs, struct node *node) {
    (void)linfsp_notify_inode(ptfs->volume, node_number(&ptfs->nodes, node), -1, 0);
}

/* Tells the kernel of a node whose attributes are not as it was told last. The node is found as name, or by fd itself
 * ("").  What is about to be noted is waited for; and what differs is looked at twice, since it may just have been. */
static void compare(struct ptfs *ptfs, struct node *node, int fd, const char *name) {
    struct stat status;
    int differs = 0;
    for (int turn = 0; turn < CHANGE_TURNS && differs < 2; turn++) {
        if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
            return;
        int knows = node_knows(&ptfs->nodes, node, ctime_of(&status), (uint64_t)status.st_size);
        if (knows == 1)
            return;
        if (knows == -EBUSY)
            nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
        else
            differs++;
    }
    attributes_changed(ptfs, node);
}

/* Something about name in a directory. Where the kernel takes it for another file than it is, or for absent, it looks
 * it up anew. */
static void name_changed(struct ptfs *ptfs, const struct pin *directory, const char *name, bool came_or_went) {
    struct stat status;
    bool there = fstatat(directory->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0, in_place = false;
    struct node *node = there ? node_hold(&ptfs->nodes, &status, directory->node, name, &in_place) : NULL;
    if (came_or_went && !in_place)
        (void)linfsp_notify_entry(ptfs->volume, node_number(&ptfs->nodes, directory->node), name);
    if (!node)
        return;
    compare(ptfs, node, directory->fd, name);
    node_release(&ptfs->nodes, node);
}

/* More happened than the kernel could note for us: nothing that is remembered is certain. */
static void all_changed(struct ptfs *ptfs) {
    struct node_place *places;
    size_t count = node_places(&ptfs->nodes, &places);
    for (size_t i = 0; i < count; i++) {
        (void)linfsp_notify_inode(ptfs->volume, places[i].inode, -1, 0);
        if (places[i].name)
            (void)linfsp_notify_entry(ptfs->volume, places[i].parent, places[i].name);
        free(places[i].name);
    }
    free(places);
    (void)linfsp_notify_names(ptfs->volume); /* absent ones too, where the kernel has it */
}

static void handle(struct ptfs *ptfs, const struct inotify_event *event) {
    _cleanup_pin_ struct pin directory = PIN_NONE;
    const uint32_t names = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
    if (event->mask & IN_Q_OVERFLOW) {
        all_changed(ptfs);
        return;
    }
    if (event->mask & IN_IGNORED) {
        node_unwatched(&ptfs->nodes, event->wd);
        return;
    }
    if (node_pin_watched(&ptfs->nodes, event->wd, &directory) < 0)
        return;
    if (event->len > 0)
        name_changed(ptfs, &directory, event->name, event->mask & names);
    if (event->len == 0 || (event->mask & names))
        compare(ptfs, directory.node, directory.fd, "");
}

/* Whether an event says no more than the one before it. */
static bool is_repeated(const struct inotify_event *event, const struct inotify_event *before) {
    const uint32_t contents = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE;
    return before && event->wd == before->wd && event->len == before->len && event->len > 0 &&
           (event->mask & contents) && !(event->mask & ~(contents | IN_ISDIR)) &&
           strcmp(event->name, before->name) == 0;
}

static void read_events(struct ptfs *ptfs, char *buffer, size_t size) {
    ssize_t n;
    while ((n = read(ptfs->watches.fd, buffer, size)) > 0) {
        const struct inotify_event *before = NULL;
        atomic_fetch_add(&ptfs->watches.turn, 1);
        for (char *at = buffer; at < buffer + n;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            if (!is_repeated(event, before))
                handle(ptfs, event);
            before = event;
            at += sizeof *event + event->len;
        }
    }
}

static void *watch(void *context) {
    static _Alignas(struct inotify_event) char buffer[1 << 16];
    struct ptfs *ptfs = context;
    struct pollfd fds[] = {{.fd = ptfs->watches.fd, .events = POLLIN}, {.fd = ptfs->watches.stop, .events = POLLIN}};
    while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
        if (fds[1].revents)
            break;
        if (!fds[0].revents)
            continue;
        nanosleep(&(struct timespec){.tv_nsec = GATHER_NS}, NULL);
        read_events(ptfs, buffer, sizeof buffer);
    }
    return NULL;
}

/* ---- beginning and end ----------------------------------------------------------------------------------------- */

static size_t watched_max(void) {
    size_t user = 8192;
    _cleanup_fclose_ FILE *file = fopen("/proc/sys/fs/inotify/max_user_watches", "re");
    if (file && fscanf(file, "%zu", &user) != 1)
        user = 8192;
    return user / SHARE < WATCHED_MAX ? user / SHARE : WATCHED_MAX;
}

static int start_thread(struct ptfs *ptfs) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&ptfs->watches.thread, NULL, watch, ptfs);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ptfs->watches.running = r == 0;
    return -r;
}

int watch_start(struct ptfs *ptfs) {
    struct watches *watches = &ptfs->watches;
    if (!ptfs_is_local(ptfs->nodes.root.fd))
        return -EOPNOTSUPP;
    watches->max = watched_max();
    watches->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watches->stop = watches->fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
    int r = watches->stop < 0 ? -errno : start_thread(ptfs);
    if (r < 0) {
        close_fd(&watches->fd);
        close_fd(&watches->stop);
        return r;
    }
    ptfs->nodes.inotify = watches->fd;
    node_watch_all(&ptfs->nodes, MASK, watches->max); /* the root, or what an earlier server has left */
    return 0;
}

void watch_stop(struct ptfs *ptfs) {
    struct watches *watches = &ptfs->watches;
    if (!watches->running)
        return;
    (void)eventfd_write(watches->stop, 1);
    pthread_join(watches->thread, NULL);
    watches->running = false;
    ptfs->nodes.inotify = -1;
    close_fd(&watches->fd);
    close_fd(&watches->stop);
}
