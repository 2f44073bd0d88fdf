/* SPDX-License-Identifier: MIT */
/*
 * The helpers of libfuse that an image has. In a worker, inside the silo.
 *
 * Nothing is done to them: the catcher (catcher/main.c) is told which files they are, so that it has the stand-in
 * executed instead. The folders in which programs look for them are watched, for others that are installed later.
 */
#ifndef LINFSP_WORKER_HELPERS_H
#define LINFSP_WORKER_HELPERS_H

#include "worker/jobs.h"

/* At the begin of each job: whose container the files are in that are told of. */
void helpers_begin(const struct job_target *target);
/* Tells the catcher. unmounters: also of umount(8) and its like, which are of interest while there is a volume. */
void helpers_mark(const struct job_base *base, const struct job *job, bool unmounters, struct job_result *result);
/* Tells it of those in the PATH that a process was started with: `env PATH=... program`. */
void helpers_mark_path_of(const struct job_base *base, int root, pid_t pid);
/* Tells it of package managers, and of programs that change files: while the stand-in is under names that the image
 * lacks, it has to go before they run. */
void helpers_mark_tools(const struct job_base *base, int root);
/* The same as helpers_mark of another tree in the silo, without a watch: root, O_PATH, is about to be the root of a
 * process there. Returns whether it has a helper. */
bool helpers_mark_tree(const struct job_base *base, int root);

#endif
