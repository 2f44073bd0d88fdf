/* SPDX-License-Identifier: MIT */
/* The native API's platform, in Wine. */
#include "winfsp/platform.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/text.h"
#include "winfsp/wine/calls.h"
#include "winfsp/wine/command-line.h"
#include "winfsp/wine/drive.h"
#include "winfsp/wine/ending.h"

/* ---- threads --------------------------------------------------------------------------------------------------- */

/* A struct fsp_thread is a thread of Wine's. */
int fsp_thread_start(void (*run)(void *), void *argument, struct fsp_thread **ret_thread) {
    void *thread = win_thread_start(run, argument);
    if (!thread)
        return -EAGAIN;
    *ret_thread = thread;
    return 0;
}

void fsp_thread_join(struct fsp_thread *thread) {
    if (thread)
        win_thread_join(thread);
}

const struct linfsp_threads *fsp_serving_threads(void) {
    return wine_threads();
}

/* ---- arguments and paths --------------------------------------------------------------------------------------- */

int fsp_program_arguments(ULONG *ret_count, PWSTR **ret_arguments) {
    size_t count;
    int r = wine_split_command_line(win_command_line(), &count, ret_arguments);
    if (r == 0)
        *ret_count = (ULONG)count;
    return r;
}

void fsp_free_arguments(ULONG count, PWSTR *arguments) {
    for (ULONG i = 0; arguments && i < count; i++)
        free(arguments[i]);
    free(arguments);
}

/* "/x" is a folder of Linux's. */
char *fsp_directory_path(PCWSTR path) {
    char *name = *path == '/' ? NULL : win_unix_path(path);
    return name ? name : fsp_wide_to_utf8_new(path);
}

void fsp_note_mounted(const char *mount_point) {
    wine_drive_hide(mount_point);
}

void fsp_note_unmounted(const char *mount_point) {
    wine_drive_show(mount_point);
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

int fsp_watch_signals(void (*stop)(void *), void *argument) {
    return wine_watch(stop, argument);
}

void fsp_unwatch_signals(void) {
    wine_unwatch();
}

/* ---- logs ------------------------------------------------------------------------------------------------------ */

void fsp_write_handle(HANDLE handle, const char *text, size_t size) {
    if (handle && handle != INVALID_HANDLE_VALUE)
        win_write(handle, text, size);
    else
        win_debug_string(text);
}

/* A container's log is what its programs write to standard error. */
void fsp_write_system_log(ULONG type _unused_, const char *text) {
    fprintf(stderr, "%s\n", text);
}

bool fsp_is_interactive(void) {
    return isatty(STDERR_FILENO);
}

uint32_t fsp_own_uid(void) {
    return geteuid();
}

uint32_t fsp_own_gid(void) {
    return getegid();
}
