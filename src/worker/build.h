/* SPDX-License-Identifier: MIT */
/* Containers in which an image is built. In a worker, on the host. */
#ifndef LINFSP_WORKER_BUILD_H
#define LINFSP_WORKER_BUILD_H

#include "worker/jobs.h"

/* Whether the silo is a step (RUN) of an image's build. What is at /unc during the build belongs to the image then. */
bool build_is_step(const struct job_base *base, const struct job *job);

#endif
