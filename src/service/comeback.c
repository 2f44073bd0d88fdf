/* SPDX-License-Identifier: MIT */
/*
 * Comeback: an unmodified FUSE program dies, and its mount point waits for it to be started again.
 *
 * A FUSE connection lives as long as somebody has a descriptor of it. So the service keeps a clone of the program's,
 * and does nothing with it as long as the program lives. When the program's last descriptor is closed, the service
 * answers in its stead. What belongs to an open file fails at once with ENOTCONN, since the program has forgotten that
 * file. What comes from a walk of a path gets no answer: whoever walks waits.
 *
 * If the program mounts there again, its new file system is mounted beneath the old one, which is unmounted then. All
 * who wait are answered with ESTALE: the kernel repeats a walk of a path that ends so, from its beginning, and comes
 * into the new file system. If the program does not come in time, they get ENOTCONN, and the mount point is unmounted,
 * as it would have been at once.
 *
 * The program itself looks at its mount point before it mounts there, and so does its helper: who has the program's
 * name is answered at once, as if the directory were empty. Whoever is killed, or interrupted, is let go: the kernel
 * tells.
 *
 * To read a request and to answer it takes spin locks of the connection's own, and copies to and from memory of ours:
 * it never waits.
 */
#include "service/comeback.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse/fuse-abi.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/linux-mount.h"
#include "util/list.h"
#include "util/process.h"

#define WAITING_MAX 512 /* requests of one volume; more fail at once */
#define TURN_MAX 64 /* requests that are read before others have a turn */
#define BUFFER_SIZE                                                                                                    \
    (((size_t)16 << 20) + 65536) /* the kernel wants room for the largest write; little of it is touched */
#define LINGER_USEC 1000000ull /* after its end: for those who were just coming in */

struct comeback {
    struct volume *volume; /* NULL: it has ended */
    int fd;
    unsigned seconds;
    sd_event *event;
    sd_event_source *io, *timer; /* NULL: the program lives */
    bool replaced;
    char program[16];
    uint32_t uid, gid; /* of the root */
    unsigned char *buffer;
    unsigned n_waiting;
    uint64_t waiting[WAITING_MAX];
};

bool comeback_is_possible(void) {
    static int possible = -1;
    if (possible < 0) /* a kernel that knows the flag finds the descriptors wrong */
        possible =
            move_mount(-1, "", -1, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH | MOVE_MOUNT_BENEATH) < 0 &&
            errno == EBADF;
    return possible;
}

