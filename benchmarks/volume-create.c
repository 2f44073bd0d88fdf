/* SPDX-License-Identifier: MIT */
/*
 * volume-create: what mount-peer does, as an ordinary program does it: by the service, with liblinfsp.
 *
 *     volume-create [--count=N] [--prefix='\server\share'] [--hold] [--unseen] [MOUNTPOINT]
 *     volume-create --serve MOUNTPOINT
 *
 * Creates a volume that knows nothing but its root folder, asks for that, destroys it; a line of JSON each time. With
 * --hold it waits for a line on standard input before it destroys. With --unseen it does not ask. With --serve it
 * serves until it is killed, with as many threads as the library thinks right: a server with nothing behind it.
 */
#include <err.h>
#include <getopt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "empty-volume.h"
#include "util/clock.h"

static void once(const struct linfsp_volume_options *options, bool hold, bool unseen) {
    linfsp_volume *volume;
    struct linfsp_error error;
    pthread_t thread;
    struct stat attributes;
    uint64_t begin = clock_ns();
    if (linfsp_volume_create(options, &empty_operations, NULL, &volume, &error) < 0)
        errx(1, "%s", error.message);
    uint64_t created = clock_ns();
    if (pthread_create(&thread, NULL, empty_serve, volume) != 0)
        errx(1, "cannot make a thread");
    const char *path = linfsp_volume_mount_point(volume);
    if (!path)
        path = linfsp_volume_unc_path(volume);
    if (!unseen && stat(path, &attributes) < 0)
        err(1, "%s", path);
    uint64_t seen = clock_ns();
    printf("{\"create_us\": %.1f, \"first_stat_us\": %.1f, ", (double)(created - begin) / 1000,
           (double)(seen - begin) / 1000);
    if (hold) { /* the object goes on in the next line */
        putchar('\n');
        fflush(stdout);
        (void)getchar();
    }
    uint64_t ending = clock_ns();
    linfsp_volume_stop(volume);
    pthread_join(thread, NULL);
    linfsp_volume_destroy(volume);
    printf("\"destroy_us\": %.1f}\n", (double)(clock_ns() - ending) / 1000);
    fflush(stdout);
}

static void serve_on(struct linfsp_volume_options *options) {
    linfsp_volume *volume;
    struct linfsp_error error;
    options->threads = 0;
    if (linfsp_volume_create(options, &empty_operations, NULL, &volume, &error) < 0)
        errx(1, "%s", error.message);
    exit(linfsp_volume_run(volume) < 0);
}

int main(int argc, char **argv) {
    static const struct option known[] = {
        {"count", required_argument, NULL, 'c'}, {"prefix", required_argument, NULL, 'p'},
        {"hold", no_argument, NULL, 'h'},        {"serve", no_argument, NULL, 's'},
        {"unseen", no_argument, NULL, 'u'},      {0}};
    struct linfsp_volume_options options = {.size = sizeof options, .file_system_name = "bench", .threads = 1};
    long count = 1;
    bool hold = false, serves = false, unseen = false;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c == 'c')
            count = strtol(optarg, NULL, 10);
        else if (c == 'p')
            options.prefix = optarg;
        else if (c == 'h')
            hold = true;
        else if (c == 's')
            serves = true;
        else if (c == 'u')
            unseen = true;
        else
            return 2;
    }
    options.mount_point = optind < argc ? argv[optind] : NULL;
    if (!options.mount_point && !options.prefix)
        errx(2, "usage: volume-create [--count=N] [--prefix=PREFIX] [--hold] [--unseen] [MOUNTPOINT]");
    if (serves)
        serve_on(&options);
    for (; count > 0; count--)
        once(&options, hold, unseen);
    return 0;
}
