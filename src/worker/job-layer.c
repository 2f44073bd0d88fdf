/* SPDX-License-Identifier: MIT */
/* What overlayfs has copied into a silo's layer for us: out of it while somebody lists it. */
#include "worker/copied.h"
#include "worker/jobs.h"

void job_layer(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    if (job->layer.hide)
        copied_hide(base, job->target.silo);
    else
        copied_show(base, job->target.silo);
}
