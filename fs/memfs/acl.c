/* SPDX-License-Identifier: MIT */
#include "acl.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#define VERSION 2
#define NO_ID UINT32_MAX

enum { USER_OBJ = 0x01, USER = 0x02, GROUP_OBJ = 0x04, GROUP = 0x08, MASK = 0x10, OTHER = 0x20 };

struct acl_entry { /* little-endian */
    uint16_t tag;
    uint16_t permissions;
    uint32_t id;
};

struct acl {
    uint32_t version;
    struct acl_entry entries[];
};

static size_t count_of(size_t size) {
    return (size - sizeof(struct acl)) / sizeof(struct acl_entry);
}

static struct acl_entry get(const void *value, size_t i) {
    struct acl_entry entry;
    memcpy(&entry, (const char *)value + sizeof(struct acl) + i * sizeof entry, sizeof entry);
    entry.tag = le16toh(entry.tag);
    entry.permissions = le16toh(entry.permissions);
    entry.id = le32toh(entry.id);
    return entry;
}

static void set_permissions(void *value, size_t i, unsigned permissions) {
    uint16_t wire = htole16((uint16_t)permissions);
    size_t at = sizeof(struct acl) + i * sizeof(struct acl_entry) + offsetof(struct acl_entry, permissions);
    memcpy((char *)value + at, &wire, sizeof wire);
}

/* The position of the only entry with a tag, -1 where there is none. */
static int find(const void *value, size_t size, unsigned tag) {
    for (size_t i = 0; i < count_of(size); i++)
        if (get(value, i).tag == tag)
            return (int)i;
    return -1;
}

int acl_check(const void *value, size_t size) {
    uint32_t version;
    unsigned seen = 0, last = 0;
    if (size < sizeof version || (size - sizeof version) % sizeof(struct acl_entry) != 0)
        return -EINVAL;
    memcpy(&version, value, sizeof version);
    if (le32toh(version) != VERSION)
        return -EINVAL;
    for (size_t i = 0; i < count_of(size); i++) {
        struct acl_entry entry = get(value, i);
        bool named = entry.tag == USER || entry.tag == GROUP;
        bool known =
            named || entry.tag == USER_OBJ || entry.tag == GROUP_OBJ || entry.tag == MASK || entry.tag == OTHER;
        if (!known || entry.permissions > 7 || entry.tag < last || (entry.tag == last && !named) ||
            (named && entry.id == NO_ID))
            return -EINVAL;
        seen |= entry.tag;
        last = entry.tag;
    }
    if ((seen & (USER_OBJ | GROUP_OBJ | OTHER)) != (USER_OBJ | GROUP_OBJ | OTHER))
        return -EINVAL;
    return (seen & (USER | GROUP)) && !(seen & MASK) ? -EINVAL : 0;
}

/* Which of the mode's three sets an entry is that set of: how far to shift, -1 for none. */
static int shift_of(unsigned tag, bool has_mask) {
    switch (tag) {
    case USER_OBJ:
        return 6;
    case GROUP_OBJ:
        return has_mask ? -1 : 3;
    case MASK:
        return 3;
    case OTHER:
        return 0;
    default:
        return -1;
    }
}

void acl_to_mode(const void *value, size_t size, mode_t *ret_mode, bool *ret_more) {
    bool has_mask = find(value, size, MASK) >= 0;
    mode_t mode = 0;
    for (size_t i = 0; i < count_of(size); i++) {
        struct acl_entry entry = get(value, i);
        int shift = shift_of(entry.tag, has_mask);
        if (shift >= 0)
            mode |= (mode_t)entry.permissions << shift;
    }
    *ret_mode = mode;
    *ret_more = has_mask;
}

void acl_set_mode(void *value, size_t size, mode_t mode) {
    bool has_mask = find(value, size, MASK) >= 0;
    for (size_t i = 0; i < count_of(size); i++) {
        int shift = shift_of(get(value, i).tag, has_mask);
        if (shift >= 0)
            set_permissions(value, i, mode >> shift & 7);
    }
}

bool acl_inherit(void *value, size_t size, mode_t *mode) {
    bool has_mask = find(value, size, MASK) >= 0;
    mode_t allowed = *mode & 0777;
    for (size_t i = 0; i < count_of(size); i++) {
        struct acl_entry entry = get(value, i);
        int shift = shift_of(entry.tag, has_mask);
        if (shift < 0)
            continue;
        unsigned permissions = entry.permissions & (allowed >> shift);
        set_permissions(value, i, permissions);
        allowed = (allowed & ~((mode_t)7 << shift)) | (mode_t)permissions << shift;
    }
    *mode = (*mode & ~(mode_t)0777) | allowed;
    return has_mask;
}
