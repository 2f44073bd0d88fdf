/* SPDX-License-Identifier: MIT */
/* In a worker: the libraries that a silo gets are for its architecture. */
#ifndef LINFSP_WORKER_LIBRARIES_H
#define LINFSP_WORKER_LIBRARIES_H

#include "worker/jobs.h"

/* Looks at the container's root: root (O_PATH), or the path rootfs as root sees it unless that is "". If the container
 * is of another architecture than this worker, the libraries in the silo's folder (a path on the host) are replaced by
 * those for it, as far as there are any. Must be called on the host, and before the container can reach the folder. */
void libraries_choose(const struct job_base *base, const char *folder, int root, const char *rootfs);

#endif
