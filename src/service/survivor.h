/* SPDX-License-Identifier: MIT */
/*
 * A silo without a pid namespace of its own outlives its topmost process: another process of its mount namespace
 * becomes its anchor (anchor.h). One of its clients does if there is one. Else a worker reads the list of all
 * processes. Meanwhile no client is let in, and the silo ends if the worker finds nobody. At the start of a service,
 * when nobody waits for it yet, the service itself reads that list, once for all silos.
 */
#ifndef LINFSP_SERVICE_SURVIVOR_H
#define LINFSP_SERVICE_SURVIVOR_H

struct service;
struct silo;

/* The anchor has ended. The silo has another one now, or a worker seeks one (seeks_anchor), or the silo has ended and
 * may be freed. */
void survivor_seek(struct silo *silo);
/* At the service's start: gives the silo an anchor. 0 or a negative errno; -ESRCH: nobody is left in it. */
int survivor_find_at_start(struct silo *silo);
/* The start is over: forgets the list. */
void survivor_end_start(struct service *service);
/* Stops seeking. */
void survivor_forget(struct silo *silo);

#endif
