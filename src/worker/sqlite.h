/* SPDX-License-Identifier: MIT */
/*
 * Reads one value of a SQLite database (podman's since 4.8), without its lock: nobody waits for us.
 *
 * A table is a tree of pages, whose leaves have the rows; the table of tables begins on page 1. A commit writes to
 * pages in place while a file NAME-journal has what they were, and counts in page 1. So a value is good if there was no
 * journal before and after it was read, and the count is the same. Databases with a write-ahead log are not read.
 */
#ifndef LINFSP_WORKER_SQLITE_H
#define LINFSP_WORKER_SQLITE_H

#include <stddef.h>

/*
 * The text or blob in column (from 0) of the row of table whose first column is key: the caller's to free. NULL: there
 * is none, it has 1 MiB or more, the file is no such database, or it changed meanwhile.
 */
char *sqlite_read(const char *path, const char *table, const char *key, unsigned column);

#endif