static void free_comeback(struct comeback *comeback) {
    sd_event_source_disable_unref(comeback->io);
    sd_event_source_disable_unref(comeback->timer);
    if (comeback->buffer)
        munmap(comeback->buffer, BUFFER_SIZE);
    close_fd(&comeback->fd);
    free(comeback);
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static void answer(const struct comeback *comeback, uint64_t unique, int error, const void *body, size_t size) {
    struct fuse_out_header header = {.len = (uint32_t)(sizeof header + size), .error = error, .unique = unique};
    struct iovec parts[] = {{&header, sizeof header}, {(void *)(uintptr_t)body, size}};
    (void)!writev(comeback->fd, parts, size > 0 ? 2 : 1); /* who asked may have gone */
}

static void answer_all(struct comeback *comeback, int error) {
    while (comeback->n_waiting > 0)
        answer(comeback, comeback->waiting[--comeback->n_waiting], error, NULL, 0);
}

static void interrupt(struct comeback *comeback, uint64_t unique) {
    for (unsigned i = 0; i < comeback->n_waiting; i++)
        if (comeback->waiting[i] == unique) {
            comeback->waiting[i] = comeback->waiting[--comeback->n_waiting];
            answer(comeback, unique, -EINTR, NULL, 0);
            return;
        }
}

/* As if the mount point were an empty directory: for the program that is being started again, and its helper. */
static void answer_as_empty(const struct comeback *comeback, const struct fuse_in_header *request) {
    struct fuse_attr_out attributes = {.attr = {.ino = FUSE_ROOT_ID,
                                                .mode = S_IFDIR | 0755,
                                                .nlink = 2,
                                                .uid = comeback->uid,
                                                .gid = comeback->gid,
                                                .blksize = 4096}};
    struct fuse_open_out opened = {.fh = 0};
    struct fuse_statfs_out statistics = {.st = {.bsize = 4096, .namelen = 255}};
    switch (request->opcode) {
    case FUSE_GETATTR:
        answer(comeback, request->unique, 0, &attributes, sizeof attributes);
        return;
    case FUSE_OPENDIR:
        answer(comeback, request->unique, 0, &opened, sizeof opened);
        return;
    case FUSE_STATFS:
        answer(comeback, request->unique, 0, &statistics, sizeof statistics);
        return;
    case FUSE_ACCESS:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
        answer(comeback, request->unique, 0, NULL, 0);
        return;
    default:
        answer(comeback, request->unique, request->opcode == FUSE_LOOKUP ? -ENOENT : -ENOTCONN, NULL, 0);
    }
}

/* Whether the request is part of a walk, or of a call that takes a path: the kernel repeats those after ESTALE. */
static bool is_by_path(const struct fuse_in_header *request, const void *body) {
    struct fuse_getattr_in getattr;
    struct fuse_setattr_in setattr;
    switch (request->opcode) {
    case FUSE_GETATTR:
        memcpy(&getattr, body, sizeof getattr);
        return !(getattr.getattr_flags & FUSE_GETATTR_FH);
    case FUSE_SETATTR:
        memcpy(&setattr, body, sizeof setattr);
        return !(setattr.valid & FATTR_FH);
    case FUSE_LOOKUP:
    case FUSE_ACCESS:
    case FUSE_OPEN:
    case FUSE_OPENDIR:
    case FUSE_READLINK:
    case FUSE_STATFS:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_SYMLINK:
    case FUSE_LINK:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_CREATE:
    case FUSE_GETXATTR:
    case FUSE_SETXATTR:
    case FUSE_LISTXATTR:
    case FUSE_REMOVEXATTR:
        return true;
    default:
        return false;
    }
}

/* The program, its helper, or a worker of ours that makes its mount. */
static bool is_answered_at_once(const struct comeback *comeback, pid_t pid) {
    static const char *const names[] = {"fusermount3", "fusermount", "linfspd-worker"};
    char name[16];
    if (process_name(pid, name) < 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return comeback->program[0] && strcmp(name, comeback->program) == 0;
}

static void take(struct comeback *comeback, const struct fuse_in_header *request, const void *body) {
    struct fuse_interrupt_in interrupted;
    switch (request->opcode) {
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
        return; /* nobody waits for an answer */
    case FUSE_INTERRUPT:
        memcpy(&interrupted, body, sizeof interrupted);
        interrupt(comeback, interrupted.unique);
        return;
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_DESTROY:
        answer(comeback, request->unique, 0, NULL, 0);
        return;
    default:
        break;
    }
    if (!comeback->volume)
        answer(comeback, request->unique, is_by_path(request, body) ? -ESTALE : -ENOTCONN, NULL, 0);
    else if (is_answered_at_once(comeback, (pid_t)request->pid))
        answer_as_empty(comeback, request);
    else if (is_by_path(request, body) && comeback->n_waiting < WAITING_MAX)
        comeback->waiting[comeback->n_waiting++] = request->unique;
    else
        answer(comeback, request->unique, -ENOTCONN, NULL, 0);
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

/* May free it. */
static void give_up(struct comeback *comeback, const char *why) {
    if (comeback->volume)
        volume_end(comeback->volume, why, true);
    else
        free_comeback(comeback);
}

static int on_request(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct comeback *comeback = userdata;
    const struct fuse_in_header *request = (const void *)comeback->buffer;
    for (unsigned turn = 0; turn < TURN_MAX; turn++) {
        ssize_t size = read(fd, comeback->buffer, BUFFER_SIZE - sizeof(struct fuse_setattr_in));
        if (size < 0 && (errno == EINTR || errno == ENOENT))
            continue;
        if (size < 0 && errno == EAGAIN)
            return 0;
        if (size < (ssize_t)sizeof *request || request->opcode == FUSE_INIT) { /* unmounted; or it had never begun */
            give_up(comeback, "its server has ended");
            return 0;
        }
        memset(comeback->buffer + size, 0, sizeof(struct fuse_setattr_in)); /* what is looked at is there */
        take(comeback, request, comeback->buffer + sizeof *request);
    }
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
    give_up(userdata, "its program has ended, and was not started again in time");
    return 0;
}

static bool is_ending(const struct silo *silo) {
    return !silo || silo_is_ending(silo);
}

void comeback_new(struct volume *volume, int fd) {
    struct comeback *comeback = calloc(1, sizeof *comeback);
    if (!comeback) {
        close(fd);
        return;
    }
    comeback->volume = volume;
    comeback->event = volume->service->event;
    comeback->fd = fd;
    comeback->seconds = volume->comeback_seconds;
    comeback->uid = volume->owner_uid;
    comeback->gid = volume->owner_gid;
    (void)process_name(volume->peer.pid, comeback->program);
    volume->comeback = comeback;
}

bool comeback_catch(struct volume *volume) {
    struct comeback *comeback = volume->comeback;
    if (!comeback || comeback->io || volume->state != VOLUME_LIVE || volume->end_wanted || volume->service->stopping ||
        is_ending(silo_find(volume->service, volume->silo)))
        return false;
    void *buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    comeback->buffer = buffer == MAP_FAILED ? NULL : buffer;
    if (!comeback->buffer || fcntl(comeback->fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return false;
    return sd_event_add_io(comeback->event, &comeback->io, comeback->fd, EPOLLIN, on_request, comeback) >= 0 &&
           sd_event_add_time_relative(comeback->event, &comeback->timer, CLOCK_MONOTONIC,
                                      comeback->seconds * 1000000ull, 100000, on_timer, comeback) >= 0;
}

bool comeback_is_waiting(const struct volume *volume) {
    return volume->comeback && volume->comeback->io;
}

bool comeback_is_replaced(const struct volume *volume) {
    return volume->comeback && volume->comeback->replaced;
}

static struct volume *find_waiting(const struct silo *silo, uid_t uid, const char *mount_point) {
    struct volume *volume;
    list_for_each (volume, &silo->volume_list, node)
        if (comeback_is_waiting(volume) && !comeback_is_replaced(volume) && volume->state == VOLUME_LIVE &&
            volume->peer.uid == uid && strcmp(volume->mount_point, mount_point) == 0)
            return volume;
    return NULL;
}

uint64_t comeback_place(const struct silo *silo, uid_t uid, const char *mount_point) {
    const struct volume *volume = find_waiting(silo, uid, mount_point);
    return volume ? volume->mount_id : 0;
}

void comeback_replaced(struct volume *volume) {
    struct silo *silo = silo_find(volume->service, volume->silo);
    struct volume *before = silo ? find_waiting(silo, volume->peer.uid, volume->mount_point) : NULL;
    if (!before)
        return;
    before->comeback->replaced = true;
    volume_end(before, "its program was started again", false);
}

bool comeback_let_go(struct volume *volume) {
    if (!comeback_is_waiting(volume) || !comeback_is_replaced(volume))
        return false;
    struct comeback *comeback = steal_pointer(volume->comeback);
    comeback->volume = NULL;
    answer_all(comeback, -ESTALE);
    (void)sd_event_source_set_time_relative(comeback->timer, LINGER_USEC);
    (void)sd_event_source_set_enabled(comeback->timer, SD_EVENT_ONESHOT);
    return true;
}

void comeback_end(struct volume *volume) {
    struct comeback *comeback = steal_pointer(volume->comeback);
    if (!comeback)
        return;
    if (comeback->io)
        answer_all(comeback, -ENOTCONN);
    free_comeback(comeback);
}
