/* SPDX-License-Identifier: MIT */
#include "config/rules.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/cleanup.h"
#include "wire/prefix.h"

#define READ_ONLY ":ro"
#define LOCAL "./" /* what a prefix that is local to a group begins with */

struct rule *rule_new(const char *name, const char *path, unsigned number) {
    struct rule *rule = calloc(1, sizeof *rule);
    if (!rule)
        return NULL;
    snprintf(rule->name, sizeof rule->name, "%s", name);
    snprintf(rule->place, sizeof rule->place, "%.240s:%u", path, number);
    rule->host = rule->enabled = rule->disks = rule->network_volumes = rule->browse = -1;
    rule->volumes = rule->connections = rule->request_timeout = rule->fail_over = rule->hold = -1;
    return rule;
}

void rule_free(struct rule *rule) {
    if (!rule)
        return;
    list_remove(&rule->node);
    free(rule->engine);
    free(rule->container);
    free(rule->image);
    free(rule->label);
    free(rule->cgroup);
    free(rule->claim);
    free(rule->open);
    free(rule);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static int wrong(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int wrong(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* Takes one word of a list of patterns, which commas part, into its canonical form. */
typedef int (*normaliser)(const char *word, char *ret_pattern, size_t size, char *ret_text, size_t text_size);

static int as_it_is(const char *word, char *ret_pattern, size_t size, char *ret_text, size_t text_size) {
    snprintf(ret_pattern, size, "%s", word);
    return 0;
}

// "\nas\*" or "//nas/*" to "nas/*", in the case in which prefixes are compared; '!' before and ":ro" behind stay.
static int prefix_pattern(const char *word, char *ret_pattern, size_t size, char *ret_text, size_t text_size) {
    char plain[PREFIX_MAX], folded[PREFIX_MAX];
    const char *from = word + (word[0] == '!');
    size_t length = strlen(from), at = 0;
    bool read_only = length > strlen(READ_ONLY) && strcmp(from + length - strlen(READ_ONLY), READ_ONLY) == 0;
    if (read_only)
        length -= strlen(READ_ONLY);
    for (size_t i = 0; i < length && at + 1 < sizeof plain; i++)
        if (at > 0 || (from[i] != '\\' && from[i] != '/'))
            plain[at++] = from[i] == '\\' ? '/' : from[i];
    plain[at] = 0;
    if (at == 0 || prefix_fold(plain, folded) < 0)
        return wrong(ret_text, text_size, "'%.80s' is no pattern of prefixes such as \\nas\\*", word);
    if (read_only && word[0] == '!')
        return wrong(ret_text, text_size, "'%.80s': what is refused has no \"" READ_ONLY "\"", word);
    snprintf(ret_pattern, size, "%s%s%s", word[0] == '!' ? "!" : "", folded, read_only ? READ_ONLY : "");
    return 0;
}

static int set_patterns(rule_patterns *patterns, const char *value, normaliser normalise, char *text, size_t size) {
    _cleanup_free_ char *words = strdup(value), *list = calloc(1, 2 * strlen(value) + 64);
    char pattern[PREFIX_MAX + 8];
    size_t at = 0, room = 2 * strlen(value) + 64;
    if (!words || !list)
        return wrong(text, size, "out of memory");
    for (char *rest = words, *word; (word = strsep(&rest, ","));) {
        word += strspn(word, " \t");
        for (size_t n = strlen(word); n > 0 && isspace((unsigned char)word[n - 1]); n--)
            word[n - 1] = 0;
        if (!*word)
            return wrong(text, size, "an empty pattern");
        int r = normalise(word, pattern, sizeof pattern, text, size);
        if (r < 0)
            return r;
        size_t length = strlen(pattern) + 1;
        if (at + length + 1 > room)
            return wrong(text, size, "the list is too long");
        memcpy(list + at, pattern, length);
        at += length;
    }
    free(*patterns);
    *patterns = steal_pointer(list);
    return 0;
}

static int set_yes(int *value, const char *key, const char *text, char *ret_text, size_t size) {
    static const char *const yes[] = {"yes", "true", "on"}, *const no[] = {"no", "false", "off"};
    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *value = strcasecmp(text, yes[i]) == 0;
            return 0;
        }
    }
    return wrong(ret_text, size, "%s takes yes or no, not '%.80s'", key, text);
}

static int set_number(int *value, const char *key, const char *text, long least, long most, char *ret_text,
                      size_t size) {
    char *end;
    long number = strtol(text, &end, 10);
    if (end != text && !strcmp(key, "hold") && !strcmp(end, "s"))
        end++; /* seconds, as all times */
    if (*end || end == text || number < least || number > most)
        return wrong(ret_text, size, "%s takes %ld to %ld, not '%.80s'", key, least, most, text);
    *value = (int)number;
    return 0;
}

static int set_users(struct rule *rule, const char *value, char *text, size_t size) {
    char *end;
    unsigned long first = strtoul(value, &end, 10), last = first;
    if (end != value && *end == '-') {
        const char *second = end + 1;
        last = strtoul(second, &end, 10);
        if (end == second)
            last = 0;
    }
    if (end == value || *end || *value == '-' || last < first || last >= UINT32_MAX)
        return wrong(text, size, "user takes a number or a range such as 1000-1999, not '%.80s'", value);
    rule->has_users = true;
    rule->first_user = (uid_t)first;
    rule->last_user = (uid_t)last;
    return 0;
}

static int set_readers(struct rule *rule, const char *value, char *text, size_t size) {
    static const struct {
        const char *word;
        unsigned bit;
    } known[] = {{"everyone", RULE_EVERYONE}, {"host", RULE_HOST}, {"same-silo-group", RULE_SAME_GROUP}};
    _cleanup_free_ char *words = strdup(value);
    unsigned readers = 0;
    for (char *rest = words, *word; rest && (word = strsep(&rest, ", \t"));) {
        unsigned bit = 0;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
            if (strcmp(word, known[i].word) == 0)
                bit = known[i].bit;
        if (*word && !bit)
            return wrong(text, size, "open_by takes everyone, host, same-silo-group, not '%.80s'", word);
        readers |= bit;
    }
    if (!readers)
        return wrong(text, size, "open_by takes everyone, host, same-silo-group");
    rule->open_by = readers;
    return 0;
}

int rule_set(struct rule *rule, const char *key, const char *value, char *ret_text, size_t size) {
    const struct {
        const char *key;
        rule_patterns *patterns;
        normaliser normalise;
    } lists[] = {
        {"engine", &rule->engine, as_it_is},   {"name", &rule->container, as_it_is},
        {"image", &rule->image, as_it_is},     {"label", &rule->label, as_it_is},
        {"cgroup", &rule->cgroup, as_it_is},   {"claim", &rule->claim, prefix_pattern},
        {"open", &rule->open, prefix_pattern},
    };
    const struct {
        const char *key;
        int *value;
    } switches[] = {
        {"host", &rule->host},     {"linfsp", &rule->enabled},
        {"disks", &rule->disks},   {"network_volumes", &rule->network_volumes},
        {"browse", &rule->browse},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (strcmp(key, lists[i].key) == 0)
            return set_patterns(lists[i].patterns, value, lists[i].normalise, ret_text, size);
    for (size_t i = 0; i < ARRAY_SIZE(switches); i++)
        if (strcmp(key, switches[i].key) == 0)
            return set_yes(switches[i].value, key, value, ret_text, size);
    if (strcmp(key, "user") == 0)
        return set_users(rule, value, ret_text, size);
    if (strcmp(key, "open_by") == 0)
        return set_readers(rule, value, ret_text, size);
    if (strcmp(key, "max_volumes") == 0)
        return set_number(&rule->volumes, key, value, 0, 4096, ret_text, size);
    if (strcmp(key, "max_connections") == 0)
        return set_number(&rule->connections, key, value, 4, 65536, ret_text, size);
    if (strcmp(key, "request_timeout") == 0)
        return set_number(&rule->request_timeout, key, value, 30, 65535, ret_text, size);
    if (strcmp(key, "max_fail_over") == 0)
        return set_number(&rule->fail_over, key, value, 0, 300, ret_text, size);
    if (strcmp(key, "hold") == 0)
        return set_number(&rule->hold, key, value, 0, 300, ret_text, size);
    return wrong(ret_text, size,
                 "there is no key '%.80s'; conditions: engine, name, image, label, cgroup, user, host; settings: "
                 "linfsp, disks, network_volumes, claim, open, open_by, browse, max_volumes, max_connections, "
                 "request_timeout, max_fail_over, hold",
                 key);
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

static bool any_matches(const char *patterns, const char *text) {
    for (const char *pattern = patterns; *pattern; pattern += strlen(pattern) + 1)
        if (fnmatch(pattern, text, 0) == 0)
            return true;
    return false;
}

static bool any_label_matches(const char *patterns, const char *labels) {
    for (const char *label = labels; *label; label += strlen(label) + 1)
        if (any_matches(patterns, label))
            return true;
    return false;
}

static bool matches(const struct rule *rule, const struct silo_facts *facts) {
    const struct {
        const char *patterns, *text;
    } conditions[] = {{rule->engine, facts->engine},
                      {rule->container, facts->container},
                      {rule->image, facts->image},
                      {rule->cgroup, facts->cgroup}};
    bool known = facts->certain && !facts->host;
    if (rule->host >= 0 && facts->host != rule->host)
        return false;
    if (rule->has_users && (facts->host || facts->owner < rule->first_user || facts->owner > rule->last_user))
        return false;
    if (rule->label && (!known || !any_label_matches(rule->label, facts->labels)))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
        if (conditions[i].patterns && (!known || !any_matches(conditions[i].patterns, conditions[i].text)))
            return false;
    return true;
}

const struct rule *rules_find(const struct list_node *rules, const struct silo_facts *facts) {
    const struct rule *rule;
    list_for_each (rule, rules, node)
        if (matches(rule, facts))
            return rule;
    return NULL;
}

/* ---- decisions ------------------------------------------------------------------------------------------------- */

static bool decide(struct verdict *ret, bool allowed, const struct rule *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static bool decide(struct verdict *ret, bool allowed, const struct rule *rule, const char *format, ...) {
    char what[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    *ret = (struct verdict){.allowed = allowed, .rule = rule};
    if (rule)
        snprintf(ret->why, sizeof ret->why, "rule \"%s\" (%.100s): %s", rule->name, rule->place, what);
    else
        snprintf(ret->why, sizeof ret->why, "no rule: %s", what);
    return allowed;
}

/* 1: a pattern allows it; 0: one refuses it; -1: none matches. */
static int patterns_say(const char *patterns, const char *prefix, bool *ret_read_only) {
    char folded[PREFIX_MAX], pattern[PREFIX_MAX + 8];
    if (prefix_fold(prefix, folded) < 0)
        return 0;
    for (const char *at = patterns; *at; at += strlen(at) + 1) {
        bool refuses = *at == '!';
        snprintf(pattern, sizeof pattern, "%s", at + refuses);
        size_t length = strlen(pattern);
        bool read_only = length > strlen(READ_ONLY) && strcmp(pattern + length - strlen(READ_ONLY), READ_ONLY) == 0;
        if (read_only)
            pattern[length - strlen(READ_ONLY)] = 0;
        if (fnmatch(pattern, folded, 0) != 0)
            continue;
        *ret_read_only = read_only;
        return !refuses;
    }
    return -1;
}

bool rules_disk(const struct list_node *rules, const struct silo_facts *facts, struct verdict *ret) {
    const struct rule *rule = rules_find(rules, facts);
    bool allowed = !rule || (rule->disks != 0 && rule->enabled != 0);
    return decide(ret, allowed, rule, allowed ? "disks are allowed" : "it allows no disks");
}

bool rules_claim(const struct list_node *rules, const struct silo_facts *facts, bool network_volumes,
                 const char *prefix, struct verdict *ret) {
    const struct rule *rule = rules_find(rules, facts);
    bool allowed = facts->host || network_volumes, read_only = false;
    if (rule && rule->network_volumes >= 0)
        allowed = rule->network_volumes;
    if (!allowed && !(rule && rule->network_volumes == 0))
        return decide(ret, false, NULL,
                      "containers may not have network volumes on this host (allow_network_volumes in "
                      "/etc/linfsp.conf)");
    if (!allowed || (rule && rule->enabled == 0))
        return decide(ret, false, rule, "it allows no network volumes");
    if (!rule || !rule->claim)
        return decide(ret, true, rule, "any prefix that is free may be claimed");
    int said = patterns_say(rule->claim, prefix, &read_only);
    if (said == 0)
        return decide(ret, false, rule, "its key \"claim\" refuses this prefix");
    if (said < 0)
        return decide(ret, false, rule, "its key \"claim\" has no pattern for this prefix");
    return decide(ret, true, rule, "its key \"claim\" allows this prefix");
}

/* What the server's side says: who may look into its volumes. */
static bool may_be_opened(const struct list_node *rules, const struct silo_facts *opener,
                          const struct silo_facts *server, const char *prefix, struct verdict *ret) {
    const struct rule *rule = rules_find(rules, server);
    if (strncmp(prefix, LOCAL, strlen(LOCAL)) == 0)
        return decide(ret, true, NULL, "it is local to a group that this container is of");
    unsigned readers = rule && rule->open_by ? rule->open_by : RULE_EVERYONE;
    if (readers & RULE_EVERYONE)
        return decide(ret, true, rule, "everyone may open it");
    if ((readers & RULE_HOST) && opener->host)
        return decide(ret, true, rule, "the host may open it");
    if ((readers & RULE_SAME_GROUP) && server->group[0] && strcmp(server->group, opener->group) == 0)
        return decide(ret, true, rule, "containers of its group may open it");
    return decide(ret, false, rule, "its key \"open_by\" does not include who asks");
}

bool rules_open(const struct list_node *rules, const struct silo_facts *opener, uid_t uid,
                const struct silo_facts *server, bool same_silo, const char *prefix, struct verdict *ret) {
    bool read_only = false;
    if (same_silo)
        return decide(ret, true, NULL, "a container may open its own volumes");
    if (opener->host && uid == 0)
        return decide(ret, true, NULL, "root of the host may open all volumes");
    if (!may_be_opened(rules, opener, server, prefix, ret))
        return false;
    const struct rule *rule = rules_find(rules, opener);
    if (rule && rule->enabled == 0)
        return decide(ret, false, rule, "it has LinFsp switched off");
    if (!rule || !rule->open)
        return true; /* for the server's reason */
    int said = patterns_say(rule->open, prefix, &read_only);
    if (said == 0)
        return decide(ret, false, rule, "its key \"open\" refuses this prefix");
    if (said < 0)
        return decide(ret, false, rule, "its key \"open\" has no pattern for this prefix");
    decide(ret, true, rule, "its key \"open\" allows this prefix%s", read_only ? " for reading" : "");
    ret->read_only = read_only;
    return true;
}
