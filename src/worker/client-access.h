/* SPDX-License-Identifier: MIT */
/*
 * What a client may do, by the kernel's own judgement.
 *
 * The worker takes the client's ids and groups and asks the kernel for access. So modes, groups, ACLs, read-only
 * mounts, id-mapped mounts and security modules all count as they count for the client itself. In a FUSE file system,
 * which may be for its owner alone, the owner and mode decide.
 */
#ifndef LINFSP_WORKER_CLIENT_ACCESS_H
#define LINFSP_WORKER_CLIENT_ACCESS_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct groups {
    size_t count;
    gid_t list[NGROUPS_MAX];
};

/* The supplementary groups of the client at the other end of socket, as this process's user namespace counts; none
 * where the kernel does not tell. */
void client_access_groups(int socket, struct groups *ret_groups);
/* Whether a user may mount on fd (O_PATH): 0; -EACCES: they may not write to it; -EPERM: its directory is sticky and
 * another user's. Must run before the worker enters a user namespace: ids are as the host counts. groups: or NULL. */
int client_access_mount(int fd, uid_t uid, gid_t gid, const struct groups *groups);

#endif
