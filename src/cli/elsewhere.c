/* SPDX-License-Identifier: MIT */
#include "cli/elsewhere.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

struct silo_names {
    size_t count;
    char shortened[WIRE_SILO_ID_MAX];
    struct silo_name {
        char id[WIRE_SILO_ID_MAX], name[WIRE_COMPONENT_MAX];
    } * entries;
};

static void add_name(const union wire_message *reply, void *userdata) {
    struct silo_names *names = userdata;
    if (reply->header.type != WIRE_SILO || !reply->silo.name[0])
        return;
    names->entries = reallocarray(names->entries, names->count + 1, sizeof *names->entries);
    if (!names->entries)
        errx(EXIT_FAILURE, "out of memory");
    struct silo_name *entry = &names->entries[names->count++];
    snprintf(entry->id, sizeof entry->id, "%s", reply->silo.id);
    snprintf(entry->name, sizeof entry->name, "%s", reply->silo.name);
}

struct silo_names *silo_names_ask(int socket) {
    static union wire_message last;
    struct silo_names *names = calloc(1, sizeof *names);
    struct wire_plain request;
    if (!names)
        errx(EXIT_FAILURE, "out of memory");
    wire_begin(&request, WIRE_LIST_SILOS, 1);
    (void)client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, add_name, names, &last);
    return names;
}

const char *silo_names_find(struct silo_names *names, const char *id) {
    if (strcmp(id, "host") == 0)
        return "";
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->entries[i].id, id) == 0)
            return names->entries[i].name;
    snprintf(names->shortened, sizeof names->shortened, strlen(id) == 64 ? "%.12s" : "%s", id);
    return names->shortened;
}

void silo_names_free(struct silo_names *names) {
    if (names)
        free(names->entries);
    free(names);
}

struct search {
    const char *mount_point;
    int count;
    uint64_t volume;
    char silo[WIRE_SILO_ID_MAX];
};

static void compare(const union wire_message *reply, void *userdata) {
    struct search *search = userdata;
    if (reply->header.type != WIRE_VOLUME || strcmp(reply->volume.mount_point, search->mount_point) != 0)
        return;
    if (search->count++ > 0)
        return;
    search->volume = reply->volume.id;
    snprintf(search->silo, sizeof search->silo, "%s", reply->volume.silo);
}

int volume_elsewhere(int socket, const char *mount_point, char *ret_text, size_t size) {
    static union wire_message last;
    struct search search = {.mount_point = mount_point};
    struct wire_plain request;
    wire_begin(&request, WIRE_LIST_VOLUMES, 1);
    if (client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, compare, &search, &last) < 0 || search.count == 0)
        return 0;
    struct silo_names *names = silo_names_ask(socket);
    int used = snprintf(ret_text, size, "volume %" PRIu64 ", in container %s: linfsp umount %" PRIu64, search.volume,
                        silo_names_find(names, search.silo), search.volume);
    if (search.count > 1 && used > 0 && (size_t)used < size)
        snprintf(ret_text + used, size - (size_t)used, "; and %d more: linfsp volumes", search.count - 1);
    silo_names_free(names);
    return search.count;
}
