/* SPDX-License-Identifier: MIT */
/*
 * Two moments of a container's start can be seen.
 *
 * The exec of its entry point: in its own mount namespace, with its own root. Every engine has it; by then the entry
 * point runs.
 *
 * runc's init naming itself "runc:[2:INIT]": in the new mount namespace already, but before that is furnished. It is
 * then a *candidate*: its mount table is watched (a mountinfo file polls as changed with each mount), and as soon as
 * its root is its own the silo is set up, tens of milliseconds before the entry point is looked for. A candidate is
 * dropped when its process ends or takes too long, because the open mountinfo keeps the mount namespace alive.
 *
 * The kernel's event filter (6.6) and a socket filter keep all other events from waking us. Any process may give itself
 * any name: while names that lead to no candidate come by the hundred, the socket filter drops all names, and new
 * containers are seen at their exec. Events that were lost for want of room are made up for by a scan of all processes,
 * in slices, at idle priority, and at most every few seconds.
 */
#include "service/monitor.h"

#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "service/reaper.h"
#include "service/service.h"
#include "service/silo.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/process.h"

#define CANDIDATE_USEC (30 * 1000000ull)
#define CANDIDATES_MAX 256
#define POLL_USEC 250000
#define RECEIVE_BUFFER (4 << 20)
#define RUNC_INIT "runc:[2:INIT"
#define USELESS_NAMES_MAX 100 /* a second */
#define DEAF_USEC (10 * 1000000ull) /* so long no names are heard after that */
#define SCAN_SLICE 64 /* processes looked at in one turn */
#define SCAN_PAUSE_USEC (5 * 1000000ull)

struct candidate {
    struct list_node node;
    struct monitor *monitor;
    pid_t pid;
    int mountinfo, pidfd;
    sd_event_source *changed, *ended, *timer;
};

struct monitor {
    struct service *service;
    int socket; /* -1: polling */
    sd_event_source *io, *poll_timer, *rescan;
    struct list_node candidates;
    unsigned n_candidates;
    uint64_t second; /* of useless_names */
    unsigned useless_names;
    sd_event_source *deaf; /* to names; NULL: it hears them */
    DIR *scan; /* under way */
    uint64_t scanned; /* usec: when the last one began */
    bool scan_again;
};

/* What a message holds, and where: struct cn_msg itself ends in an array, and cannot be followed by anything in C. */
#define CONNECTOR_OFFSET sizeof(struct nlmsghdr)
#define PAYLOAD_OFFSET (CONNECTOR_OFFSET + sizeof(struct cn_msg))

/* ---- candidates ------------------------------------------------------------------------------------------------ */

static void candidate_free(struct candidate *candidate) {
    sd_event_source_disable_unref(candidate->changed);
    sd_event_source_disable_unref(candidate->ended);
    sd_event_source_disable_unref(candidate->timer);
    /* this may be the end of its mount namespace, and of file systems that make whoever ends them wait */
    reaper_close_alone(candidate->monitor->service->reaper, steal_fd(&candidate->mountinfo));
    close_fd(&candidate->pidfd);
    list_remove(&candidate->node);
    candidate->monitor->n_candidates--;
    free(candidate);
}

static int on_candidate_changed(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct candidate *candidate = userdata;
    struct service *service = candidate->monitor->service;
    /* 0: its root is still the host's, or has no /dev. While it is being set up it stays a candidate: that may have
     * come too early */
    int r = silo_consider(service, candidate->pid, true);
    if (r < 0 || (r > 0 && silo_is_set_up(service, candidate->pid)))
        candidate_free(candidate);
    return 0;
}

static int on_candidate_ended(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    candidate_free(userdata);
    return 0;
}

static int on_candidate_late(sd_event_source *source, uint64_t usec, void *userdata) {
    candidate_free(userdata);
    return 0;
}

/* The candidate has reached its entry point: the table need not be watched any more. */
static void candidate_drop(struct monitor *monitor, pid_t pid) {
    struct candidate *candidate, *next;
    list_for_each_safe (candidate, next, &monitor->candidates, node)
        if (candidate->pid == pid) // NOLINT(clang-analyzer-unix.Malloc)
            candidate_free(candidate);
}

/* Exec events pass; comm events whose name begins with "runc", if names is set; nothing else. Words are loaded in
 * network order. */
static int filter_events(int socket, bool names) {
    const uint32_t what = PAYLOAD_OFFSET + offsetof(struct proc_event, what);
    const uint32_t comm = PAYLOAD_OFFSET + offsetof(struct proc_event, event_data.comm.comm);
    const uint32_t wanted_comm = names ? __builtin_bswap32(PROC_EVENT_COMM) : UINT32_MAX;
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __builtin_bswap32(PROC_EVENT_EXEC), 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted_comm, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, comm),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x72756e63 /* "runc" */, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog filter = {.len = ARRAY_SIZE(program), .filter = program};
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0 ? -errno : 0;
}

