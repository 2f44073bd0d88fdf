/* SPDX-License-Identifier: MIT */
/* `linfsp volumes`: what is mounted, by whom and where; in a container, its own only. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/elsewhere.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/opened.h"
#include "cli/servers.h"

static struct silo_names *names;
static struct servers *servers;
static struct opened *opened;

/* Again and again, where it is watched. */
static void prepare(int socket) {
    silo_names_free(names);
    servers_free(servers);
    opened_free(opened);
    names = silo_names_ask(socket);
    servers = servers_find();
    opened = opened_ask(socket);
}

static void add_row(const union wire_message *reply, void *userdata) {
    const struct wire_volume *volume = &reply->volume;
    if (reply->header.type != WIRE_VOLUME)
        return;
    char id[24], pid[16], since[64], by[256];
    pid_t server = servers_of(servers, volume->fuse_device, (pid_t)volume->server_pid);
    snprintf(id, sizeof id, "%" PRIu64, volume->id);
    snprintf(pid, sizeof pid, "%d", (int)server);
    format_time(volume->since, since, sizeof since);
    opened_text(opened, names, volume->id, by, sizeof by);
    const char *silo = strcmp(volume->silo, "host") == 0 ? "host" : silo_names_find(names, volume->silo);
    table_add(userdata, (const char *[]){id, silo, volume->file_system_name, volume->mount_point, volume->prefix,
                                         volume->unc_path, server ? pid : "", since,
                                         volume->attached ? volume->transport : "detached", by});
}

static void add_object(const union wire_message *reply, void *userdata) {
    const struct wire_volume *volume = &reply->volume;
    if (reply->header.type != WIRE_VOLUME)
        return;
    json_object *object = json_object_new_object();
    json_object *mounted = json_object_new_array();
    if (volume->mount_point[0])
        json_object_array_add(mounted, json_object_new_string(volume->mount_point));
    if (volume->unc_path[0])
        json_object_array_add(mounted, json_object_new_string(volume->unc_path));
    json_add_number(object, "id", volume->id);
    json_add_text(object, "silo", volume->silo);
    json_add_text(object, "container", silo_names_find(names, volume->silo));
    json_add_text(object, "file_system_name", volume->file_system_name);
    json_add_text(object, "mount_point", volume->mount_point);
    json_add_text(object, "prefix", volume->prefix);
    json_add_text(object, "unc_path", volume->unc_path);
    json_object_object_add(object, "mounted", mounted);
    json_add_positive(object, "server_pid",
                      (uint64_t)servers_of(servers, volume->fuse_device, (pid_t)volume->server_pid));
    json_add_number(object, "owner_uid", volume->owner_uid);
    json_add_number(object, "fuse_device", volume->fuse_device);
    json_add_text(object, "transport", volume->transport);
    json_object_object_add(object, "attached", json_object_new_boolean(volume->attached != 0));
    json_add_time(object, "since", volume->since);
    json_object_object_add(object, "opened_by", opened_of_volume(opened, names, volume->id));
    json_object_array_add(userdata, object);
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const char *const head[] = {"ID",       "CONTAINER", "TYPE",  "MOUNT POINT", "PREFIX",
                                       "UNC PATH", "PID",       "SINCE", "TRANSPORT",   "OPENED BY"};
    static const struct listing listing = {
        .request = WIRE_LIST_VOLUMES,
        .prepare = prepare,
        .columns = ARRAY_SIZE(head),
        .head = head,
        .add_row = add_row,
        .add_object = add_object,
        .nothing = "there is no volume",
        .is_watched = true,
    };
    return list_run(verb, argc, argv, &listing);
}

const struct verb verb_volumes = {
    .name = "volumes",
    .summary = "list the volumes: who serves them and where they are mounted",
    .help = "usage: linfsp volumes [--watch] [--json]\n\n"
            "On the host lists the volumes of all containers and of the host itself: the\n"
            "container's name, the file system's name, its mount point as that container\n"
            "sees it, its prefix and where it is found under /unc, and the pid of the\n"
            "program that serves it now. \"detached\": the service was restarted, and that\n"
            "program has not come back to it yet. OPENED BY names the containers in which a\n"
            "network volume was opened; --json says since when, and whether it is mounted\n"
            "there now. In a container lists that container's volumes only.\n\n"
            "  -w, --watch    show them again whenever something has changed, until it is\n"
            "                 interrupted; with --json an array a line\n"
            "      --json     for programs\n\n"
            "examples:\n"
            "  linfsp volumes\n"
            "  linfsp volumes --watch\n"
            "  linfsp volumes --json | jq -r '.[].unc_path | select(.)'\n",
    .run = run,
};
