/* SPDX-License-Identifier: MIT */
#include "service/anchor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "service/journal.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/survivor.h"
#include "util/cleanup.h"
#include "util/namespace.h"
#include "util/process.h"

static int on_anchor_ended(sd_event_source *source, int fd, uint32_t events, void *userdata);

bool anchor_has_ended(int pidfd) {
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    return poll(&ended, 1, 0) != 0;
}

int anchor_watch(struct silo *silo, pid_t pid) {
    struct service *service = silo->service;
    _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return -errno;
    struct mount_namespace mount_namespace;
    uint64_t pid_namespace, user_namespace, start;
    struct job_target target = {.init_pid = pid, .silo = silo->number};
    uid_t owner_uid;
    pid_t inner;
    unsigned depth;
    int r;
    if ((r = process_start(pid, &start)) < 0 || (r = mount_namespace_of(pid, &mount_namespace)) < 0 ||
        (r = process_namespace(pid, "pid", &pid_namespace)) < 0 ||
        (r = process_mount_owner(pid, service->host_user_namespace, &user_namespace, &owner_uid)) < 0 ||
        (r = process_inner_pid(pid, &inner, &depth)) < 0)
        return r;
    if (user_namespace != service->host_user_namespace) {
        target.user_namespace = true;
        target.owner_uid = owner_uid;
        r = process_root_ids(pid, &target.root_uid, &target.root_gid);
        if (r == -ENODATA && silo->target.user_namespace) { /* it is in a namespace of its own, which has no map yet */
            target.root_uid = silo->target.root_uid;
            target.root_gid = silo->target.root_gid;
        } else if (r < 0)
            return r;
    }
    /* all of this was that process's, if it still lives */
    if (anchor_has_ended(pidfd) || mount_namespace.inode != silo->mount_namespace.inode ||
        (silo->mount_namespace.id && mount_namespace.id != silo->mount_namespace.id))
        return -ESRCH;
    sd_event_source *io = NULL;
    r = sd_event_add_io(service->event, &io, pidfd, EPOLLIN, on_anchor_ended, silo);
    if (r < 0)
        return r;
    /* before clients' messages: what waits for a dead silo's servers is to be freed at once */
    (void)sd_event_source_set_priority(io, SD_EVENT_PRIORITY_IMPORTANT);
    sd_event_source_disable_unref(silo->pidfd_io);
    silo->pidfd_io = io;
    close_fd(&silo->pidfd);
    silo->pidfd = steal_fd(&pidfd);
    silo->mount_namespace = target.mount_namespace = mount_namespace;
    silo->target = target;
    silo->anchors++;
    silo->init_start = start;
    silo->inner_init = inner;
    silo->sole_init = pid_namespace != service->host_pid_namespace && inner == 1;
    return 0;
}

pid_t anchor_find(uint64_t inode, pid_t pid) {
    for (int i = 0; i < 64; i++) {
        pid_t parent;
        uint64_t parent_namespace;
        if (process_parent(pid, &parent) < 0 || parent <= 1 ||
            process_namespace(parent, "mnt", &parent_namespace) < 0 || parent_namespace != inode)
            break;
        pid = parent;
    }
    return pid;
}

bool anchor_is_own_process(const struct service *service, pid_t pid) {
    pid_t parent;
    uint64_t device, inode;
    return (process_parent(pid, &parent) == 0 && parent == getpid()) ||
           (process_program(pid, &device, &inode) == 0 && device == service->worker_device &&
            inode == service->worker_inode);
}

int anchor_prove(const struct silo *silo, pid_t pid) {
    struct mount_namespace found;
    const struct service *service = silo->service;
    if (anchor_is_own_process(service, pid))
        return -ESRCH;
    int r = mount_namespace_of(pid, &found);
    if (r < 0)
        return journal_is_short(r) ? r : -ESRCH;
    bool proven = found.inode == silo->mount_namespace.inode &&
                  (silo->mount_namespace.id
                       ? found.id == silo->mount_namespace.id
                       : silo->state == SILO_READY &&
                             mount_namespace_has_folder(pid, service->run_major, service->run_minor, silo->number));
    return proven ? 0 : -ESRCH;
}

static int on_anchor_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    survivor_seek(userdata);
    return 0;
}
