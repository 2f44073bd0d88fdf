/* SPDX-License-Identifier: MIT */
/*
 * Which engine made a container, and what it calls it.
 *
 * Read off the init's parent, where that is an engine's own, or off its cgroup path, where engines leave their id; the
 * name is in the parent's command line, or in Docker's own record.
 *
 *     conmon -c <64 hex> -n <name>                       podman, cri-o
 *     systemd-nspawn -M <name>, bwrap --hostname <name>
 *     containerd-shim-runc-v2 -id <id>                   containerd, where the path tells nothing
 *
 *     /docker/<64 hex>, docker-<64 hex>.scope            docker
 *     libpod-<64 hex>(.scope)                            podman
 *     cri-containerd-<64 hex>.scope, crio-<64 hex>.scope containerd, cri-o (Kubernetes)
 *     lxc.payload.<name>, lxc/<name>                     lxc
 *     machine-<name>.scope                               systemd-nspawn
 *     /kubepods/.../<64 hex>                             containerd (Kubernetes without systemd)
 *
 * The last one in a path is the innermost container. Who runs containers can lie about them: how far what was found is
 * certain is said by engine.c. Runs in a worker: a process can keep whoever reads its command line waiting, by a file
 * system of its own that does not answer.
 */
#include <ctype.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/process.h"
#include "util/utf8.h"
#include "worker/engine.h"
#include "worker/jobs.h"
#include "worker/record.h"

#define ID_LENGTH 64 /* hex digits */

struct pattern {
    const char *before; /* stands before the id */
    const char *engine;
    bool hex; /* the id is 64 hex digits */
};

static const struct pattern patterns[] = {
    {"docker-", "docker", true}, {"/docker/", "docker", true},
    {"libpod-", "podman", true}, {"cri-containerd-", "containerd", true},
    {"crio-", "cri-o", true},    {"lxc.payload.", "lxc", false},
    {"/lxc/", "lxc", false},     {"machine-", "systemd-nspawn", false},
};

static size_t hex_length(const char *text) {
    size_t n = 0;
    while (isxdigit((unsigned char)text[n]))
        n++;
    return n;
}

/* Where the last id of that pattern begins, NULL where there is none. */
static const char *find_last(const char *cgroup, const struct pattern *pattern, size_t *ret_length) {
    const char *found = NULL;
    for (const char *at = cgroup; (at = strstr(at, pattern->before));) {
        at += strlen(pattern->before);
        size_t length = pattern->hex ? hex_length(at) : strcspn(at, "/\n");
        if (pattern->hex ? length != ID_LENGTH : length == 0)
            continue;
        if (!pattern->hex && length > 6 && strncmp(at + length - 6, ".scope", 6) == 0)
            length -= 6;
        found = at;
        *ret_length = length;
    }
    return found;
}

/* A path's last component, where it is an id, below a folder of Kubernetes's. */
static const char *find_in_pod(const char *line, size_t *ret_length) {
    const char *pods = strstr(line, "/kubepods/"), *last = pods ? strrchr(pods, '/') + 1 : NULL;
    if (!last || hex_length(last) != ID_LENGTH)
        return NULL;
    *ret_length = ID_LENGTH;
    return last;
}

struct description {
    char *id, *engine, *name;
    size_t id_size, engine_size, name_size;
    struct job_description *made; /* for the rest */
};

/* Docker's own record of a container. Returns whether there is one. */
static bool docker_record_at(const char *folder, size_t length, const char *id, const struct description *ret) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%.*s/%s/config.v2.json", (int)length, folder, id) >= (int)sizeof path)
        return false;
    _cleanup_free_ char *text = engine_read_file(path);
    if (!text || record_from_docker(text, ret->made) < 0)
        return false;
    snprintf(ret->name, ret->name_size, "%s", ret->made->name);
    return true;
}

/*
 * Where another dockerd than the usual one keeps its containers, or one that remaps user ids: its shim, which is the
 * init's parent and works in the bundle, was told to mount a file from there. The shim must be root's in every way, no
 * set-uid program: another user's folder could keep us waiting.
 */
static void docker_record_by_bundle(pid_t init, const char *id, const struct description *ret) {
    char path[64];
    pid_t shim;
    char status[4096];
    json_object *mounts, *source;
    if (process_parent(init, &shim) < 0 || !engine_is_named(shim, "containerd-shim") ||
        engine_read_entry(shim, "status", status, sizeof status) <= 0 || !strstr(status, "\nUid:\t0\t0\t0\t0\n"))
        return;
    snprintf(path, sizeof path, "/proc/%d/cwd/config.json", (int)shim);
    json_object *bundle = json_object_from_file(path);
    if (bundle && json_object_object_get_ex(bundle, "mounts", &mounts) && json_object_is_type(mounts, json_type_array))
        for (size_t i = 0; i < json_object_array_length(mounts); i++) {
            if (!json_object_object_get_ex(json_object_array_get_idx(mounts, i), "source", &source))
                continue;
            const char *text = json_object_get_string(source), *found = text ? strstr(text, id) : NULL;
            if (found && found > text + 1 && found[-1] == '/' &&
                docker_record_at(text, (size_t)(found - 1 - text), id, ret))
                break;
        }
    json_object_put(bundle);
}

