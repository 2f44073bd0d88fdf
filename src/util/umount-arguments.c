/* SPDX-License-Identifier: MIT */
#include "util/umount-arguments.h"

#include <getopt.h>
#include <stddef.h>

/* -c, -A, -R, -O and --fake do what the stand-in does not, so they are unknown here. */
#define SHORT_OPTIONS "nlfvrdiqaN:t:"

static const struct option long_options[] = {{"lazy", no_argument, NULL, 'l'},
                                             {"force", no_argument, NULL, 'f'},
                                             {"verbose", no_argument, NULL, 'v'},
                                             {"no-mtab", no_argument, NULL, 'n'},
                                             {"read-only", no_argument, NULL, 'r'},
                                             {"detach-loop", no_argument, NULL, 'd'},
                                             {"internal-only", no_argument, NULL, 'i'},
                                             {"quiet", no_argument, NULL, 'q'},
                                             {"namespace", required_argument, NULL, 'N'},
                                             {"types", required_argument, NULL, 't'},
                                             {"all", no_argument, NULL, 'a'},
                                             {0}};

struct umount_arguments umount_arguments_parse(int argc, char **argv) {
    struct umount_arguments arguments = {0};
    optind = 0; /* begin anew, whatever getopt has read before */
    for (int c; (c = getopt_long(argc, argv, SHORT_OPTIONS, long_options, NULL)) != -1;)
        switch (c) {
        case 'l':
        case 'f':
            arguments.lazy = true;
            break;
        case 'q':
            arguments.quiet = true;
            break;
        case 'a':
            arguments.all = true;
            break;
        case 't':
            arguments.types = optarg;
            break;
        case 'N':
            arguments.elsewhere = true;
            break;
        case '?':
            arguments.unknown = true;
            break;
        default: /* what changes nothing here */
            break;
        }
    arguments.mount_points = argv + optind;
    return arguments;
}
