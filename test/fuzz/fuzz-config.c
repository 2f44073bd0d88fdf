/* SPDX-License-Identifier: MIT */
/* A file of the configuration, and the rules in it put to use. A file is taken whole or refused with a complaint; each
 * decision has a reason that ends. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "fuzz.h"
#include "util/cleanup.h"

#define TERMINATED(text) (memchr(text, 0, sizeof(text)) != NULL)

static void count_complaint(void *context, const char *path, unsigned number, const char *text) {
    PROPERTY(path[0] && text[0]);
    ++*(unsigned *)context;
}

static void check_rules(const struct list_node *rules) {
    struct rule *rule;
    list_for_each (rule, rules, node) {
        PROPERTY(TERMINATED(rule->name) && TERMINATED(rule->place));
        PROPERTY(!rule->has_users || rule->first_user <= rule->last_user);
        PROPERTY(rule->host >= -1 && rule->host <= 1 && rule->enabled >= -1 && rule->enabled <= 1);
    }
}

static void decide(const struct list_node *rules) {
    static const struct silo_facts silos[] = {
        {.host = true,
         .certain = true,
         .engine = "",
         .container = "",
         .image = "",
         .cgroup = "",
         .labels = "",
         .group = ""},
        {.certain = true,
         .engine = "docker",
         .container = "web",
         .image = "debian:12",
         .cgroup = "/docker/1",
         .labels = "a=b\0c=d\0",
         .group = "compose:x"},
        {.owner = 1000,
         .engine = "podman",
         .container = "web",
         .image = "x",
         .cgroup = "/user.slice",
         .labels = "",
         .group = ""},
    };
    struct verdict verdict;
    for (size_t i = 0; i < ARRAY_SIZE(silos); i++) {
        const struct rule *found = rules_find(rules, &silos[i]);
        PROPERTY(!found || !list_empty(rules));
        (void)rules_disk(rules, &silos[i], &verdict);
        PROPERTY(TERMINATED(verdict.why) && (verdict.allowed || verdict.why[0]));
        PROPERTY(rules_claim(rules, &silos[i], true, "nas/photos", &verdict) == verdict.allowed);
        PROPERTY(TERMINATED(verdict.why) && (verdict.allowed || verdict.why[0]));
        for (size_t j = 0; j < ARRAY_SIZE(silos); j++) {
            PROPERTY(rules_open(rules, &silos[i], 1000, &silos[j], i == j, "nas/photos", &verdict) == verdict.allowed);
            PROPERTY(TERMINATED(verdict.why) && (verdict.allowed || verdict.why[0]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char path[64];
    unsigned complaints = 0;
    struct config *config = NULL;
    _cleanup_close_ int file = memfd_create("config", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int r = config_read(path, count_complaint, &complaints, &config);
    PROPERTY((r == -EINVAL) == (complaints > 0) && (r == 0) == (config != NULL));
    if (r < 0)
        return 0;
    check_rules(&config->rules);
    decide(&config->rules);
    config_free(config);
    return 0;
}
