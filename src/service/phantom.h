/* SPDX-License-Identifier: MIT */
/* When the stand-in is to be under the names of helpers that an image lacks (worker/phantom.h). */
#ifndef LINFSP_SERVICE_PHANTOM_H
#define LINFSP_SERVICE_PHANTOM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct service;
struct silo;

/* A FUSE program, that process, starts in that mount namespace (its inode number), and waits until the catcher is told
 * to let it go on, with that ticket. lacking: the image has no helper that it would find. */
void phantom_wanted(struct service *service, uint64_t mount_namespace, pid_t pid, bool lacking, uint64_t ticket);
/* A process of the silo executed a program. */
void phantom_program(struct silo *silo, pid_t pid);
/* A package manager is at work on a helper: the stand-in goes at once. */
void phantom_give_way(struct silo *silo);
/* A worker has seen the stand-in. Returns whether that is news: it is an earlier service's. */
bool phantom_found(struct silo *silo);
/* A process of that mount namespace is about to run what may change a helper, and waits until the catcher is told to
 * let it go on: it finds none of ours, which comes back when the process has ended. */
void phantom_before_change(struct service *service, uint64_t mount_namespace, pid_t pid, uint64_t ticket);
/* The silo goes: what of it would stay in a root that outlives the silo is removed. */
void phantom_end(struct silo *silo);

#endif
