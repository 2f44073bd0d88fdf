/* SPDX-License-Identifier: MIT */
/* Finding, making and judging the folder that a volume is mounted on. In a worker, inside the silo. */
#ifndef LINFSP_WORKER_MOUNT_POINT_H
#define LINFSP_WORKER_MOUNT_POINT_H

#include "worker/jobs.h"
#include "worker/overlay.h"

struct mount_point {
    int fd; /* O_PATH of the folder */
    int parent; /* of a made one */
    int access; /* whether the client may mount there (client_access_mount) */
    int intent; /* where what is made is written down first (intent.h); borrowed */
    bool host; /* it is on the host, in no silo */
    bool root_ends; /* the silo's root ends with the silo (root_ends_with_silo) */
    bool made; /* to be removed with the volume */
    bool made_here; /* by us just now: to be removed at once where the mount fails */
    bool made_letters; /* /mnt itself was made, too */
    uint64_t letters_mount_id; /* the tmpfs over /mnt that it stands in; 0: none */
    struct overlay overlay; /* of the silo's root: what is made for a letter is taken out of its layer */
    int copied; /* where it is noted that /mnt was copied into the layer for that (copied.h) */
    int lock; /* of letters (letters_open_lock) */
    char made_name[WIRE_COMPONENT_MAX];
};

#define MOUNT_POINT_NONE                                                                                               \
    (struct mount_point) {                                                                                             \
        .fd = -1, .parent = -1, .intent = -1, .copied = -1, .lock = -1, .overlay = OVERLAY_NONE                        \
    }

/* From a letter, or from the client's fd (client_parent: of a mount point that the client made, else -1). Fills in
 * result's mount_point with its path in the silo. */
int mount_point_find(const struct job_base *base, const struct job *job, int root, int client_fd, int client_parent,
                     struct mount_point *ret_point, struct job_result *result);
/* Whether fd is on one of the kernel's own file systems: proc, sysfs, cgroup and the like. */
bool is_kernel_file_system(int fd);
/*
 * A silo's letters are made and removed by one worker at a time: else one unmounts the empty tmpfs in which another is
 * just making a letter. The lock goes with its descriptor. It is opened before the worker enters a user namespace. Who
 * holds it may hang in the container's file system; so whoever waits for it goes on without it after a second.
 */
int letters_open_lock(const struct job_base *base);
void letters_lock(int lock, uint64_t silo);
/* With the lock: removes a letter's folder, if it is empty, and what is empty then of what the service made for it: the
 * tmpfs with that mount id over /mnt (0: none), and with letters_too /mnt itself. */
void mount_point_remove_letter(const struct job_base *base, int parent, const char *name, uint64_t letters_mount_id,
                               bool letters_too);
/* Whether that is the root of the mount with this id; never of 0. Asks no file system. */
bool mount_point_is(int fd, uint64_t mount_id);
/* Removes what was made for a mount that then failed. */
void mount_point_undo(const struct job_base *base, struct mount_point *point);
void mount_point_close(struct mount_point *point);

#endif
