/* SPDX-License-Identifier: MIT */
/* How many of its own published volumes a silo has at and below each path of its /unc. So a silo with a thousand of
 * them need not be looked through whenever one of them ends. */
#ifndef LINFSP_SERVICE_SERVED_H
#define LINFSP_SERVICE_SERVED_H

#include <stdbool.h>
#include <stdint.h>

struct service;
struct volume;

/* Counts a volume that has a prefix. Where memory is short it is counted only at the paths furthest up. */
void served_add(struct volume *volume);
/* Counts it no more, with the prefix that it had then. It may not have been counted. */
void served_remove(struct volume *volume);
bool served_below(const struct service *service, uint64_t silo, const char *path);

#endif
