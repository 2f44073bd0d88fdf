/* SPDX-License-Identifier: MIT */
/*
 * mount-time: how long a file system takes from its program's start to the first successful stat of its root.
 *
 *     mount-time [--count=N] MOUNTPOINT PROGRAM [ARGUMENT...]
 *
 * Starts the program, looks at the mount point until it is on another device than its parent folder, ends the program
 * with SIGTERM, and waits until the mount is gone. Prints a line of JSON for each time.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

#define PATIENCE_NS 5000000000ull

extern char **environ;

static bool mounted(const char *path) {
    char parent[4096];
    struct stat own, above;
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    slash[slash == parent] = 0;
    return stat(path, &own) == 0 && stat(parent, &above) == 0 && own.st_dev != above.st_dev;
}

/* Until it is as wanted; returns when, or 0 when it takes too long. */
static uint64_t wait_for(const char *path, bool wanted) {
    uint64_t begin = clock_ns();
    while (mounted(path) != wanted) {
        if (clock_ns() - begin > PATIENCE_NS)
            return 0;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return clock_ns();
}

static int once(const char *path, char **command) {
    pid_t pid;
    uint64_t begin = clock_ns();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0); /* ours is for the figures */
    errno = posix_spawnp(&pid, command[0], &actions, NULL, command, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (errno)
        err(1, "%s", command[0]);
    uint64_t there = wait_for(path, true), ending = clock_ns();
    kill(pid, SIGTERM);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    uint64_t gone = wait_for(path, false);
    if (!there || !gone) {
        warnx("%s was not %s", path, there ? "unmounted" : "mounted");
        return 1;
    }
    printf("{\"mounted_us\": %.1f, \"gone_us\": %.1f}\n", (double)(there - begin) / 1000,
           (double)(gone - ending) / 1000);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv) {
    static const struct option known[] = {{"count", required_argument, NULL, 'c'}, {0}};
    long count = 1;
    for (int c; (c = getopt_long(argc, argv, "+", known, NULL)) != -1;) {
        if (c != 'c')
            return 2;
        count = strtol(optarg, NULL, 10);
    }
    if (optind + 2 > argc || argv[optind][0] != '/')
        errx(2, "usage: mount-time [--count=N] MOUNTPOINT PROGRAM [ARGUMENT...]");
    (void)prctl(PR_SET_TIMERSLACK, 1);
    for (; count > 0; count--)
        if (once(argv[optind], argv + optind + 1) != 0)
            return 1;
    return 0;
}
