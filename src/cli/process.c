/* SPDX-License-Identifier: MIT */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

int program_find(const char *name, char *ret_path, size_t size) {
    const char *variable = getenv("PATH");
    char path[4096];
    snprintf(path, sizeof path, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
             variable ? variable : "");
    for (char *rest = path, *directory; (directory = strsep(&rest, ":"));) {
        char candidate[4096];
        if (directory[0] != '/' ||
            (size_t)snprintf(candidate, sizeof candidate, "%s/%s", directory, name) >= sizeof candidate ||
            strlen(candidate) >= size)
            continue;
        if (access(candidate, X_OK) == 0) {
            strcpy(ret_path, candidate);
            return 0;
        }
    }
    return -ENOENT;
}

static int exit_status(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int wait_for(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return exit_status(status);
}

int program_run(char *const argv[]) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        execv(argv[0], argv);
        _exit(127);
    }
    return wait_for(pid);
}

/* Reads until the end or the deadline. Returns 0 or -ETIMEDOUT. */
static int collect(int fd, int64_t end, char *ret_text, size_t size) {
    size_t used = 0;
    int result = 0;
    for (;;) {
        int64_t left = end - clock_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
        if (ready == 0)
            result = -ETIMEDOUT;
        if (ready == 0 || (ready < 0 && errno != EINTR))
            break;
        char spill[512]; /* what is too much is read all the same, so that the program can end */
        size_t room = size - 1 - used;
        ssize_t got = room ? read(fd, ret_text + used, room) : read(fd, spill, sizeof spill);
        if (got == 0)
            break;
        if (got > 0 && room)
            used += (size_t)got;
    }
    ret_text[used] = '\0';
    return result;
}

int program_ask(char *const argv[], int timeout_ms, char *ret_text, size_t size) {
    int ends[2];
    fflush(NULL);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ int read_end = ends[0];
    _cleanup_close_ int write_end = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        setpgid(0, 0);
        if (dup2(null, 0) < 0 || dup2(write_end, 1) < 0 || dup2(write_end, 2) < 0)
            _exit(127);
        execv(argv[0], argv);
        _exit(127);
    }
    setpgid(pid, pid); /* in both, so that it is so whoever is first */
    close_fd(&write_end);
    int result = collect(read_end, clock_ms() + timeout_ms, ret_text, size);
    if (result < 0)
        kill(-pid, SIGKILL);
    int status = wait_for(pid);
    return result < 0 ? result : status;
}

int systemd_has_unit(const char *unit) {
    static const char *const places[] = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                         "/usr/lib/systemd/system", "/lib/systemd/system"};
    if (access("/run/systemd/system", F_OK) < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", places[i], unit);
        if (access(path, F_OK) == 0)
            return 1;
    }
    return 0;
}
