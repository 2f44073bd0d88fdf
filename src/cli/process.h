/* SPDX-License-Identifier: MIT */
/* Other programs: finding, running and asking them. Never through a shell. */
#ifndef LINFSP_CLI_PROCESS_H
#define LINFSP_CLI_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/* The program's path by PATH, and behind it the places for administrators, which an ordinary user's PATH lacks. 0 or
 * -ENOENT. */
int program_find(const char *name, char *ret_path, size_t size);

/* Runs argv[0] (a path) with our standard streams. Returns its exit status, 128 + a signal, or a negative errno. */
int program_run(char *const argv[]);

/* Runs argv[0] (a path), collects what it writes to standard output and standard error (cut at size), and kills it
 * after timeout_ms. Returns its exit status, 128 + a signal, or a negative errno (-ETIMEDOUT). */
int program_ask(char *const argv[], int timeout_ms, char *ret_text, size_t size);

/* Whether systemd is process 1 here and has a unit of that name. */
int systemd_has_unit(const char *unit);

#endif
