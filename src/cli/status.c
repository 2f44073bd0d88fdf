/* SPDX-License-Identifier: MIT */
/* `linfsp status`: whether the service runs, and how it is. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "util/plural.h"
#include "wire/connect.h"

#define JSON_FORMAT 1 /* of all verbs: linfsp(1), "JSON" */

/* Where the service's messages go; "" where that is not to be found out. */
static void find_log(uint32_t pid, char *ret_text, size_t size) {
    char path[64], target[4096];
    snprintf(path, sizeof path, "/proc/%" PRIu32 "/fd/2", pid);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    if (strncmp(target, "socket:", 7) == 0)
        snprintf(ret_text, size, "journalctl -u linfspd");
    else
        snprintf(ret_text, size, "%s", target[0] == '/' && strncmp(target, "/dev/", 5) != 0 ? target : "");
}

/* A container is not told it, and zero would be a lie. */
static void add_of_host(json_object *object, const char *key, const struct wire_status *status, uint64_t number) {
    json_object_object_add(object, key, status->pid ? json_object_new_uint64(number) : NULL);
}

static void print_json(const struct wire_status *status) {
    json_object *object = json_object_new_object();
    json_add_number(object, "format", JSON_FORMAT);
    json_object_object_add(object, "running", json_object_new_boolean(status != NULL));
    json_object_object_add(object, "in_container", json_object_new_boolean(wire_in_container()));
    if (status) {
        json_add_text(object, "version", status->version);
        json_add_positive(object, "pid", status->pid);
        json_add_time(object, "since", status->since);
        json_add_text(object, "monitor", status->monitor);
        json_add_text(object, "unc_root", status->unc_root);
        json_add_number(object, "silos", status->silos);
        json_add_number(object, "volumes", status->volumes);
        json_add_number(object, "shares", status->shares);
        add_of_host(object, "injections", status, status->injections);
        add_of_host(object, "failures", status, status->failures);
        add_of_host(object, "resident_bytes", status, status->resident_bytes);
        add_of_host(object, "cpu_ns", status, status->cpu_ns);
    }
    json_print(object);
}

static void print_text(const struct wire_status *status) {
    char since[64], ago[64], memory[32];
    uint64_t now = (uint64_t)time(NULL), started = status->since / 1000000000;
    format_time(status->since, since, sizeof since);
    format_duration(now > started ? now - started : 0, ago, sizeof ago);
    format_bytes(status->resident_bytes, memory, sizeof memory);
    if (status->pid)
        printf("linfspd %s runs, pid %" PRIu32 ", since %s (%s)\n", status->version, status->pid, since, ago);
    else
        printf("linfspd %s runs on the host, since %s (%s)\n", status->version, since, ago);
    char log[4096];
    find_log(status->pid, log, sizeof log);
    if (log[0])
        printf("  log      %s\n", log);
    printf("  silos    %" PRIu32 "\n", status->silos);
    printf("  volumes  %" PRIu32 ", of which %" PRIu32 " on the network\n", status->volumes, status->shares);
    printf("  network  %s\n", status->unc_root);
    if (!status->pid) /* the rest is the host's business */
        return;
    printf("  monitor  %s; %" PRIu64 " %s set up, %" PRIu64 " failed\n", status->monitor, status->injections,
           plural(status->injections, "silo", "silos"), status->failures);
    printf("  costs    %s of memory, %.2f s of CPU\n", memory, (double)status->cpu_ns / 1e9);
}

static int run(const struct verb *verb, int argc, char **argv) {
    bool json;
    int done = verb_simple_options(verb, argc, argv, &json);
    if (done >= 0)
        return done;
    _cleanup_close_ int socket = -1;
    int result = client_open_quietly(&socket);
    if (result == -ENODEV) {
        char text[512];
        wire_no_service_message(text, sizeof text);
        if (json)
            print_json(NULL);
        else
            verb_fail(verb, "%s", text);
        return EXIT_NOT_RUNNING;
    }
    if (result < 0)
        return verb_fail(verb, "cannot connect to the service: %s", strerror(-result));
    static union wire_message status;
    if (client_status(socket, &status) < 0)
        return verb_fail(verb, "%s", status.error.message);
    if (json)
        print_json(&status.status);
    else
        print_text(&status.status);
    return 0;
}

const struct verb verb_status = {
    .name = "status",
    .summary = "say whether the service runs, and how it is",
    .help = "usage: linfsp status [--json]\n\n"
            "Exit status: 0 the service runs, 3 it does not, 1 it does not answer.\n\n"
            "examples:\n"
            "  linfsp status\n"
            "  linfsp status --json | jq .volumes\n"
            "  linfsp status >/dev/null 2>&1 || linfsp start\n",
    .run = run,
};
