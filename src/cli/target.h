/* SPDX-License-Identifier: MIT */
/* What a user calls a volume. */
#ifndef LINFSP_CLI_TARGET_H
#define LINFSP_CLI_TARGET_H

#include <stdbool.h>

#include "wire/protocol.h"

/*
 * Fills in what request is about: a number from `linfsp volumes`, a letter "Z:", a prefix in any spelling, a path under
 * /unc (becomes a prefix), or a mount point, relative ones from folder. The file system is not asked: it may be hung. 0
 * or -ENAMETOOLONG.
 */
int target_parse(const char *text, const char *folder, struct wire_unmount *request);
/* Follows the symbolic links in an absolute path that no volume has, in place. Returns whether it is another path now.
 * Asks the file systems on the way. */
bool target_follow_links(char path[WIRE_PATH_MAX]);

/* Whether it is a letter without its colon, and the message where no volume is there. */
bool target_lacks_colon(const char *text);
#define TARGET_LACKS_COLON "%s is no volume here: did you mean the letter, %s:?"

#endif
