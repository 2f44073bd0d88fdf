/* SPDX-License-Identifier: MIT */
#include "catcher/seize.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/time.h>

static sigjmp_buf before_it;
static struct itimerval outer;

/* The kernel would begin the wait anew after the handler: so that does not return. */
static void on_time(int signal) {
    siglongjmp(before_it, 1);
}

static int seize_in_time(pid_t thread, unsigned long options) {
    const struct itimerval limit = {.it_value = {.tv_usec = SEIZE_LIMIT_MS * 1000}}, none = {{0}};
    if (sigsetjmp(before_it, 1) != 0) {
        /* should it have been taken in this very moment, it stops, and is let go as one that nobody knows */
        (void)ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
        return -ETIMEDOUT;
    }
    (void)setitimer(ITIMER_REAL, &limit, &outer);
    int r = ptrace(PTRACE_SEIZE, thread, NULL, (void *)options) < 0 ? -errno : 0;
    (void)setitimer(ITIMER_REAL, &none, NULL); /* before this function returns, whose frame the handler jumps to */
    return r;
}

int seize(pid_t thread, unsigned long options) {
    struct sigaction action = {.sa_handler = on_time}, outer_action;
    if (sigaction(SIGALRM, &action, &outer_action) < 0)
        return -errno;
    int r = seize_in_time(thread, options);
    (void)sigaction(SIGALRM, &outer_action, NULL);
    (void)setitimer(ITIMER_REAL, &outer, NULL);
    return r;
}
