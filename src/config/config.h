/* SPDX-License-Identifier: MIT */
/*
 * The configuration: /etc/linfsp.conf and the files of /etc/linfsp.conf.d.
 *
 * A file begins with keys that hold for the whole host (struct limits). A line "[rule NAME]" begins a rule: it says
 * which containers it is for and what they may do (rules.h). The files of the folder are read after the main file, in
 * the order of their names: a key that stands in two files has the later value, and the rules of a later file are tried
 * first. So a file in the folder overrides the main file.
 */
#ifndef LINFSP_CONFIG_CONFIG_H
#define LINFSP_CONFIG_CONFIG_H

#include <stdbool.h>

#include "config/rules.h"

/* What holds for the whole host. */
struct limits {
    unsigned volumes_per_silo;
    unsigned connections_per_silo;
    unsigned silos_per_user; /* of user namespaces of their own */
    unsigned request_timeout; /* s */
    unsigned fail_over; /* s that a volume waits for another server at most; 0: not at all */
    unsigned hold; /* s that a mount point waits for an unmodified program that died; 0: not at all */
    bool network_volumes; /* whether a silo may have them */
    bool audit_json; /* events are logged as JSON */
    bool only_descendants; /* from the command line: serve no container that another mount namespace started */
};

struct config {
    struct limits limits;
    struct list_node rules; /* struct rule, in the order in which they are tried */
};

/* Told of each line that is wrong. number: 0 where the whole file is. */
typedef void (*config_complaint)(void *context, const char *path, unsigned number, const char *text);

/*
 * Reads path and the files path.d/NAME.conf. A file that does not exist is no error: the defaults hold. Returns 0;
 * -EINVAL where a line is wrong (complaint was called for each such line, and *ret_config is not touched); another
 * negative errno where a file cannot be read.
 */
int config_read(const char *path, config_complaint complaint, void *context, struct config **ret_config);
void config_free(struct config *config);

/* Cleans the blanks at both ends of text away, in place. */
char *config_trim(char *text);

#endif
