/* SPDX-License-Identifier: MIT */
/* Which engine made a container, and what it calls it: for people. Nothing is decided by it. */
#ifndef LINFSP_SERVICE_DESCRIBE_H
#define LINFSP_SERVICE_DESCRIBE_H

#include "service/job.h"

/* Fills in result->description. */
void describe_job(const struct job *job, struct job_result *result);

#endif
