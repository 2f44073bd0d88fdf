/* SPDX-License-Identifier: MIT */
#include "winfsp/fuse/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"

const struct linfsp_threads *fsp_platform_threads(void) {
    return NULL;
}

/* "\\.\Z:" is Z: for all users of a Windows machine: so is every letter here. */
char *fsp_platform_mount_point(const char *text) {
    return strdup(strncmp(text, "\\\\.\\", 4) == 0 ? text + 4 : text);
}

void fsp_platform_mounted(const char *mount_point _unused_) {
}

void fsp_platform_unmounted(const char *mount_point _unused_) {
}

/* ---- being told to end ----------------------------------------------------------------------------------------- */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction before[ARRAY_SIZE(signals)];
static void (*stop_function)(void *argument);
static _Atomic(void *) stop_argument; /* NULL: nobody watches */

static void told(int signal _unused_) {
    int saved = errno;
    void *argument = atomic_load(&stop_argument);
    if (argument)
        stop_function(argument);
    errno = saved;
}

bool fsp_platform_watch(void (*stop)(void *argument), void *argument) {
    struct sigaction action = {.sa_handler = told, .sa_flags = SA_RESTART};
    if (atomic_load(&stop_argument))
        return false;
    stop_function = stop;
    atomic_store(&stop_argument, argument);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &action, &before[i]);
    return true;
}

void fsp_platform_unwatch(void) {
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &before[i], NULL);
    atomic_store(&stop_argument, NULL);
}

/* ---- the background -------------------------------------------------------------------------------------------- */

static int ready = -1; /* the pipe to the process that waits */

int fsp_platform_background(void) {
    int ends[2];
    unsigned char status = 1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    if (child > 0) {
        close(ends[1]);
        if (read(ends[0], &status, 1) != 1)
            status = 1;
        _exit(status);
    }
    close(ends[0]);
    ready = ends[1];
    setsid();
    return 0;
}

void fsp_platform_background_ready(int status) {
    unsigned char byte = (unsigned char)status;
    if (ready < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && status == 0 && fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (status == 0 && chdir("/") < 0)
        byte = 1;
    while (write(ready, &byte, 1) < 0 && errno == EINTR)
        ;
    close_fd(&ready);
}
