/* SPDX-License-Identifier: MIT */
/*
 * Calls to Windows, for the parts of the DLL that are compiled for Linux: plain C, without a type of Windows. calls.c
 * is the only file that includes <windows.h>; winfsp.h has the same types by its own definitions.
 */
#ifndef LINFSP_WINFSP_WINE_CALLS_H
#define LINFSP_WINFSP_WINE_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A thread of Wine's. NULL: it cannot be made. */
void *win_thread_start(void (*run)(void *argument), void *argument);
/* Waits for its end, and frees it. */
void win_thread_join(void *thread);

/* told is called, in a thread of Windows' own, when the console or the system wants the program to end. One at a time.
 */
void win_console_watch(void (*told)(void));
void win_console_unwatch(void);

/* The whole command line, as Windows gives it: UTF-16, and not to be freed. */
const uint16_t *win_command_line(void);

void win_write(void *handle, const char *text, size_t size);
void win_debug_string(const char *text);

/* A path of Windows' as Linux has it. NULL: there is none. To be freed. */
char *win_unix_path(const uint16_t *path);

#endif
