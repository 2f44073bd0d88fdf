/* SPDX-License-Identifier: MIT */
/* The silo's folder at /dev/linfsp. In a worker, inside the silo. */
#ifndef LINFSP_WORKER_INJECTION_H
#define LINFSP_WORKER_INJECTION_H

#include "util/paths.h"
#include "worker/jobs.h"

#define UNC_IN_DEVICES LINFSP_DEVICE_DIR "/unc"

/* Whether the silo has /dev/linfsp of a service before this one, which that did not take out. */
bool injection_is_stale(const struct job_base *base, int root);
/* Takes out what a service, this one or one before it, put into the silo. -EBUSY: what is mounted there is the
 * container's own. */
int injection_remove(const struct job_base *base, int root);
/* Unmounts what was mounted in trees that processes of the silo have changed their root to (job-chroot.c). */
void chroot_undo(const struct job_base *base, int root);

#endif
