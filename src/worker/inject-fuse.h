/* SPDX-License-Identifier: MIT */
/*
 * The /dev/fuse of a silo, which unmodified FUSE programs open first. In a worker, inside the silo. Failures are no
 * matter: such programs then fail as without us.
 */
#ifndef LINFSP_WORKER_INJECT_FUSE_H
#define LINFSP_WORKER_INJECT_FUSE_H

#include "worker/jobs.h"

/* Makes it, in the folder dev, where there is none. may_mount: the silo's programs mount by themselves; device_tree: a
 * detached mount of our FUSE node for that case, or -1. */
void inject_fuse(const struct job_base *base, const struct job *job, int device_tree, int dev, bool may_mount);
/* Takes it out, where it is ours. Returns whether it was. */
bool eject_fuse(const struct job_base *base, int dev);

/* Whether this is the host's own /dev: no device is made in that. */
bool inject_fuse_is_hosts(const struct job_base *base, int dev);

#endif
