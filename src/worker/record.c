/* SPDX-License-Identifier: MIT */
#include "worker/record.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/utf8.h"
#include "worker/labels.h"

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

/* LINFSP=off in a container's environment. */
static void take_switch(json_object *environment, struct job_description *description) {
    size_t count = environment ? json_object_array_length(environment) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(environment, i));
        if (text && strncmp(text, "LINFSP=", strlen("LINFSP=")) == 0)
            description->off = strcmp(text + strlen("LINFSP="), "off") == 0;
    }
}

/* A word that may be a component of a path. */
static bool is_component(const char *text) {
    return text[0] && text[0] != '.' && !strchr(text, '/');
}

/* "sha256:HEX": HEX. */
static const char *hex_of(json_object *digest) {
    static const char kind[] = "sha256:";
    const char *text = digest ? json_object_get_string(digest) : "";
    return strncmp(text, kind, strlen(kind)) == 0 && is_component(text + strlen(kind)) ? text + strlen(kind) : NULL;
}

int record_image_of_docker(const char *json, char *ret_path, size_t size) {
    _cleanup_json_ json_object *record = json_tokener_parse(json);
    json_object *driver = member(record, "Driver", json_type_string);
    const char *id = hex_of(member(record, "Image", json_type_string));
    if (!driver || !is_component(json_object_get_string(driver)) || !id)
        return -ENOENT;
    const char *name = json_object_get_string(driver);
    return snprintf(ret_path, size, "image/%s/imagedb/content/sha256/%s", name, id) < (int)size ? 0 : -ENAMETOOLONG;
}

static int digest_in(const char *json, const char *object, char *ret_digest, size_t size) {
    _cleanup_json_ json_object *whole = json_tokener_parse(json);
    const char *hex = hex_of(member(member(whole, object, json_type_object), "digest", json_type_string));
    if (!hex)
        return -ENOENT;
    return snprintf(ret_digest, size, "%s", hex) < (int)size ? 0 : -ENAMETOOLONG;
}

int record_manifest_of_docker(const char *json, char *ret_digest, size_t size) {
    return digest_in(json, "ImageManifest", ret_digest, size);
}

int record_image_of_manifest(const char *json, char *ret_digest, size_t size) {
    return digest_in(json, "config", ret_digest, size);
}

int record_image_of_podman(const char *json, char *ret_id, size_t size) {
    _cleanup_json_ json_object *record = json_tokener_parse(json);
    json_object *id = member(record, "rootfsImageID", json_type_string);
    const char *text = id ? json_object_get_string(id) : "";
    if (!json_object_is_type(record, json_type_object) || (text[0] && !is_component(text)))
        return -EBADMSG;
    return snprintf(ret_id, size, "%s", text) < (int)size ? 0 : -ENAMETOOLONG;
}

/* Labels of Docker's and podman's, which have their image's among them. image: the image's configuration. */
static void take_labels(json_object *labels, json_object *image, struct job_description *description) {
    if (image)
        labels_from_docker(labels, member(member(image, "config", json_type_object), "Labels", json_type_object),
                           description);
}

int record_from_podman(const char *json, const char *image_json, struct job_description *description) {
    _cleanup_json_ json_object *record = json_tokener_parse(json);
    _cleanup_json_ json_object *image = image_json ? json_tokener_parse(image_json) : NULL;
    if (!json_object_is_type(record, json_type_object))
        return -EBADMSG;
    if (!description->image[0])
        take_text(record, "rootfsImageName", description->image, sizeof description->image);
    take_labels(member(record, "labels", json_type_object), image, description);
    return 0;
}

int record_from_docker(const char *json, const char *image_json, struct job_description *description) {
    _cleanup_json_ json_object *record = json_tokener_parse(json);
    _cleanup_json_ json_object *image = image_json ? json_tokener_parse(image_json) : NULL;
    if (!json_object_is_type(record, json_type_object))
        return -EBADMSG;
    json_object *config = member(record, "Config", json_type_object);
    json_object *name = member(record, "Name", json_type_string);
    if (name) {
        const char *text = json_object_get_string(name);
        utf8_printable(text + (text[0] == '/'), description->name, sizeof description->name);
    }
    take_text(config, "Image", description->image, sizeof description->image);
    take_labels(member(config, "Labels", json_type_object), image, description);
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
    labels_from_bundle(annotations, description);
    take_switch(member(member(bundle, "process", json_type_object), "env", json_type_array), description);
    return 0;
}

int record_from_sandbox(const char *json, struct job_description *description) {
    _cleanup_json_ json_object *bundle = json_tokener_parse(json);
    if (!json_object_is_type(bundle, json_type_object))
        return -EBADMSG;
    labels_from_sandbox(member(bundle, "annotations", json_type_object), description);
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
