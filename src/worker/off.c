/* SPDX-License-Identifier: MIT */
#include "worker/off.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/process.h"
#include "worker/engine.h"
#include "worker/record.h"

#define OFF "LINFSP=off"

static bool is_in_environment(pid_t init) {
    static char text[1 << 17];
    ssize_t length = engine_read_entry(init, "environ", text, sizeof text);
    for (const char *word = text; length > 0 && word < text + length; word += strlen(word) + 1)
        if (strcmp(word, OFF) == 0)
            return true;
    return false;
}

/* Engines whose own process is the first in their containers: it has its caller's environment, and starts the program
 * that has the container's. */
static bool has_engines_environment(pid_t init) {
    return engine_is_named(init, "bwrap") || engine_is_named(init, "lxc-execute");
}

static bool is_in_environment_of_child(pid_t init) {
    char path[64], text[256];
    snprintf(path, sizeof path, "task/%d/children", (int)init);
    return engine_read_entry(init, path, text, sizeof text) > 0 && is_in_environment(atoi(text));
}

static bool is_in_some_environment(const struct job *job) {
    pid_t init = job->target.init_pid, found_by = job->inject.found_by;
    return is_in_environment(init) || (found_by && found_by != init && is_in_environment(found_by)) ||
           (has_engines_environment(init) && is_in_environment_of_child(init));
}

/* Whether it is root's on the host, with the host's root: an engine may have mounts of its own. */
static bool may_be_asked(const struct job_base *base, pid_t runtime) {
    struct stat host;
    uint64_t device, inode;
    return process_is_roots(runtime) && process_root(runtime, &device, &inode) == 0 &&
           fstat(base->host_root, &host) == 0 && device == host.st_dev && inode == host.st_ino;
}

static bool is_in_bundle(const struct job_base *base, pid_t init) {
    static struct job_description description;
    pid_t runtime;
    memset(&description, 0, sizeof description);
    if (process_parent(init, &runtime) < 0 || !may_be_asked(base, runtime))
        return false;
    _cleanup_free_ char *text = engine_read_bundle(runtime);
    return text && record_from_bundle(text, &description) == 0 && description.off;
}

bool off_is_wanted(const struct job_base *base, const struct job *job) {
    pid_t init = job->target.init_pid;
    return job->inject.early || job->inject.rootfs[0] ? is_in_bundle(base, init) : is_in_some_environment(job);
}
