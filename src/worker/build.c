/* SPDX-License-Identifier: MIT */
/*
 * What tells a build's step from a container that runs:
 *
 * - docker build, its own builder: Docker's record of the container has no log, no restart policy and the health check
 *   "NONE". (`docker run` sets the policy "no" itself.)
 * - BuildKit: a folder named buildkit in its cgroup's path, or in its runtime's command line.
 * - buildah, podman build: above its runtime is a process that calls itself buildah-oci-runtime or
 *   buildah-chroot-runtime.
 *
 * Who runs containers can make one look like a step. It has no /unc then, and /dev/linfsp/unc as always.
 */
#include "worker/build.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/process.h"
#include "worker/engine.h"
#include "worker/record.h"

#define ID_LENGTH 64
#define ANCESTORS_MAX 4

/* The id that a line of a cgroup file ends with, where it is one of Docker's. */
static const char *docker_id(char *line) {
    char *id = strrchr(line, '/');
    if (!id)
        return NULL;
    id++;
    if (strncmp(id, "docker-", strlen("docker-")) == 0)
        id += strlen("docker-");
    size_t length = 0;
    while (isxdigit((unsigned char)id[length]))
        length++;
    if (length != ID_LENGTH)
        return NULL;
    id[length] = 0;
    return id;
}

/* Where the container's runtime, which works in the container's bundle, mounts files of Docker's record from: another
 * dockerd than the usual one, or one that remaps user ids. */
static bool find_by_bundle(const struct job_base *base, pid_t init, const char *id, char *ret_folder, size_t size) {
    char below[ID_LENGTH + 16];
    pid_t runtime;
    if (process_parent(init, &runtime) < 0 || !engine_is_hosts_own(base, runtime))
        return false;
    snprintf(below, sizeof below, "/containers/%s/", id);
    _cleanup_free_ char *text = engine_read_bundle(runtime);
    char *end = text ? strstr(text, below) : NULL, *start = end;
    if (!end)
        return false;
    while (start > text && start[-1] != '"')
        start--;
    end += strlen(below) - 1;
    *end = 0;
    return start[0] == '/' && (size_t)snprintf(ret_folder, size, "%s", start) < size;
}

static bool is_record_of_step(const char *folder) {
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/hostconfig.json", folder);
    _cleanup_free_ char *host = engine_read_file(path);
    snprintf(path, sizeof path, "%s/config.v2.json", folder);
    _cleanup_free_ char *config = host ? engine_read_file(path) : NULL;
    return config && record_is_build_step(config, host);
}

static bool is_docker_step(const struct job_base *base, pid_t init, const char *id) {
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "/var/lib/docker/containers/%s", id);
    if (access(folder, F_OK) < 0 && !find_by_bundle(base, init, id, folder, sizeof folder))
        return false;
    return is_record_of_step(folder);
}

static bool is_step_by_cgroup(const struct job_base *base, pid_t init) {
    char text[8192];
    const char *id = NULL;
    if (engine_read_entry(init, "cgroup", text, sizeof text) <= 0)
        return false;
    if (strstr(text, "/buildkit/"))
        return true;
    for (char *rest = text, *line; !id && (line = strsep(&rest, "\n"));)
        id = docker_id(line);
    return id && is_docker_step(base, init, id);
}

static bool is_step_by_ancestor(pid_t init) {
    static char text[4096];
    pid_t pid = init;
    for (int i = 0; i < ANCESTORS_MAX && process_parent(pid, &pid) == 0 && pid > 1; i++) {
        ssize_t length = engine_read_entry(pid, "cmdline", text, sizeof text);
        if (length <= 0)
            continue;
        if (strcmp(text, "buildah-oci-runtime") == 0 || strcmp(text, "buildah-chroot-runtime") == 0)
            return true;
        for (const char *word = text; word < text + length; word += strlen(word) + 1)
            if (strstr(word, "/buildkit/executor/"))
                return true;
    }
    return false;
}

bool build_is_step(const struct job_base *base, const struct job *job) {
    return is_step_by_cgroup(base, job->target.init_pid) || is_step_by_ancestor(job->target.init_pid);
}
