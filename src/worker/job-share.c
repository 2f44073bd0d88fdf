/* SPDX-License-Identifier: MIT */
/* Putting a volume that is mounted in a silo on the stage, too, to be found at its prefix; or taking it off. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "util/cleanup.h"
#include "worker/enter.h"
#include "worker/jobs.h"
#include "worker/stage.h"

static int clone_mount(const struct job_base *base, const struct job *job, struct job_result *result) {
    _cleanup_close_ int mount = -1;
    int r = open_mount_by_id(base, job->unmount.mount_id, job->unmount.mount_point, &mount);
    uint32_t major, minor;
    /* ids of mounts are used again */
    if (r < 0 || fd_device(mount, &major, &minor) < 0 || major != 0 || minor != job->unmount.fuse_device)
        return job_fail(result, r < 0 ? r : -ENOENT, "the volume is not mounted any more");
    _cleanup_close_ int tree = open_tree(mount, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                                    .propagation = MS_PRIVATE};
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return job_fail(result, -errno, "cannot mount a second time: %s", strerror(errno));
    return steal_fd(&tree);
}

void job_share(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    int r;
    if (job->unmount.mount_id == 0) { /* to be taken back */
        if ((r = stage_enter(base)) < 0 || (r = stage_drop_volume(job->unmount.staged)) < 0)
            job_fail(result, r, "cannot take the volume off the service's stage: %s", strerror(-r));
        return;
    }
    _cleanup_close_ int root = -1;
    r = job->target.host ? 0 : enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, r == -ESRCH ? "the container is gone" : "cannot enter the container: %s", strerror(-r));
        return;
    }
    _cleanup_close_ int tree = clone_mount(base, job, result);
    if (tree < 0)
        return;
    if ((r = stage_enter(base)) < 0 || (r = stage_put_volume(job->unmount.staged, tree)) < 0)
        job_fail(result, r, "cannot put the volume on the service's stage: %s", strerror(-r));
}
