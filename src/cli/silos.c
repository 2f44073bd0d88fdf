/* SPDX-License-Identifier: MIT */
/* `linfsp silos`: the containers that the service serves; in a container, that one. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/opened.h"

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

static struct opened *opened;

static void prepare(int socket) {
    opened = opened_ask(socket);
}

static void add_object(const union wire_message *reply, void *userdata) {
    const struct wire_silo *silo = &reply->silo;
    if (reply->header.type != WIRE_SILO)
        return;
    json_object *object = json_object_new_object();
    json_add_text(object, "id", silo->id);
    json_add_text(object, "engine", silo->engine);
    json_add_text(object, "name", silo->name);
    json_add_positive(object, "init_pid", silo->init_pid);
    json_add_time(object, "since", silo->since);
    json_add_number(object, "volumes", silo->volumes);
    json_object_object_add(object, "user_namespace", json_object_new_boolean(silo->user_namespace != 0));
    json_add_text(object, "state", silo->state);
    json_object_object_add(object, "opened", opened_in_silo(opened, silo->id));
    json_object_array_add(userdata, object);
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const char *const head[] = {"ID", "ENGINE", "NAME", "PID", "SINCE", "VOLUMES", "USERS", "STATE"};
    static const struct listing listing = {
        .request = WIRE_LIST_SILOS,
        .prepare = prepare,
        .columns = ARRAY_SIZE(head),
        .head = head,
        .add_row = add_row,
        .add_object = add_object,
        .nothing = "there is no container",
    };
    return list_run(verb, argc, argv, &listing);
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
