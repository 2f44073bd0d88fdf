/* SPDX-License-Identifier: MIT */
#include "catcher/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

static uint64_t *catchers; /* how many there were; shared by all keepers */

enum kept {
    KEPT_CHILD, /* this is the child */
    KEPT_ALONE, /* the keeper above has ended */
};

static void make_counter(void) {
    static uint64_t own;
    void *shared = mmap(NULL, sizeof *catchers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    catchers = shared == MAP_FAILED ? &own : shared;
}

/* Waits. Returns whether the service is still there. */
static bool wait_for_service(int socket, int64_t milliseconds) {
    struct pollfd end = {.fd = socket};
    return poll(&end, 1, (int)milliseconds) == 0;
}

/* Waits for the end of a child, or of the keeper above. Returns whether it was the child's. */
static bool wait_for_end(pid_t child, int above) {
    struct pollfd ends[] = {{.fd = (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN},
                            {.fd = above, .events = POLLIN}};
    if (ends[0].fd < 0)
        return true; /* waitpid will wait */
    while (poll(ends, 2, -1) < 0 && errno == EINTR) {
    }
    close(ends[0].fd);
    return ends[0].revents != 0;
}

static int wait_for_status(pid_t child) {
    int status;
    pid_t ended;
    while ((ended = waitpid(child, &status, 0)) < 0 && errno == EINTR) {
    }
    return ended == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Has a child, and another one when that has died. above: the keeper whose child this one is, or 0. */
static enum kept keep(int socket, pid_t above) {
    int64_t delay = KEEPER_FIRST_DELAY_MS;
    _cleanup_close_ int above_fd = above ? (int)syscall(SYS_pidfd_open, above, 0) : -1;
    pid_t self = getpid();
    for (;;) {
        int64_t since = clock_ms();
        if (above && getppid() != above)
            return KEPT_ALONE;
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG,
                  above ? SIGKILL : 0); /* a catcher goes with its keeper: two would be told in turns */
            if (getppid() != self)
                _exit(CATCHER_EXIT_DONE);
            return KEPT_CHILD;
        }
        if (pid > 0 && !wait_for_end(pid, above_fd))
            return KEPT_ALONE;
        int status = pid < 0 ? -1 : wait_for_status(pid);
        if (status == CATCHER_EXIT_DONE || status == CATCHER_EXIT_NEVER)
            _exit(status);
        if (clock_ms() - since >= KEEPER_STEADY_MS)
            delay = KEEPER_FIRST_DELAY_MS;
        if (!wait_for_service(socket, delay))
            _exit(CATCHER_EXIT_DONE);
        delay = delay * 2 < KEEPER_LAST_DELAY_MS ? delay * 2 : KEEPER_LAST_DELAY_MS;
    }
}

/* Ends, with the catcher; a child goes on in this process's place. */
static void begin_anew(void) {
    pid_t self = getpid(), pid;
    while ((pid = fork()) < 0)
        (void)poll(NULL, 0, KEEPER_FIRST_DELAY_MS);
    if (pid > 0)
        _exit(CATCHER_EXIT_DONE);
    while (getppid() == self)
        (void)poll(NULL, 0, 1);
}

uint64_t keeper_run(int socket) {
    make_counter();
    for (;;) {
        pid_t first = getpid();
        (void)keep(socket, 0); /* it is in the second keeper that this returns */
        enum kept kept = keep(socket, first);
        if (kept == KEPT_CHILD)
            return __atomic_fetch_add(catchers, 1, __ATOMIC_RELAXED);
        begin_anew();
    }
}
