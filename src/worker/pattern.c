/* SPDX-License-Identifier: MIT */
#include "worker/pattern.h"

#include <ctype.h>
#include <string.h>

#include "util/cleanup.h"

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

bool pattern_in_path(const char *path, struct pattern_found *ret_found) {
    struct pattern_found last = {0};
    size_t length = 0;
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        const char *found = find_last(path, &patterns[i], &length);
        if (found && (!last.id || found >= last.id))
            last = (struct pattern_found){
                .engine = patterns[i].engine, .id = found, .id_length = length, .named = !patterns[i].hex};
    }
    if (!last.id && (last.id = find_in_pod(path, &last.id_length)))
        last.engine = "containerd";
    *ret_found = last;
    return last.id;
}

/* conmon is told all: -c ID, -n NAME, and by whom: podman has it call back to podman. */
bool pattern_in_conmon(const char *line, size_t length, struct pattern_found *ret_found) {
    struct pattern_found found = {.engine = "cri-o"};
    const char *option = "";
    for (const char *word = line; word < line + length; option = word, word += strlen(word) + 1) {
        if (strcmp(option, "-c") == 0 && hex_length(word) == ID_LENGTH && !word[ID_LENGTH])
            found.id = word;
        else if (strcmp(option, "-n") == 0)
            found.name = word;
        else if (strcmp(option, "--exit-command") == 0)
            found.engine = "podman";
    }
    found.id_length = ID_LENGTH;
    *ret_found = found;
    return found.id;
}

/* Is told its name as one of these options: "--machine NAME" or "--machine=NAME". */
static const struct command {
    const char *program, *engine;
    const char *options[2];
} commands[] = {
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

bool pattern_in_command(const char *program, const char *line, size_t length, struct pattern_found *ret_found) {
    struct pattern_found found = {0};
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const char *before = "";
        if (strcmp(program, commands[i].program) != 0)
            continue;
        found.engine = commands[i].engine;
        for (const char *word = line; word < line + length && !found.name; before = word, word += strlen(word) + 1)
            for (size_t j = 0; j < ARRAY_SIZE(commands[i].options) && !found.name; j++)
                found.name = argument_of(commands[i].options[j], before, word);
    }
    *ret_found = found;
    return found.engine;
}

bool pattern_in_shim(const char *line, size_t length, struct pattern_found *ret_found) {
    struct pattern_found found = {.engine = "containerd", .named = true};
    const char *option = "";
    for (const char *word = line; word < line + length; option = word, word += strlen(word) + 1) {
        if (strcmp(option, "-id") == 0)
            found.id = word;
        else if (strcmp(option, "-namespace") == 0 && strcmp(word, "k8s.io") == 0)
            return false;
    }
    if (!found.id)
        return false;
    found.id_length = strlen(found.id);
    *ret_found = found;
    return true;
}
