/* SPDX-License-Identifier: MIT */
/* The mount point as it was named, made absolute, and held by a descriptor. */
#ifndef LINFSP_FUSERMOUNT_MOUNT_POINT_H
#define LINFSP_FUSERMOUNT_MOUNT_POINT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* The absolute path of text without links, its last component excepted, which is not looked at: it may be a file system
 * that hangs. Reports what is wrong and returns a negative errno. */
int mount_point_resolve(const char *text, char ret_path[PATH_MAX]);

/* Opens the mount point by O_PATH; whatever happens to the path afterwards, this is what will be mounted on. Reports,
 * in fusermount's words, what an ordinary user may not mount on; the service judges for itself. Returns the descriptor
 * and its file type (S_IFDIR, S_IFREG), or a negative errno, reported. */
int mount_point_pin(const char *path, mode_t *ret_type);

/* Whether a FUSE file system is mounted at path, as the mount table says; the file system is not asked. */
bool mount_point_is_fuse(const char *path);

/* umount2 of path, an absolute one, in the folder that it lies in: a link put in the place of any
 * part is not followed. */
int mount_point_unmount(const char *path, bool lazy);

#endif
