/* SPDX-License-Identifier: MIT */
/*
 * first: a container's entry point that does nothing before it asks for the devices. Prints, as a line of JSON, how
 * long after its first instruction they were there, 0 when they were at once.
 *
 *     first [--once] [--stay] [DEVICE]     --once: does not wait for them; --stay: then sleeps until it is killed
 *     first --exec-cost COUNT              how long execve of this program takes, from the call to its first
 * instruction
 *
 * Between two looks it sleeps 20 us, so as not to take the CPU from whoever sets the devices up: a time is too long by
 * up to 0.1 ms.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

#define DEVICE "/dev/linfsp/disk"
#define PATIENCE_NS 5000000000ull

/* The child takes the time itself: forking is not to count. */
static int measure_exec(char *self, const char *count) {
    for (long i = strtol(count, NULL, 10); i > 0; i--) {
        pid_t pid = fork();
        if (pid == 0) {
            char text[32];
            snprintf(text, sizeof text, "%llu", (unsigned long long)clock_ns());
            execl(self, self, "--started", text, NULL);
            _exit(127);
        }
        if (pid < 0 || waitpid(pid, NULL, 0) < 0)
            return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    uint64_t begin = clock_ns();
    if (argc == 3 && strcmp(argv[1], "--started") == 0)
        return printf("%llu\n", (unsigned long long)(begin - strtoull(argv[2], NULL, 10))) < 0;
    if (argc == 3 && strcmp(argv[1], "--exec-cost") == 0)
        return measure_exec(argv[0], argv[2]);
    bool once = false, stay = false;
    const char *device = DEVICE;
    for (int i = 1; i < argc; i++) {
        once |= strcmp(argv[i], "--once") == 0;
        stay |= strcmp(argv[i], "--stay") == 0;
        if (argv[i][0] == '/')
            device = argv[i];
    }
    unsigned looks = 1;
    bool there = access(device, F_OK) == 0;
    if (!there)
        (void)prctl(PR_SET_TIMERSLACK, 1);
    for (; !there && !once && clock_ns() - begin < PATIENCE_NS; looks++) {
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 20000}, NULL);
        there = access(device, F_OK) == 0;
    }
    printf("{\"there\": %s, \"looks\": %u, \"after_us\": %.1f}\n", there ? "true" : "false", looks,
           looks == 1 ? 0 : (double)(clock_ns() - begin) / 1000);
    fflush(stdout);
    for (;;) {
        if (!stay)
            return 0;
        pause();
    }
}
