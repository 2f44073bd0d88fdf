/* SPDX-License-Identifier: MIT */
/* /unc in a silo's own root (root-unc.c has the model). In a worker. */
#ifndef LINFSP_WORKER_ROOT_UNC_H
#define LINFSP_WORKER_ROOT_UNC_H

#include "worker/jobs.h"

/* Makes /unc in the silo's root, to mount the silo's folder on, and has /dev/linfsp/unc in the silo's folder on the
 * host lead there. Otherwise /dev/linfsp/unc is a folder to mount on. The worker is on the host, and comes back there.
 * Returns a descriptor of /unc, or a negative errno: it cannot be had, or is the silo's own. */
int root_unc_make(const struct job_base *base, const struct job *job, int mount_namespace, int root);
/* Whether root_unc_move would find a place: then the silo's folder is mounted at /dev/linfsp/unc, and moved when there
 * is something to be seen there. Makes nothing but that folder. The same otherwise. */
bool root_unc_can_wait(const struct job_base *base, const struct job *job, int mount_namespace, int root);
/* Moves the mount from /dev/linfsp/unc to /unc, unless the silo has something of its own there by now; and back, or
 * -ENOENT where it is not at /unc. The worker is on the host, and stays in the silo where that fails. */
int root_unc_move(const struct job_base *base, const struct job *job, int mount_namespace, int root);
int root_unc_move_back(const struct job_base *base, const struct job *job, int mount_namespace, int root);
/* Unmounts it. The silo is as it was without it then. */
void root_unc_remove(const struct job_base *base, int root);

#endif
