/* SPDX-License-Identifier: MIT */
/* A volume's claim to a prefix: rules allow it, and nobody else has the prefix. */
#ifndef LINFSP_SERVICE_CLAIM_H
#define LINFSP_SERVICE_CLAIM_H

#include <stdint.h>

struct connection;
struct volume;

/* Takes a prefix for it. Where that fails the client is told, and a negative errno returned. */
int claim_make(struct volume *volume, struct connection *connection, const char *prefix, uint32_t serial);
/* Enters the volume's prefix into the table, and takes the spelling that the folders have. Where the prefix is taken,
 * -EEXIST is returned, with what is in the way and the volume that has it; 0: no single volume has it. ret_taken has
 * room for PREFIX_MAX bytes. */
int claim_enter(struct volume *volume, uint64_t id, char *ret_taken, uint64_t *ret_holder);

#endif
