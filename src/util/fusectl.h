/* SPDX-License-Identifier: MIT */
#ifndef UTIL_FUSECTL_H
#define UTIL_FUSECTL_H

#include <stdint.h>

/* Mounts fusectl, the kernel's folder of FUSE connections, where nobody else sees it. The descriptor of its root,
 * which is the caller's to close, or a negative errno. */
int fusectl_open(void);
/*
 * Opens a connection's file ("abort", "waiting"), or returns a negative errno; -ENOENT: the connection is gone. The
 * folder is one for the whole machine, and everybody may list it: who lists it into memory that never comes holds its
 * lock. So only names that the kernel knows by heart are opened, without that lock. It knows all there are.
 */
int fusectl_open_file(int fusectl, uint32_t connection, const char *name, int flags);

#endif
