/* SPDX-License-Identifier: MIT */
/* Looking for the helpers that an image has, or has got since, and telling the catcher, which may be a new one,
 * of the silo's layer. */
#include <string.h>

#include "util/cleanup.h"
#include "worker/copied.h"
#include "worker/enter.h"
#include "worker/helpers.h"

void job_helpers(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_close_ int root = -1;
    if (!job->helpers.layer_is_read) /* then a service before this one died over it */
        copied_show(base, job->target.silo);
    copied_watch_again(base, job->target.silo);
    int r = enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    helpers_mark(base, job, job->helpers.unmounters, result);
    if (job->helpers.tools)
        helpers_mark_tools(base, root);
}
