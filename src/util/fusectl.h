/* SPDX-License-Identifier: MIT */
#ifndef UTIL_FUSECTL_H
#define UTIL_FUSECTL_H

/* Mounts fusectl, the kernel's folder of FUSE connections, where nobody else sees it. The descriptor of its root,
 * which is the caller's to close, or a negative errno. */
int fusectl_open(void);

#endif
