/* SPDX-License-Identifier: MIT */
/*
 * The stage: a mount namespace of the service's own. In a worker.
 *
 * Nothing of the host or of a container is mounted in it. It holds what must live as long as silos and volumes do,
 * also while no service runs:
 *
 *     /volumes/NUMBER    a mount of each network volume, from which all its mounts under /unc are cloned
 *     /folders/NUMBER    a mount of each folder of a silo's /unc (folder.h), shared: what is mounted in it here
 *                        propagates into the silo
 *     /autofs            the control device of autofs
 */
#ifndef LINFSP_WORKER_STAGE_H
#define LINFSP_WORKER_STAGE_H

#include "worker/jobs.h"

#define STAGE_VOLUME "/volumes/%llu"
#define STAGE_FOLDER "/folders/%llu"
#define STAGE_PATH_MAX 40

/* Makes the worker a visitor of the stage. enter_host leads back. */
int stage_enter(const struct job_base *base);
/* Each needs the stage as its mount namespace. */
void stage_volume_path(uint64_t volume, char ret_path[STAGE_PATH_MAX]);
void stage_folder_path(uint64_t folder, char ret_path[STAGE_PATH_MAX]);
/* Mounts a detached mount of a network volume at its place. */
int stage_put_volume(uint64_t volume, int mount);
/* A detached clone of it. */
int stage_clone_volume(uint64_t volume);
/* Unmounts it. 0 when it is not there. */
int stage_drop_volume(uint64_t volume);

#endif
