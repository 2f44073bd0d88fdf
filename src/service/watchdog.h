/* SPDX-License-Identifier: MIT */
/*
 * Looks, once a second while there are volumes, for what holds others up.
 *
 * - A container whose first process is ending, but cannot end: process 1 of a pid namespace ends after all others, and
 *   one of them may wait for a file system that its container serves itself. The silo ends then and there: its
 *   connections are aborted.
 * - A container that is still not gone after 5 s, and work of the service's own that is overdue: something outside
 * holds them up. A worker looks who waits in the kernel (worker/job-waiting.c). First the volumes of those are ended
 * who hold locks while they wait for memory from their own file system; then network volumes that do not answer. So
 * nobody waits longer than 10 s for another container.
 * - A volume for which the kernel has no request time-out (before Linux 6.15; programs that answer FUSE_INIT
 *   themselves): see watch_requests.
 */
#ifndef LINFSP_SERVICE_WATCHDOG_H
#define LINFSP_SERVICE_WATCHDOG_H

struct service;
struct watchdog;

int watchdog_new(struct service *service, struct watchdog **ret_watchdog);
void watchdog_free(struct watchdog *watchdog);
/* There is a volume, or a volume fewer. */
void watchdog_volumes_changed(struct watchdog *watchdog);

/* Somebody is held up: looks at once for who holds locks while it waits for memory. */
void watchdog_alarm(struct watchdog *watchdog);

#endif
