/* SPDX-License-Identifier: MIT */
#include "fusermount/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fusermount/report.h"
#include "util/umount-arguments.h"

/* That of the libfuse whose helper this one is measured by; programs look for a number here. */
#define SPOKEN_VERSION "3.14.0"

static void show_help(void) {
    printf("%s: [options] mountpoint\n"
           "Options:\n"
           " -h\t\t    print help\n"
           " -V\t\t    print version\n"
           " -o opt[,opt...]    mount options\n"
           " -u\t\t    unmount\n"
           " -q\t\t    quiet\n"
           " -z\t\t    lazy unmount\n",
           report_name);
}

static void show_version(void) {
    printf("fusermount3 version: %s (LinFsp %s)\n", SPOKEN_VERSION, LINFSP_VERSION);
}

/* Exits where the arguments end the run by themselves. */
static void parse_options(int argc, char **argv, struct call *call) {
    static const struct option options[] = {
        {"unmount", no_argument, NULL, 'u'},      {"lazy", no_argument, NULL, 'z'},
        {"quiet", no_argument, NULL, 'q'},        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {"options", required_argument, NULL, 'o'},
        {"auto-unmount", no_argument, NULL, 'U'}, {"comm-fd", required_argument, NULL, 'c'},
        {"sync-init", no_argument, NULL, 's'},    {0}};
    for (int c; (c = getopt_long(argc, argv, "hVo:uzqE", options, NULL)) != -1;)
        switch (c) {
        case 'h':
            show_help();
            exit(EXIT_FAILURE); /* so does libfuse's */
        case 'V':
            show_version();
            exit(EXIT_SUCCESS);
        case 'o':
            call->options = optarg;
            break;
        case 'u':
            call->unmount = true;
            break;
        case 'z':
            call->lazy = true;
            break;
        case 'q':
            call->quiet = true;
            break;
        case 'E':
            call->for_caller = true;
            break;
        case 'U':
            call->unmount = call->wait_only = true;
            break;
        case 'c':
            call->comm = optarg;
            break;
        default: /* -s, too: libfuse 3.18 and later ask for it first, and then go back to the usual protocol */
            exit(EXIT_FAILURE);
        }
}

/* umount(8) runs /sbin/umount.fuse MOUNT-POINT [-nlfvr] [-t TYPE], with the mount point as the mount table has it.
 * Under the name umount we are run in the place of umount(8) itself. */
static bool is_umount_helper(const char *name) {
    const char *base = strrchr(name, '/');
    base = base ? base + 1 : name;
    return strncmp(base, "umount.", 7) == 0 || strcmp(base, "umount") == 0;
}

static void parse_umount_options(int argc, char **argv, struct call *call) {
    const struct umount_arguments umount = umount_arguments_parse(argc, argv);
    if (umount.elsewhere)
        report("unmounting in another namespace is not supported");
    if (umount.unknown || umount.elsewhere)
        exit(EXIT_FAILURE);
    call->unmount = true;
    call->all = umount.all;
    call->lazy = umount.lazy;
    call->quiet = umount.quiet;
    call->types = umount.types;
    call->mount_points = umount.mount_points;
}

bool arguments_parse(int argc, char **argv, struct call *ret_call) {
    struct call call = {.options = ""};
    (argc > 0 && is_umount_helper(argv[0]) ? parse_umount_options : parse_options)(argc, argv, &call);
    if (call.lazy && !call.unmount)
        report("-z can only be used with -u");
    else if (optind >= argc && !call.all)
        report("missing mountpoint argument");
    else if (argc > optind + 1 && !call.mount_points)
        report("extra arguments after the mountpoint");
    else {
        call.mount_point = argv[optind];
        *ret_call = call;
        return true;
    }
    return false;
}
