/* SPDX-License-Identifier: MIT */
/* uthash, told not to end the process where memory is short. HASH_ADD may then fail: ask hash_has. */
#ifndef LINFSP_UTIL_HASH_H
#define LINFSP_UTIL_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Whether the object, zeroed before, is in a table by this handle: HASH_ADD has found memory, and HASH_DELETE may be
 * called. */
#define hash_has(handle, object) ((object)->handle.tbl != NULL)

#endif
