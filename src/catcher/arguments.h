/* SPDX-License-Identifier: MIT */
/* What a program that can unmount was called for. */
#ifndef LINFSP_CATCHER_ARGUMENTS_H
#define LINFSP_CATCHER_ARGUMENTS_H

#include "catcher/machine.h"

/* Whether a process that stands at its first instruction is an umount of nothing but FUSE mounts, with no option that
 * the stand-in does not know. 0: it is, and *ret_skip arguments come before "umount"; negative: it is not. */
int arguments_are_unmount(const struct machine *machine, unsigned *ret_skip);

#endif
