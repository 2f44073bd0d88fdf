/* SPDX-License-Identifier: MIT */
/* A silo that may call mount(2) mounts by itself if it may open the FUSE device, too: it then gets the real device in
 * the place of the one that is like null. */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "util/cleanup.h"
#include "worker/device-group.h"
#include "worker/enter.h"
#include "worker/inject-fuse.h"

void job_fuse_device(const struct job_base *base, const struct job *job, struct job_fds *fds,
                     struct job_result *result) {
    result->mounts = device_group_allows_fuse(job->device.program);
    if (!result->mounts || job->device.there)
        return;
    _cleanup_close_ int device_tree = open_tree(base->run_dir, "private/fuse", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    _cleanup_close_ int root = -1;
    int r = enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    _cleanup_close_ int dev = enter_open_path(root, "dev", O_DIRECTORY);
    enter_own_mounts(base, root, dev);
    if (dev >= 0 && eject_fuse(base, dev))
        inject_fuse(base, job, device_tree, dev, true);
}
