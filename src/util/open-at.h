/* SPDX-License-Identifier: MIT */
/* What lies below a folder: streams of it, and what is there in any case. */
#ifndef LINFSP_UTIL_OPEN_AT_H
#define LINFSP_UTIL_OPEN_AT_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Streams: openat(2) with stdio's or readdir's reading. A link at the end of the path is not followed. NULL: errno says
 * why. */
FILE *open_file_at(int folder, const char *path);
/* Writes out what is buffered. Whether all that was ever written is there: a write in between may have failed, and the
 * last one not. */
bool stream_is_whole(FILE *file);
/* path ".": the folder itself, read from its beginning. */
DIR *open_directory_at(int folder, const char *path);

/*
 * Makes a folder, or a file, unless it is there. To make one, even one that is there, waits for whoever reads the
 * folder around it into memory that never comes; to look whether it is there does not. ensure_folder returns 0 or a
 * negative errno; open_or_make a descriptor, for reading and writing, or a negative errno.
 */
int ensure_folder(const char *path, mode_t mode);
int open_or_make(const char *path, mode_t mode);

#endif
