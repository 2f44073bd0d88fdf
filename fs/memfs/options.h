/* SPDX-License-Identifier: MIT */
/*
 * memfs's command line.
 *
 * Model. Parsing is pure: arguments in, a struct options or one message out, nothing printed, nothing done. Options,
 * their meaning and their defaults are those of WinFsp's memfs, and a few more. A message names the option and the
 * value at fault.
 */
#ifndef MEMFS_OPTIONS_H
#define MEMFS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "linfsp/linfsp.h"

#define OPTIONS_UNLIMITED UINT64_MAX

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

struct options {
    enum options_action action;
    bool trace; /* -d, other than 0 */
    const char *log_file; /* -D; NULL: standard error */
    bool purge; /* -f */
    const char *file_system_name; /* -F */
    bool case_insensitive; /* -i */
    const char *mount_point; /* -m; NULL: none */
    uint32_t delay_max; /* -M, ms; 0: no delays */
    uint64_t nodes_max; /* -n */
    uint32_t delay_percent; /* -P */
    uint32_t delay_rarefy; /* -R */
    uint64_t file_size_max; /* -s, bytes */
    const char *root_sddl; /* -S; NULL: everyone may do everything */
    uint64_t timeout; /* -t, ms, or LINFSP_TIMEOUT_INFINITE */
    const char *prefix; /* -u; NULL: a disk */
    bool background; /* -b */
    bool take_over; /* --take-over */
    uint64_t pass_from; /* --pass-through: bytes; OPTIONS_UNLIMITED: not */
};

struct options_error {
    char message[512];
};

/* Strings in ret_options are those of argv. argv's order may be changed. -EINVAL with a message. */
int options_parse(int argc, char **argv, struct options *ret_options, struct options_error *ret_error);
/* The bytes that a volume may hold: nodes times file size, or OPTIONS_UNLIMITED. */
uint64_t options_volume_size(const struct options *options);

extern const char options_help[];

#endif
