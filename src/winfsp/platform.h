/* SPDX-License-Identifier: MIT */
/*
 * What differs between Linux and Wine, for the sources of the WinFsp layer.
 *
 * Model. The same sources become libwinfsp.so.1 (Linux programs, this platform-linux.c) and winfsp-x64.dll (Windows
 * programs under Wine). Everything that a Windows thread, a Windows handle or Windows text has to do with goes through
 * the functions here. The layer itself uses pthread locks, which work in both.
 *
 * A function that a program calls is declared with FSP_ABI in winfsp.h, and so are pointers to the program's own
 * functions: the compiler then makes the right call, and no other care is needed.
 */
#ifndef WINFSP_PLATFORM_H
#define WINFSP_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linfsp/linfsp.h>
#include <winfsp/winfsp.h>

/* A thread that may call the program's functions. */
struct fsp_thread;
int fsp_thread_start(void (*run)(void *), void *argument, struct fsp_thread **ret_thread);
/* Waits for it, and frees it. Takes NULL. */
void fsp_thread_join(struct fsp_thread *thread);

/* Who starts the threads that serve a volume; NULL: liblinfsp. */
const struct linfsp_threads *fsp_serving_threads(void);

/* A folder as the program calls it, as Linux does. NULL: no memory. To be freed. */
char *fsp_directory_path(PCWSTR path);

/* A volume of ours has come, or goes; mount_point may be NULL. */
void fsp_note_mounted(const char *mount_point);
void fsp_note_unmounted(const char *mount_point);

/* The program's arguments as Windows counts them, NULL-terminated. The array is freed by fsp_free_arguments. */
int fsp_program_arguments(ULONG *ret_count, PWSTR **ret_arguments);
void fsp_free_arguments(ULONG count, PWSTR *arguments);

/* Calls stop(argument), once, from a thread that may call the program's functions, when the program is asked to end
 * (signals, console events). */
int fsp_watch_signals(void (*stop)(void *), void *argument);
void fsp_unwatch_signals(void);

/* Writes a line of a log to a handle as the program knows it. */
void fsp_write_handle(HANDLE handle, const char *text, size_t size);
/* The line of a debug log that has no handle, or of the system's log. Type: EVENTLOG_*. */
void fsp_write_system_log(ULONG type, const char *text);
/* Messages for the person who started the program. False: nobody sees standard error. */
bool fsp_is_interactive(void);

/* The user and group that this process has, as numbers that FspPosixMapUidToSid takes. */
uint32_t fsp_own_uid(void);
uint32_t fsp_own_gid(void);

#endif
