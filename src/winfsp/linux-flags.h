/* SPDX-License-Identifier: MIT */
/* The kernel's flags of rename and fallocate, where the C library does not have them: musl's headers come without the
 * kernel's. */
#ifndef WINFSP_LINUX_FLAGS_H
#define WINFSP_LINUX_FLAGS_H

#include <fcntl.h>
#include <stdio.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1u << 0)
#define RENAME_EXCHANGE (1u << 1)
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 1
#endif

#endif
