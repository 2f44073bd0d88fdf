/* SPDX-License-Identifier: MIT */
/* Trees in a silo that its processes change their root to by chroot(8) (worker/job-chroot.c). */
#ifndef LINFSP_SERVICE_CHROOT_H
#define LINFSP_SERVICE_CHROOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/list.h"

struct service;
struct silo;

/* What a silo has of them. */
struct chroots {
    struct list_node processes; /* in trees that were made ready for them */
    struct list_node waiting; /* processes, for their trees to be made ready */
    bool busy; /* a worker is at it */
    bool made; /* there are trees that are to be as they were again */
};

void chroot_begin(struct silo *silo);

/* A process of that mount namespace (its inode number) is about to run chroot(8), and waits until the catcher is told
 * to let it go on, with that ticket. */
void chroot_wanted(struct service *service, uint64_t mount_namespace, pid_t pid, uint64_t ticket);
/* The silo has one volume less: its trees are as they were again when it has none, and none of these processes. */
void chroot_settle(struct silo *silo);
/* The silo goes. */
void chroot_end(struct silo *silo);

#endif
