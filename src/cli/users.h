/* SPDX-License-Identifier: MIT */
/* Which processes use a volume. */
#ifndef LINFSP_CLI_USERS_H
#define LINFSP_CLI_USERS_H

#include <stddef.h>
#include <stdint.h>

/* In words, at most three of the processes that this one may look into: "pid 71 (sh) works in it, pid 80 (tail) has a
 * file open". "" where none is found. Asks no file system, so that it cannot hang. */
void users_text(uint32_t fuse_device, char *ret_text, size_t size);

#endif
