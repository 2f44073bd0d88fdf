/* SPDX-License-Identifier: MIT */
/* Who has opened which network volume under /unc. */
#ifndef LINFSP_CLI_OPENED_H
#define LINFSP_CLI_OPENED_H

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/elsewhere.h"

/* What the service lists. Never NULL; empty where it cannot be asked. */
struct opened;

struct opened *opened_ask(int socket);
void opened_free(struct opened *opened);
/* The containers that have opened the volume, in one line: "web, db" or "web, db and 3 more". */
void opened_text(const struct opened *opened, struct silo_names *names, uint64_t volume, char *ret_text, size_t size);
/* Who has opened the volume; what the silo has opened: an array, new. */
json_object *opened_of_volume(const struct opened *opened, struct silo_names *names, uint64_t volume);
json_object *opened_in_silo(const struct opened *opened, const char *silo);

#endif
