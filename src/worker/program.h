/* SPDX-License-Identifier: MIT */
/* Telling FUSE programs that do not load libfuse from others. In a worker. */
#ifndef LINFSP_WORKER_PROGRAM_H
#define LINFSP_WORKER_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

#include "worker/jobs.h"

/* Whether the program that a process runs has libfuse's helper named in its constants: those that are written in Go, or
 * linked statically, look for the helper themselves. */
bool program_names_helper(const struct job_base *base, pid_t pid);

#endif
