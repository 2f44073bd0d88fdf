/* SPDX-License-Identifier: MIT */
/* The stand-in under names that an image has no helper under: put there, or taken away. */
#include <string.h>

#include "util/cleanup.h"
#include "worker/enter.h"
#include "worker/phantom.h"
#include "worker/program.h"

void job_phantom(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_close_ int root = -1, folder = -1;
    if (job->target.host) {
        phantom_remove_links(fds->in[0]);
        return;
    }
    if (job->phantom.program && !program_names_helper(base, job->phantom.program))
        return;
    int r = enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    enter_own_mounts(base, root, -1);
    if (!job->phantom.there) {
        phantom_remove(base, root);
        return;
    }
    r = phantom_make(base, root, &folder);
    if (r < 0)
        job_fail(result, r, "%s", strerror(-r));
    else
        result->phantoms = (uint32_t)r;
    if (folder >= 0)
        fds->out[fds->n_out++] = steal_fd(&folder);
}
