/* SPDX-License-Identifier: MIT */
/* `linfsp events`: what happens, as it happens. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "util/plural.h"

static void print_text(const struct wire_event *event) {
    char time[64];
    format_time(event->time, time, sizeof time);
    printf("%s %s%s", time, event->kind, event->refused ? " refused" : "");
    if (event->silo[0])
        printf(" container %.12s%s%s", event->silo, event->name[0] ? " " : "", event->name);
    if (event->volume)
        printf(" volume %" PRIu64, event->volume);
    if (event->prefix[0])
        printf(" %s", event->prefix);
    if (event->mount_point[0])
        printf(" at %s", event->mount_point);
    if (event->pid)
        printf(" pid %" PRIu32, event->pid);
    printf("%s%s\n", event->text[0] ? ": " : "", event->text);
}

static void add_known(json_object *object, const char *key, uint64_t number, bool known) {
    json_object_object_add(object, key, known ? json_object_new_uint64(number) : NULL);
}

static void print_json(const struct wire_event *event) {
    json_object *object = json_object_new_object();
    json_add_time(object, "time", event->time);
    json_add_text(object, "event", event->kind);
    json_add_text(object, "result", event->refused ? "refused" : "done");
    json_add_text(object, "silo", event->silo);
    json_add_text(object, "engine", event->engine);
    json_add_text(object, "name", event->name);
    add_known(object, "volume", event->volume, event->volume != 0);
    json_add_text(object, "prefix", event->prefix);
    json_add_text(object, "mount_point", event->mount_point);
    add_known(object, "uid", event->uid, event->uid != UINT32_MAX);
    add_known(object, "pid", event->pid, event->pid != 0);
    json_add_text(object, "text", event->text);
    json_add_number(object, "lost", event->lost);
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

static int follow(const struct verb *verb, int socket, bool json) {
    static union wire_message message;
    int fds[WIRE_FDS_MAX], r;
    size_t n_fds;
    const char *why = "";
    while ((r = wire_receive(socket, &message, fds, &n_fds, &why)) > 0) {
        if (message.header.type == WIRE_ERROR)
            return verb_fail(verb, "%s", message.error.message);
        if (message.header.type != WIRE_EVENT)
            continue;
        if (message.event.lost && !json)
            printf("(%" PRIu32 " %s lost here: the output was not read in time)\n", message.event.lost,
                   plural(message.event.lost, "event was", "events were"));
        if (json)
            print_json(&message.event);
        else
            print_text(&message.event);
        if (fflush(stdout) != 0)
            return EXIT_FAILURE; /* nobody reads any more: main says so */
    }
    return r == 0 ? verb_fail(verb, "the service has ended") : verb_fail(verb, "%s", why[0] ? why : strerror(-r));
}

static int run(const struct verb *verb, int argc, char **argv) {
    bool json = false;
    int done = verb_simple_options(verb, argc, argv, &json);
    if (done >= 0)
        return done;
    struct wire_plain request;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    wire_begin(&request, WIRE_WATCH_EVENTS, 1);
    int r = wire_send(socket, &request, NULL, 0);
    if (r < 0)
        return verb_fail(verb, "cannot ask the service: %s", strerror(-r));
    return follow(verb, socket, json);
}

const struct verb verb_events = {
    .name = "events",
    .summary = "show what happens, as it happens",
    .help = "usage: linfsp events [--json]\n\n"
            "Prints a line for each event until it is interrupted: containers that get\n"
            "LinFsp or end (silo-ready, silo-failed, silo-ended), prefixes that are claimed\n"
            "(claim), volumes that are mounted and end (mount, end), wait for another server\n"
            "(held) and get one (taken-over), network volumes that a container opens for the\n"
            "first time (open), the configuration read again (reload), and linfspd-catcher\n"
            "started again (catcher). What was refused says so, and why. In a container: its\n"
            "own events. On the host: for root. --json prints an object a line.\n\n"
            "examples:\n"
            "  sudo linfsp events\n"
            "  sudo linfsp events --json | jq -c 'select(.result == \"refused\")'\n",
    .run = run,
};
