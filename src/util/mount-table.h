/* SPDX-License-Identifier: MIT */
/* Lines of a mount table, as /proc/PID/mountinfo has them (proc_pid_mountinfo(5)). */
#ifndef LINFSP_UTIL_MOUNT_TABLE_H
#define LINFSP_UTIL_MOUNT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Texts point into the line, and are unescaped but for options, in which commas mean something. */
struct mount_line {
    uint64_t id;
    uint32_t major, minor;
    char *root; /* what of the file system is mounted */
    char *point; /* where, as the reader of the table sees it */
    char *type, *source;
    char *options; /* of the file system, "rw,..." */
};

/* Takes a line apart, in place. Returns false for what is no line of a mount table. */
bool mount_line_parse(char *line, struct mount_line *ret_line);
/* Undoes the table's escapes (\ooo), in place. */
void mount_line_unescape(char *text);
/* The next line of a table; *line and *size are getline's. Returns false at the table's end; lines that make no sense
 * are passed over. */
bool mount_table_next(FILE *table, char **line, size_t *size, struct mount_line *ret_line);
/* Whether that type is FUSE's: "fuse", "fuse.sshfs", "fuseblk". */
bool mount_type_is_fuse(const char *type);

#endif
