/* SPDX-License-Identifier: MIT */
/* Silos' layers, while somebody lists them: then nothing of ours is in them (worker/copied.h). */
#ifndef LINFSP_SERVICE_LAYER_H
#define LINFSP_SERVICE_LAYER_H

#include <stdint.h>

struct service;
struct silo;

/* A process, which waits until the catcher is told to let it go on with that ticket, is about to list the layer of the
 * silo of that number. */
void layer_is_read(struct service *service, uint64_t number, uint64_t ticket);
/* It has. */
void layer_was_read(struct service *service, uint64_t number);
/* The silo goes. */
void layer_end(struct silo *silo);

#endif
