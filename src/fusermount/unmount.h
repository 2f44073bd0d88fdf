/* SPDX-License-Identifier: MIT */
/* Unmounting, as fusermount -u and as umount(8). */
#ifndef LINFSP_FUSERMOUNT_UNMOUNT_H
#define LINFSP_FUSERMOUNT_UNMOUNT_H

#include <stdbool.h>

#include "fusermount/arguments.h"

/* Ends the volume at path, or with the caller's own rights another mount there. ended: one that has ended by itself a
 * moment ago, too. All return 0 or a negative errno, reported unless quiet. */
int unmount_run(const char *path, bool lazy, bool quiet, bool ended);
/* For a program whose umount2(2) was refused: waits for an unmount that is under way. */
int unmount_run_for_caller(const char *path, bool lazy, bool quiet);
/* umount(8), and what it runs for a type: several mount points, or all of a type. */
int unmount_run_all(const struct call *call);

#endif
