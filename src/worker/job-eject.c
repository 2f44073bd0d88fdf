/* SPDX-License-Identifier: MIT */
/* Taking /dev/linfsp, and all else that was put into a silo, out of it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "util/cleanup.h"
#include "worker/copied.h"
#include "worker/enter.h"
#include "worker/inject-fuse.h"
#include "worker/injection.h"
#include "worker/phantom.h"
#include "worker/root-unc.h"

int injection_remove(const struct job_base *base, int root) {
    for (int i = 0; i < 2; i++) {
        _cleanup_close_ int folder = enter_open_path(root, "dev/linfsp", O_DIRECTORY);
        if (folder < 0)
            return folder == -ENOENT ? 0 : folder;
        if (fd_is_mount_root(folder) <= 0)
            return 0;
        uint64_t mount_id = 0;
        if (fd_mount_id(folder, &mount_id) < 0 || !mount_has_source(base, mount_id, LINFSP_RUN_SOURCE))
            return -EBUSY; /* the container's own: to be left alone */
        int r = unmount_fd(base, folder); /* lazily: with all that is mounted in it */
        if (r < 0)
            return r;
    }
    return 0;
}

void job_eject(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_close_ int root = -1;
    int r = enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    chroot_undo(base, root);
    r = injection_remove(base, root);
    if (r < 0 && r != -EBUSY)
        job_fail(result, r, "cannot unmount %s: %s", LINFSP_DEVICE_DIR, strerror(-r));
    _cleanup_close_ int dev = enter_open_path(root, "dev", O_DIRECTORY);
    enter_own_mounts(base, root, dev);
    if (dev >= 0)
        (void)eject_fuse(base, dev);
    phantom_remove(base, root);
    copied_remove(base, job->target.silo, root);
    if (dev >= 0)
        (void)remove_through_clone(dev, "linfsp", AT_REMOVEDIR);
    root_unc_remove(base, root);
}
