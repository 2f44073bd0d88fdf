/* SPDX-License-Identifier: MIT */
/* The service's configuration: what linfspd would refuse to start with, told before it is started. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "config/config.h"
#include "util/plural.h"

struct complaints {
    struct doctor *doctor;
    unsigned count;
};

static void on_complaint(void *context, const char *path, unsigned number, const char *text) {
    struct complaints *complaints = context;
    complaints->count++;
    if (number)
        finding(complaints->doctor, LEVEL_PROBLEM, "config",
                "the service does not start with it, and does not reload it", "correct or remove that line",
                "%s:%u: %s", path, number, text);
    else
        finding(complaints->doctor, complaints->doctor->root ? LEVEL_PROBLEM : LEVEL_NOTE, "config",
                "the configuration was not checked", "sudo linfsp doctor", "%s: %s", path, text);
}

static unsigned count_rules(const struct config *config) {
    unsigned count = 0;
    const struct rule *rule;
    list_for_each (rule, &config->rules, node)
        count++;
    return count;
}

void doctor_config(struct doctor *doctor, const char *path, bool named) {
    struct complaints complaints = {.doctor = doctor};
    struct config *config = NULL;
    struct stat status;
    int r = config_read(path, on_complaint, &complaints, &config);
    if (r < 0) {
        if (complaints.count == 0)
            finding(doctor, LEVEL_NOTE, "config", "the configuration was not checked", "sudo linfsp doctor", "%s.d: %s",
                    path, strerror(-r));
        return;
    }
    unsigned rules = count_rules(config);
    config_free(config);
    if (stat(path, &status) < 0 && named)
        finding(doctor, LEVEL_PROBLEM, "config", "the service would run with the defaults", "name a file that exists",
                "%s: %s", path, strerror(errno));
    else if (stat(path, &status) < 0 && rules == 0)
        finding(doctor, LEVEL_OK, "config", NULL, NULL, "there is no %s: the defaults hold", path);
    else
        finding(doctor, LEVEL_OK, "config", NULL, NULL, "%s is understood: %u %s", path, rules,
                plural(rules, "rule", "rules"));
}
