/* SPDX-License-Identifier: MIT */
/* Mounting, and staying behind for auto_unmount. */
#ifndef LINFSP_FUSERMOUNT_MOUNT_H
#define LINFSP_FUSERMOUNT_MOUNT_H

#include "fusermount/arguments.h"

/* Mounts on path and sends the fuse descriptor to the caller; with auto_unmount it returns when the volume has ended.
 * 0, or a negative errno, reported. */
int mount_run(const struct call *call, const char *path);
/* Mounts nothing: waits for the caller's end, and then unmounts what is dead at path. */
int mount_run_wait(const struct call *call, const char *path);

#endif
