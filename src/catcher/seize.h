/* SPDX-License-Identifier: MIT */
#ifndef LINFSP_CATCHER_SEIZE_H
#define LINFSP_CATCHER_SEIZE_H

#include <sys/types.h>

#define SEIZE_LIMIT_MS 200

/*
 * PTRACE_SEIZE. While a thread of a process is within execve(2) the kernel has everybody wait who would trace any of
 * the process's threads. That may be for ever: the program that it loads may be on a FUSE disk of its own. So this
 * gives up after SEIZE_LIMIT_MS. Returns 0 or a negative errno; -ETIMEDOUT then.
 */
int seize(pid_t thread, unsigned long options);

#endif
