/* SPDX-License-Identifier: MIT */
/*
 * Going into the background. The caller goes on in a new process. The first process waits at a pipe: a byte says that
 * the volume is there; the pipe's end without one, that there will be none, and then the new process's exit status is
 * the first's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linfsp/linfsp.h"

static int ready = -1; /* the pipe's end to write to */

_Noreturn static void wait_for_volume(int pipe_end, pid_t child) {
    char byte;
    int status = 0;
    ssize_t size;
    do
        size = read(pipe_end, &byte, 1);
    while (size < 0 && errno == EINTR);
    if (size == 1)
        _exit(EXIT_SUCCESS);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int linfsp_background(void) {
    int ends[2];
    if (ready >= 0)
        return -EALREADY;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0) {
        int error = -errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    if (child > 0) {
        close(ends[1]);
        wait_for_volume(ends[0], child);
    }
    close(ends[0]);
    (void)setsid();
    ready = ends[1];
    return 0;
}

void linfsp_background_ready(bool keep_stderr) {
    if (ready < 0)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= (keep_stderr ? STDOUT_FILENO : STDERR_FILENO); fd++)
        (void)dup2(null, fd);
    if (null > STDERR_FILENO)
        close(null);
    if (chdir("/") < 0 || write(ready, "", 1) < 0) {
        /* the first process was killed: nobody waits */
    }
    close(ready);
    ready = -1;
}
