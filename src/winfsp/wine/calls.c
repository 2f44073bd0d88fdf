/* SPDX-License-Identifier: MIT */
#include "winfsp/wine/calls.h"

#include <stdlib.h>
#include <string.h>

#include <windows.h>

/* ---- threads --------------------------------------------------------------------------------------------------- */

struct start {
    void (*run)(void *argument);
    void *argument;
};

static DWORD WINAPI run_thread(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    start.run(start.argument);
    return 0;
}

void *win_thread_start(void (*run)(void *argument), void *argument) {
    struct start *start = malloc(sizeof *start);
    if (!start)
        return NULL;
    *start = (struct start){.run = run, .argument = argument};
    HANDLE thread = CreateThread(NULL, 0, run_thread, start, 0, NULL);
    if (!thread)
        free(start);
    return thread;
}

void win_thread_join(void *thread) {
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

/* ---- the console ----------------------------------------------------------------------------------------------- */

static void (*console_told)(void);

static BOOL WINAPI on_console(DWORD event) {
    if (event == CTRL_LOGOFF_EVENT || !console_told)
        return FALSE;
    console_told();
    return TRUE;
}

void win_console_watch(void (*told)(void)) {
    console_told = told;
    SetConsoleCtrlHandler(on_console, TRUE);
}

void win_console_unwatch(void) {
    SetConsoleCtrlHandler(on_console, FALSE);
    console_told = NULL;
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

const uint16_t *win_command_line(void) {
    return (const uint16_t *)GetCommandLineW();
}

void win_write(void *handle, const char *text, size_t size) {
    while (size > 0) {
        DWORD n = 0;
        if (!WriteFile(handle, text, size > 65536 ? 65536 : (DWORD)size, &n, NULL) || n == 0)
            return;
        text += n;
        size -= n;
    }
}

void win_debug_string(const char *text) {
    OutputDebugStringA(text);
}

typedef char *CDECL unix_name_function(LPCWSTR name);

char *win_unix_path(const uint16_t *path) {
    unix_name_function *unix_name =
        (unix_name_function *)(void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "wine_get_unix_file_name");
    char *name = unix_name ? unix_name((LPCWSTR)path) : NULL;
    if (!name)
        return NULL;
    char *copy = strdup(name);
    HeapFree(GetProcessHeap(), 0, name);
    return copy;
}
