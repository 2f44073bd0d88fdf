/* SPDX-License-Identifier: MIT */
/* The main function of a file system that needs no other: options, signals, the background, the volume's life. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linfsp/linfsp.h"

#define EXIT_USAGE 2

static linfsp_volume *serving; /* for signals */

static void on_signal(int signal) {
    linfsp_volume_stop(serving);
}

static void catch_signals(void) {
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void trace_to_stderr(void *context, const char *line) {
    fprintf(stderr, "%s\n", line);
}

static void show_usage(FILE *to, const char *program) {
    fprintf(to,
            "Usage: %s [-b] [-d] [-r] [-m MOUNT-POINT] [-u PREFIX]\n"
            "  -m MOUNT-POINT  Z: (/mnt/z), * (the first free letter), or a directory\n"
            "  -u PREFIX       a network volume: //server/share\n"
            "  -b              go into the background once mounted\n"
            "  -d              a line on standard error for each request and each answer\n"
            "  -r              read-only\n"
            "  -h              this text\n"
            "Without -m and -u it takes the first free letter.\n",
            program);
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct linfsp_volume_options *options, bool *ret_background) {
    optind = 1;
    for (int option; (option = getopt(argc, argv, "bdhm:ru:")) != -1;) {
        switch (option) {
        case 'b':
            *ret_background = true;
            break;
        case 'd':
            options->trace = trace_to_stderr;
            break;
        case 'm':
            options->mount_point = optarg;
            break;
        case 'r':
            options->flags |= LINFSP_VOLUME_READ_ONLY;
            break;
        case 'u':
            options->prefix = optarg;
            break;
        case 'h':
            show_usage(stdout, argv[0]);
            return EXIT_SUCCESS;
        default:
            show_usage(stderr, argv[0]);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: \"%s\": no arguments are taken but options\n", argv[0], argv[optind]);
        show_usage(stderr, argv[0]);
        return EXIT_USAGE;
    }
    if (!options->mount_point && !options->prefix)
        options->mount_point = "*";
    return -1;
}

int linfsp_main(int argc, char **argv, const struct linfsp_volume_options *defaults,
                const struct linfsp_operations *operations, void *context) {
    struct linfsp_volume_options options = {.size = sizeof options};
    struct linfsp_error error = {.message = ""};
    bool background = false;
    memcpy(&options, defaults, defaults->size < sizeof options ? defaults->size : sizeof options);
    options.size = sizeof options;
    int r = parse(argc, argv, &options, &background);
    if (r >= 0)
        return r;
    if (background && (r = linfsp_background()) < 0) {
        fprintf(stderr, "%s: -b: %s\n", argv[0], strerror(-r));
        return EXIT_FAILURE;
    }
    r = linfsp_volume_create(&options, operations, context, &serving, &error);
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], error.message);
        return EXIT_FAILURE;
    }
    catch_signals();
    const char *mount_point = linfsp_volume_mount_point(serving);
    printf("%s\n", mount_point ? mount_point : linfsp_volume_unc_path(serving));
    fflush(stdout);
    linfsp_background_ready(options.trace != NULL);
    r = linfsp_volume_run(serving);
    const char *why = linfsp_volume_end_reason(serving);
    if (r < 0)
        fprintf(stderr, "%s: the volume ended: %s\n", argv[0], why ? why : strerror(-r));
    linfsp_volume *ended = serving;
    serving = NULL;
    linfsp_volume_destroy(ended);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
