/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "util/cleanup.h"

#define DEFAULT_LIMITS                                                                                                 \
    (struct limits) {                                                                                                  \
        .volumes_per_silo = 1000, .connections_per_silo = 1200, .silos_per_user = 256, .request_timeout = 600,         \
        .fail_over = 300, .network_volumes = true                                                                      \
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
    {"max_fail_over", offsetof(struct limits, fail_over), 0, 300},
    {"hold", offsetof(struct limits, hold), 0, 300},
};

#define KEY_NAMES                                                                                                      \
    "max_volumes_per_silo, max_connections_per_silo, max_silos_per_user, request_timeout, max_fail_over, hold, "       \
    "allow_network_volumes, audit_json"

/* A file that is being read. */
struct reader {
    struct config *config;
    struct list_node rules; /* of this file */
    struct rule *rule; /* whose lines are being read; NULL: still before the first */
    const char *path;
    unsigned number, wrong;
    config_complaint complaint;
    void *context;
};

static void complain(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct reader *reader, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    reader->wrong++;
    if (reader->complaint)
        reader->complaint(reader->context, reader->path, reader->number, text);
}

char *config_trim(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && strchr(" \t\r\n", text[length - 1]))
        text[--length] = 0;
    return text;
}

static const struct switch_key {
    const char *name;
    size_t offset;
} switch_keys[] = {
    {"allow_network_volumes", offsetof(struct limits, network_volumes)},
    {"audit_json", offsetof(struct limits, audit_json)},
};

static void set_switch(struct reader *reader, const struct switch_key *key, const char *value) {
    bool yes = strcasecmp(value, "yes") == 0 || strcasecmp(value, "true") == 0;
    if (yes || strcasecmp(value, "no") == 0 || strcasecmp(value, "false") == 0)
        *(bool *)((char *)&reader->config->limits + key->offset) = yes;
    else
        complain(reader, "%s takes yes or no, not '%.80s'", key->name, value);
}

static void set_limit(struct reader *reader, const char *key, const char *value) {
    for (size_t i = 0; i < ARRAY_SIZE(switch_keys); i++)
        if (strcmp(key, switch_keys[i].name) == 0) {
            set_switch(reader, &switch_keys[i], value);
            return;
        }
    for (size_t i = 0; i < ARRAY_SIZE(number_keys); i++) {
        const struct number_key *known = &number_keys[i];
        if (strcmp(key, known->name) != 0)
            continue;
        char *end;
        unsigned long number = strtoul(value, &end, 10);
        if (end != value && !strcmp(key, "hold") && !strcmp(end, "s"))
            end++; /* seconds, as all times */
        if (*end || end == value || *value == '-' || number < known->least || number > known->most)
            complain(reader, "%s takes %u to %u, not '%.80s'", key, known->least, known->most, value);
        else
            *(unsigned *)((char *)&reader->config->limits + known->offset) = (unsigned)number;
        return;
    }
    complain(reader, "there is no setting '%.80s'; there are " KEY_NAMES, key);
}

static bool has_rule(const struct reader *reader, const char *name) {
    const struct list_node *lists[] = {&reader->rules, &reader->config->rules};
    const struct rule *rule;
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        list_for_each (rule, lists[i], node)
            if (strcmp(rule->name, name) == 0)
                return true;
    return false;
}

static void begin_rule(struct reader *reader, char *line) {
    char *end = strchr(line, ']');
    if (!end || end[1] || strncmp(line, "[rule ", strlen("[rule ")) != 0) {
        complain(reader, "a rule begins with \"[rule NAME]\"");
        return;
    }
    *end = 0;
    const char *name = config_trim(line + strlen("[rule "));
    if (!*name || strlen(name) >= RULE_NAME_MAX)
        complain(reader, "a rule's name has 1 to %d characters", RULE_NAME_MAX - 1);
    else if (has_rule(reader, name))
        complain(reader, "there is a rule \"%s\" already", name);
    else if (!(reader->rule = rule_new(name, reader->path, reader->number)))
        complain(reader, "out of memory");
    else
        list_append(&reader->rules, &reader->rule->node);
}

static void read_line(struct reader *reader, char *line) {
    char text[256];
    char *comment = line[0] == '#' ? line : strstr(line, " #");
    if (comment)
        *comment = 0;
    char *key = config_trim(line);
    if (!*key)
        return;
    if (*key == '[') {
        begin_rule(reader, key);
        return;
    }
    char *equals = strchr(key, '=');
    if (!equals) {
        complain(reader, "it is not \"key = value\"");
        return;
    }
    *equals = 0;
    key = config_trim(key);
    const char *value = config_trim(equals + 1);
    if (!reader->rule)
        set_limit(reader, key, value);
    else if (rule_set(reader->rule, key, value, text, sizeof text) < 0)
        complain(reader, "rule \"%s\": %s", reader->rule->name, text);
}

static void free_rules(struct list_node *rules) {
    struct rule *rule, *next;
    list_for_each_safe (rule, next, rules, node)
        rule_free(rule);
}

/* The rules of a file go before those of the files that were read before it. */
static void put_first(struct list_node *rules, struct list_node *added) {
    struct rule *rule, *next;
    list_for_each_safe (rule, next, rules, node) {
        list_remove(&rule->node);
        list_append(added, &rule->node);
    }
    list_for_each_safe (rule, next, added, node) {
        list_remove(&rule->node);
        list_append(rules, &rule->node);
    }
}

static int read_file(struct reader *reader, const char *path) {
    reader->path = path;
    reader->number = 0;
    reader->rule = NULL;
    list_init(&reader->rules);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    if (!file) {
        int error = -errno;
        if (error != -ENOENT)
            complain(reader, "%s", strerror(-error));
        return error == -ENOENT ? 0 : error;
    }
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        reader->number++;
        read_line(reader, line);
    }
    put_first(&reader->config->rules, &reader->rules);
    return 0;
}

static int is_configuration(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int read_folder(struct reader *reader, const char *path) {
    char folder[4096], file[8192];
    struct dirent **entries;
    snprintf(folder, sizeof folder, "%s.d", path);
    int count = scandir(folder, &entries, is_configuration, alphasort), r = 0;
    if (count < 0)
        return errno == ENOENT ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%s/%s", folder, entries[i]->d_name);
        int one = read_file(reader, file);
        r = r < 0 ? r : one;
        free(entries[i]);
    }
    free(entries);
    reader->path = NULL; /* it was of this function */
    return r;
}

int config_read(const char *path, config_complaint complaint, void *context, struct config **ret_config) {
    struct config *config = calloc(1, sizeof *config);
    if (!config)
        return -ENOMEM;
    config->limits = DEFAULT_LIMITS;
    list_init(&config->rules);
    struct reader reader = {.config = config, .complaint = complaint, .context = context};
    int r = read_file(&reader, path), more = read_folder(&reader, path);
    r = r < 0 ? r : more;
    if (r == 0 && reader.wrong > 0)
        r = -EINVAL;
    if (r < 0) {
        config_free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}

void config_free(struct config *config) {
    if (!config)
        return;
    free_rules(&config->rules);
    free(config);
}
