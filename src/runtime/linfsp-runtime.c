/* SPDX-License-Identifier: MIT */
/*
 * linfsp-runtime: an OCI runtime that is another one, with our hook in each container.
 *
 * It stands where an engine expects runc: `dockerd --add-runtime linfsp=/usr/local/bin/linfsp-runtime`, a handler of
 * containerd's or CRI-O's, `podman --runtime`. For `create` and `run` it adds `linfsp hook` to the bundle's
 * configuration; then, as for every other verb, it becomes the real runtime, with the same arguments, descriptors and
 * environment. Whatever of that goes wrong, the runtime runs all the same: a container never fails for us.
 *
 * The real runtime is the one that LINFSP_RUNTIME names (a path, or a name in PATH), else runc, else crun.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/bundle.h"
#include "runtime/command-line.h"
#include "runtime/notify.h"
#include "util/cleanup.h"

#define SEARCH_PATH                                                                                                    \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" /* behind PATH: engines may have none */

/* An engine shows a runtime's standard error when a container fails, which is when this is of use. */
static void complain(const char *what, const char *why) {
    fprintf(stderr, "linfsp-runtime: %s: %s\n", what, why);
}

/* Neither this program under another name: it would start itself for ever. */
static bool is_runtime(const char *path) {
    struct stat status, self;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0 &&
           !(stat("/proc/self/exe", &self) == 0 && self.st_dev == status.st_dev && self.st_ino == status.st_ino);
}

static bool find_runtime(const char *name, char *ret_path, size_t size) {
    if (strchr(name, '/'))
        return is_runtime(name) && (size_t)snprintf(ret_path, size, "%s", name) < size;
    const char *variable = getenv("PATH");
    char path[8192];
    snprintf(path, sizeof path, "%s:" SEARCH_PATH, variable ? variable : "");
    for (char *rest = path, *folder; (folder = strsep(&rest, ":"));)
        if (folder[0] == '/' && (size_t)snprintf(ret_path, size, "%s/%s", folder, name) < size && is_runtime(ret_path))
            return true;
    return false;
}

static bool choose_runtime(char *ret_path, size_t size) {
    const char *wanted = getenv("LINFSP_RUNTIME");
    if (wanted && *wanted) {
        if (find_runtime(wanted, ret_path, size))
            return true;
        complain(wanted, "LINFSP_RUNTIME names no runtime");
    }
    return find_runtime("runc", ret_path, size) || find_runtime("crun", ret_path, size);
}

/* linfsp stands beside this program; else where it was to be installed. */
static bool find_linfsp(char *ret_path, size_t size) {
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) {
        self[length] = '\0';
        *strrchr(self, '/') = '\0';
        if ((size_t)snprintf(ret_path, size, "%s/linfsp", self) < size && access(ret_path, X_OK) == 0)
            return true;
    }
    return (size_t)snprintf(ret_path, size, "%s/linfsp", LINFSP_BINDIR) < size && access(ret_path, X_OK) == 0;
}

static bool find_config(const struct command_line *command_line, char *ret_path, size_t size) {
    if (command_line->config)
        return (size_t)snprintf(ret_path, size, "%s", command_line->config) < size;
    return (size_t)snprintf(ret_path, size, "%s/config.json", command_line->bundle) < size;
}

/* What stands in for fusermount3 is put into containers from there. */
static bool find_helper(const char *linfsp, char *ret_path, size_t size) {
    const char *slash = strrchr(linfsp, '/');
    return slash &&
           (size_t)snprintf(ret_path, size, "%.*s/../lib/linfsp/bin/fusermount3", (int)(slash - linfsp), linfsp) <
               size &&
           access(ret_path, X_OK) == 0;
}

/* The notifier is started first: a filter that nobody listens to would keep the container from starting. */
static void add_notifier(const char *config, const char *linfsp) {
    char helper[PATH_MAX], socket[128];
    const char *wanted = getenv("LINFSP_NOTIFY");
    if (wanted && strcmp(wanted, "off") == 0) {
        (void)bundle_drop_notifier(config);
        return;
    }
    int r = find_helper(linfsp, helper, sizeof helper) ? notify_start(helper, socket, sizeof socket) : -ENOENT;
    if (r < 0) {
        complain("programs that call mount(2) by themselves are not helped", strerror(-r));
        (void)bundle_drop_notifier(config);
        return;
    }
    r = bundle_add_notifier(config, socket);
    if (r <= 0)
        (void)unlink(socket); /* and it ends by itself, since nobody comes */
    if (r < 0)
        complain(config, strerror(-r));
}

static void change_bundle(const struct command_line *command_line) {
    char config[PATH_MAX], linfsp[PATH_MAX];
    if (!find_linfsp(linfsp, sizeof linfsp)) {
        complain("linfsp", "it is not installed; containers start without its hook");
        return;
    }
    if (!find_config(command_line, config, sizeof config))
        return;
    int r = bundle_add_hook(config, linfsp);
    if (r < 0)
        complain(config, strerror(-r));
    else
        add_notifier(config, linfsp);
}

int main(int argc, char **argv) {
    char runtime[PATH_MAX];
    struct command_line command_line;
    if (command_line_parse(argc, argv, &command_line) > 0)
        change_bundle(&command_line);
    if (!choose_runtime(runtime, sizeof runtime)) {
        complain("runc", "there is no runtime to run: neither runc nor crun is installed");
        return 1;
    }
    /* as an engine would start it */
    argv[0] = runtime;
    execv(runtime, argv);
    complain(runtime, strerror(errno));
    return 1;
}
