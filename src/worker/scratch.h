/* SPDX-License-Identifier: MIT */
/*
 * A mount namespace with nothing in it but an empty tmpfs.
 *
 * A worker that enters a container's user namespace and makes a mount namespace there makes one that the container's
 * root may enter and read. It must be a copy of one that has nothing of the host's. The worker makes this one ahead of
 * its first job, because it starts as a copy of the host's, which takes time.
 */
#ifndef LINFSP_WORKER_SCRATCH_H
#define LINFSP_WORKER_SCRATCH_H

#include <stddef.h>

#define SCRATCH_TREES_MAX 2

/* Makes the namespace. The worker may be in it afterwards. proc_self: its /proc/self. Returns its descriptor or a
 * negative errno: -EINVAL where the host's root cannot be pivoted, because it is the initial ram disk itself. */
int scratch_make(int proc_self);
/* Enters the namespace and mounts each tree (a detached mount) in it, as /0, /1 and so on. */
int scratch_enter(int scratch, const int *trees, size_t n_trees);
/* Replaces each tree by a clone, with all that is mounted below it, of what is mounted at its place. */
int scratch_clone(int *trees, size_t n_trees);

#endif
