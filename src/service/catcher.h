/* SPDX-License-Identifier: MIT */
/*
 * The service's end of the catcher (catcher/main.c), a process that has the stand-in executed instead of the helpers
 * that images have. Without a catcher these run as they are.
 *
 * A catcher that dies is followed by another one, on the same socket (catcher/keeper.h). The new one knows nothing. It
 * says so, and is told again which silos are served; workers tell it again which files are helpers.
 */
#ifndef LINFSP_SERVICE_CATCHER_H
#define LINFSP_SERVICE_CATCHER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct service;
struct silo;

/* Bounds of a start: a keeper that dies before a catcher has said that it is there is started again. */
#define CATCHER_START_TRIES 6
#define CATCHER_FIRST_PAUSE_MS 20 /* before the second try; doubles with each */
#define CATCHER_START_LIMIT_MS 1000 /* one that says nothing for so long is taken to be slow, not dead */

/* Starts it: before the service gives up the right to trace processes, which the catcher needs. Only now can the start
 * be tried again: what the service starts later cannot trace. program: O_PATH. Returns a socket to it, or a negative
 * errno; -EOPNOTSUPP: this kernel cannot do it. */
int catcher_start(int program);
/* Listens to it. */
int catcher_listen(struct service *service);
/* Stops a process of a silo that has just started; returns a ticket for letting it go on. */
uint64_t catcher_hold(struct service *service, pid_t pid);
/* Lets a process that waits go on. */
void catcher_go_on(struct service *service, uint64_t ticket);
/* Whether the silo's processes are served by it. */
void catcher_serve(struct silo *silo, bool serve);

#endif
