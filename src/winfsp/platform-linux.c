/* SPDX-License-Identifier: MIT */
/* The platform of Linux programs: threads are pthreads, handles of logs are FILE descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/platform.h"
#include "winfsp/text.h"

/* ---- threads --------------------------------------------------------------------------------------------------- */

struct fsp_thread {
    pthread_t thread;
    void (*run)(void *);
    void *argument;
};

static void *run_thread(void *argument) {
    struct fsp_thread *thread = argument;
    thread->run(thread->argument);
    return NULL;
}

int fsp_thread_start(void (*run)(void *), void *argument, struct fsp_thread **ret_thread) {
    struct fsp_thread *thread = malloc(sizeof *thread);
    if (!thread)
        return -ENOMEM;
    *thread = (struct fsp_thread){.run = run, .argument = argument};
    *ret_thread = thread; /* before it runs: it may look */
    int r = pthread_create(&thread->thread, NULL, run_thread, thread);
    if (r == 0)
        return 0;
    *ret_thread = NULL;
    free(thread);
    return -r;
}

void fsp_thread_join(struct fsp_thread *thread) {
    if (!thread)
        return;
    pthread_join(thread->thread, NULL);
    free(thread);
}

const struct linfsp_threads *fsp_serving_threads(void) {
    return NULL;
}

/* Windows spells folders with backslashes; a path that has slashes is one of Linux's. */
char *fsp_directory_path(PCWSTR path) {
    char *text = fsp_wide_to_utf8_new(path);
    for (char *at = text; at && *at && !strchr(text, '/'); at++)
        if (*at == '\\')
            *at = '/';
    return text;
}

void fsp_note_mounted(const char *mount_point _unused_) {
}

void fsp_note_unmounted(const char *mount_point _unused_) {
}

/* ---- arguments ------------------------------------------------------------------------------------------------- */

static int read_command_line(char **ret_line, size_t *ret_size) {
    _cleanup_close_ int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    size_t size = 0, capacity = 4096;
    _cleanup_free_ char *line = malloc(capacity);
    if (fd < 0)
        return -errno;
    while (line) {
        ssize_t n = read(fd, line + size, capacity - size);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        size += (size_t)n;
        if (size == capacity) {
            char *grown = realloc(line, capacity *= 2);
            if (!grown)
                return -ENOMEM;
            line = grown;
        }
    }
    if (!line)
        return -ENOMEM;
    *ret_line = steal_pointer(line);
    *ret_size = size;
    return 0;
}

void fsp_free_arguments(ULONG count, PWSTR *arguments) {
    for (ULONG i = 0; arguments && i < count; i++)
        free(arguments[i]);
    free(arguments);
}

int fsp_program_arguments(ULONG *ret_count, PWSTR **ret_arguments) {
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    ULONG count = 0, filled = 0;
    int r = read_command_line(&line, &size);
    if (r < 0)
        return r;
    for (size_t i = 0; i < size; i++)
        count += line[i] == 0;
    PWSTR *arguments = calloc(count + 1u, sizeof *arguments);
    for (size_t at = 0; arguments && filled < count; at += strlen(line + at) + 1) {
        arguments[filled] = fsp_utf8_to_wide_new(line + at);
        if (!arguments[filled])
            break;
        filled++;
    }
    if (!arguments || filled < count) {
        fsp_free_arguments(filled, arguments);
        return -ENOMEM;
    }
    *ret_count = count;
    *ret_arguments = arguments;
    return 0;
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[ARRAY_SIZE(ending)];
static int signal_event = -1;
static atomic_bool unwatched;
static struct fsp_thread *watcher;
static void (*stop_function)(void *);
static void *stop_argument;

static void note_signal(int number _unused_) {
    int saved = errno;
    eventfd_write(signal_event, 1);
    errno = saved;
}

static void watch(void *argument _unused_) {
    eventfd_t value;
    while (eventfd_read(signal_event, &value) == 0 && !atomic_load(&unwatched))
        stop_function(stop_argument);
}

int fsp_watch_signals(void (*stop)(void *), void *argument) {
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    signal_event = eventfd(0, EFD_CLOEXEC);
    if (signal_event < 0)
        return -errno;
    stop_function = stop;
    stop_argument = argument;
    atomic_store(&unwatched, false);
    int r = fsp_thread_start(watch, NULL, &watcher);
    if (r < 0) {
        close_fd(&signal_event);
        return r;
    }
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++) {
        sigaction(ending[i], NULL, &before[i]);
        if (ending[i] != SIGHUP || before[i].sa_handler != SIG_IGN) /* nohup */
            sigaction(ending[i], &action, NULL);
    }
    return 0;
}

void fsp_unwatch_signals(void) {
    for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
        sigaction(ending[i], &before[i], NULL);
    atomic_store(&unwatched, true);
    eventfd_write(signal_event, 1);
    fsp_thread_join(watcher);
    watcher = NULL;
    close_fd(&signal_event);
}

/* ---- logs ------------------------------------------------------------------------------------------------------ */

/* A handle is a file descriptor, plus 1: NULL is none. */
void fsp_write_handle(HANDLE handle, const char *text, size_t size) {
    int fd = handle == INVALID_HANDLE_VALUE || !handle ? STDERR_FILENO : (int)(intptr_t)handle - 1;
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        size -= (size_t)n;
    }
}

/* A container's log is what its programs write to standard error. */
void fsp_write_system_log(ULONG type _unused_, const char *text) {
    char line[4096];
    int size = snprintf(line, sizeof line, "%s\n", text);
    if (size >= (int)sizeof line) {
        size = sizeof line - 1;
        line[size - 1] = '\n';
    }
    fsp_write_handle(NULL, line, (size_t)size);
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