static uint64_t now_usec(const struct monitor *monitor) {
    uint64_t usec = 0;
    (void)sd_event_now(monitor->service->event, CLOCK_MONOTONIC, &usec);
    return usec;
}

static int on_hear_again(sd_event_source *source, uint64_t usec, void *userdata) {
    struct monitor *monitor = userdata;
    monitor->deaf = sd_event_source_disable_unref(monitor->deaf);
    (void)filter_events(monitor->socket, true);
    return 0;
}

/* A name like that of runc's init led to nothing. */
static void count_useless_name(struct monitor *monitor) {
    uint64_t second = now_usec(monitor) / 1000000;
    if (second != monitor->second)
        monitor->useless_names = 0;
    monitor->second = second;
    if (++monitor->useless_names < USELESS_NAMES_MAX || monitor->deaf || filter_events(monitor->socket, false) < 0)
        return;
    log_notice("some process calls itself runc's init, again and again: names are not listened to for %llu s",
               DEAF_USEC / 1000000);
    if (sd_event_add_time_relative(monitor->service->event, &monitor->deaf, CLOCK_MONOTONIC, DEAF_USEC, 100000,
                                   on_hear_again, monitor) < 0)
        (void)filter_events(monitor->socket, true);
}

static void candidate_add(struct monitor *monitor, pid_t pid) {
    struct service *service = monitor->service;
    uint64_t mount_namespace;
    if (process_namespace(pid, "mnt", &mount_namespace) < 0 || mount_namespace == service->host_mount_namespace ||
        silo_is_known(service, mount_namespace) || monitor->n_candidates >= CANDIDATES_MAX) {
        count_useless_name(monitor);
        return;
    }
    candidate_drop(monitor, pid); /* a process that names itself again is one candidate still */
    struct candidate *candidate = calloc(1, sizeof *candidate);
    if (!candidate)
        return;
    candidate->monitor = monitor;
    candidate->pid = pid;
    list_append(&monitor->candidates, &candidate->node);
    monitor->n_candidates++;
    candidate->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    candidate->mountinfo = proc_open(O_RDONLY, "%d/mountinfo", (int)pid);
    if (candidate->pidfd < 0 || candidate->mountinfo < 0 ||
        sd_event_add_io(service->event, &candidate->changed, candidate->mountinfo, EPOLLPRI, on_candidate_changed,
                        candidate) < 0 ||
        sd_event_add_io(service->event, &candidate->ended, candidate->pidfd, EPOLLIN, on_candidate_ended, candidate) <
            0 ||
        sd_event_add_time_relative(service->event, &candidate->timer, CLOCK_MONOTONIC, CANDIDATE_USEC, 1000000,
                                   on_candidate_late, candidate) < 0)
        candidate_free(candidate);
}

/* ---- the proc connector ---------------------------------------------------------------------------------------- */

static void handle_event(struct monitor *monitor, const struct proc_event *event) {
    if (event->what == PROC_EVENT_EXEC) {
        pid_t pid = event->event_data.exec.process_tgid;
        if (monitor->n_candidates)
            candidate_drop(monitor, pid);
        (void)silo_consider(monitor->service, pid, false);
    } else if (event->what == PROC_EVENT_COMM &&
               strncmp(event->event_data.comm.comm, RUNC_INIT, strlen(RUNC_INIT)) == 0) {
        candidate_add(monitor, event->event_data.comm.process_tgid);
    }
}

/* Events were lost. */
static void scan_soon(struct monitor *monitor) {
    uint64_t since = now_usec(monitor) - monitor->scanned;
    if (monitor->scan)
        monitor->scan_again = true;
    else
        (void)sd_event_source_set_time_relative(monitor->rescan, since < SCAN_PAUSE_USEC ? SCAN_PAUSE_USEC - since : 0);
    (void)sd_event_source_set_enabled(monitor->rescan, SD_EVENT_ONESHOT);
}

static int on_events(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct monitor *monitor = userdata;
    static char buffer[16384];
    /* a bounded number at a time: a storm of execs must not keep requests waiting */
    for (int i = 0; i < 64; i++) {
        struct sockaddr_nl from = {0};
        socklen_t from_size = sizeof from;
        ssize_t size = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);
        if (size < 0 && errno == ENOBUFS) {
            scan_soon(monitor);
            continue;
        }
        if (size < 0)
            return 0;
        if (from.nl_pid != 0)
            continue; /* not the kernel */
        for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, (size_t)size);
             header = NLMSG_NEXT(header, size)) {
            const struct cn_msg *message = NLMSG_DATA(header);
            if (header->nlmsg_len >= NLMSG_LENGTH(sizeof *message + sizeof(struct proc_event)) &&
                message->id.idx == CN_IDX_PROC && message->id.val == CN_VAL_PROC) {
                struct proc_event event; /* netlink aligns to 4 */
                memcpy(&event, message->data, sizeof event);
                handle_event(monitor, &event);
            }
        }
    }
    return 0;
}

