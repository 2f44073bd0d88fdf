/* SPDX-License-Identifier: MIT */
#include "runtime/command-line.h"

#include <stdbool.h>
#include <string.h>

#include "util/cleanup.h"

/* Options that take a value, which may stand apart from them: of runc 1.1 to 1.3 and crun 1.8 to 1.20. */
static const char *const global_valued[] = {"cgroup-manager", "criu", "log",     "log-format",
                                            "log-level",      "root", "rootless"};
static const char *const create_valued[] = {"b", "bundle", "config", "console-socket", "f", "pid-file", "preserve-fds"};

static bool is_one_of(const char *name, size_t length, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return true;
    return false;
}

/* An option at *i: its name (without dashes), its value if it has one. Moves *i over a value of its own. */
static void read_option(int argc, char *const argv[], int *i, const char *const *valued, size_t n_valued,
                        const char **ret_name, size_t *ret_length, const char **ret_value) {
    const char *name = argv[*i] + strspn(argv[*i], "-");
    size_t length = strcspn(name, "=");
    *ret_name = name;
    *ret_length = length;
    *ret_value = name[length] == '=' ? name + length + 1 : NULL;
    if (!*ret_value && is_one_of(name, length, valued, n_valued) && *i + 1 < argc)
        *ret_value = argv[++*i];
}

static bool is_named(const char *name, size_t length, const char *short_name, const char *long_name) {
    const char *names[] = {short_name, long_name};
    return is_one_of(name, length, names, ARRAY_SIZE(names));
}

int command_line_parse(int argc, char *const argv[], struct command_line *ret) {
    struct command_line found = {.bundle = "."};
    const char *name, *value;
    size_t length;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++)
        read_option(argc, argv, &i, global_valued, ARRAY_SIZE(global_valued), &name, &length, &value);
    if (i >= argc || (strcmp(argv[i], "create") != 0 && strcmp(argv[i], "run") != 0))
        return 0;
    for (i++; i < argc; i++) {
        if (argv[i][0] != '-')
            continue; /* the container's name: options may stand behind it, too */
        if (strcmp(argv[i], "--") == 0)
            break;
        read_option(argc, argv, &i, create_valued, ARRAY_SIZE(create_valued), &name, &length, &value);
        if (value && is_named(name, length, "b", "bundle"))
            found.bundle = value;
        else if (value && is_named(name, length, "f", "config"))
            found.config = value;
    }
    *ret = found;
    return 1;
}
