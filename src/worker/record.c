/* SPDX-License-Identifier: MIT */
#include "worker/record.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/utf8.h"

static void put_json(json_object **object) {
    json_object_put(*object);
}
#define _cleanup_json_ _cleanup_(put_json)

static json_object *member(json_object *object, const char *name, enum json_type type) {
    json_object *found = NULL;
    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, name, &found) ||
        !json_object_is_type(found, type))
        return NULL;
    return found;
}

static void take_text(json_object *object, const char *name, char *ret_text, size_t size) {
    json_object *text = member(object, name, json_type_string);
    if (text)
        utf8_printable(json_object_get_string(text), ret_text, size);
}

/* Adds the strings of an object as "key=value". Those for which there is no room are left out. */
static void take_labels(json_object *labels, struct job_description *description) {
    size_t at = 0;
    while (at < sizeof description->labels && description->labels[at])
        at += strlen(description->labels + at) + 1;
    struct json_object_iterator next, end;
    if (!json_object_is_type(labels, json_type_object))
        return;
    next = json_object_iter_begin(labels);
    end = json_object_iter_end(labels);
    for (; !json_object_iter_equal(&next, &end); json_object_iter_next(&next)) {
        json_object *value = json_object_iter_peek_value(&next);
        char text[1024], printable[sizeof text];
        if (!json_object_is_type(value, json_type_string) ||
            (size_t)snprintf(text, sizeof text, "%s=%s", json_object_iter_peek_name(&next),
                             json_object_get_string(value)) >= sizeof text)
            continue;
        utf8_printable(text, printable, sizeof printable);
        size_t length = strlen(printable) + 1;
        if (length == 1 || at + length + 1 > sizeof description->labels)
            continue;
        memcpy(description->labels + at, printable, length);
        description->labels[at += length] = 0;
    }
}

/* LINFSP=off in a container's environment. */
static void take_switch(json_object *environment, struct job_description *description) {
    size_t count = environment ? json_object_array_length(environment) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(environment, i));
        if (text && strncmp(text, "LINFSP=", strlen("LINFSP=")) == 0)
            description->off = strcmp(text + strlen("LINFSP="), "off") == 0;
    }
}

int record_from_docker(const char *json, struct job_description *description) {
    _cleanup_json_ json_object *record = json_tokener_parse(json);
    if (!json_object_is_type(record, json_type_object))
        return -EBADMSG;
    json_object *config = member(record, "Config", json_type_object);
    json_object *name = member(record, "Name", json_type_string);
    if (name) {
        const char *text = json_object_get_string(name);
        utf8_printable(text + (text[0] == '/'), description->name, sizeof description->name);
    }
    take_text(config, "Image", description->image, sizeof description->image);
    take_labels(member(config, "Labels", json_type_object), description);
    take_switch(member(config, "Env", json_type_array), description);
    return 0;
}

int record_from_bundle(const char *json, struct job_description *description) {
    static const char *const images[] = {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName",
                                         "org.opencontainers.image.ref.name"};
    _cleanup_json_ json_object *bundle = json_tokener_parse(json);
    if (!json_object_is_type(bundle, json_type_object))
        return -EBADMSG;
    json_object *annotations = member(bundle, "annotations", json_type_object);
    for (size_t i = 0; i < ARRAY_SIZE(images) && !description->image[0]; i++)
        take_text(annotations, images[i], description->image, sizeof description->image);
    take_labels(annotations, description);
    take_switch(member(member(bundle, "process", json_type_object), "env", json_type_array), description);
    return 0;
}

static bool is_text(json_object *object, const char *name, const char *text) {
    json_object *found = member(object, name, json_type_string);
    return found && strcmp(json_object_get_string(found), text) == 0;
}

bool record_is_build_step(const char *json, const char *host_json) {
    _cleanup_json_ json_object *record = json_tokener_parse(json), *host = json_tokener_parse(host_json);
    json_object *health = member(member(record, "Config", json_type_object), "Healthcheck", json_type_object);
    json_object *test = member(health, "Test", json_type_array);
    const char *check = test ? json_object_get_string(json_object_array_get_idx(test, 0)) : NULL;
    return check && strcmp(check, "NONE") == 0 &&
           is_text(member(host, "LogConfig", json_type_object), "Type", "none") &&
           is_text(member(host, "RestartPolicy", json_type_object), "Name", "");
}

void record_group(const char *labels, char *ret_group, size_t size) {
    static const struct {
        const char *label, *kind;
    } known[] = {
        {"com.docker.compose.project=", "compose"},
        {"io.podman.compose.project=", "compose"},
        {"io.kubernetes.cri.sandbox-id=", "pod"},
        {"io.kubernetes.cri-o.SandboxID=", "pod"},
    };
    ret_group[0] = 0;
    for (const char *label = labels; *label; label += strlen(label) + 1)
        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
            size_t length = strlen(known[i].label);
            if (strncmp(label, known[i].label, length) == 0 && label[length])
                snprintf(ret_group, size, "%s:%s", known[i].kind, label + length);
        }
}