/* conmon is told all: -c ID, -n NAME, and by whom: podman has it call back to podman. */
static bool describe_by_conmon(pid_t conmon, const struct description *ret) {
    char line[8192];
    ssize_t length = engine_read_entry(conmon, "cmdline", line, sizeof line);
    const char *option = "", *id = NULL, *name = NULL;
    bool podman = false;
    for (char *word = line; word < line + length; option = word, word += strlen(word) + 1) {
        if (strcmp(option, "-c") == 0 && hex_length(word) == ID_LENGTH && !word[ID_LENGTH])
            id = word;
        else if (strcmp(option, "-n") == 0)
            name = word;
        else if (strcmp(option, "--exit-command") == 0)
            podman = true;
    }
    if (!id)
        return false;
    snprintf(ret->id, ret->id_size, "%s", id);
    snprintf(ret->engine, ret->engine_size, "%s", podman ? "podman" : "cri-o");
    if (name)
        utf8_printable(name, ret->name, ret->name_size);
    return true;
}

/* An engine that is one process a container, told its name as one of these options: "--machine NAME" or
 * "--machine=NAME". */
static const struct engine {
    const char *program, *engine;
    const char *options[2];
} own_processes[] = {
    {"systemd-nspawn", "systemd-nspawn", {"--machine", "-M"}},
    {"bwrap", "bubblewrap", {"--hostname"}},
};

/* The argument, if word is this option, or the word after it is. */
static const char *argument_of(const char *option, const char *before, const char *word) {
    size_t length = option ? strlen(option) : 0;
    if (!option)
        return NULL;
    if (strcmp(before, option) == 0)
        return word;
    return length > 2 && strncmp(word, option, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static bool describe_by_engine(pid_t pid, const struct description *ret) {
    const struct engine *engine = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(own_processes) && !engine; i++)
        if (engine_is_named(pid, own_processes[i].program))
            engine = &own_processes[i];
    if (!engine)
        return false;
    snprintf(ret->engine, ret->engine_size, "%s", engine->engine);
    char line[8192];
    ssize_t length = engine_read_entry(pid, "cmdline", line, sizeof line);
    const char *before = "", *name = NULL;
    for (char *word = line; word < line + length && !name; before = word, word += strlen(word) + 1)
        for (size_t i = 0; i < ARRAY_SIZE(engine->options) && !name; i++)
            name = argument_of(engine->options[i], before, word);
    if (name)
        utf8_printable(name, ret->name, ret->name_size);
    return true;
}

static bool describe_by_parent(pid_t init, const struct description *ret) {
    pid_t parent;
    if (process_parent(init, &parent) < 0)
        return false;
    return engine_is_named(parent, "conmon") ? describe_by_conmon(parent, ret) : describe_by_engine(parent, ret);
}

static bool describe_by_path(pid_t init, const char *path, const struct description *ret) {
    const char *last = NULL, *engine = NULL;
    bool named = false;
    size_t length = 0, found_length;
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        const char *found = find_last(path, &patterns[i], &found_length);
        if (!found || (last && found < last))
            continue;
        last = found;
        length = found_length;
        engine = patterns[i].engine;
        named = !patterns[i].hex;
    }
    if (!last && (last = find_in_pod(path, &length)))
        engine = "containerd";
    if (!last)
        return false;
    snprintf(ret->id, ret->id_size, "%.*s", (int)length, last);
    snprintf(ret->engine, ret->engine_size, "%s", engine);
    static const char containers[] = "/var/lib/docker/containers";
    if (strcmp(engine, "docker") == 0) {
        if (!docker_record_at(containers, strlen(containers), ret->id, ret))
            docker_record_by_bundle(init, ret->id, ret);
    } else if (named)
        snprintf(ret->name, ret->name_size, "%s", ret->id);
    return true;
}

/* A line for each hierarchy; some may know nothing of containers. */
static bool describe_by_cgroup(pid_t init, const struct description *ret) {
    char text[8192];
    if (engine_read_entry(init, "cgroup", text, sizeof text) <= 0)
        return false;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        if (describe_by_path(init, line, ret))
            return true;
    return false;
}

/* Kubernetes has one shim for a whole pod. */
static bool describe_by_shim(pid_t init, const struct description *ret) {
    char line[4096];
    const char *option = "", *id = NULL;
    pid_t parent;
    ssize_t length;
    if (process_parent(init, &parent) < 0 || !engine_is_named(parent, "containerd-shim") ||
        (length = engine_read_entry(parent, "cmdline", line, sizeof line)) <= 0)
        return false;
    for (char *word = line; word < line + length; option = word, word += strlen(word) + 1) {
        if (strcmp(option, "-id") == 0)
            id = word;
        else if (strcmp(option, "-namespace") == 0 && strcmp(word, "k8s.io") == 0)
            return false;
    }
    if (!id)
        return false;
    utf8_printable(id, ret->id, ret->id_size);
    snprintf(ret->engine, ret->engine_size, "containerd");
    snprintf(ret->name, ret->name_size, "%s", ret->id);
    return true;
}

void job_describe(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    static char id[sizeof result->description.id], name[sizeof result->description.name];
    struct job_description *made = &result->description;
    struct description ret = {.id_size = sizeof id, .engine_size = sizeof made->engine, .name_size = sizeof name};
    ret.id = id;
    ret.engine = made->engine;
    ret.name = name;
    ret.made = made;
    id[0] = name[0] = 0;
    pid_t init = job->target.init_pid;
    made->known = describe_by_parent(init, &ret) || describe_by_cgroup(init, &ret) || describe_by_shim(init, &ret) ||
                  describe_by_engine(init, &ret); /* bubblewrap's is process 1 of its containers, or the one above */
    /* a control group may be called anything */
    utf8_printable(id, made->id, sizeof made->id);
    utf8_printable(name, made->name, sizeof made->name);
    engine_look_closer(base, job, made);
}
