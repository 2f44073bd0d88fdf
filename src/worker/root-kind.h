/* SPDX-License-Identifier: MIT */
/* What kind of root a silo has: whether the silo is a container at all, and whether its root ends with it. In a worker,
 * on the host. */
#ifndef LINFSP_WORKER_ROOT_KIND_H
#define LINFSP_WORKER_ROOT_KIND_H

#include "worker/jobs.h"

/* Whether the silo's root is not the root of its mount namespace: somebody called chroot(2) there, and no runtime
 * pivot_root(2). False also where this cannot be told. The worker is on the host again afterwards. */
bool root_is_chroot(const struct job_base *base, int mount_namespace, int root);
bool root_is_in_memory(int root);
/* Whether a process has a file system of that device mounted. pid 0: the worker itself. */
bool root_is_mounted_by(const struct job_base *base, pid_t pid, uint32_t major, uint32_t minor);
/* Whether the silo's root is in memory and ends with the silo: nobody outside has it mounted. */
bool root_ends_with_silo(const struct job_base *base, const struct job_target *target, int root);
/* Whether the silo's /dev is in memory and ends with the silo: it is a tmpfs of its own, as runtimes make it, or a
 * folder of a tmpfs that nobody outside has mounted. */
bool dev_ends_with_silo(const struct job_base *base, const struct job_target *target, int dev);

#endif
