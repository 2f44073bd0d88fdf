/* SPDX-License-Identifier: MIT */
#include "worker/engine.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/proc.h"
#include "util/process.h"
#include "util/utf8.h"
#include "worker/labels.h"
#include "worker/podman.h"
#include "worker/record.h"

#define FILE_MAX (1 << 20)

ssize_t engine_read_entry(pid_t pid, const char *entry, char *text, size_t size) {
    _cleanup_close_ int fd = proc_open(O_RDONLY, "%d/%s", (int)pid, entry);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    text[length > 0 ? length : 0] = 0;
    return length;
}

bool engine_is_named(pid_t pid, const char *name) {
    char comm[32];
    if (engine_read_entry(pid, "comm", comm, sizeof comm) <= 0)
        return false;
    comm[strcspn(comm, "\n")] = 0;
    return strcmp(comm, name) == 0;
}

/* Takes the descriptor over. */
static char *read_small_file(int file) {
    struct stat status;
    _cleanup_close_ int fd = file;
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > FILE_MAX)
        return NULL;
    _cleanup_free_ char *text = malloc((size_t)status.st_size + 1);
    ssize_t length = text ? read(fd, text, (size_t)status.st_size) : -1;
    if (length < 0)
        return NULL;
    text[length] = 0;
    return steal_pointer(text);
}

char *engine_read_file(const char *path) {
    return read_small_file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

char *engine_read_bundle(pid_t runtime) {
    return read_small_file(proc_open(O_RDONLY | O_NONBLOCK, "%d/cwd/config.json", (int)runtime));
}

bool engine_is_hosts_own(const struct job_base *base, pid_t pid) {
    struct stat host;
    uint64_t found;
    return process_is_roots(pid) && process_namespace(pid, "mnt", &found) == 0 &&
           fstat(base->host_mount_namespace, &host) == 0 && found == host.st_ino;
}

/* The word behind option in a process's command line. */
static bool word_behind(pid_t pid, const char *option, char *ret_word, size_t size) {
    char line[8192];
    ssize_t length = engine_read_entry(pid, "cmdline", line, sizeof line);
    const char *before = "";
    for (char *word = line; length > 0 && word < line + length; before = word, word += strlen(word) + 1)
        if (strcmp(before, option) == 0)
            return (size_t)snprintf(ret_word, size, "%s", word) < size;
    return false;
}

/* A shim works in the bundle of its first container; those of a pod's others are beside it. */
static bool bundle_of_shim(pid_t shim, pid_t init, const char *id, char *ret_bundle, size_t size) {
    char folder[PATH_MAX], pid_file[PATH_MAX + 16];
    if (!id[0] || strchr(id, '/') || proc_read_link(folder, sizeof folder, "%d/cwd", (int)shim) <= 0)
        return false;
    char *slash = strrchr(folder, '/');
    if (!slash || (size_t)snprintf(ret_bundle, size, "%.*s/%s", (int)(slash - folder), folder, id) >= size)
        return false;
    snprintf(pid_file, sizeof pid_file, "%s/init.pid", ret_bundle);
    _cleanup_free_ char *text = engine_read_file(pid_file);
    return text && atoi(text) == init; /* it is this container's, whatever its cgroup is called */
}

/* containerd's namespace of Kubernetes's containers: no control group makes one of these another engine's. */
static bool is_of_kubernetes(pid_t shim) {
    char namespace[64];
    return engine_is_named(shim, "containerd-shim") && word_behind(shim, "-namespace", namespace, sizeof namespace) &&
           strcmp(namespace, "k8s.io") == 0;
}

/* CRI-O hands a pod's labels to the pod's sandbox alone, whose bundle is beside those of the pod's containers. */
static void read_sandbox(const char *bundle, struct job_description *description) {
    const char *sandbox = labels_find(description, "io.kubernetes.cri-o.SandboxID");
    const char *own = strstr(bundle, description->id);
    char file[PATH_MAX];
    if (strcmp(description->engine, "cri-o") != 0 || !sandbox || sandbox[0] == '.' || strchr(sandbox, '/') || !own ||
        (size_t)snprintf(file, sizeof file, "%.*s%s%s/config.json", (int)(own - bundle), bundle, sandbox,
                         own + strlen(description->id)) >= sizeof file)
        return;
    _cleanup_free_ char *text = engine_read_file(file);
    if (text)
        (void)record_from_sandbox(text, description);
}

static bool find_bundle(pid_t parent, pid_t init, const char *id, char *ret_bundle, size_t size) {
    char told[WIRE_SILO_ID_MAX];
    if (engine_is_named(parent, "containerd-shim"))
        return bundle_of_shim(parent, init, id, ret_bundle, size);
    return engine_is_named(parent, "conmon") && word_behind(parent, "-c", told, sizeof told) && strcmp(told, id) == 0 &&
           word_behind(parent, "-b", ret_bundle, size);
}

/* Engines that are one process a container: what they say of it was read off that process itself. */
static bool is_engines_own_process(pid_t parent, const char *engine) {
    static const struct {
        const char *comm, *engine;
    } known[] = {
        {"systemd-nspawn", "systemd-nspawn"}, {"bwrap", "bubblewrap"}, {"lxc-start", "lxc"}, {"lxc-execute", "lxc"}};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcmp(engine, known[i].engine) == 0 && engine_is_named(parent, known[i].comm))
            return true;
    return false;
}

/* The path in the last line that has one: the unified hierarchy's, else some other's. */
static void read_cgroup(pid_t init, struct job_description *description) {
    char text[8192];
    if (engine_read_entry(init, "cgroup", text, sizeof text) <= 0)
        return;
    for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
        const char *path = strchr(line, '/');
        if (path && path[1])
            utf8_printable(path, description->cgroup, sizeof description->cgroup);
    }
}

/* What the container's bundle tells. Returns whether there is one, and it tells. */
static bool look_into_bundle(const char *bundle, struct job_description *description) {
    char file[PATH_MAX + 16];
    snprintf(file, sizeof file, "%s/config.json", bundle);
    _cleanup_free_ char *text = engine_read_file(file);
    if (!text || record_from_bundle(text, description) < 0)
        return false;
    read_sandbox(bundle, description);
    if (strcmp(description->engine, "podman") == 0)
        podman_labels(bundle, description);
    return true;
}

void engine_look_closer(const struct job_base *base, const struct job *job, struct job_description *description) {
    pid_t init = job->target.init_pid, parent;
    char bundle[PATH_MAX];
    read_cgroup(init, description);
    if (job->target.user_namespace && job->target.owner_uid != 0) {
        snprintf(description->group, sizeof description->group, "user:%u", job->target.owner_uid);
        return;
    }
    if (process_parent(init, &parent) < 0 || !engine_is_hosts_own(base, parent))
        return;
    if (is_of_kubernetes(parent))
        snprintf(description->engine, sizeof description->engine, "containerd");
    if (find_bundle(parent, init, description->id, bundle, sizeof bundle))
        description->certain = look_into_bundle(bundle, description);
    else
        description->certain = is_engines_own_process(parent, description->engine);
    if (description->certain)
        labels_group(description, description->group, sizeof description->group);
}
