/* SPDX-License-Identifier: MIT */
/*
 * The keeper starts the catcher, and starts another one when it has died.
 *
 * The service cannot do that: once it has shut its cage, nothing that it starts may trace processes. The keeper is the
 * process that the service started. It forks catchers, one at a time, which inherit the service's socket. It waits
 * between two of them, longer each time, so that a catcher that somebody can crash costs little. It ends when the
 * service's end of the socket is closed, and when the kernel lacks what a catcher needs.
 *
 * There are two keepers, so that one may die as well: the first, a second one that is its child, and the catcher, a
 * child of the second. If the second dies the catcher dies with it, and the first has another second. If the first dies
 * the second ends with the catcher, and leaves a child that begins anew as the first.
 */
#ifndef LINFSP_CATCHER_KEEPER_H
#define LINFSP_CATCHER_KEEPER_H

#include <stdint.h>

#define KEEPER_FIRST_DELAY_MS 100
#define KEEPER_LAST_DELAY_MS 60000
#define KEEPER_STEADY_MS 60000 /* a catcher that lived so long starts the delays anew */

/* What a catcher finds open when it starts, beside its socket (3): a procfs (util/proc.h). */
#define CATCHER_PROC 5

/* Exit statuses of a catcher. After any other end there is another catcher. */
#define CATCHER_EXIT_DONE 0 /* the service has gone */
#define CATCHER_EXIT_NEVER 3 /* this kernel cannot do it */

/* Returns in a catcher only: how many there were before. */
uint64_t keeper_run(int socket);

#endif
