/* SPDX-License-Identifier: MIT */
/* Mount points that wait for an unmodified program that died to be started again (comeback.c has the model). */
#ifndef LINFSP_SERVICE_COMEBACK_H
#define LINFSP_SERVICE_COMEBACK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct silo;
struct volume;

/* Whether this kernel can mount in the place of what is mounted (Linux 6.5). */
bool comeback_is_possible(void);
/* The mount that waits there for a program of that user, by its id; 0: none does. */
uint64_t comeback_place(const struct silo *silo, uid_t uid, const char *mount_point);
/* Takes over a clone of a new raw volume's fuse descriptor. Without memory the volume is as any other. */
void comeback_new(struct volume *volume, int fd);
/* The program's last descriptor is closed. Returns true if the volume waits: it goes on without a server. */
bool comeback_catch(struct volume *volume);
bool comeback_is_waiting(const struct volume *volume);
/* Another volume has come in its place. */
bool comeback_is_replaced(const struct volume *volume);
/* This volume has been mounted: what waited there ends, and whoever waits in that goes on to this one. */
void comeback_replaced(struct volume *volume);
/* It is unmounted. Returns true where it was replaced: who waits walks anew, and its connection needs no abort. */
bool comeback_let_go(struct volume *volume);
/* Gives it up: who waits gets ENOTCONN. Takes a volume that has none. */
void comeback_end(struct volume *volume);

#endif
