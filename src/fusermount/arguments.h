/* SPDX-License-Identifier: MIT */
/* What the helper was called for, by its name and arguments. */
#ifndef LINFSP_FUSERMOUNT_ARGUMENTS_H
#define LINFSP_FUSERMOUNT_ARGUMENTS_H

#include <stdbool.h>

struct call {
    const char *options; /* of -o; never NULL */
    const char *comm; /* --comm-fd */
    const char *mount_point;
    char **mount_points; /* umount(8)'s may be several; NULL-terminated. NULL: called as fusermount */
    const char *types; /* of the mounts that umount -a is for */
    bool all; /* -a */
    bool unmount, lazy, quiet, wait_only;
    bool for_caller; /* -E: umount2(2) of the caller's (worker/unmount-call.h) */
};

/* Reports what is wrong, and returns false then. Exits where the arguments end the run by themselves, as --help does.
 */
bool arguments_parse(int argc, char **argv, struct call *ret_call);

#endif
