/* SPDX-License-Identifier: MIT */
/*
 * A folder of a silo's /unc: an autofs file system of one level. In a worker, on the stage.
 *
 * Each silo has a folder for /unc itself, and one for each \server (and each level between that and a share) that
 * somebody there has gone to. When a process walks to a name in a folder, the kernel holds it, writes a packet into the
 * folder's pipe, and lets it go on when it is told to (folder_answer). What a worker mounts on a name of a folder, here
 * on the stage, propagates into the silo. A name that is removed from a folder takes along what is mounted on it in any
 * mount namespace.
 *
 * Only processes of the service's process group may make and remove names, and never trigger anything by walking.
 */
#ifndef LINFSP_WORKER_FOLDER_H
#define LINFSP_WORKER_FOLDER_H

#include "worker/stage.h"

#define FOLDER_SOURCE "linfsp-unc" /* what a mount table shows of it */

/* Makes a folder and its place on the stage. names: a file of the names to be shown, each with its NUL; -1: none.
 * root_only: only root may list it. Returns the pipe's end for the service. */
int folder_make(uint64_t folder, bool root_only, int names);
/* Connects a folder, of a service before this one, to a new pipe. Whoever waits in it gets -ENOENT. The same. */
int folder_reopen(uint64_t folder);
/* A detached clone of it, which gets what is mounted in the folder by propagation, and is read-only. */
int folder_clone(uint64_t folder, unsigned long propagation);
/* Opens it, for the functions below. */
int folder_open(uint64_t folder);
/* Lets the walkers go on who wait for what this token stands for; with a negative errno, when status is not 0. */
int folder_answer(int folder, uint32_t token, int status);
int folder_show(int folder, const char *name);
/* The same for each name of a file; -1: none. */
int folder_show_all(int folder, int names);
/* Unmounts what is mounted on the name, if anything is, unless somebody uses it, in any mount namespace: -EBUSY. */
int folder_close(uint64_t folder, const char *name);
/* Unmounts, wherever it is mounted, what is mounted on the name, and removes it. 0 when there is none. */
int folder_hide(uint64_t folder, const char *name);
/* Ends it: whoever waits in it gets -ENOENT. */
void folder_end(uint64_t folder);

#endif
