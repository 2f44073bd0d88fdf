/* SPDX-License-Identifier: MIT */
/* The stage (worker/stage.h): a mount namespace of the service's own, which outlives it. */
#ifndef LINFSP_SERVICE_STAGE_H
#define LINFSP_SERVICE_STAGE_H

#include <sys/types.h>

/* Opens the stage, or makes it. Returns a descriptor of the mount namespace. */
int stage_open(void);

/* Starts a process that waits for this one to end without stage_unguard, and then has the kernel refuse, at once, all
 * that wait at folders of the stage. Returns its pid. */
pid_t stage_guard(int stage);
void stage_unguard(pid_t guard);

#endif
