/* SPDX-License-Identifier: MIT */
#include "util/urgency.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

int urgency_raise(void) {
    const struct sched_param lowest = {.sched_priority = 1};
    struct rlimit limit;
    if (getrlimit(RLIMIT_RTTIME, &limit) < 0)
        return -errno;
    if (limit.rlim_max > URGENCY_USEC)
        limit.rlim_cur = URGENCY_USEC;
    if (setrlimit(RLIMIT_RTTIME, &limit) < 0 || sched_setscheduler(0, SCHED_RR, &lowest) < 0)
        return -errno;
    return 0;
}

void urgency_lower(void) {
    const struct sched_param none = {0};
    (void)sched_setscheduler(0, SCHED_OTHER, &none);
}

static void on_signal(int signal) {
    int error = errno;
    urgency_lower();
    errno = error;
}

void urgency_lower_by_signal(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigset_t this;
    sigemptyset(&this);
    sigaddset(&this, SIGXCPU);
    (void)sigaction(SIGXCPU, &action, 0);
    (void)sigprocmask(SIG_UNBLOCK, &this, 0);
}
