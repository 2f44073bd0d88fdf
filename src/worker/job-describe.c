/* SPDX-License-Identifier: MIT */
/*
 * Which engine made a container, and what it calls it.
 *
 * Read off the init's parent, where that is an engine's own, or off its cgroup path, where engines leave their id
 * (pattern.h); the name is in the parent's command line, or in Docker's own record. Who runs containers can lie about
 * them: how far what was found is certain is said by engine.c. Runs in a worker: a process can keep whoever reads its
 * command line waiting, by a file system of its own that does not answer.
 */
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/proc.h"
#include "util/process.h"
#include "util/utf8.h"
#include "worker/engine.h"
#include "worker/jobs.h"
#include "worker/pattern.h"
#include "worker/record.h"

struct description {
    char *id, *engine, *name;
    size_t id_size, engine_size, name_size;
    struct job_description *made; /* for the rest */
};

static char *read_blob(const char *store, const char *digest) {
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/io.containerd.content.v1.content/blobs/sha256/%s", store, digest);
    return length < (int)sizeof path ? engine_read_file(path) : NULL;
}

/* The configuration of the image of a container, from where Docker has it; the caller's to free. */
static char *docker_image_at(const char *folder, size_t length, const char *record) {
    char below[512], path[PATH_MAX];
    if (record_image_of_docker(record, below, sizeof below) == 0 &&
        snprintf(path, sizeof path, "%.*s/../%s", (int)length, folder, below) < (int)sizeof path) {
        char *found = engine_read_file(path);
        if (found)
            return found;
    }
    if (record_manifest_of_docker(record, below, sizeof below) < 0 ||
        snprintf(path, sizeof path, "%.*s/../containerd/daemon", (int)length, folder) >= (int)sizeof path)
        return NULL;
    const char *const stores[] = {"/var/lib/containerd", path};
    for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
        _cleanup_free_ char *manifest = read_blob(stores[i], below);
        if (manifest)
            return record_image_of_manifest(manifest, below, sizeof below) < 0 ? NULL : read_blob(stores[i], below);
    }
    return NULL;
}

/* Docker's own record of a container. Returns whether there is one. */
static bool docker_record_at(const char *folder, size_t length, const char *id, const struct description *ret) {
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%.*s/%s/config.v2.json", (int)length, folder, id) >= (int)sizeof path)
        return false;
    _cleanup_free_ char *text = engine_read_file(path);
    _cleanup_free_ char *image = text ? docker_image_at(folder, length, text) : NULL;
    if (!text || record_from_docker(text, image, ret->made) < 0)
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
    pid_t shim;
    json_object *mounts, *source;
    if (process_parent(init, &shim) < 0 || !engine_is_named(shim, "containerd-shim") || !process_is_roots(shim))
        return;
    _cleanup_close_ int file = proc_open(O_RDONLY, "%d/cwd/config.json", (int)shim);
    json_object *bundle = file < 0 ? NULL : json_object_from_fd(file);
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

static bool describe_by_conmon(pid_t conmon, const struct description *ret) {
    char line[8192];
    struct pattern_found found;
    ssize_t length = engine_read_entry(conmon, "cmdline", line, sizeof line);
    if (length < 1 || !pattern_in_conmon(line, (size_t)length, &found))
        return false;
    snprintf(ret->id, ret->id_size, "%.*s", (int)found.id_length, found.id);
    snprintf(ret->engine, ret->engine_size, "%s", found.engine);
    if (found.name)
        utf8_printable(found.name, ret->name, ret->name_size);
    return true;
}

/* Engines that are one process a container, which is told its name. */
static bool describe_by_engine(pid_t pid, const struct description *ret) {
    static const char *const programs[] = {"systemd-nspawn", "bwrap"};
    const char *program = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(programs) && !program; i++)
        if (engine_is_named(pid, programs[i]))
            program = programs[i];
    if (!program)
        return false;
    char line[8192];
    struct pattern_found found;
    ssize_t length = engine_read_entry(pid, "cmdline", line, sizeof line);
    if (!pattern_in_command(program, line, length < 1 ? 0 : (size_t)length, &found))
        return false;
    snprintf(ret->engine, ret->engine_size, "%s", found.engine);
    if (found.name)
        utf8_printable(found.name, ret->name, ret->name_size);
    return true;
}

static bool describe_by_parent(pid_t init, const struct description *ret) {
    pid_t parent;
    if (process_parent(init, &parent) < 0)
        return false;
    return engine_is_named(parent, "conmon") ? describe_by_conmon(parent, ret) : describe_by_engine(parent, ret);
}

static bool describe_by_path(pid_t init, const char *path, const struct description *ret) {
    struct pattern_found found;
    if (!pattern_in_path(path, &found))
        return false;
    snprintf(ret->id, ret->id_size, "%.*s", (int)found.id_length, found.id);
    snprintf(ret->engine, ret->engine_size, "%s", found.engine);
    static const char containers[] = "/var/lib/docker/containers";
    if (strcmp(found.engine, "docker") == 0) {
        if (!docker_record_at(containers, strlen(containers), ret->id, ret))
            docker_record_by_bundle(init, ret->id, ret);
    } else if (found.named)
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

static bool describe_by_shim(pid_t init, const struct description *ret) {
    char line[4096];
    struct pattern_found found;
    pid_t parent;
    ssize_t length;
    if (process_parent(init, &parent) < 0 || !engine_is_named(parent, "containerd-shim") ||
        (length = engine_read_entry(parent, "cmdline", line, sizeof line)) <= 0 ||
        !pattern_in_shim(line, (size_t)length, &found))
        return false;
    utf8_printable(found.id, ret->id, ret->id_size);
    snprintf(ret->engine, ret->engine_size, "%s", found.engine);
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
