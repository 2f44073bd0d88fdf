/* SPDX-License-Identifier: MIT */
/* `linfsp reload`: the service reads its configuration again. */
#include <string.h>

#include "cli/cli.h"

static int run(const struct verb *verb, int argc, char **argv) {
    int done = verb_simple_options(verb, argc, argv, NULL);
    if (done >= 0)
        return done;
    static union wire_message answer;
    struct wire_plain request;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    wire_begin(&request, WIRE_RELOAD, 1);
    if (client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, NULL, NULL, &answer) < 0)
        return verb_fail(verb, "%s", answer.error.message);
    printf("the service has read its configuration again\n");
    return 0;
}

const struct verb verb_reload = {
    .name = "reload",
    .summary = "have the service read its configuration again",
    .help = "usage: linfsp reload\n\n"
            "The service reads /etc/linfsp.conf and /etc/linfsp.conf.d again, as it does on\n"
            "SIGHUP. No volume ends: rules decide what is asked for from then on. Where a\n"
            "line is wrong the service says which, and keeps the configuration it has.\n\n"
            "examples:\n"
            "  sudo linfsp doctor && sudo linfsp reload\n",
    .run = run,
};
