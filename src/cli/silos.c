/* SPDX-License-Identifier: MIT */
/* `linfsp silos`: the containers that the service serves; in a container, that one. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/format.h"

static bool is_engine_id(const char *id) {
    size_t digits = 0;
    for (; (*id >= '0' && *id <= '9') || (*id >= 'a' && *id <= 'f'); id++)
        digits++;
    return *id == '\0' && digits == 64;
}

static void add_row(const union wire_message *reply, void *userdata) {
    const struct wire_silo *silo = &reply->silo;
    char pid[16], volumes[16], since[64], id[WIRE_SILO_ID_MAX];
    if (reply->header.type != WIRE_SILO)
        return;
    snprintf(id, sizeof id, is_engine_id(silo->id) ? "%.12s" : "%s", silo->id);
    snprintf(pid, sizeof pid, "%" PRIu32, silo->init_pid);
    snprintf(volumes, sizeof volumes, "%" PRIu32, silo->volumes);
    format_time(silo->since, since, sizeof since);
    table_add(userdata, (const char *[]){id, silo->engine, silo->name, silo->init_pid ? pid : "", since, volumes,
                                         silo->user_namespace ? "own" : "host", silo->state});
}

static void add_object(const union wire_message *reply, void *userdata) {
    const struct wire_silo *silo = &reply->silo;
    if (reply->header.type != WIRE_SILO)
        return;
    json_object *object = json_object_new_object();
    json_add_text(object, "id", silo->id);
    json_add_text(object, "engine", silo->engine);
    json_add_text(object, "name", silo->name);
    json_add_number(object, "init_pid", silo->init_pid);
    json_add_time(object, "since", silo->since);
    json_add_number(object, "volumes", silo->volumes);
    json_object_object_add(object, "user_namespace", json_object_new_boolean(silo->user_namespace != 0));
    json_add_text(object, "state", silo->state);
    json_object_array_add(userdata, object);
}

static int run(const struct verb *verb, int argc, char **argv) {
    bool json;
    int done = verb_simple_options(verb, argc, argv, &json);
    if (done >= 0)
        return done;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    static union wire_message last;
    struct wire_plain request;
    struct table table;
    json_object *array = json_object_new_array();
    static const char *const head[] = {"ID", "ENGINE", "NAME", "PID", "SINCE", "VOLUMES", "USERS", "STATE"};
    table_begin(&table, ARRAY_SIZE(head), head);
    wire_begin(&request, WIRE_LIST_SILOS, 1);
    int result = client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, json ? add_object : add_row,
                             json ? (void *)array : &table, &last);
    if (result == 0 && json)
        json_print(json_object_get(array));
    else if (result == 0 && table.rows > 1)
        table_print(&table);
    else if (result == 0)
        verb_note(verb, "there is no container");
    table_end(&table);
    json_object_put(array);
    return result < 0 ? verb_fail(verb, "%s", last.error.message) : 0;
}

const struct verb verb_silos = {
    .name = "silos",
    .summary = "list the containers that have LinFsp",
    .help = "usage: linfsp silos [--json]\n\n"
            "On the host lists each container: its id, engine and name where known, the pid\n"
            "of its first process, since when LinFsp knows it, how many volumes it has,\n"
            "whose user ids it has, and \"ready\" or why it could not be set up. In a\n"
            "container lists that one only.\n\n"
            "examples:\n"
            "  linfsp silos\n"
            "  linfsp silos --json | jq -r '.[] | select(.engine == \"docker\").id'\n",
    .run = run,
};
