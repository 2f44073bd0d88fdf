/* SPDX-License-Identifier: MIT */
/*
 * Security descriptors in text (SDDL), as far as an owner, a group and mode bits can say them: the -S of memfs.
 *
 * Model. "O:" owner, "G:" group, "D:" the list of who may do what, each at most once and in any order; a list's flags
 * (P, AI, AR) change nothing here. An entry (A;FLAGS;RIGHTS;;;WHO) allows, (D;...) denies. WHO is the owner, the group,
 * or everyone; each bit of the mode is settled by the first entries that speak of it, as Windows reads a list from
 * front to back, and who may do something as everyone may do it as owner and group too. Administrators (BA), the system
 * (SY) and the like are root, who may do everything anyway: as owner they own the root directory, elsewhere in the list
 * they are passed over. Anything that would have to be left out to fit is an error that names it.
 */
#ifndef MEMFS_SDDL_H
#define MEMFS_SDDL_H

#include <stdbool.h>
#include <sys/types.h>

struct sddl {
    bool has_owner, has_group; /* else those of whoever runs memfs */
    uid_t owner;
    gid_t group;
    mode_t mode; /* 0777 without "D:" */
};

struct sddl_error {
    char message[256];
};

int sddl_parse(const char *text, struct sddl *ret_sddl, struct sddl_error *ret_error);

#endif
