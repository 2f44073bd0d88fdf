/* SPDX-License-Identifier: MIT */
/*
 * Putting the silo's folder at /dev/linfsp, for its programs to find.
 *
 * The folder is a clone of one on the service's own tmpfs: read-only, nosuid, nodev, private. At its `unc` a slave
 * clone of the silo's own unc folder (folder.h) is mounted, in which shares come and go by themselves. /unc itself is a
 * symbolic link to it, made where the silo's root can be written and has no such name: nothing that is there already is
 * ever touched.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "worker/enter.h"
#include "worker/folder.h"
#include "worker/helpers.h"
#include "worker/inject-fuse.h"
#include "worker/injection.h"
#include "worker/libraries.h"
#include "worker/off.h"

static int clone_folder(const char *folder) {
    _cleanup_close_ int tree = open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0)
        return -errno;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                    .propagation = MS_PRIVATE};
    if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return -errno;
    return steal_fd(&tree);
}

/* Makes the folder of the silo's /unc, and a clone of it for the silo. */
static int make_unc(const struct job_base *base, uint64_t folder, int *ret_pipe) {
    int r = stage_enter(base);
    _cleanup_close_ int pipe_end = r < 0 ? r : folder_make(folder, false, -1);
    _cleanup_close_ int tree = pipe_end < 0 ? pipe_end : folder_clone(folder, MS_SLAVE);
    r = tree < 0 ? tree : enter_host(base);
    if (r < 0)
        return r;
    *ret_pipe = steal_fd(&pipe_end);
    return steal_fd(&tree);
}

static int make_device_folder(int dev) {
    int r = make_folder_through_clone(dev, "linfsp");
    return r == -EEXIST ? 0 : r;
}

/* Whether /dev/linfsp in the silo is a mount of our tmpfs already. */
static int is_injected(const struct job_base *base, int root) {
    _cleanup_close_ int folder = enter_open_path(root, "dev/linfsp", O_DIRECTORY);
    if (folder < 0)
        return 0;
    int mounted = fd_is_mount_root(folder);
    if (mounted <= 0)
        return mounted;
    uint32_t major, minor, our_major, our_minor;
    int r = fd_device(folder, &major, &minor);
    if (r < 0 || (r = fd_device(base->run_dir, &our_major, &our_minor)) < 0)
        return r;
    return major == our_major && minor == our_minor;
}

