/* SPDX-License-Identifier: MIT */
/*
 * What a silo may do, by the rules of the configuration (config/rules.h): the silo's facts are put together here, the
 * rules are asked, and the answer is logged.
 */
#ifndef LINFSP_SERVICE_PERMISSION_H
#define LINFSP_SERVICE_PERMISSION_H

#include "config/config.h"

struct connection;
struct job_description;
struct service;
struct silo;
struct volume;
struct wire_ask_policy;

/* What an engine says of a silo, for the rules. Owned by the silo. */
struct silo_words {
    bool certain;
    char *image, *cgroup, *labels, *group; /* never NULL once filled in; labels as in struct silo_facts */
    size_t labels_size;
};
/* Copies what a worker has found. Returns 0 or -ENOMEM. */
int silo_words_take(struct silo_words *words, const struct job_description *description);
void silo_words_free(struct silo_words *words);

void permission_facts(const struct silo *silo, struct silo_facts *ret_facts);
/* The rule that is for that silo. NULL: none. */
const struct rule *permission_rule(const struct silo *silo);
/* Whether some rule asks for what only an engine can tell: then a silo's clients wait until that is known. */
bool permission_needs_engine(const struct service *service);
/* Whether some rule switches LinFsp off for containers: then none is set up before it is known. */
bool permission_may_switch_off(const struct service *service);

/* Limits of that silo, by its rule or the whole host's. */
unsigned permission_max_volumes(const struct silo *silo);
unsigned permission_max_connections(const struct silo *silo);
unsigned permission_request_timeout(const struct silo *silo);
unsigned permission_max_fail_over(const struct silo *silo); /* s */
unsigned permission_hold(const struct silo *silo); /* s */
/*
 * Where one of them stands, for a refusal: the rule's key, if a rule that sets it is for that silo, or the whole
 * host's. *ret_text: 'max_volumes of rule "few" (/etc/linfsp.conf:3)', 'max_volumes_per_silo in /etc/linfsp.conf on the
 * host'.
 */
enum permission_limit { LIMIT_VOLUMES, LIMIT_CONNECTIONS, LIMIT_FAIL_OVER };
#define PERMISSION_PLACE_MAX 400
const char *permission_limit_place(const struct silo *silo, enum permission_limit limit,
                                   char ret_text[PERMISSION_PLACE_MAX]);
/* The rule that a message of these functions names. NULL: none, or none that is for silo or server (may be NULL). */
const struct rule *permission_named(const struct silo *silo, const struct silo *server, const char *message);

/*
 * Each returns 0, or -EPERM. ret_message: a sentence that names the rule that decided; empty where it is a grant that
 * no rule decided. prefix: canonical.
 */
int permission_disk(const struct silo *silo, char *ret_message, size_t size);
int permission_claim(const struct silo *silo, const char *prefix, char *ret_message, size_t size);
/* uid: of who opens it, as the host counts. server may be opener. */
int permission_open(const struct silo *opener, uid_t uid, const struct silo *server, const char *prefix,
                    bool *ret_read_only, char *ret_message, size_t size);

/* Reads the configuration again. Where that fails the old one stays, and the message says what is wrong. */
int permission_reload(struct service *service, char *ret_message, size_t size);
/* `linfsp policy test` */
void permission_answer(struct connection *connection, const struct wire_ask_policy *request);

#endif
