/* SPDX-License-Identifier: MIT */
/* Streams of what lies below a folder: openat(2) with stdio's or readdir's reading. A link at the end of the path is
 * not followed. NULL: errno says why. */
#ifndef LINFSP_UTIL_OPEN_AT_H
#define LINFSP_UTIL_OPEN_AT_H

#include <dirent.h>
#include <stdio.h>

FILE *open_file_at(int folder, const char *path);
/* path ".": the folder itself, read from its beginning. */
DIR *open_directory_at(int folder, const char *path);

#endif
