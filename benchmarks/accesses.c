/* SPDX-License-Identifier: MIT */
/*
 * accesses: goes to folders it has never been to, and again.
 *
 *     accesses PATH FIRST COUNT [STEP [MODULUS]]      /unc/server/share-: opens /unc/server/share-FIRST, then
 * share-FIRST+STEP and so on, modulo MODULUS
 *
 * Prints a line of JSON for each: what the first open took, and what a later one takes, in microseconds. It keeps all
 * of them open until its standard input ends.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/clock.h"

#define LATER_TURNS 20

/* O_PATH: the walk, without a request to the server of what is there. */
static int walk(const char *path) {
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        err(1, "%s", path);
    return fd;
}

static void access_one(const char *path) {
    uint64_t begin = clock_ns();
    (void)walk(path);
    uint64_t first = clock_ns();
    for (int i = 0; i < LATER_TURNS; i++)
        close(walk(path));
    printf("{\"first_us\": %.1f, \"later_us\": %.2f}\n", (double)(first - begin) / 1000,
           (double)(clock_ns() - first) / 1000 / LATER_TURNS);
}

int main(int argc, char **argv) {
    if (argc < 4)
        errx(2, "usage: accesses PATH FIRST COUNT [STEP [MODULUS]]");
    long first = strtol(argv[2], NULL, 10), count = strtol(argv[3], NULL, 10);
    long step = argc > 4 ? strtol(argv[4], NULL, 10) : 1, modulus = argc > 5 ? strtol(argv[5], NULL, 10) : 0;
    for (long i = 0; i < count; i++) {
        char path[512];
        long number = first + i * step;
        snprintf(path, sizeof path, "%s%ld/", argv[1], modulus > 0 ? number % modulus : number);
        access_one(path);
    }
    printf("{\"all\": true}\n");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    return 0;
}
