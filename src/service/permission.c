/* SPDX-License-Identifier: MIT */
#include "service/permission.h"

#include <string.h>

#include "config/config.h"
#include "service/connection.h"
#include "service/event.h"
#include "service/mup.h"
#include "service/scope.h"
#include "service/service.h"
#include "service/silo.h"
#include "service/table.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "wire/codec.h"

/* ---- facts ----------------------------------------------------------------------------------------------------- */

static size_t size_of_labels(const char *labels) {
    size_t size = 0;
    while (labels[size])
        size += strlen(labels + size) + 1;
    return size + 1;
}

int silo_words_take(struct silo_words *words, const struct job_description *description) {
    size_t size = size_of_labels(description->labels);
    struct silo_words taken = {.certain = description->certain, .labels_size = size};
    taken.image = strdup(description->image);
    taken.cgroup = strdup(description->cgroup);
    taken.group = strdup(description->group);
    taken.labels = malloc(size);
    if (!taken.image || !taken.cgroup || !taken.group || !taken.labels) {
        silo_words_free(&taken);
        return -ENOMEM;
    }
    memcpy(taken.labels, description->labels, size);
    silo_words_free(words);
    *words = taken;
    return 0;
}

void silo_words_free(struct silo_words *words) {
    free(words->image);
    free(words->cgroup);
    free(words->labels);
    free(words->group);
    *words = (struct silo_words){0};
}

static const char *or_empty(const char *text) {
    return text ? text : "";
}

void permission_facts(const struct silo *silo, struct silo_facts *ret_facts) {
    const struct silo_words *words = &silo->words;
    *ret_facts = (struct silo_facts){.host = silo->host,
                                     .certain = words->certain,
                                     .owner = silo->target.user_namespace ? silo->target.owner_uid : 0,
                                     .engine = silo->engine,
                                     .container = silo->name,
                                     .image = or_empty(words->image),
                                     .cgroup = or_empty(words->cgroup),
                                     .labels = or_empty(words->labels),
                                     .group = or_empty(words->group)};
}

const struct rule *permission_rule(const struct silo *silo) {
    struct silo_facts facts;
    permission_facts(silo, &facts);
    return rules_find(&silo->service->config->rules, &facts);
}

bool permission_needs_engine(const struct service *service) {
    const struct rule *rule;
    list_for_each (rule, &service->config->rules, node)
        if (rule->engine || rule->container || rule->image || rule->label || rule->cgroup ||
            (rule->open_by & RULE_SAME_GROUP))
            return true;
    return false;
}

bool permission_may_switch_off(const struct service *service) {
    const struct rule *rule;
    list_for_each (rule, &service->config->rules, node)
        if (rule->enabled == 0)
            return true;
    return false;
}

/* ---- limits ---------------------------------------------------------------------------------------------------- */

static unsigned limit_of(int by_rule, unsigned of_host) {
    return by_rule >= 0 ? (unsigned)by_rule : of_host;
}

unsigned permission_max_volumes(const struct silo *silo) {
    const struct rule *rule = permission_rule(silo);
    return limit_of(rule ? rule->volumes : -1, silo->service->config->limits.volumes_per_silo);
}

unsigned permission_max_connections(const struct silo *silo) {
    const struct rule *rule = permission_rule(silo);
    return limit_of(rule ? rule->connections : -1, silo->service->config->limits.connections_per_silo);
}

unsigned permission_request_timeout(const struct silo *silo) {
    const struct rule *rule = permission_rule(silo);
    return limit_of(rule ? rule->request_timeout : -1, silo->service->config->limits.request_timeout);
}

unsigned permission_max_fail_over(const struct silo *silo) {
    const struct rule *rule = permission_rule(silo);
    return limit_of(rule ? rule->fail_over : -1, silo->service->config->limits.fail_over);
}

unsigned permission_hold(const struct silo *silo) {
    const struct rule *rule = permission_rule(silo);
    return limit_of(rule ? rule->hold : -1, silo->service->config->limits.hold);
}

const char *permission_limit_place(const struct silo *silo, enum permission_limit limit,
                                   char ret_text[PERMISSION_PLACE_MAX]) {
    const struct rule *rule = permission_rule(silo);
    const struct {
        const char *of_rule, *of_host;
        int value;
    } limits[] = {[LIMIT_VOLUMES] = {"max_volumes", "max_volumes_per_silo", rule ? rule->volumes : -1},
                  [LIMIT_CONNECTIONS] = {"max_connections", "max_connections_per_silo", rule ? rule->connections : -1},
                  [LIMIT_FAIL_OVER] = {"max_fail_over", "max_fail_over", rule ? rule->fail_over : -1}};
    if (limits[limit].value >= 0)
        snprintf(ret_text, PERMISSION_PLACE_MAX, "%s of rule \"%s\" (%.100s)", limits[limit].of_rule, rule->name,
                 rule->place);
    else
        snprintf(ret_text, PERMISSION_PLACE_MAX, "%s in /etc/linfsp.conf on the host", limits[limit].of_host);
    return ret_text;
}

static bool names(const char *message, const struct rule *rule) {
    char text[PERMISSION_PLACE_MAX];
    snprintf(text, sizeof text, "rule \"%s\" (%.100s)", rule->name, rule->place);
    return strstr(message, text) != NULL;
}

const struct rule *permission_named(const struct silo *silo, const struct silo *server, const char *message) {
    const struct rule *rule = silo ? permission_rule(silo) : NULL;
    const struct rule *of_server = server && server != silo ? permission_rule(server) : NULL;
    if (rule && names(message, rule))
        return rule;
    return of_server && names(message, of_server) ? of_server : NULL;
}

/* ---- decisions ------------------------------------------------------------------------------------------------- */

