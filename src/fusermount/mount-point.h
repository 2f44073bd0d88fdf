/* SPDX-License-Identifier: MIT */
/* The mount point as it was named, made absolute, and held by a descriptor. */
#ifndef LINFSP_FUSERMOUNT_MOUNT_POINT_H
#define LINFSP_FUSERMOUNT_MOUNT_POINT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* The absolute path of text without links. Its last component is not looked at, since it may be a file system that
 * hangs; with follow it may be a link itself, which is then followed. Reports what is wrong and returns a negative
 * errno. */
int mount_point_resolve(const char *text, bool follow, char ret_path[PATH_MAX]);

/* Opens the mount point by O_PATH; whatever happens to the path afterwards, this is what will be mounted on. Reports,
 * in fusermount's words, what an ordinary user may not mount on; the service judges for itself. Returns the descriptor
 * and its file type (S_IFDIR, S_IFREG), or a negative errno, reported. */
int mount_point_pin(const char *path, mode_t *ret_type);

/* What the mount table says of the topmost mount at path; the file systems are not asked. */
struct mount_entry {
    bool mounted, fuse;
    bool whole; /* the file system's own root is mounted there, not a folder or file in it */
    unsigned minor; /* of its device */
    unsigned long long id; /* of the mount */
};
struct mount_entry mount_point_look_up(const char *path);
/* Whether paths begin elsewhere than at the container's root: the caller is in a chroot. */
bool mount_point_is_elsewhere(void);
/* Whether a FUSE file system is mounted at path. */
bool mount_point_is_fuse(const char *path);

/* Whether nothing is mounted at text, but a FUSE file system of that source somewhere: the topmost mount of it. */
bool mount_point_of_source(const char *text, char ret_path[PATH_MAX]);
/* Calls on_mount of each FUSE mount, with its type and where it is, the last one first. Returns 0, or the last negative
 * result. */
int mount_points_of_fuse(int (*on_mount)(const char *type, const char *path, void *context), void *context);

/* umount2 of path, an absolute one, in the folder that it lies in: a link put in the place of any
 * part is not followed. */
int mount_point_unmount(const char *path, bool lazy);

#endif
