/* SPDX-License-Identifier: MIT */
/*
 * What the service, its worker and its catcher may ask of the kernel. Each program shuts its own cage, so that it is
 * the same whoever starts it: systemd, `linfsp start`, Kubernetes.
 *
 * Capabilities that are not kept leave all sets, and the bounding set where the program may change that. System calls
 * that are not allowed fail with EPERM, in the program and all it starts.
 */
#ifndef LINFSP_CAGE_CAGE_H
#define LINFSP_CAGE_CAGE_H

#include <stddef.h>
#include <sys/capability.h>

/* What the programs keep. packaging/linfspd.service.in has the service's list, too. */
extern const cap_value_t cage_service_capabilities[], cage_worker_capabilities[];
extern const cap_value_t cage_keeper_capabilities[], cage_catcher_capabilities[];
extern const size_t cage_n_service_capabilities, cage_n_worker_capabilities;
extern const size_t cage_n_keeper_capabilities, cage_n_catcher_capabilities;

/* Keeps these capabilities at most. Returns 0 or a negative errno. */
int cage_keep_capabilities(const cap_value_t *kept, size_t n_kept);
/* For the service: all system calls but those that neither it nor a worker has a use for. Also sets no_new_privs.
 * Returns 0 or a negative errno: -EINVAL where the kernel has no seccomp. */
int cage_filter_service(void);
/* For the worker: no system call but those that its jobs make. */
int cage_filter_worker(void);
/* For the catcher: no system call but those that it makes. */
int cage_filter_catcher(void);
/* For the catcher's keeper: those, and what it takes to fork a catcher, which then shuts its own cage. */
int cage_filter_keeper(void);

#endif
