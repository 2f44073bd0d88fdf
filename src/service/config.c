/* SPDX-License-Identifier: MIT */
#include "service/config.h"

#include <string.h>
#include <strings.h>

#include "util/cleanup.h"
#include "util/log.h"

#define DEFAULT_LIMITS                                                                                                 \
    (struct limits) {                                                                                                  \
        .volumes_per_silo = 64, .connections_per_silo = 128, .silos_per_user = 256, .request_timeout = 300,            \
        .network_volumes = true                                                                                        \
    }

struct number_key {
    const char *name;
    size_t offset;
    unsigned least, most;
};

static const struct number_key number_keys[] = {
    {"max_volumes_per_silo", offsetof(struct limits, volumes_per_silo), 0, 4096},
    {"max_connections_per_silo", offsetof(struct limits, connections_per_silo), 4, 65536},
    {"max_silos_per_user", offsetof(struct limits, silos_per_user), 0, 65536},
    {"request_timeout", offsetof(struct limits, request_timeout), 30, 65535},
};

static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = 0;
    return text;
}

static int set_boolean(bool *value, const char *text) {
    if (strcasecmp(text, "yes") == 0 || strcasecmp(text, "true") == 0)
        *value = true;
    else if (strcasecmp(text, "no") == 0 || strcasecmp(text, "false") == 0)
        *value = false;
    else
        return -EINVAL;
    return 0;
}

static int set_key(struct limits *limits, const char *key, const char *value) {
    if (strcmp(key, "allow_network_volumes") == 0)
        return set_boolean(&limits->network_volumes, value);
    for (size_t i = 0; i < ARRAY_SIZE(number_keys); i++) {
        if (strcmp(key, number_keys[i].name) != 0)
            continue;
        char *end;
        unsigned long number = strtoul(value, &end, 10);
        if (*end || end == value || number < number_keys[i].least || number > number_keys[i].most)
            return -ERANGE;
        *(unsigned *)((char *)limits + number_keys[i].offset) = (unsigned)number;
        return 0;
    }
    return -ENOENT;
}

static int parse_line(const char *path, unsigned number, char *line, struct limits *limits) {
    line[strcspn(line, "#\n")] = 0;
    char *key = trim(line);
    if (!*key)
        return 0;
    char *equals = strchr(key, '=');
    if (!equals) {
        log_error("%s:%u: expected \"key = value\"", path, number);
        return -EINVAL;
    }
    *equals = 0;
    key = trim(key);
    const char *value = trim(equals + 1);
    int r = set_key(limits, key, value);
    if (r < 0) {
        log_error("%s:%u: %s: %s", path, number, key,
                  r == -ENOENT ? "there is no such setting" : "this value is not one it can have");
        return -EINVAL;
    }
    return 0;
}

int config_read(const char *path, struct limits *ret_limits) {
    struct limits limits = DEFAULT_LIMITS;
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file && errno != ENOENT) {
        int error = -errno;
        log_error("%s: %s", path, strerror(errno));
        return error;
    }
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    for (unsigned number = 1; file && getline(&line, &size, file) > 0; number++) {
        int r = parse_line(path, number, line, &limits);
        if (r < 0)
            return r;
    }
    *ret_limits = limits;
    return 0;
}
