/* SPDX-License-Identifier: MIT */
#include "worker/guard.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

static pid_t parent;

void guard_renew(void) {
    if (parent == 0)
        return;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(1);
}

void guard_begin(pid_t service) {
    parent = service;
    guard_renew();
}
