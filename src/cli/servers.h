/* SPDX-License-Identifier: MIT */
/*
 * Which process serves a volume now. The service knows who asked for the mount; a program that went into the background
 * since then is another process. The kernel tells (Linux 6.17) which connection a descriptor of /dev/fuse belongs to.
 */
#ifndef LINFSP_CLI_SERVERS_H
#define LINFSP_CLI_SERVERS_H

#include <stdint.h>
#include <sys/types.h>

struct servers;

/* Looks through the processes that this one may look into. Never NULL. */
struct servers *servers_find(void);
void servers_free(struct servers *servers);
/* Who has that connection open; `asked`, where it is still there and no other process is known; else 0. */
pid_t servers_of(const struct servers *servers, uint32_t fuse_device, pid_t asked);

#endif
