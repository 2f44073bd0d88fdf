/* SPDX-License-Identifier: MIT */
/*
 * `linfsp cdi`: writes a Container Device Interface specification, by which an engine's user asks for LinFsp by a
 * device's name. The device is no node: it is the hook that has /dev/linfsp there before the entry point (hook.c).
 *
 * A specification may outlive the program that it names, and a hook that is not there fails the container. So the hook
 * is a shell's, which looks first.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"

#define CDI_VERSION "0.3.0" /* the oldest with hooks: every engine that knows CDI reads it */
#define CDI_KIND "linfsp.dev/fs"
#define CDI_DEVICE "all"
#define HOOK_SCRIPT "[ ! -x \"$0\" ] || exec \"$0\" hook"

static json_object *text_array(const char *const *texts, size_t n) {
    json_object *array = json_object_new_array();
    for (size_t i = 0; i < n; i++)
        json_object_array_add(array, json_object_new_string(texts[i]));
    return array;
}

static json_object *make_hook(const char *program) {
    json_object *hook = json_object_new_object();
    const char *arguments[] = {"sh", "-c", HOOK_SCRIPT, program};
    json_add_text(hook, "hookName", "createRuntime");
    json_add_text(hook, "path", "/bin/sh");
    json_object_object_add(hook, "args", text_array(arguments, ARRAY_SIZE(arguments)));
    return hook;
}

static json_object *make_specification(const char *program) {
    json_object *specification = json_object_new_object(), *devices = json_object_new_array(),
                *device = json_object_new_object(), *edits = json_object_new_object(), *hooks = json_object_new_array();
    json_object_array_add(hooks, make_hook(program));
    json_object_object_add(edits, "hooks", hooks);
    json_add_text(device, "name", CDI_DEVICE);
    json_object_object_add(device, "containerEdits", edits);
    json_object_array_add(devices, device);
    json_add_text(specification, "cdiVersion", CDI_VERSION);
    json_add_text(specification, "kind", CDI_KIND);
    json_object_object_add(specification, "devices", devices);
    return specification;
}

/* The folder that a path's last component is in is made where it is missing, as /etc/cdi usually is. */
static int make_parent(const char *path) {
    char parent[PATH_MAX];
    if ((size_t)snprintf(parent, sizeof parent, "%s", path) >= sizeof parent)
        return -ENAMETOOLONG;
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return 0;
    *slash = '\0';
    return mkdir(parent, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_all(int fd, const char *text) {
    for (size_t left = strlen(text); left > 0;) {
        ssize_t written = write(fd, text, left);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            text += written;
            left -= (size_t)written;
        }
    }
    return 0;
}

/* Engines watch the folder: the file appears whole, under its name, or not at all. */
static int write_file(const char *path, const char *text) {
    char new_path[PATH_MAX];
    int r = make_parent(path);
    if (r < 0)
        return r;
    /* without the ending by which engines know a specification */
    if ((size_t)snprintf(new_path, sizeof new_path, "%s.XXXXXX", path) >= sizeof new_path)
        return -ENAMETOOLONG;
    _cleanup_close_ int fd = mkostemp(new_path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = write_all(fd, text);
    if (r == 0)
        r = write_all(fd, "\n");
    if (r == 0 && (fchmod(fd, 0644) < 0 || rename(new_path, path) < 0))
        r = -errno;
    if (r < 0)
        (void)unlink(new_path);
    return r;
}

static int run(const struct verb *verb, int argc, char **argv) {
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"output", required_argument, NULL, 'o'}, {0}};
    const char *output = NULL;
    for (int c; (c = getopt_long(argc, argv, "ho:", options, NULL)) != -1;) {
        if (c != 'o')
            return c == 'h' ? verb_show_help(verb) : verb_usage(verb);
        output = optarg;
    }
    if (optind < argc) {
        verb_fail(verb, "unexpected argument '%s'", argv[optind]);
        return verb_usage(verb);
    }
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return verb_fail(verb, "cannot tell where this program is: %s", strerror(errno));
    program[length] = '\0';
    json_object *specification = make_specification(program);
    const char *text = json_object_to_json_string_ext(specification, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                         JSON_C_TO_STRING_NOSLASHESCAPE);
    int status = 0;
    if (!output) {
        puts(text);
    } else {
        int r = write_file(output, text);
        if (r < 0)
            status = verb_fail(verb, "cannot write %s: %s", output, strerror(-r));
    }
    json_object_put(specification);
    return status;
}

const struct verb verb_cdi = {
    .name = "cdi",
    .summary = "describe LinFsp to engines that know CDI devices",
    .help = "usage: linfsp cdi [--output FILE]\n\n"
            "Writes a Container Device Interface specification, to standard output or to\n"
            "FILE. With it in /etc/cdi, a container that asks for the device\n"
            "linfsp.dev/fs=all has /dev/linfsp before its first instruction. Every other\n"
            "container has it within milliseconds of its start, without any of this.\n\n"
            "examples:\n"
            "  linfsp cdi --output /etc/cdi/linfsp.json\n"
            "  podman run --device linfsp.dev/fs=all IMAGE\n"
            "  docker run --device linfsp.dev/fs=all IMAGE      Docker 25 or newer\n",
    .run = run,
};
