/* SPDX-License-Identifier: MIT */
/*
 * The notifier's life. One thread: it accepts the runtime's connections at its socket, one for the container and one
 * for each process that is run in it later, takes a listener (a seccomp descriptor) from each, and forks a process for
 * each call that comes. A process that ends without an answer, or takes too long, is answered for. The notifier ends
 * when no process of the container can call any more.
 */
#include "runtime/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/bundle.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LISTENERS_MAX 64
#define CALLS_MAX 32
#define CALL_SECONDS 20
#define FIRST_SECONDS 60 /* for the runtime to come, after which nobody will */

struct pending {
    pid_t pid; /* of the process that answers; 0: free */
    int listener;
    uint64_t id;
    time_t deadline;
};

struct notifier {
    int socket, helper;
    char path[128];
    int listeners[LISTENERS_MAX];
    size_t n_listeners;
    bool had_one;
    int64_t started; /* in s, as now() */
    struct pending calls[CALLS_MAX];
};

static int64_t now(void) {
    return clock_ns() / 1000000000;
}

static int receive_listener(int connection) {
    char state[65536]; /* what the runtime says of the container: nothing that is needed here */
    union {
        char bytes[CMSG_SPACE(8 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {state, sizeof state};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) <= 0)
        return -EPROTO;
    int found = -1;
    for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&message); part_of; part_of = CMSG_NXTHDR(&message, part_of)) {
        if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part_of) + i * sizeof fd, sizeof fd);
            if (found < 0)
                found = fd;
            else
                close(fd);
        }
    }
    return found < 0 ? -EPROTO : found;
}

static void take_listener(struct notifier *notifier) {
    _cleanup_close_ int connection = accept4(notifier->socket, NULL, NULL, SOCK_CLOEXEC);
    struct timeval limit = {.tv_sec = 5};
    if (connection < 0)
        return;
    (void)setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    int listener = receive_listener(connection);
    if (listener < 0)
        return;
    if (notifier->n_listeners == LISTENERS_MAX) {
        close(listener); /* its calls fail with ENOSYS */
        return;
    }
    notifier->listeners[notifier->n_listeners++] = listener;
    notifier->had_one = true;
}

/* The kernel decides, as without us. Harmless where the call was answered already. */
static void let_go(int listener, uint64_t id) {
    struct seccomp_notif_resp answer = {.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static struct pending *free_slot(struct notifier *notifier) {
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (notifier->calls[i].pid == 0)
            return &notifier->calls[i];
    return NULL;
}

static void take_call(struct notifier *notifier, int listener) {
    struct seccomp_notif call;
    memset(&call, 0, sizeof call);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
        return;
    struct pending *slot = free_slot(notifier);
    pid_t pid = slot ? fork() : -1;
    if (pid == 0) {
        signal(SIGCHLD, SIG_DFL); /* waiting is not to be interrupted */
        notify_answer(listener, &call, notifier->helper);
        _exit(0);
    }
    if (pid < 0)
        let_go(listener, call.id);
    else
        *slot = (struct pending){.pid = pid, .listener = listener, .id = call.id, .deadline = now() + CALL_SECONDS};
}

static void reap(struct notifier *notifier) {
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        for (size_t i = 0; i < CALLS_MAX; i++)
            if (notifier->calls[i].pid == pid) {
                let_go(notifier->calls[i].listener, notifier->calls[i].id);
                notifier->calls[i].pid = 0;
            }
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (notifier->calls[i].pid > 0 && notifier->calls[i].deadline < now())
            kill(notifier->calls[i].pid, SIGKILL);
}

static bool is_at_work(const struct notifier *notifier, int listener) {
    for (size_t i = 0; i < CALLS_MAX; i++)
        if (notifier->calls[i].pid > 0 && notifier->calls[i].listener == listener)
            return true;
    return false;
}

/* Its last process has ended. */
static void drop_listener(struct notifier *notifier, size_t index) {
    close(notifier->listeners[index]);
    notifier->listeners[index] = notifier->listeners[--notifier->n_listeners];
}

static bool is_wanted(const struct notifier *notifier) {
    /* who started us removes the socket when nobody will come */
    return notifier->n_listeners > 0 ||
           (!notifier->had_one && now() < notifier->started + FIRST_SECONDS && access(notifier->path, F_OK) == 0);
}

static void turn(struct notifier *notifier) {
    struct pollfd items[1 + LISTENERS_MAX] = {{.fd = notifier->socket, .events = POLLIN}};
    size_t n = notifier->n_listeners;
    for (size_t i = 0; i < n; i++)
        items[1 + i] = (struct pollfd){.fd = notifier->listeners[i], .events = POLLIN};
    (void)poll(items, 1 + n, 1000);
    reap(notifier);
    for (size_t i = n; i-- > 0;) {
        if (items[1 + i].revents & POLLIN)
            take_call(notifier, notifier->listeners[i]);
        else if ((items[1 + i].revents & (POLLHUP | POLLERR)) && !is_at_work(notifier, notifier->listeners[i]))
            drop_listener(notifier, i);
    }
    if (items[0].revents & POLLIN)
        take_listener(notifier);
}

static void on_child(int signal) {
    /* poll(2) is interrupted; that is all */
}

/* Of the notifier itself: it must hold nothing of its engine's open, or the engine would wait for it. */
static void leave_engine(struct notifier *notifier) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    notifier->socket = dup2(notifier->socket, 3);
    notifier->helper = dup2(notifier->helper, 4);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    fcntl(4, F_SETFD, FD_CLOEXEC);
    (void)close_range(5, ~0u, 0);
    (void)chdir("/");
    prctl(PR_SET_NAME, "linfsp-notifier");
    struct sigaction action = {.sa_handler = on_child};
    sigaction(SIGCHLD, &action, NULL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

_Noreturn static void serve(struct notifier *notifier) {
    leave_engine(notifier);
    while (is_wanted(notifier))
        turn(notifier);
    (void)unlink(notifier->path);
    _exit(0);
}

static int open_socket(struct notifier *notifier) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(notifier->path, sizeof notifier->path, BUNDLE_SOCKETS "%d-%lx", (int)getpid(),
             (unsigned long)clock_realtime_ns());
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", notifier->path);
    mode_t mask = umask(077);
    notifier->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = notifier->socket < 0 || bind(notifier->socket, (struct sockaddr *)&address, sizeof address) < 0 ||
                    listen(notifier->socket, 16) < 0
                ? -errno
                : 0;
    umask(mask);
    return r;
}

int notify_start(const char *helper, char *ret_socket, size_t size) {
    struct notifier notifier = {.socket = -1, .started = now()};
    notifier.helper = open(helper, O_PATH | O_CLOEXEC);
    int r = notifier.helper < 0 ? -errno : open_socket(&notifier);
    pid_t pid = r == 0 ? fork() : -1;
    if (pid == 0) {
        if (setsid() >= 0 && fork() == 0)
            serve(&notifier);
        _exit(0);
    }
    if (r == 0 && pid < 0)
        r = -errno;
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    if (r < 0 && notifier.path[0])
        (void)unlink(notifier.path);
    close_fd(&notifier.socket);
    close_fd(&notifier.helper);
    if (r == 0)
        snprintf(ret_socket, size, "%s", notifier.path);
    return r;
}