static int outcome(const struct verdict *verdict, char *ret_message, size_t size) {
    if (verdict->allowed) {
        snprintf(ret_message, size, "%s", verdict->rule ? verdict->why : "");
        return 0;
    }
    snprintf(ret_message, size, "refused by the policy of this host: %s", verdict->why);
    return -EPERM;
}

int permission_disk(const struct silo *silo, char *ret_message, size_t size) {
    struct silo_facts facts;
    struct verdict verdict;
    permission_facts(silo, &facts);
    (void)rules_disk(&silo->service->config->rules, &facts, &verdict);
    return outcome(&verdict, ret_message, size);
}

int permission_claim(const struct silo *silo, const char *prefix, char *ret_message, size_t size) {
    const struct config *config = silo->service->config;
    struct silo_facts facts;
    struct verdict verdict;
    permission_facts(silo, &facts);
    (void)rules_claim(&config->rules, &facts, config->limits.network_volumes, prefix, &verdict);
    return outcome(&verdict, ret_message, size);
}

int permission_open(const struct silo *opener, uid_t uid, const struct silo *server, const char *prefix,
                    bool *ret_read_only, char *ret_message, size_t size) {
    struct silo_facts facts, of_server;
    struct verdict verdict;
    permission_facts(opener, &facts);
    permission_facts(server, &of_server);
    (void)rules_open(&opener->service->config->rules, &facts, uid, &of_server, opener == server, prefix, &verdict);
    *ret_read_only = verdict.read_only;
    return outcome(&verdict, ret_message, size);
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

struct complaint {
    char *message;
    size_t size;
    bool said;
};

static void on_complaint(void *context, const char *path, unsigned number, const char *text) {
    struct complaint *complaint = context;
    log_error("%s:%u: %s", path, number, text);
    if (!complaint->said)
        snprintf(complaint->message, complaint->size, "the configuration stays as it was; %s:%u: %s", path, number,
                 text);
    complaint->said = true;
}

int permission_reload(struct service *service, char *ret_message, size_t size) {
    struct complaint complaint = {.message = ret_message, .size = size};
    struct config *config = NULL;
    snprintf(ret_message, size, "the configuration stays as it was; it cannot be read");
    int r = config_read(service->config_path, on_complaint, &complaint, &config);
    if (r < 0)
        return r;
    config->limits.only_descendants = service->config->limits.only_descendants;
    config_free(service->config);
    service->config = config;
    service->limits = config->limits;
    struct silo *silo, *next;
    HASH_ITER (hash, service->silos, silo, next)
        silo_describe(silo);
    mup_browse_anew(service);
    event_tell(service, &(struct event){.kind = EVENT_RELOAD, .uid = (uid_t)-1});
    return 0;
}

/* A silo by its id or the beginning of it, or its name. NULL: there is none, or *ret_many. */
static struct silo *find_by_word(struct service *service, const char *word, bool *ret_many) {
    struct silo *silo, *next, *found = NULL;
    *ret_many = false;
    if (strcmp(word, "host") == 0)
        return service->host;
    HASH_ITER (hash, service->silos, silo, next) {
        if (silo->host || (strcmp(silo->name, word) != 0 && strncmp(silo->id, word, strlen(word)) != 0))
            continue;
        if (found) {
            *ret_many = true;
            return NULL;
        }
        found = silo;
    }
    return found;
}

static void judge(const struct silo *silo, const struct wire_ask_policy *request, const char *prefix,
                  struct verdict *ret) {
    struct service *service = silo->service;
    const struct config *config = service->config;
    struct silo_facts facts, of_server;
    permission_facts(silo, &facts);
    if (request->what == WIRE_POLICY_DISK) {
        (void)rules_disk(&config->rules, &facts, ret);
        return;
    }
    if (request->what == WIRE_POLICY_CLAIM) {
        (void)rules_claim(&config->rules, &facts, config->limits.network_volumes, prefix, ret);
        return;
    }
    const struct volume *volume = volume_find(service, scope_resolve(service, silo, prefix));
    const struct silo *server = volume ? silo_find(service, volume->silo) : NULL;
    char canonical[PREFIX_MAX + 2];
    if (!server || scope_canonical(volume, canonical, sizeof canonical) < 0) {
        *ret = (struct verdict){0};
        snprintf(ret->why, sizeof ret->why, "no volume has this prefix now");
        return;
    }
    permission_facts(server, &of_server);
    (void)rules_open(&config->rules, &facts, request->uid, &of_server, silo == server, canonical, ret);
}

void permission_answer(struct connection *connection, const struct wire_ask_policy *request) {
    char prefix[PREFIX_MAX] = "";
    const char *why = "";
    bool many;
    uint32_t serial = request->header.serial;
    const struct silo *silo = find_by_word(connection->silo->service, request->silo, &many);
    if (!silo) {
        (void)connection_error(connection, serial, -ENOENT,
                               many ? "%s is more than one container: give more of its id"
                                    : "there is no container %s here: linfsp silos shows them",
                               request->silo);
        return;
    }
    if (request->what != WIRE_POLICY_DISK && prefix_parse(request->prefix, prefix, &why) < 0) {
        (void)connection_error(connection, serial, -EINVAL, "prefix \"%s\": %s", request->prefix, why);
        return;
    }
    struct verdict verdict;
    judge(silo, request, prefix, &verdict);
    struct wire_verdict reply;
    wire_begin(&reply, WIRE_VERDICT, serial);
    reply.allowed = verdict.allowed;
    reply.read_only = verdict.read_only;
    WIRE_SET(reply.rule, verdict.rule ? verdict.rule->name : "");
    WIRE_SET(reply.why, verdict.why);
    (void)connection_send(connection, &reply, NULL, 0);
}
