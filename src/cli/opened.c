/* SPDX-License-Identifier: MIT */
#include "cli/opened.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/format.h"

#define NAMES_SHOWN 3

struct opened {
    struct wire_opened *entries;
    size_t count;
};

static void add(const union wire_message *reply, void *userdata) {
    struct opened *opened = userdata;
    if (reply->header.type != WIRE_OPENED)
        return;
    struct wire_opened *entries = realloc(opened->entries, (opened->count + 1) * sizeof *entries);
    if (!entries)
        errx(EXIT_FAILURE, "out of memory");
    opened->entries = entries;
    opened->entries[opened->count++] = reply->opened;
}

struct opened *opened_ask(int socket) {
    static union wire_message last;
    struct opened *opened = calloc(1, sizeof *opened);
    struct wire_plain request;
    if (!opened)
        errx(EXIT_FAILURE, "out of memory");
    wire_begin(&request, WIRE_LIST_OPENED, 1);
    (void)client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, add, opened, &last);
    return opened;
}

void opened_free(struct opened *opened) {
    if (opened)
        free(opened->entries);
    free(opened);
}

static const char *container_name(struct silo_names *names, const char *silo) {
    return strcmp(silo, "host") == 0 ? "host" : silo_names_find(names, silo);
}

void opened_text(const struct opened *opened, struct silo_names *names, uint64_t volume, char *ret_text, size_t size) {
    size_t count = 0, used = 0;
    ret_text[0] = 0;
    for (size_t i = 0; i < opened->count; i++) {
        if (opened->entries[i].volume != volume || count++ >= NAMES_SHOWN)
            continue;
        int more = snprintf(ret_text + used, size - used, "%s%s", used ? ", " : "",
                            container_name(names, opened->entries[i].silo));
        used = more < 0 || used + (size_t)more >= size ? size - 1 : used + (size_t)more;
    }
    if (count > NAMES_SHOWN)
        snprintf(ret_text + used, size - used, " and %zu more", count - NAMES_SHOWN);
}

json_object *opened_of_volume(const struct opened *opened, struct silo_names *names, uint64_t volume) {
    json_object *array = json_object_new_array();
    for (size_t i = 0; i < opened->count; i++) {
        const struct wire_opened *entry = &opened->entries[i];
        if (entry->volume != volume)
            continue;
        json_object *object = json_object_new_object();
        json_add_text(object, "silo", entry->silo);
        json_add_text(object, "container", container_name(names, entry->silo));
        json_add_number(object, "uid", entry->uid);
        json_add_time(object, "since", entry->since);
        json_object_object_add(object, "mounted", json_object_new_boolean(entry->mounted != 0));
        json_object_array_add(array, object);
    }
    return array;
}

json_object *opened_in_silo(const struct opened *opened, const char *silo) {
    json_object *array = json_object_new_array();
    for (size_t i = 0; i < opened->count; i++) {
        const struct wire_opened *entry = &opened->entries[i];
        if (strcmp(entry->silo, silo) != 0)
            continue;
        json_object *object = json_object_new_object();
        json_add_text(object, "prefix", entry->prefix);
        json_add_time(object, "since", entry->since);
        json_object_object_add(object, "mounted", json_object_new_boolean(entry->mounted != 0));
        json_object_array_add(array, object);
    }
    return array;
}
