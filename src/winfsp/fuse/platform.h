/* SPDX-License-Identifier: MIT */
/* What differs between a program on Linux (platform-linux.c) and one in Wine (wine/platform.c). */
#ifndef LINFSP_WINFSP_FUSE_PLATFORM_H
#define LINFSP_WINFSP_FUSE_PLATFORM_H

#include <stdbool.h>

#include "linfsp/linfsp.h"

/* Who starts the threads that serve; NULL: liblinfsp. */
const struct linfsp_threads *fsp_platform_threads(void);
/* A mount point as the program gave it, as liblinfsp takes it. NULL: no memory. To be freed. */
char *fsp_platform_mount_point(const char *text);
/* A volume of ours has come, or goes; mount_point may be NULL. */
void fsp_platform_mounted(const char *mount_point);
void fsp_platform_unmounted(const char *mount_point);
/* stop(argument) is called once, in a thread of its own or from a signal handler, when the program is told to end
 * (SIGINT, SIGTERM, SIGHUP, Ctrl-C), until fsp_platform_unwatch. One at a time: false where another is watching. */
bool fsp_platform_watch(void (*stop)(void *argument), void *argument);
void fsp_platform_unwatch(void);
/* Goes to the background, as a daemon: the caller goes on in a new process, and the first process ends, with the exit
 * status that fsp_platform_background_ready is told, or 1 where that process dies before. 0, or a negative errno. */
int fsp_platform_background(void);
void fsp_platform_background_ready(int status);

#endif
