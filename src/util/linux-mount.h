/* SPDX-License-Identifier: MIT */
/* What Linux's mounts can do and the C library's headers do not know yet. */
#ifndef LINFSP_UTIL_LINUX_MOUNT_H
#define LINFSP_UTIL_LINUX_MOUNT_H

#include <sys/mount.h>

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200 /* Linux 6.5 */
#endif

#endif
