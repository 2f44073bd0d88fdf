/* SPDX-License-Identifier: MIT */
/* The arguments of umount(8) that fusermount3 understands when it runs under that name. The catcher reads them by the
 * same table, to tell whether it may run fusermount3 instead. */
#ifndef LINFSP_UTIL_UMOUNT_ARGUMENTS_H
#define LINFSP_UTIL_UMOUNT_ARGUMENTS_H

#include <stdbool.h>

struct umount_arguments {
    bool all; /* -a */
    bool lazy; /* -l or -f */
    bool quiet; /* -q */
    bool elsewhere; /* -N: in another mount namespace */
    bool unknown; /* an option that is none of these; where opterr is set, stderr names it */
    const char *types; /* of -t, or NULL */
    char **mount_points; /* what is not an option, NULL-terminated: mount points, sources, links to either */
};

/* Reads and reorders argv, as getopt_long(3) does, from its first element; argv[0] is the program's name. */
struct umount_arguments umount_arguments_parse(int argc, char **argv);

#endif
