/* SPDX-License-Identifier: MIT */
/*
 * What a worker is about to mount, written down before it does it: a file beside the journal's, with a line for each
 * thing that would have to be undone. It lasts until the volume stands in the journal or has failed. A worker or a
 * service that dies in between has then left nothing that the service, or the next one, does not find.
 */
#ifndef LINFSP_SERVICE_INTENT_H
#define LINFSP_SERVICE_INTENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct volume;

/* Fills in what there is to undo of a volume whose worker died. */
void intent_read(struct volume *volume);
void intent_drop(uint64_t volume);
/* Returns whether it could be read. */
bool intent_parse(FILE *file, struct volume *volume);

#endif