static int attach_tree(int tree, int target) {
    return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

static int attach_folder(const struct job_base *base, const struct job *job, int root, int dev, int folder_tree,
                         int unc_tree, struct job_result *result) {
    enter_act_as(job->target.root_uid, job->target.root_gid);
    int r = make_device_folder(dev);
    enter_act_as_self();
    if (r < 0)
        return job_fail(result, r, "cannot make %s: %s", LINFSP_DEVICE_DIR, strerror(-r));
    _cleanup_close_ int target = enter_open_path(root, "dev/linfsp", O_DIRECTORY);
    if (target < 0)
        return job_fail(result, target, "%s is not a plain folder: %s", LINFSP_DEVICE_DIR, strerror(-target));
    r = attach_tree(folder_tree, target);
    if (r < 0)
        (void)remove_through_clone(dev, "linfsp", AT_REMOVEDIR);
    if (r < 0)
        return job_fail(result, r, "cannot mount at %s: %s", LINFSP_DEVICE_DIR, strerror(-r));
    _cleanup_close_ int unc = enter_open_path(root, "dev/linfsp/unc", O_DIRECTORY);
    if (unc >= 0)
        r = attach_tree(unc_tree, unc);
    if (unc >= 0 && r == 0)
        return 0;
    job_fail(result, unc < 0 ? unc : r, "cannot mount at %s: %s", UNC_LINK, strerror(unc < 0 ? -unc : -r));
    /* half of it would be taken for that of a silo around this one */
    (void)injection_remove(base, root);
    (void)remove_through_clone(dev, "linfsp", AT_REMOVEDIR);
    return result->error;
}

/* Whether its runtime has made its /dev: nothing need be made for it before that. */
static bool has_own_dev(const struct job_base *base, const struct job *job, int pidfd) {
    _cleanup_close_ int mount_namespace = -1, user_namespace = -1, root = -1;
    if (enter_open(base, &job->target, pidfd, &mount_namespace, &user_namespace, &root) < 0)
        return false;
    _cleanup_close_ int dev = enter_open_path(root, "dev", O_DIRECTORY);
    return dev >= 0 && fd_is_mount_root(dev) == 1;
}

void job_inject(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    if (job->inject.early && !has_own_dev(base, job, fds->in[0])) {
        result->inject.not_yet = true;
        return;
    }
    if (off_is_wanted(base, job)) {
        result->inject.off = true;
        return;
    }
    int pipe_end = -1;
    _cleanup_close_ int folder_tree = clone_folder(job->inject.folder);
    _cleanup_close_ int unc_tree = make_unc(base, job->inject.folder_number, &pipe_end);
    if (pipe_end >= 0)
        fds->out[fds->n_out++] = pipe_end;
    _cleanup_close_ int device_tree =
        job->inject.may_mount ? open_tree(base->run_dir, "private/fuse", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) : -1;
    if (folder_tree < 0 || unc_tree < 0) {
        int error = folder_tree < 0 ? folder_tree : unc_tree;
        job_fail(result, error, "cannot clone %s: %s", folder_tree < 0 ? job->inject.folder : LINFSP_UNC_ROOT,
                 strerror(-error));
        return;
    }
    /* not before: its runtime may be at work, and its root another meanwhile */
    _cleanup_close_ int mount_namespace = -1, user_namespace = -1, root = -1;
    int r = enter_open(base, &job->target, fds->in[0], &mount_namespace, &user_namespace, &root);
    if (r == 0)
        libraries_choose(base, job->inject.folder, root, job->inject.rootfs);
    int trees[] = {folder_tree, unc_tree};
    uid_t uid;
    gid_t gid;
    if (r == 0 && user_namespace >= 0) {
        result->spent = true;
        r = enter_user_namespace_with(base, user_namespace, job->target.root_uid, job->target.root_gid, trees, 2, &uid,
                                      &gid);
        folder_tree = trees[0];
        unc_tree = trees[1];
    }
    if (r == 0)
        r = enter_mount_namespace(mount_namespace, root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    if (job->inject.rootfs[0]) {
        /* a path of the runtime's own, in which nothing of the container has run yet */
        close_fd(&root);
        root = open(job->inject.rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0) {
            job_fail(result, -errno, "%s: %s", job->inject.rootfs, strerror(errno));
            return;
        }
    }
    _cleanup_close_ int dev = enter_open_path(root, "dev", O_DIRECTORY);
    enter_own_mounts(base, root, dev);
    if (job->inject.early && (dev < 0 || fd_is_mount_root(dev) != 1)) {
        result->inject.not_yet = true;
        return;
    }
    if (dev < 0) {
        job_fail(result, dev, "its /dev is not a folder: %s", strerror(-dev));
        return;
    }
    if (!job->inject.again && is_injected(base, root) == 1) {
        result->inject.nested = true;
        return;
    }
    r = injection_remove(base, root);
    if (r < 0) {
        job_fail(result, r, r == -EBUSY ? "something of its own is mounted at %s" : "%s cannot be had",
                 LINFSP_DEVICE_DIR);
        return;
    }
    if (attach_folder(base, job, root, dev, folder_tree, unc_tree, result) < 0)
        return;
    enter_act_as(job->target.root_uid, job->target.root_gid);
    (void)make_link_through_clone(root, "unc", UNC_LINK); /* where that fails, /dev/linfsp/unc is there in any case */
    enter_act_as_self();
    inject_fuse(base, job, device_tree, dev, job->inject.may_mount);
    if (job->inject.may_mount)
        return;
    helpers_mark(base, job, false, result);
}
