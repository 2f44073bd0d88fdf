/* SPDX-License-Identifier: MIT */
/*
 * A silo's anchor: the process, with a pidfd, by which the silo is known (silo.c). If it is process 1 of a pid
 * namespace, its end is the silo's end; otherwise another process of the same mount namespace becomes the anchor
 * (survivor.h).
 */
#ifndef LINFSP_SERVICE_ANCHOR_H
#define LINFSP_SERVICE_ANCHOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct service;
struct silo;

/* Makes the process the silo's anchor. -ESRCH: it has ended, or is of another namespace. */
int anchor_watch(struct silo *silo, pid_t pid);
bool anchor_has_ended(int pidfd);
/* The topmost process of the same mount namespace above pid: its init, where pid is not. */
pid_t anchor_find(uint64_t inode, pid_t pid);
/* A process of the service, which enters silos for a moment: ours, or one that a service before us has lost. */
bool anchor_is_own_process(const struct service *service, pid_t pid);
/* Returns 0 if a process whose mount namespace has the silo's inode number is in the silo's namespace. -ESRCH: it is
 * not, or has ended. Without ids only a silo that has its folder can tell. */
int anchor_prove(const struct silo *silo, pid_t pid);

#endif
