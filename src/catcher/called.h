/* SPDX-License-Identifier: MIT */
/* As what a file with many commands in it, such as busybox, is executed. */
#ifndef LINFSP_CATCHER_CALLED_H
#define LINFSP_CATCHER_CALLED_H

#include <stdbool.h>
#include <sys/types.h>

#include "catcher/protocol.h"

/*
 * Looks at the arguments of a thread that waits in execve for our word. It is not stopped for that, so the many other
 * commands of such a file cost next to nothing. Who changes them meanwhile gets what it has changed them to.
 * Returns whether it is one of ours: umount (CATCHER_UNMOUNTER), chroot (CATCHER_CHROOT), CATCHER_PACKAGES, or
 * CATCHER_TOOL.
 */
bool called_as(pid_t thread, enum catcher_kind *ret_kind);
/* Looks at the arguments in the same way. Returns whether one of them names a helper, or a folder that helpers are in.
 */
bool called_on_helper(pid_t thread);

#endif
