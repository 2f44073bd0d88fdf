/* SPDX-License-Identifier: MIT */
/* Which devices a control group of version 1 lets its processes open. To look for the group takes locks of folders that
 * the group's own processes may list. */
#ifndef LINFSP_WORKER_DEVICE_GROUP_H
#define LINFSP_WORKER_DEVICE_GROUP_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Whether the list in a group's devices.list allows reading and writing that character device. */
bool device_list_allows(FILE *list, unsigned major, unsigned minor);
/* Whether the control group of a process does. True where that is not known: there are no groups of version 1, and
 * those of version 2 do not tell. */
bool device_group_allows(pid_t pid, unsigned major, unsigned minor);
/* The same for the FUSE device. */
bool device_group_allows_fuse(pid_t pid);

#endif
