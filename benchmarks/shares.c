/* SPDX-License-Identifier: MIT */
/*
 * shares: one process that serves many network volumes.
 *
 *     shares PREFIX COUNT     \server\share-: serves \server\share-0 and so on
 *
 * Each volume knows nothing but its root folder. When all are there it prints a line of JSON, and serves until its
 * standard input ends. Then it ends all of them, one after the other, and says how long that took.
 */
#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "empty-volume.h"
#include "util/clock.h"

#define STACK_SIZE (128 * 1024)

struct share {
    linfsp_volume *volume;
    pthread_t thread;
};

static void start(struct share *share, const char *prefix, long number, const pthread_attr_t *attributes) {
    char name[256];
    struct linfsp_volume_options options = {
        .size = sizeof options, .file_system_name = "bench", .threads = 1, .prefix = name};
    struct linfsp_error error;
    snprintf(name, sizeof name, "%s%ld", prefix, number);
    if (linfsp_volume_create(&options, &empty_operations, NULL, &share->volume, &error) < 0)
        errx(1, "%s: %s", name, error.message);
    if (pthread_create(&share->thread, attributes, empty_serve, share->volume) != 0)
        errx(1, "cannot make a thread");
}

static void end(struct share *share) {
    linfsp_volume_stop(share->volume);
    pthread_join(share->thread, NULL);
    linfsp_volume_destroy(share->volume);
}

int main(int argc, char **argv) {
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    struct share *shares = count > 0 ? calloc((size_t)count, sizeof *shares) : NULL;
    struct rlimit limit;
    pthread_attr_t attributes;
    if (!shares)
        errx(2, "usage: shares PREFIX COUNT");
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, STACK_SIZE) != 0)
        errx(1, "cannot set the size of stacks");
    uint64_t begin = clock_ns();
    for (long i = 0; i < count; i++)
        start(&shares[i], argv[1], i, &attributes);
    printf("{\"shares\": %ld, \"create_us_each\": %.1f}\n", count, (double)(clock_ns() - begin) / 1000 / (double)count);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    begin = clock_ns();
    for (long i = 0; i < count; i++)
        end(&shares[i]);
    printf("{\"destroy_us_each\": %.1f}\n", (double)(clock_ns() - begin) / 1000 / (double)count);
    free(shares);
    return 0;
}
