/* SPDX-License-Identifier: MIT */
/* /unc in a silo's own root (root-unc.c has the model). In a worker. */
#ifndef LINFSP_WORKER_ROOT_UNC_H
#define LINFSP_WORKER_ROOT_UNC_H

#include "worker/jobs.h"

/* Makes /unc in the silo's root, to mount the silo's folder on, and has /dev/linfsp/unc in the silo's folder on the
 * host lead there. Otherwise /dev/linfsp/unc is a folder to mount on. The worker is on the host, and comes back there.
 * Returns a descriptor of /unc, or a negative errno: it cannot be had, or is the silo's own. */
int root_unc_make(const struct job_base *base, const struct job *job, int mount_namespace, int root);
/* Unmounts it. The silo is as it was without it then. */
void root_unc_remove(const struct job_base *base, int root);

#endif
