/* SPDX-License-Identifier: MIT */
/*
 * What unmodified FUSE programs look for in a container: /dev/fuse and fusermount3. In a worker, inside the silo.
 * Failures are no matter: such programs then fail as without us.
 */
#ifndef LINFSP_WORKER_INJECT_FUSE_H
#define LINFSP_WORKER_INJECT_FUSE_H

#include "worker/jobs.h"

/* device_tree: a detached mount of our FUSE node, for a silo that may mount; else -1. Returns the number of the watch
 * on the folder in which a fusermount3 may be installed later; 0: none. */
int inject_fuse(const struct job_base *base, const struct job *job, int device_tree, int root, int dev);
void eject_fuse(const struct job_base *base, int root, int dev);
/* Whether /dev/fuse is the link that inject_fuse makes. */
bool inject_fuse_is_link(int dev);
/* Mounts the device over /dev/fuse, which must not exist. */
void inject_fuse_device(int device_tree, int dev);
/* Each of the names of the stand-in gives way, while a package manager replaces what it covers, or takes its place
 * again. */
void inject_fuse_stand_in(const struct job_base *base, int root, bool give_way);

#endif
