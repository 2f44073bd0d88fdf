/* SPDX-License-Identifier: MIT */
/* Mounting with the caller's own rights: in a container that was given /dev/fuse and CAP_SYS_ADMIN nothing changes with
 * LinFsp there. */
#ifndef LINFSP_FUSERMOUNT_DIRECT_H
#define LINFSP_FUSERMOUNT_DIRECT_H

#include <stdbool.h>
#include <sys/types.h>

#include "fusermount/options.h"

/* Whether this process could mount by itself: in a container, with CAP_SYS_ADMIN of its own. */
bool direct_is_privileged(void);

/* Mounts on mount_point (O_PATH, of that file type). Returns the fuse descriptor; -ENXIO where there is no real
 * /dev/fuse that opens, or the negative errno of mount(2). */
int direct_mount(int mount_point, mode_t type, const struct options *options);

#endif
