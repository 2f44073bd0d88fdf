/* SPDX-License-Identifier: MIT */
/*
 * What a worker is about to mount, written down before it does it: a file beside the journal's, with a line for each
 * thing that would have to be undone. It lasts until the volume stands in the journal or has failed. A worker or a
 * service that dies in between has then left nothing that the service, or the next one, does not find.
 */
#ifndef LINFSP_SERVICE_INTENT_H
#define LINFSP_SERVICE_INTENT_H

#include <stdio.h>

#include "worker/job.h"

struct service;
struct volume;

/* Fills in what there is to undo of a volume whose worker died. */
void intent_read(struct volume *volume);
void intent_drop(uint64_t volume);
/* Ends a volume that was being made when the service before this one died, unless it stands in the journal. */
void intent_replay(struct service *service, uint64_t id, FILE *file);

#endif
