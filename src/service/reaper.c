/* SPDX-License-Identifier: MIT */
#include "service/reaper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "util/cleanup.h"
#include "util/log.h"
#include "util/sockets.h"

struct reaper {
    int socket; /* -1: none is running */
    pid_t pid; /* 0 once it was waited for: until then the number is no other process's */
};

#define WITH_OTHERS 'o'
#define ALONE 'a'

/* Children that may hang at a time. Their number is bounded, since the service may have only so many processes. */
#define CHILDREN_MAX 64
#define KEPT_MAX 512

static unsigned children;
static int kept[KEPT_MAX]; /* that wait for one of them to end */
static size_t n_kept;

/* In the child: once it is the last that has it. */
_Noreturn static void close_as_last(int fd, int until_closed) {
    char byte;
    if (dup2(until_closed, 3) == 3 && dup2(fd, 4) == 4)
        (void)close_range(5, ~0u, 0);
    (void)!read(3, &byte, 1);
    close(4);
    _exit(0);
}

/* A child closes it. Where there can be no child this process does. */
static void close_alone(int fd) {
    int until_closed[2] = {-1, -1};
    pid_t pid = pipe2(until_closed, O_CLOEXEC) < 0 ? -1 : fork();
    if (pid == 0) {
        close(until_closed[1]);
        close_as_last(fd, until_closed[0]);
    }
    children += pid > 0;
    close(fd);
    close_fd(&until_closed[0]);
    close_fd(&until_closed[1]);
}

/* As many as may be. What comes when there is no room stays open for good: somebody has hundreds of file systems whose
 * end waits. */
static void close_kept(void) {
    while (children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
        children--;
    while (n_kept > 0 && children < CHILDREN_MAX)
        close_alone(kept[--n_kept]);
}

_Noreturn static void reaper_main(int socket) {
    prctl(PR_SET_NAME, "linfspd-reaper");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* where the service is gone already, so is the other end of the socket */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(socket, 3);
    /* what could not be sent is inherited: it, too, is held until the service has closed its own */
    struct pollfd first = {.fd = 3, .events = POLLIN};
    while (poll(&first, 1, -1) < 0 && errno == EINTR) {
    }
    (void)close_range(4, ~0u, 0);
    char how = WITH_OTHERS;
    for (int held = -1;;) {
        char byte;
        int fd = -1;
        size_t n = 0;
        if (socket_receive(3, &byte, 1, &fd, 1, &n) <= 0)
            _exit(0);
        if (held < 0 || how != ALONE)
            close_fd(&held);
        else if (n_kept < KEPT_MAX)
            kept[n_kept++] = steal_fd(&held);
        close_kept();
        held = n ? fd : -1;
        how = byte;
    }
}

static int start(struct reaper *reaper) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid < 0) {
        int error = -errno;
        close(pair[0]);
        close(pair[1]);
        return error;
    }
    if (pid == 0)
        reaper_main(pair[1]);
    close(pair[1]);
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    reaper->socket = pair[0];
    reaper->pid = pid;
    return 0;
}

static void end(struct reaper *reaper) {
    if (reaper->socket < 0)
        return;
    if (reaper->pid > 0)
        (void)kill(reaper->pid, SIGKILL); /* a killed process closes without lingering */
    reaper->pid = 0;
    close_fd(&reaper->socket);
}

int reaper_new(struct reaper **ret_reaper) {
    struct reaper *reaper = calloc(1, sizeof *reaper);
    if (!reaper)
        return -ENOMEM;
    int r = start(reaper);
    if (r < 0) {
        free(reaper);
        return r;
    }
    *ret_reaper = reaper;
    return 0;
}

void reaper_free(struct reaper *reaper) {
    if (!reaper)
        return;
    end(reaper);
    free(reaper);
}

void reaper_waited_for(struct reaper *reaper, pid_t pid) {
    if (reaper->pid == pid)
        reaper->pid = 0;
}

static void hand_over(struct reaper *reaper, int fd, char how) {
    if (fd < 0)
        return;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (reaper->socket >= 0 && socket_send(reaper->socket, &how, 1, &fd, 1) == 0)
            break;
        end(reaper); /* its queue is full: it hangs */
        int r = start(reaper);
        if (r < 0)
            log_error("no reaper: %s", strerror(-r));
    }
    close(fd); /* not the last: it is in flight, or the reaper holds it until the next message */
    if (reaper->socket >= 0 && socket_send(reaper->socket, "", 1, NULL, 0) < 0)
        end(reaper);
}

void reaper_close(struct reaper *reaper, int fd) {
    hand_over(reaper, fd, WITH_OTHERS);
}

void reaper_close_alone(struct reaper *reaper, int fd) {
    hand_over(reaper, fd, ALONE);
}
