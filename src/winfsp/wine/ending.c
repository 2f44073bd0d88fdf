/* SPDX-License-Identifier: MIT */
/*
 * Threads of Wine's, and how a program is told to end.
 *
 * Threads that call a Windows program must be Wine's own: they need a thread environment block, and Wine's signals, by
 * which it suspends and ends threads. A program is told to end by Ctrl-C of its console, or by SIGTERM and SIGHUP,
 * which Wine itself answers by ending the process at once: so these are caught here, and a thread of Wine's passes them
 * on.
 */
#include "winfsp/wine/ending.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/wine/calls.h"

/* ---- threads --------------------------------------------------------------------------------------------------- */

static int start_thread(void *context _unused_, void (*run)(void *argument), void *argument, void **ret_thread) {
    void *thread = win_thread_start(run, argument);
    if (!thread)
        return -EAGAIN;
    *ret_thread = thread;
    return 0;
}

static void join_thread(void *context _unused_, void *thread) {
    win_thread_join(thread);
}

const struct linfsp_threads *wine_threads(void) {
    static const struct linfsp_threads threads = {.size = sizeof threads, .start = start_thread, .join = join_thread};
    return &threads;
}

/* ---- being told to end ----------------------------------------------------------------------------------------- */

#define NOBODY ((eventfd_t)1 << 32) /* what ends the watching thread; what tells it counts 1 */

static const int ending[] = {SIGTERM, SIGHUP};
static struct sigaction before[ARRAY_SIZE(ending)];
static void (*stop_function)(void *argument);
static void *stop_argument;
static atomic_bool watching;
static int told = -1; /* eventfd; stays, as a signal's handler may look at it at any time */
static void *watcher;

static void tell(void) {
    eventfd_write(told, 1);
}

static void signalled(int signal _unused_) {
    int saved = errno;
    tell();
    errno = saved;
}

static void watch(void *argument _unused_) {
    eventfd_t value;
    for (;;) {
        if (eventfd_read(told, &value) < 0) {
            if (errno == EINTR)
                continue;
            return;
        }
        if (value >= NOBODY)
            return;
        stop_function(stop_argument);
    }
}

int wine_watch(void (*stop)(void *argument), void *argument) {
    struct sigaction action = {.sa_handler = signalled, .sa_flags = SA_RESTART | SA_ONSTACK};
    if (atomic_exchange(&watching, true))
        return -EBUSY;
    if (told < 0)
        told = eventfd(0, EFD_CLOEXEC);
    stop_function = stop;
    stop_argument = argument;
    watcher = told < 0 ? NULL : win_thread_start(watch, NULL);
    if (!watcher) {
        atomic_store(&watching, false);
        return -EAGAIN;
    }
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        sigaction(ending[i], &action, &before[i]);
    win_console_watch(tell);
    return 0;
}

void wine_unwatch(void) {
    if (!atomic_load(&watching))
        return;
    win_console_unwatch();
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        sigaction(ending[i], &before[i], NULL);
    eventfd_write(told, NOBODY);
    win_thread_join(watcher);
    watcher = NULL;
    atomic_store(&watching, false);
}
