/* SPDX-License-Identifier: MIT */
/*
 * Read off the init's cgroup path, where engines leave their id, and Docker's own record of the name.
 *
 *     /docker/<64 hex>, docker-<64 hex>.scope            docker
 *     libpod-<64 hex>(.scope)                            podman
 *     cri-containerd-<64 hex>.scope, crio-<64 hex>.scope containerd, cri-o (Kubernetes)
 *     lxc.payload.<name>, lxc/<name>                     lxc
 *     machine-<name>.scope                               systemd-nspawn
 *     /<namespace>/<id>, of ctr                          containerd
 *
 * bubblewrap has no cgroup of its own; its processes' parent is named bwrap.
 */
#include "service/describe.h"

#include <ctype.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "service/service.h"
#include "util/cleanup.h"

struct pattern {
    const char *before; /* stands before the id */
    const char *engine;
    bool hex; /* the id is 64 hex digits */
};

static const struct pattern patterns[] = {
    {"docker-", "docker", true},     {"/docker/", "docker", true},          {"libpod-", "podman", true},
    {"cri-containerd-", "containerd", true}, {"crio-", "cri-o", true},      {"lxc.payload.", "lxc", false},
    {"/lxc/", "lxc", false},         {"machine-", "systemd-nspawn", false}, {"/kubepods/", "containerd", true},
    {"/default/", "containerd", false},
};

static size_t hex_length(const char *text) {
    size_t n = 0;
    while (isxdigit((unsigned char)text[n]))
        n++;
    return n;
}

static bool match(const char *cgroup, const struct pattern *pattern, char *ret_id, size_t size) {
    for (const char *at = cgroup; (at = strstr(at, pattern->before));) {
        at += strlen(pattern->before);
        size_t length = pattern->hex ? hex_length(at) : strcspn(at, "/\n");
        if (pattern->hex ? length != 64 : length == 0)
            continue;
        if (!pattern->hex && length > 6 && strncmp(at + length - 6, ".scope", 6) == 0)
            length -= 6;
        snprintf(ret_id, size, "%.*s", (int)length, at);
        return true;
    }
    return false;
}

static void docker_name(const char *id, char *ret_name, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "/var/lib/docker/containers/%s/config.v2.json", id);
    json_object *record = json_object_from_file(path), *name;
    if (record && json_object_object_get_ex(record, "Name", &name)) {
        const char *text = json_object_get_string(name);
        snprintf(ret_name, size, "%s", text[0] == '/' ? text + 1 : text);
    }
    json_object_put(record);
}

static bool is_bubblewrap(pid_t pid) {
    for (int i = 0; i < 3; i++) {
        char path[64], comm[32] = "";
        snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        if (file && fgets(comm, sizeof comm, file) && strcmp(comm, "bwrap\n") == 0)
            return true;
        if (process_parent(pid, &pid) < 0)
            return false;
    }
    return false;
}

int describe_container(pid_t init, char *ret_id, size_t id_size, char *ret_engine, size_t engine_size, char *ret_name,
                       size_t name_size) {
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)init);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length < 0)
        return 0;
    text[length] = 0;
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        if (!match(text, &patterns[i], ret_id, id_size))
            continue;
        snprintf(ret_engine, engine_size, "%s", patterns[i].engine);
        if (strcmp(patterns[i].engine, "docker") == 0)
            docker_name(ret_id, ret_name, name_size);
        else if (!patterns[i].hex)
            snprintf(ret_name, name_size, "%s", ret_id);
        return 1;
    }
    if (is_bubblewrap(init)) {
        snprintf(ret_engine, engine_size, "bubblewrap");
        return 1;
    }
    return 0;
}
