/* SPDX-License-Identifier: MIT */
/*
 * What an engine has written down of a container: Docker's own record (config.v2.json), or the OCI bundle
 * (config.json). Only reads texts that it is given; whose they are, the caller has to see to.
 */
#ifndef LINFSP_WORKER_RECORD_H
#define LINFSP_WORKER_RECORD_H

#include <stdbool.h>

#include "worker/job.h"

/* Each fills in what the text tells, and leaves the rest as it is. Returns 0, or -EBADMSG for a text that is none. */
int record_from_docker(const char *json, struct job_description *description);
int record_from_bundle(const char *json, struct job_description *description);

/* Whether Docker's records, config.v2.json and hostconfig.json, are of a step of a build by its own builder. */
bool record_is_build_step(const char *json, const char *host_json);

/* What containers of the same Compose project or pod have in common, from labels: "compose:NAME", "pod:ID"; else "". */
void record_group(const char *labels, char *ret_group, size_t size);

#endif
