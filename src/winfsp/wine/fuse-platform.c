/* SPDX-License-Identifier: MIT */
/*
 * The FUSE API's platform, in Wine.
 *
 * Threads that call a Windows program must be Wine's own: they need a thread environment block, and Wine's signals, by
 * which it suspends and ends threads. A program is told to end by Ctrl-C of its console, or by SIGTERM and SIGHUP,
 * which Wine itself answers by ending the process at once: so these are caught here, and a thread of Wine's passes them
 * on.
 */
#include "winfsp/fuse/platform.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

static int start_thread(void *context, void (*run)(void *argument), void *argument, void **ret_thread) {
    struct start *start = malloc(sizeof *start);
    (void)context;
    if (!start)
        return -ENOMEM;
    *start = (struct start){.run = run, .argument = argument};
    HANDLE thread = CreateThread(NULL, 0, run_thread, start, 0, NULL);
    if (!thread) {
        free(start);
        return -EAGAIN;
    }
    *ret_thread = thread;
    return 0;
}

static void join_thread(void *context, void *thread) {
    (void)context;
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

const struct linfsp_threads *fsp_platform_threads(void) {
    static const struct linfsp_threads threads = {
        .size = sizeof threads, .context = NULL, .start = start_thread, .join = join_thread};
    return &threads;
}

/* ---- mount points ---------------------------------------------------------------------------------------------- */

typedef char *CDECL unix_name_function(LPCWSTR name);

/* A directory as Windows calls it, C:\mnt, is one of Linux's. */
static char *unix_path(const char *text) {
    WCHAR wide[MAX_PATH * 8];
    unix_name_function *unix_name =
        (unix_name_function *)(void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "wine_get_unix_file_name");
    if (!unix_name || !MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, ARRAYSIZE(wide)))
        return strdup(text);
    char *name = unix_name(wide);
    char *copy = strdup(name ? name : text);
    if (name)
        HeapFree(GetProcessHeap(), 0, name);
    return copy;
}

char *fsp_platform_mount_point(const char *text) {
    if (strncmp(text, "\\\\.\\", 4) == 0)
        text += 4;
    size_t length = strlen(text);
    if (length <= 2 || text[0] == '/')
        return strdup(text);
    if (length == 3 && text[1] == ':' && (text[2] == '\\' || text[2] == '/'))
        return strndup(text, 2);
    return unix_path(text);
}

/* ---- being told to end ----------------------------------------------------------------------------------------- */

static void (*stop_function)(void *argument);
static _Atomic(void *) stop_argument; /* NULL: nobody watches */
static int told = -1; /* eventfd: a signal counts 1; NOBODY: nobody watches any more */
#define NOBODY ((eventfd_t)1 << 32)
static HANDLE watcher;
static struct sigaction before_term, before_hup;

static void signalled(int signal) {
    int saved = errno;
    (void)signal;
    eventfd_write(told, 1);
    errno = saved;
}

static void stop_once(void) {
    void *argument = atomic_load(&stop_argument);
    if (argument)
        stop_function(argument);
}

static DWORD WINAPI watch_thread(void *argument) {
    eventfd_t value;
    (void)argument;
    for (;;) {
        if (eventfd_read(told, &value) < 0) {
            if (errno == EINTR)
                continue;
            return 1;
        }
        if (value % NOBODY)
            stop_once();
        if (value >= NOBODY)
            return 0;
    }
}

static BOOL WINAPI console_told(DWORD event) {
    if (event == CTRL_LOGOFF_EVENT)
        return FALSE;
    stop_once();
    return TRUE;
}

bool fsp_platform_watch(void (*stop)(void *argument), void *argument) {
    struct sigaction action = {.sa_handler = signalled, .sa_flags = SA_RESTART | SA_ONSTACK};
    if (atomic_load(&stop_argument))
        return false;
    if (told < 0)
        told = eventfd(0, EFD_CLOEXEC);
    stop_function = stop;
    atomic_store(&stop_argument, argument);
    watcher = told < 0 ? NULL : CreateThread(NULL, 0, watch_thread, NULL, 0, NULL);
    sigemptyset(&action.sa_mask);
    if (watcher) {
        sigaction(SIGTERM, &action, &before_term);
        sigaction(SIGHUP, &action, &before_hup);
    }
    SetConsoleCtrlHandler(console_told, TRUE);
    return true;
}

void fsp_platform_unwatch(void) {
    SetConsoleCtrlHandler(console_told, FALSE);
    if (watcher) {
        sigaction(SIGTERM, &before_term, NULL);
        sigaction(SIGHUP, &before_hup, NULL);
        eventfd_write(told, NOBODY);
        WaitForSingleObject(watcher, INFINITE);
        CloseHandle(watcher);
        watcher = NULL;
    }
    atomic_store(&stop_argument, NULL);
}

/* A Windows program does not go to the background. */
int fsp_platform_background(void) {
    return 0;
}

void fsp_platform_background_ready(int status) {
    (void)status;
}
