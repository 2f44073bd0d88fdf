/* SPDX-License-Identifier: MIT */
/* The stand-in for fusermount3 gives way to a package manager, or takes its place again. */
#include <string.h>

#include "util/cleanup.h"
#include "worker/enter.h"
#include "worker/inject-fuse.h"

void job_stand_in(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_close_ int root = -1;
    int r = enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    inject_fuse_stand_in(base, root, job->give_way);
}
