/* SPDX-License-Identifier: MIT */
/*
 * The stand-in under the names of helpers that an image lacks. In a worker, inside the silo.
 *
 * It is there while a FUSE program needs it: a mount needs an entry of a folder to be mounted on, so one is made, and
 * the stand-in mounted over it. On overlayfs, which engines stack for containers, the entry is then taken away from the
 * upper layer behind overlayfs's back, to a place beside it: the mount keeps overlayfs's own entry alive, and whoever
 * looks at the layer (docker diff, commit, build) finds nothing, however the container ends. It is put back for being
 * removed in good order. On other file systems, which outlive the container, it is a link to the stand-in instead,
 * which the service has removed when the silo has ended.
 *
 * A ghost is such an entry of a container that ended, which overlayfs goes on showing to whoever asks for its name. An
 * engine that restarts a container keeps the overlayfs mounted (docker restart), and the kernel its entries in memory.
 */
#ifndef LINFSP_WORKER_PHANTOM_H
#define LINFSP_WORKER_PHANTOM_H

#include "worker/jobs.h"

/* Whether that file is a ghost: then the image has nothing under its name. */
bool phantom_is_ghost(int file);
/* Whether that file, O_PATH and not followed, is the stand-in under the name of a helper. */
bool phantom_is_stand_in(const struct job_base *base, int file);
/* Makes it, under each of the names that the image has nothing under. Returns how many it made, or a negative errno.
 * ret_folder: where links were made, that folder; else it is left alone. */
int phantom_make(const struct job_base *base, int root, int *ret_folder);
void phantom_remove(const struct job_base *base, int root);
/* The silo has ended: removes the links from that folder. */
void phantom_remove_links(int folder);

#endif
