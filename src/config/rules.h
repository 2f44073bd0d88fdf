/* SPDX-License-Identifier: MIT */
/*
 * Rules: which container may do what.
 *
 * A rule has conditions and settings. It matches a silo when all its conditions hold; the first rule that matches
 * decides, and what it does not set is as for the whole host. Conditions on what an engine says of a container (engine,
 * name, image, label, cgroup) hold only where that is *certain*: where the engine is root's of the host, so that
 * neither the container nor an ordinary user can have made it up.
 */
#ifndef LINFSP_CONFIG_RULES_H
#define LINFSP_CONFIG_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/list.h"

#define RULE_NAME_MAX 64

/* Who may open the network volumes of a silo, besides that silo and root of the host. */
enum rule_readers {
    RULE_EVERYONE = 1u << 0,
    RULE_HOST = 1u << 1, /* users of the host */
    RULE_SAME_GROUP = 1u << 2, /* its Compose project, its pod, or the containers of the same user of the host */
};

/* A list of patterns, each a string that ends with NUL; the list ends with an empty one. NULL: not set. */
typedef char *rule_patterns;

struct rule {
    struct list_node node;
    char name[RULE_NAME_MAX];
    char place[256]; /* FILE:LINE */
    /* conditions; NULL or unset: any */
    rule_patterns engine, container, image, label, cgroup;
    bool has_users;
    uid_t first_user, last_user; /* of the host: who owns the container */
    int host; /* 1: the host itself only; 0: containers only; -1: either */
    /* settings; -1, 0 or NULL: not set */
    int enabled; /* 0: nothing of LinFsp in these containers */
    int disks, network_volumes;
    int browse; /* 1: /unc lists all that may be opened there */
    int volumes, connections;
    int request_timeout; /* s */
    int fail_over; /* s */
    int hold; /* s */
    unsigned open_by; /* RULE_EVERYONE | ...; 0: not set */
    rule_patterns claim,
        open; /* of prefixes; "!PATTERN" refuses, "PATTERN:ro" opens read-only. The first that matches */
};

/* What is known of a silo. Strings are never NULL. */
struct silo_facts {
    bool host;
    bool certain; /* engine to labels come from an engine of root's */
    uid_t owner; /* of the host: whose the container is; 0: root's */
    const char *engine, *container, *image, *cgroup;
    const char *labels; /* "key=value" strings, each with its NUL; the list ends with an empty one */
    const char *group; /* what containers that belong together have in common; "": this one belongs to no group */
};

/* A decision, and why. */
struct verdict {
    bool allowed;
    bool read_only; /* allowed, but not for writing */
    const struct rule *rule; /* that decided; NULL: none, the defaults did */
    char why[512]; /* for a person: "rule \"ci\" (/etc/linfsp.conf:12) has no claim that matches \nas\photos" */
};

struct rule *rule_new(const char *name, const char *path, unsigned number);
void rule_free(struct rule *rule);
/* Sets one key. Returns 0; or -EINVAL with what is wrong with it in ret_text. */
int rule_set(struct rule *rule, const char *key, const char *value, char *ret_text, size_t size);
/* The first of rules that matches. NULL: none does. */
const struct rule *rules_find(const struct list_node *rules, const struct silo_facts *facts);

/* Whether that silo may have a disk; a network volume under this prefix (canonical: "server/share"). */
bool rules_disk(const struct list_node *rules, const struct silo_facts *facts, struct verdict *ret);
bool rules_claim(const struct list_node *rules, const struct silo_facts *facts, bool network_volumes,
                 const char *prefix, struct verdict *ret);
/* Whether a user (uid as the host counts) of opener may open a volume that server has under this prefix. */
bool rules_open(const struct list_node *rules, const struct silo_facts *opener, uid_t uid,
                const struct silo_facts *server, bool same_silo, const char *prefix, struct verdict *ret);

#endif
