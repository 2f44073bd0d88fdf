/* SPDX-License-Identifier: MIT */
/*
 * What fusermount3 takes, less what may not be had here: blkdev (a block device of the host's), and suid and dev, which
 * are accepted and have no effect, since every mount of ours is nosuid,nodev.
 */
#include "service/mount-options.h"

#include <errno.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/utf8.h"

#define SOURCE_SHOWN 255
#define HOLD_MAX 300

enum kind {
    KIND_FLAG, /* sets a bool */
    KIND_CLEAR, /* clears it */
    KIND_IGNORED,
    KIND_ATIME, /* sets attributes */
    KIND_TEXT,
    KIND_SOURCE,
    KIND_RAW_TEXT, /* backslashes stand for themselves */
    KIND_NUMBER,
    KIND_HOLD,
    KIND_REFUSED,
};

struct known_option {
    const char *name; /* with '=' where it takes a value, with '-' where any rest may follow */
    enum kind kind;
    size_t offset, size;
    uint64_t value;
};

#define MEMBER(name) offsetof(struct mount_options, name), sizeof(((struct mount_options *)0)->name)

static const struct known_option known_options[] = {
    {"ro", KIND_FLAG, MEMBER(read_only), 0},
    {"rw", KIND_CLEAR, MEMBER(read_only), 0},
    {"noexec", KIND_FLAG, MEMBER(noexec), 0},
    {"exec", KIND_CLEAR, MEMBER(noexec), 0},
    {"allow_other", KIND_FLAG, MEMBER(allow_other), 0},
    {"default_permissions", KIND_FLAG, MEMBER(default_permissions), 0},
    {"auto_unmount", KIND_FLAG, MEMBER(auto_unmount), 0},
    {"sync", KIND_FLAG, MEMBER(synchronous), 0},
    {"async", KIND_CLEAR, MEMBER(synchronous), 0},
    {"dirsync", KIND_FLAG, MEMBER(directory_synchronous), 0},
    {"noatime", KIND_ATIME, MEMBER(attributes), MOUNT_ATTR_NOATIME},
    {"strictatime", KIND_ATIME, MEMBER(attributes), MOUNT_ATTR_STRICTATIME},
    {"nodiratime", KIND_ATIME, MEMBER(attributes), MOUNT_ATTR_NODIRATIME},
    {"atime", KIND_IGNORED, 0, 0, 0},
    {"diratime", KIND_IGNORED, 0, 0, 0},
    {"relatime", KIND_IGNORED, 0, 0, 0},
    {"nosuid", KIND_IGNORED, 0, 0, 0},
    {"nodev", KIND_IGNORED, 0, 0, 0},
    {"suid", KIND_IGNORED, 0, 0, 0},
    {"dev", KIND_IGNORED, 0, 0, 0},
    {"nonempty", KIND_IGNORED, 0, 0, 0},
    {"large_read", KIND_IGNORED, 0, 0, 0},
    {"fsname=", KIND_SOURCE, MEMBER(source), 0},
    {"subtype=", KIND_TEXT, MEMBER(subtype), 0},
    {"unc=", KIND_RAW_TEXT, MEMBER(prefix), 0},
    {"max_read=", KIND_NUMBER, MEMBER(max_read), 0},
    {"x-linfsp.hold=", KIND_HOLD, MEMBER(hold), 0},
    {"x-", KIND_IGNORED, 0, 0, 0}, /* and all that begin so: for programs that read /etc/fstab */
    {"X-", KIND_IGNORED, 0, 0, 0},
    {"blkdev", KIND_REFUSED, 0, 0, 0},
    {"blksize=", KIND_REFUSED, 0, 0, 0},
};

static const struct known_option *find(const char *option) {
    for (size_t i = 0; i < ARRAY_SIZE(known_options); i++) {
        const char *name = known_options[i].name;
        size_t length = strlen(name);
        if (name[length - 1] == '=' || name[length - 1] == '-' ? strncmp(option, name, length) == 0
                                                               : strcmp(option, name) == 0)
            return &known_options[i];
    }
    return NULL;
}

/* Copies without the backslashes that took a meaning away. False where it does not fit. */
static bool set_text(char *member, size_t size, const char *text, bool raw) {
    size_t used = 0;
    for (const char *c = text; *c; c++) {
        if (!raw && c[0] == '\\' && c[1])
            c++;
        if (used + 1 >= size)
            return false;
        member[used++] = *c;
    }
    member[used] = 0;
    return true;
}

/* The kernel shows 255 bytes of a source: a longer one loses its end. */
static void set_source(char *member, size_t size, const char *text) {
    char whole[WIRE_PATH_MAX];
    (void)set_text(whole, sizeof whole, text, false); /* an option is no longer than that */
    snprintf(member, size, "%.*s",
             (int)utf8_boundary(whole, strlen(whole) < SOURCE_SHOWN ? strlen(whole) : SOURCE_SHOWN), whole);
}

static int apply(struct mount_options *options, const char *option, char *message, size_t size) {
    const struct known_option *known = find(option);
    if (!known) {
        snprintf(message, size, "unknown option '%s'", option);
        return -EINVAL;
    }
    char *member = (char *)options + known->offset;
    const char *value = option + strlen(known->name);
    char *end;
    unsigned long number;
    switch (known->kind) {
    case KIND_FLAG:
    case KIND_CLEAR:
        *(bool *)member = known->kind == KIND_FLAG;
        return 0;
    case KIND_IGNORED:
        return 0;
    case KIND_ATIME:
        *(uint64_t *)member |= known->value;
        return 0;
    case KIND_TEXT:
    case KIND_RAW_TEXT:
        if (set_text(member, known->size, value, known->kind == KIND_RAW_TEXT))
            return 0;
        snprintf(message, size, "the value of option '%s' is too long", known->name);
        return -EINVAL;
    case KIND_SOURCE:
        set_source(member, known->size, value);
        return 0;
    case KIND_NUMBER:
        errno = 0;
        number = strtoul(value, &end, 10);
        if (*value >= '0' && *value <= '9' && !*end && !errno && number <= UINT32_MAX) {
            *(uint32_t *)member = (uint32_t)number;
            return 0;
        }
        snprintf(message, size, "option '%s' wants a number", option);
        return -EINVAL;
    case KIND_HOLD:
        number = strtoul(value, &end, 10);
        if (*value < '0' || *value > '9' || (*end && strcmp(end, "s") != 0) || number > HOLD_MAX) {
            snprintf(message, size, "option '%s' wants seconds, at most %d", option, HOLD_MAX);
            return -EINVAL;
        }
        options->hold = (uint32_t)number;
        options->has_hold = true;
        return 0;
    case KIND_REFUSED:
    default:
        snprintf(message, size, "option '%s' is not allowed: it is for block devices", option);
        return -EPERM;
    }
}

int mount_options_parse(const char *text, struct mount_options *ret_options, char *ret_message, size_t size) {
    struct mount_options options = {0};
    char option[WIRE_PATH_MAX];
    size_t used = 0;
    for (const char *c = text;; c++) {
        if (*c && *c != ',') {
            if (used + 2 >= sizeof option) {
                snprintf(ret_message, size, "an option is too long");
                return -EINVAL;
            }
            option[used++] = *c;
            /* the pair stays together; what it means is its option's affair */
            if (*c == '\\' && (c[1] == ',' || c[1] == '\\'))
                option[used++] = *++c;
            continue;
        }
        option[used] = 0;
        int r = used ? apply(&options, option, ret_message, size) : 0;
        if (r < 0)
            return r;
        used = 0;
        if (!*c)
            break;
    }
    *ret_options = options;
    return 0;
}
