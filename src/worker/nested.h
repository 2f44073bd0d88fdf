/* SPDX-License-Identifier: MIT */
/*
 * A mount namespace that was made inside a silo (unshare -Urm, bubblewrap, a rootless engine) and belongs to a user
 * namespace that was made there, too.
 *
 * Its processes are the silo's: they see the silo's /dev/linfsp, and are counted as the silo's. Their mounts belong
 * into their own mount namespace, with the rights of their own user namespace, as if they had mounted by themselves.
 *
 * The proof that a mount namespace was made inside a silo is the folder mounted at its /dev/linfsp: that silo's own,
 * which nobody else has. A namespace of the silo's own user namespace does not count: who could make it may mount
 * without us.
 */
#ifndef LINFSP_WORKER_NESTED_H
#define LINFSP_WORKER_NESTED_H

#include "worker/jobs.h"

struct nested {
    struct mount_namespace mount_namespace;
    int fd; /* of it */
    int user_namespace; /* that it belongs to */
    int root; /* O_PATH: of the process */
    uid_t root_uid; /* the user namespace's root, as the host counts; -1: the process is in another one */
    gid_t root_gid;
};

#define NESTED_NONE                                                                                                    \
    (struct nested) {                                                                                                  \
        .fd = -1, .user_namespace = -1, .root = -1                                                                     \
    }

void nested_close(struct nested *nested);
/* Opens what process pid has of its own, where that is nested in the silo whose mount namespace silo_namespace is.
 * Returns 1; 0: pid is no process of a namespace nested there; or a negative errno. */
int nested_open(const struct job_base *base, const struct job_target *target, int silo_namespace, pid_t pid,
                struct nested *ret_nested);
/* Enters a namespace nested in the silo, by whichever process is there; likely is looked at first. An O_PATH fd of the
 * root is returned. -ESRCH: the namespace has ended. */
int nested_enter(const struct job_base *base, const struct job_target *target,
                 const struct mount_namespace *mount_namespace, pid_t likely, int *ret_root);

#endif
