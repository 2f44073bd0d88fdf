/* SPDX-License-Identifier: MIT */
/*
 * Reads one value of a bbolt database (podman 4's), without its lock: nobody waits for us.
 *
 * A database is a file of pages. Two meta pages name the root of a tree each; the one with the higher transaction
 * counts. A commit writes to pages that the last tree does not use, and its meta page then. So a value is good if the
 * meta page is still the same after it was read.
 */
#ifndef LINFSP_WORKER_BOLT_H
#define LINFSP_WORKER_BOLT_H

#include <stddef.h>

/*
 * The value of keys[count - 1] in the buckets keys[0], keys[1], ..., as a text: the caller's to free. NULL: there is
 * none, it has 1 MiB or more, the file is no database, or it changed meanwhile.
 */
char *bolt_read(int fd, const char *const *keys, size_t count);

#endif
