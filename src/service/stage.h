/* SPDX-License-Identifier: MIT */
/* The stage (worker/stage.h): a mount namespace of the service's own, which outlives it. */
#ifndef LINFSP_SERVICE_STAGE_H
#define LINFSP_SERVICE_STAGE_H

/* Opens the stage, or makes it. Returns a descriptor of the mount namespace. */
int stage_open(void);

/* Starts a process that waits for this one to end without stage_unguard, and then has the kernel refuse, at once, all
 * that wait at folders of the stage. Returns a socket that ends when that process does, or a negative errno. */
int stage_guard(int stage);
/* Ends it, if it has not ended, and closes its socket. */
void stage_unguard(int guard);

#endif
