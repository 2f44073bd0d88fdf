/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes of a node.
 *
 * Model. A list, in the order of making; nodes have few. Names are kept as they came, with their namespace ("user.x").
 * Each takes its bytes from the volume's space. Not locked: callers hold the node's lock.
 */
#ifndef MEMFS_XATTR_H
#define MEMFS_XATTR_H

#include <stddef.h>
#include <stdint.h>

#include "space.h"

#define XATTR_ACL_ACCESS "system.posix_acl_access"
#define XATTR_ACL_DEFAULT "system.posix_acl_default"
#define XATTR_CAPABILITY "security.capability"

struct xattr {
    struct xattr *next;
    uint32_t value_size;
    uint8_t name_size;
    char bytes[]; /* the name, its NUL, the value */
};

static inline const char *xattr_value(const struct xattr *xattr) {
    return xattr->bytes + xattr->name_size + 1;
}

/* NULL where there is none. */
struct xattr *xattr_find(struct xattr *list, const char *name);
/* flags: XATTR_CREATE, XATTR_REPLACE. -EEXIST, -ENODATA, -ENOSPC, -E2BIG where the names' list would pass 64 KiB. */
int xattr_set(struct xattr **list, struct space *space, const char *name, const void *value, size_t size, int flags);
/* -ENODATA where there is none. */
int xattr_remove(struct xattr **list, struct space *space, const char *name);
/* All names, each with its NUL, into ret_names (size bytes; with 0 nothing is written). Returns how long they are,
 * -ERANGE where they do not fit. */
int64_t xattr_list(const struct xattr *list, char *ret_names, size_t size);
void xattr_free(struct xattr **list, struct space *space);

#endif
