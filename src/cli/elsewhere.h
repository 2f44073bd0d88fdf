/* SPDX-License-Identifier: MIT */
/* Names of containers, and mount points that are volumes in another container than the asker's. */
#ifndef LINFSP_CLI_ELSEWHERE_H
#define LINFSP_CLI_ELSEWHERE_H

#include <stddef.h>

/* The containers that the service lists: their names by id. */
struct silo_names;

/* Never NULL; names that cannot be asked for are missing. */
struct silo_names *silo_names_ask(int socket);
/* What people call that container: its name, or else its id, shortened. "" for the host. Valid until the names are
 * freed. */
const char *silo_names_find(struct silo_names *names, const char *id);
void silo_names_free(struct silo_names *names);

/* Of the volumes that are mounted there in containers, the first one in words: "volume 45, in container web: linfsp
 * umount 45". Returns how many there are. */
int volume_elsewhere(int socket, const char *mount_point, char *ret_text, size_t size);

#endif
