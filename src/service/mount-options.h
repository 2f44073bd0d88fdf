/* SPDX-License-Identifier: MIT */
/* The options of a FUSE mount as programs give them to fusermount3 behind -o: an allow-list. Pure; fuzzed. */
#ifndef LINFSP_SERVICE_MOUNT_OPTIONS_H
#define LINFSP_SERVICE_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/protocol.h"

struct mount_options {
    bool read_only, noexec, allow_other, default_permissions, auto_unmount, synchronous, directory_synchronous;
    uint64_t attributes; /* MOUNT_ATTR_* about access times */
    uint32_t max_read; /* 0: not given */
    bool has_hold;
    uint32_t hold; /* x-linfsp.hold=, s */
    char source[WIRE_SOURCE_MAX]; /* fsname= */
    char subtype[WIRE_NAME_MAX];
    char prefix[WIRE_PREFIX_MAX]; /* unc= */
};

/* text: comma-separated, a backslash takes the comma's (or backslash's) meaning away in fsname= and subtype=. Returns
 * 0, or -EINVAL or -EPERM with a sentence in ret_message that names the option. */
int mount_options_parse(const char *text, struct mount_options *ret_options, char *ret_message, size_t size);

#endif
