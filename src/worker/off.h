/* SPDX-License-Identifier: MIT */
/* LINFSP=off in a container's environment: it is to have nothing of ours. */
#ifndef LINFSP_WORKER_OFF_H
#define LINFSP_WORKER_OFF_H

#include "worker/jobs.h"

/*
 * Whether it is off for the silo of an inject job. While the runtime is at work (early) the environment is read from
 * the OCI bundle, in which the runtime works; then from the first process. What the container says here can only take
 * something away from itself.
 */
bool off_is_wanted(const struct job_base *base, const struct job *job);

#endif
