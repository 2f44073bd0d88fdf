/* SPDX-License-Identifier: MIT */
/*
 * A silo's /unc, when there is something to be seen there: the first network volume of the machine. Its mount is moved
 * there from /dev/linfsp/unc, and back when the last network volume has gone.
 *
 * Without it the silo may make an /unc of its own: then network volumes are at /dev/linfsp/unc for good.
 */
#include <string.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "worker/enter.h"
#include "worker/root-unc.h"

void job_root_unc(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_close_ int mount_namespace = -1, user_namespace = -1, root = -1;
    int r = enter_open(base, &job->target, fds->in[0], &mount_namespace, &user_namespace, &root);
    if (r == 0)
        r = job->inject.unc_waits ? root_unc_move_back(base, job, mount_namespace, root)
                                  : root_unc_move(base, job, mount_namespace, root);
    if (r < 0)
        job_fail(result, r, "cannot move its network volumes %s %s: %s", job->inject.unc_waits ? "from" : "to",
                 LINFSP_UNC_ROOT, strerror(-r));
}
