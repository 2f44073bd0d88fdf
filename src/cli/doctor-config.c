/* SPDX-License-Identifier: MIT */
/* The service's configuration: what linfspd would refuse to start with, told before it is started. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/doctor.h"

struct key {
    const char *name;
    long least, most; /* both 0: yes or no */
};

static const struct key keys[] = {
    {"max_volumes_per_silo", 0, 4096}, {"max_connections_per_silo", 4, 65536}, {"max_silos_per_user", 0, 65536},
    {"request_timeout", 30, 65535},    {"allow_network_volumes", 0, 0},
};

#define KEY_NAMES                                                                                                      \
    "max_volumes_per_silo, max_connections_per_silo, max_silos_per_user, request_timeout, allow_network_volumes"

static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static bool is_boolean(const char *value) {
    static const char *const words[] = {"yes", "no", "true", "false"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

/* Says what is wrong with a line, NULL: nothing. */
static const char *check_setting(const char *name, const char *value, char *text, size_t size) {
    const struct key *key = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        if (strcmp(keys[i].name, name) == 0)
            key = &keys[i];
    if (!key)
        return snprintf(text, size, "there is no setting '%s'; there are " KEY_NAMES, name), text;
    if (key->most == 0)
        return is_boolean(value) ? NULL : (snprintf(text, size, "%s takes yes or no, not '%s'", name, value), text);
    char *end;
    errno = 0;
    long number = strtol(value, &end, 10);
    if (errno || *end || end == value || number < key->least || number > key->most)
        return snprintf(text, size, "%s takes %ld to %ld, not '%s'", name, key->least, key->most, value), text;
    return NULL;
}

static unsigned check_line(struct doctor *doctor, const char *path, unsigned number, char *line) {
    char text[512];
    const char *wrong;
    line[strcspn(line, "#\n")] = '\0';
    char *name = trim(line);
    if (!*name)
        return 0;
    char *equals = strchr(name, '=');
    if (equals) {
        *equals = '\0';
        wrong = check_setting(trim(name), trim(equals + 1), text, sizeof text);
    } else
        wrong = "it is not \"key = value\"";
    if (wrong)
        finding(doctor, LEVEL_PROBLEM, "config", "the service does not start with it", "correct or remove that line",
                "%s:%u: %s", path, number, wrong);
    return wrong != NULL;
}

void doctor_config(struct doctor *doctor, const char *path) {
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file && errno == ENOENT) {
        finding(doctor, LEVEL_OK, "config", NULL, NULL, "there is no %s: the defaults hold", path);
        return;
    }
    if (!file) {
        finding(doctor, doctor->root ? LEVEL_PROBLEM : LEVEL_NOTE, "config", "the configuration was not checked",
                "sudo linfsp doctor", "%s: %s", path, strerror(errno));
        return;
    }
    char line[1024];
    unsigned wrong = 0;
    for (unsigned number = 1; fgets(line, sizeof line, file); number++)
        wrong += check_line(doctor, path, number, line);
    if (wrong == 0)
        finding(doctor, LEVEL_OK, "config", NULL, NULL, "%s is understood", path);
}
