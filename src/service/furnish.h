/* SPDX-License-Identifier: MIT */
/* What becomes of a silo that was found: it is set up, left alone, or fails. */
#ifndef LINFSP_SERVICE_FURNISH_H
#define LINFSP_SERVICE_FURNISH_H

#include <stdbool.h>

struct silo;

/* Sets it up. early: its runtime may still be at work. rootfs: where its root is then; "": where its anchor's is. */
int silo_furnish(struct silo *silo, bool early, const char *rootfs);
/* The same once its folder is there. Where it fails the silo is in the state that it was in: the caller frees it, or
 * lets it fail. */
int silo_inject(struct silo *silo, bool early, const char *rootfs);
/* Somebody wants nothing of ours in this container. */
void silo_leave_alone(struct silo *silo, const char *why);
/* It could not be set up: it is told, and the container goes on. */
void silo_fail(struct silo *silo, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