static int subscribe(int socket) {
    const enum proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
    const struct nlmsghdr netlink = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof operation),
                                     .nlmsg_type = NLMSG_DONE};
    const struct cn_msg connector = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .len = sizeof operation};
    struct iovec parts[] = {{(void *)&netlink, sizeof netlink},
                            {(void *)&connector, sizeof connector},
                            {(void *)&operation, sizeof operation}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_SIZE(parts)};
    return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int open_connector(void) {
    _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    if (fd < 0)
        return -errno;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    int size = RECEIVE_BUFFER;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    int r = filter_events(fd, true);
    if (r < 0)
        return r;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    r = subscribe(fd);
    return r < 0 ? r : steal_fd(&fd);
}

/* ---- scans ----------------------------------------------------------------------------------------------------- */

void monitor_scan(struct monitor *monitor) {
    _cleanup_closedir_ DIR *directory = proc_open_folder(".");
    if (!directory)
        return;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (*end == 0 && pid > 0)
            (void)silo_consider(monitor->service, (pid_t)pid, false);
    }
}

/* One slice of a scan. */
static int on_rescan(sd_event_source *source, uint64_t usec, void *userdata) {
    struct monitor *monitor = userdata;
    if (!monitor->scan) {
        log_debug("process events were lost; looking at all processes");
        monitor->scanned = now_usec(monitor);
        monitor->scan_again = false;
        monitor->scan = proc_open_folder(".");
    }
    for (int i = 0; monitor->scan && i < SCAN_SLICE; i++) {
        struct dirent *entry = readdir(monitor->scan);
        char *end = NULL;
        long pid = entry ? strtol(entry->d_name, &end, 10) : 0;
        if (entry && *end == 0 && pid > 0)
            (void)silo_consider(monitor->service, (pid_t)pid, false);
        if (entry)
            continue;
        closedir(steal_pointer(monitor->scan));
        if (monitor->scan_again)
            scan_soon(monitor);
        return 0;
    }
    if (monitor->scan) {
        (void)sd_event_source_set_time_relative(source, 0);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

static int on_poll(sd_event_source *source, uint64_t usec, void *userdata) {
    monitor_scan(userdata);
    (void)sd_event_source_set_time_relative(source, POLL_USEC);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

const char *monitor_kind(const struct monitor *monitor) {
    return monitor->socket >= 0 ? "proc-connector" : "polling";
}

int monitor_new(struct service *service, struct monitor **ret_monitor) {
    struct monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor)
        return -ENOMEM;
    monitor->service = service;
    list_init(&monitor->candidates);
    monitor->socket = open_connector();
    int r = sd_event_add_time_relative(service->event, &monitor->rescan, CLOCK_MONOTONIC, 0, 1000, on_rescan, monitor);
    if (r >= 0)
        r = sd_event_source_set_priority(monitor->rescan, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_source_set_enabled(monitor->rescan, SD_EVENT_OFF);
    if (r >= 0 && monitor->socket >= 0) {
        r = sd_event_add_io(service->event, &monitor->io, monitor->socket, EPOLLIN, on_events, monitor);
    } else if (r >= 0) {
        log_warning("no proc connector (%s): containers are looked for every %d ms; linfsp doctor says more",
                    strerror(-monitor->socket), POLL_USEC / 1000);
        r = sd_event_add_time_relative(service->event, &monitor->poll_timer, CLOCK_MONOTONIC, POLL_USEC, 10000, on_poll,
                                       monitor);
    }
    if (r < 0) {
        monitor_free(monitor);
        return r;
    }
    *ret_monitor = monitor;
    return 0;
}

void monitor_free(struct monitor *monitor) {
    if (!monitor)
        return;
    struct candidate *candidate, *next;
    list_for_each_safe (candidate, next, &monitor->candidates, node)
        candidate_free(candidate);
    sd_event_source_disable_unref(monitor->io);
    sd_event_source_disable_unref(monitor->poll_timer);
    sd_event_source_disable_unref(monitor->rescan);
    sd_event_source_disable_unref(monitor->deaf);
    if (monitor->scan)
        closedir(monitor->scan);
    close_fd(&monitor->socket);
    free(monitor);
}
