/* SPDX-License-Identifier: MIT */
/*
 * /unc, and the one table of prefixes of the host.
 *
 * /unc is a tmpfs of ours on the host, shared, read-only for everybody. Folders are made in it through a writable mount
 * of the same tmpfs that only the service has. What is mounted under it propagates into every silo's slave clone.
 */
#ifndef LINFSP_SERVICE_UNC_H
#define LINFSP_SERVICE_UNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/prefix.h"

struct unc;

int unc_new(struct unc **ret_unc);
/* Also unmounts /unc, and removes it where we made it, when unmount is set. */
void unc_free(struct unc *unc, bool unmount);

/* Takes a prefix for a volume and makes its folder. ret_path: where on the host. -EEXIST where it, or one above or
 * below it, is taken; ret_taken (PREFIX_MAX) is then that one. */
int unc_claim(struct unc *unc, const char *canonical, uint64_t volume, char *ret_path, size_t size, char *ret_taken);
/* Gives it back and removes its folder; what was mounted there must be gone. */
void unc_release(struct unc *unc, uint64_t volume);
/* Unmounts what is mounted under /unc and nobody's: what a service before us left of containers
 * that have ended since. */
void unc_sweep(struct unc *unc);
/* The volume under whose prefix this canonical path lies; 0: none. ret_rest points behind the prefix in canonical. */
uint64_t unc_resolve(const struct unc *unc, const char *canonical, const char **ret_rest);
unsigned unc_count(const struct unc *unc);

#endif
