/* SPDX-License-Identifier: MIT */
#include "xattr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define LIST_MAX 65536 /* what listxattr(2) can return */

static uint64_t room_of(const struct xattr *xattr) {
    return sizeof *xattr + xattr->name_size + 1 + xattr->value_size;
}

/* Where the pointer to it stands, which is NULL where there is none. */
static struct xattr **position(struct xattr **list, const char *name) {
    size_t size = strlen(name);
    while (*list && ((*list)->name_size != size || memcmp((*list)->bytes, name, size) != 0))
        list = &(*list)->next;
    return list;
}

struct xattr *xattr_find(struct xattr *list, const char *name) {
    return *position(&list, name);
}

static struct xattr *new_xattr(struct space *space, const char *name, const void *value, size_t size) {
    size_t name_size = strlen(name);
    struct xattr *xattr = malloc(sizeof *xattr + name_size + 1 + size);
    if (!xattr)
        return NULL;
    *xattr = (struct xattr){.value_size = (uint32_t)size, .name_size = (uint8_t)name_size};
    memcpy(xattr->bytes, name, name_size + 1);
    if (size > 0)
        memcpy(xattr->bytes + name_size + 1, value, size);
    if (space_take(space, room_of(xattr)))
        return xattr;
    free(xattr);
    return NULL;
}

static void free_xattr(struct xattr *xattr, struct space *space) {
    space_give(space, room_of(xattr));
    free(xattr);
}

int xattr_set(struct xattr **list, struct space *space, const char *name, const void *value, size_t size, int flags) {
    struct xattr **at = position(list, name);
    struct xattr *old = *at;
    if (old && (flags & XATTR_CREATE))
        return -EEXIST;
    if (!old && (flags & XATTR_REPLACE))
        return -ENODATA;
    if (!old && xattr_list(*list, NULL, 0) + (int64_t)strlen(name) + 1 > LIST_MAX)
        return -E2BIG;
    struct xattr *xattr = new_xattr(space, name, value, size);
    if (!xattr)
        return -ENOSPC;
    xattr->next = old ? old->next : NULL;
    *at = xattr;
    if (old)
        free_xattr(old, space);
    return 0;
}

int xattr_remove(struct xattr **list, struct space *space, const char *name) {
    struct xattr **at = position(list, name), *old = *at;
    if (!old)
        return -ENODATA;
    *at = old->next;
    free_xattr(old, space);
    return 0;
}

int64_t xattr_list(const struct xattr *list, char *ret_names, size_t size) {
    size_t used = 0;
    for (; list; list = list->next) {
        size_t length = (size_t)list->name_size + 1;
        if (size > 0 && used + length > size)
            return -ERANGE;
        if (size > 0)
            memcpy(ret_names + used, list->bytes, length);
        used += length;
    }
    return (int64_t)used;
}

void xattr_free(struct xattr **list, struct space *space) {
    while (*list) {
        struct xattr *next = (*list)->next;
        free_xattr(*list, space);
        *list = next;
    }
}
