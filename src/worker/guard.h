/* SPDX-License-Identifier: MIT */
/*
 * The worker ends with its service, however that ends.
 *
 * The kernel is asked to kill the worker then (PR_SET_PDEATHSIG). It forgets that with each change of the worker's
 * credentials, file system ids among them: so it is asked again after each, and the parent looked at, which may have
 * died in between.
 */
#ifndef LINFSP_WORKER_GUARD_H
#define LINFSP_WORKER_GUARD_H

#include <sys/types.h>

/* Names the service's process; ends this one where that is not its parent. */
void guard_begin(pid_t service);
/* After a change of credentials. Before guard_begin it does nothing. */
void guard_renew(void);

#endif
