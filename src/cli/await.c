/* SPDX-License-Identifier: MIT */
/*
 * `linfsp await`: waits until the service's devices are here, then becomes a command. `linfsp run` uses it; so may an
 * image's entry point that must not start before. A service that does not come is not an error: the command then says
 * what it lacks.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "util/clock.h"
#include "util/paths.h"

#define DEFAULT_TIMEOUT_MS 1000

static void await_devices(long timeout_ms) {
    int64_t end = clock_ms() + timeout_ms;
    while (access(LINFSP_DEVICE_DIR "/disk", F_OK) < 0 && clock_ms() < end)
        poll(NULL, 0, 1);
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"timeout", required_argument, NULL, 't'}, {0}};
    long timeout_ms = DEFAULT_TIMEOUT_MS;
    for (int c; (c = getopt_long(argc, argv, "+ht:", options, NULL)) != -1;) {
        char *end;
        if (c == 'h')
            return verb_show_help(verb);
        if (c != 't')
            return verb_usage(verb);
        errno = 0;
        timeout_ms = strtol(optarg, &end, 10);
        if (errno || *end || end == optarg || timeout_ms < 0 || timeout_ms > 3600000)
            return verb_fail(verb, "--timeout '%s': it takes milliseconds, 0 to 3600000", optarg), EXIT_USAGE;
    }
    await_devices(timeout_ms);
    if (optind == argc)
        return access(LINFSP_DEVICE_DIR "/disk", F_OK) == 0 ? 0 : EXIT_NOT_RUNNING;
    execvp(argv[optind], argv + optind);
    int error = errno;
    fprintf(stderr, "linfsp: cannot run '%s': %s\n", argv[optind], strerror(error));
    return error == ENOENT ? 127 : 126;
}

const struct verb verb_await = {
    .name = "await",
    .help = "usage: linfsp await [--timeout MILLISECONDS] [--] [COMMAND [ARGUMENT...]]\n\n"
            "In a container: waits until /dev/linfsp is there, at most a second, and runs\n"
            "COMMAND in any case. Without COMMAND the exit status says whether it is there:\n"
            "0 or 3.\n\n"
            "examples:\n"
            "  linfsp await -- memfs -m Z:\n"
            "  linfsp await --timeout 5000\n",
    .run = run,
};
