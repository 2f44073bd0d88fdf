/* SPDX-License-Identifier: MIT */
/*
 * Files of /proc, by their path below it.
 *
 * Whoever lists a folder into memory that never comes holds its lock, and if somebody else then tries to make a name in
 * that folder, nobody can look up a name there any more. Everybody on the host may list /proc, and a container that was
 * given it. So the service, its workers and its catcher have a procfs of their own, which is mounted nowhere: its
 * folders and their locks are nobody else's. Other programs use /proc.
 */
#ifndef LINFSP_UTIL_PROC_H
#define LINFSP_UTIL_PROC_H

#include <dirent.h>
#include <stdio.h>
#include <sys/types.h>

#include "util/cleanup.h"

/* Uses a procfs of this process's own from now on; or /proc, if that cannot be mounted. Returns its descriptor, which
 * stays open, or a negative errno. */
int proc_begin(void);
/* Uses that procfs; the descriptor is borrowed. */
void proc_use(int folder);
/* The procfs in use; -1: /proc. */
int proc_folder(void);

/* As open(2), opendir(3), fopen(3) to read, and readlink(2) with a NUL behind the text: errno says why not. */
int proc_open(int flags, const char *format, ...) _printf_(2, 3);
DIR *proc_open_folder(const char *format, ...) _printf_(1, 2);
FILE *proc_open_text(const char *format, ...) _printf_(1, 2);
ssize_t proc_read_link(char *ret_text, size_t size, const char *format, ...) _printf_(3, 4);

#endif
