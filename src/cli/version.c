/* SPDX-License-Identifier: MIT */
/* `linfsp version`: of the command, and of the service where one runs. */
#include "cli/cli.h"
#include "cli/format.h"

static int run(const struct verb *verb, int argc, char **argv) {
    bool json;
    int done = verb_simple_options(verb, argc, argv, &json);
    if (done >= 0)
        return done;
    _cleanup_close_ int socket = -1;
    static union wire_message status;
    bool running = client_open_quietly(&socket) == 0 && client_status(socket, &status) == 0;
    if (json) {
        json_object *object = json_object_new_object();
        json_add_text(object, "version", LINFSP_VERSION);
        json_add_text(object, "service_version", running ? status.status.version : NULL);
        json_add_number(object, "protocol", WIRE_VERSION);
        json_print(object);
        return 0;
    }
    printf("linfsp %s\n", LINFSP_VERSION);
    if (running)
        printf("linfspd %s\n", status.status.version);
    return 0;
}

const struct verb verb_version = {
    .name = "version",
    .summary = "print the versions of the command and of the service that runs",
    .help = "usage: linfsp version [--json]\n\n"
            "examples:\n"
            "  linfsp version\n"
            "  linfsp version --json\n",
    .run = run,
};
