/* SPDX-License-Identifier: MIT */
#include "worker/labels.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/utf8.h"

#define COMPOSE "com.docker.compose."
#define COMPOSE_PROJECT COMPOSE "project"
#define PODMAN_COMPOSE "io.podman.compose."
#define PODMAN_PROJECT PODMAN_COMPOSE "project"
#define CRI_O "io.kubernetes.cri-o."
#define CRI_O_SANDBOX CRI_O "SandboxID"
#define CONTAINERD "io.kubernetes.cri."
#define CONTAINERD_SANDBOX CONTAINERD "sandbox-id"

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

static void add(struct job_description *description, const char *key, const char *value) {
    char text[1024], printable[sizeof text];
    size_t at = 0;
    if (!value || (size_t)snprintf(text, sizeof text, "%s=%s", key, value) >= sizeof text)
        return;
    utf8_printable(text, printable, sizeof printable);
    size_t length = strlen(printable) + 1;
    for (; at < sizeof description->labels && description->labels[at]; at += strlen(description->labels + at) + 1)
        if (strcmp(description->labels + at, printable) == 0)
            return;
    if (length == 1 || at + length + 1 > sizeof description->labels)
        return;
    memcpy(description->labels + at, printable, length);
    description->labels[at + length] = 0;
}

const char *labels_find(const struct job_description *description, const char *key) {
    size_t length = strlen(key);
    for (const char *label = description->labels; *label; label += strlen(label) + 1)
        if (strncmp(label, key, length) == 0 && label[length] == '=')
            return label + length + 1;
    return NULL;
}

static const char *text_of(json_object *value) {
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static const char *text_in(json_object *object, const char *key) {
    json_object *value = NULL;
    return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, &value)
               ? text_of(value)
               : NULL;
}

/* ---- Docker and podman ----------------------------------------------------------------------------------------- */

static bool is_images(json_object *of_image, const char *key, const char *value) {
    const char *images = text_in(of_image, key);
    return images && value && strcmp(images, value) == 0;
}

static bool is_composes(const char *key) {
    return begins(key, COMPOSE) || begins(key, PODMAN_COMPOSE);
}

/* Compose labels the images that it builds like its containers, but these have more of its labels. */
static bool made_by_compose(json_object *labels, json_object *of_image) {
    json_object_object_foreach(labels, key, value) {
        if (is_composes(key) && text_of(value) && !is_images(of_image, key, text_of(value)))
            return true;
    }
    return false;
}

void labels_from_docker(json_object *labels, json_object *of_image, struct job_description *description) {
    if (!json_object_is_type(labels, json_type_object))
        return;
    bool composed = made_by_compose(labels, of_image);
    if (composed) {
        add(description, COMPOSE_PROJECT, text_in(labels, COMPOSE_PROJECT));
        add(description, PODMAN_PROJECT, text_in(labels, PODMAN_PROJECT));
    }
    json_object_object_foreach(labels, key, value) {
        if (!is_images(of_image, key, text_of(value)) || (composed && is_composes(key)))
            add(description, key, text_of(value));
    }
}

/* ---- OCI bundles ----------------------------------------------------------------------------------------------- */

static bool is_kubernetes(const char *key) {
    return begins(key, "io.kubernetes.");
}

/* Whether a key of Kubernetes's is not this engine's own, but somebody's who pretends. */
static bool is_foreign(const char *engine, const char *key) {
    if (strcmp(engine, "containerd") == 0)
        return is_kubernetes(key) && !begins(key, CONTAINERD);
    if (strcmp(engine, "cri-o") == 0)
        return begins(key, CONTAINERD); /* io.kubernetes.pod. and io.kubernetes.container. are a kubelet's labels */
    return false; /* who gave podman annotations is root of the host */
}

/* containerd has keys of its own for what a kubelet's labels say. */
static void add_pod_of_containerd(json_object *annotations, struct job_description *description) {
    static const struct {
        const char *key, *kubernetes;
    } known[] = {
        {CONTAINERD "sandbox-namespace", "io.kubernetes.pod.namespace"},
        {CONTAINERD "sandbox-name", "io.kubernetes.pod.name"},
        {CONTAINERD "container-name", "io.kubernetes.container.name"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        add(description, known[i].kubernetes, text_in(annotations, known[i].key));
}

void labels_from_bundle(json_object *annotations, struct job_description *description) {
    const char *engine = description->engine;
    if (!json_object_is_type(annotations, json_type_object))
        return;
    add(description, CRI_O_SANDBOX, is_foreign(engine, CRI_O) ? NULL : text_in(annotations, CRI_O_SANDBOX));
    add(description, CONTAINERD_SANDBOX,
        is_foreign(engine, CONTAINERD) ? NULL : text_in(annotations, CONTAINERD_SANDBOX));
    if (strcmp(engine, "containerd") == 0)
        add_pod_of_containerd(annotations, description);
    for (int kubernetes = 1; kubernetes >= 0; kubernetes--) {
        json_object_object_foreach(annotations, key, value) {
            if (is_kubernetes(key) == kubernetes && !is_foreign(engine, key))
                add(description, key, text_of(value));
        }
    }
}

void labels_from_sandbox(json_object *annotations, struct job_description *description) {
    const char *text = text_in(annotations, CRI_O "Labels");
    json_object *labels = text ? json_tokener_parse(text) : NULL;
    if (json_object_is_type(labels, json_type_object)) {
        json_object_object_foreach(labels, key, value) {
            if (!is_kubernetes(key)) /* what the container's own bundle does not say of these, a pod's author does */
                add(description, key, text_of(value));
        }
    }
    json_object_put(labels);
}

/* ---- the group ------------------------------------------------------------------------------------------------- */

void labels_group(const struct job_description *description, char *ret_group, size_t size) {
    static const struct {
        const char *engine, *label, *kind;
    } known[] = {
        {"docker", COMPOSE_PROJECT, "compose"},    {"podman", CRI_O_SANDBOX, "pod"},
        {"podman", COMPOSE_PROJECT, "compose"},    {"podman", PODMAN_PROJECT, "compose"},
        {"containerd", CONTAINERD_SANDBOX, "pod"}, {"cri-o", CRI_O_SANDBOX, "pod"},
    };
    ret_group[0] = 0;
    for (size_t i = 0; i < ARRAY_SIZE(known) && !ret_group[0]; i++) {
        const char *value =
            strcmp(description->engine, known[i].engine) == 0 ? labels_find(description, known[i].label) : NULL;
        if (value && *value)
            snprintf(ret_group, size, "%s:%s", known[i].kind, value);
    }
}
