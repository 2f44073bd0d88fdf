/* SPDX-License-Identifier: MIT */
/*
 * Putting the silo's folder at /dev/linfsp, for its programs to find.
 *
 * The folder is a clone of one on the service's own tmpfs: read-only, nosuid, nodev, private. A slave clone of the
 * silo's own unc folder (folder.h), in which shares come and go by themselves, is mounted at /unc where that can be
 * made without leaving anything (root-unc.c); `unc` in our folder leads there. Otherwise it is mounted at `unc` itself.
 * So it is as long as there is no network volume on the machine, too: until then /unc is left to the container
 * (job-root-unc.c). Nothing that is there already is ever touched.
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/paths.h"
#include "wire/codec.h"
#include "worker/device-group.h"
#include "worker/enter.h"
#include "worker/folder.h"
#include "worker/helpers.h"
#include "worker/inject-fuse.h"
#include "worker/injection.h"
#include "worker/libraries.h"
#include "worker/off.h"
#include "worker/overlay.h"
#include "worker/root-kind.h"
#include "worker/root-unc.h"

/* What an injection holds. */
struct attempt {
    int folder_tree, unc_tree, device_tree; /* to be mounted */
    int mount_namespace, user_namespace, root;
    int root_unc; /* /unc in its root, to be mounted on; or a negative number */
};

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

/* The number of the silo whose folder is mounted there; 0: not known. */
static uint64_t folder_silo(const struct job_base *base, int root) {
    _cleanup_close_ int folder = enter_open_path(root, "dev/linfsp", O_DIRECTORY);
    _cleanup_free_ char *text = NULL;
    uint64_t mount_id;
    struct mount_line mount;
    unsigned long long number;
    bool known = folder >= 0 && fd_mount_id(folder, &mount_id) == 0 && mount_line_of(base, mount_id, &text, &mount) &&
                 sscanf(mount.root, "/silos/%llu", &number) == 1; /* "//deleted" may follow */
    return known ? number : 0;
}

bool injection_is_stale(const struct job_base *base, int root) {
    _cleanup_close_ int folder = enter_open_path(root, "dev/linfsp", O_DIRECTORY);
    uint64_t mount_id;
    return folder >= 0 && fd_is_mount_root(folder) == 1 && is_injected(base, root) == 0 &&
           fd_mount_id(folder, &mount_id) == 0 && mount_has_source(base, mount_id, LINFSP_RUN_SOURCE);
}

static int attach_tree(int tree, int target) {
    return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

static int attach_unc(const struct attempt *attempt) {
    if (attempt->root_unc >= 0)
        return attach_tree(attempt->unc_tree, attempt->root_unc);
    _cleanup_close_ int unc = enter_open_path(attempt->root, &UNC_IN_DEVICES[1], O_DIRECTORY);
    return unc < 0 ? unc : attach_tree(attempt->unc_tree, unc);
}

static int attach_folder(const struct job_base *base, const struct job *job, const struct attempt *attempt, int dev,
                         struct job_result *result) {
    enter_act_as(job->target.root_uid, job->target.root_gid);
    int r = make_device_folder(dev);
    enter_act_as_self();
    if (r < 0)
        return job_fail(result, r, "cannot make %s: %s", LINFSP_DEVICE_DIR, strerror(-r));
    _cleanup_close_ int target = enter_open_path(attempt->root, "dev/linfsp", O_DIRECTORY);
    if (target < 0)
        return job_fail(result, target, "%s is not a plain folder: %s", LINFSP_DEVICE_DIR, strerror(-target));
    r = attach_tree(attempt->folder_tree, target);
    if (r < 0)
        (void)remove_through_clone(dev, "linfsp", AT_REMOVEDIR);
    if (r < 0)
        return job_fail(result, r, "cannot mount at %s: %s", LINFSP_DEVICE_DIR, strerror(-r));
    if ((r = attach_unc(attempt)) == 0)
        return 0;
    job_fail(result, r, "cannot mount at %s: %s", attempt->root_unc < 0 ? UNC_IN_DEVICES : LINFSP_UNC_ROOT,
             strerror(-r));
    /* half of it would be taken for that of a silo around this one */
    (void)injection_remove(base, attempt->root);
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

static void attempt_close(struct attempt *attempt) {
    close_fd(&attempt->folder_tree);
    close_fd(&attempt->unc_tree);
    close_fd(&attempt->device_tree);
    close_fd(&attempt->mount_namespace);
    close_fd(&attempt->user_namespace);
    close_fd(&attempt->root);
    close_fd(&attempt->root_unc);
}

static int make_trees(const struct job_base *base, const struct job *job, struct job_fds *fds, struct attempt *attempt,
                      struct job_result *result) {
    int pipe_end = -1;
    attempt->folder_tree = clone_folder(job->inject.folder);
    attempt->unc_tree = make_unc(base, job->inject.folder_number, &pipe_end);
    if (pipe_end >= 0)
        fds->out[fds->n_out++] = pipe_end;
    if (result->inject.mounts)
        attempt->device_tree = open_tree(base->run_dir, "private/fuse", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    int error = attempt->folder_tree < 0 ? attempt->folder_tree : attempt->unc_tree;
    return error < 0 ? job_fail(result, error, "cannot clone %s: %s",
                                attempt->folder_tree < 0 ? job->inject.folder : LINFSP_UNC_ROOT, strerror(-error))
                     : 0;
}

/* Whether the silo can be furnished at all: what is put into its /dev must not outlive it. The host's own /dev is that
 * of an administrator's chroot, or was given to a container on purpose. */
static bool takes_devices(const struct job_base *base, const struct job *job, int root, struct job_result *result) {
    char path[WIRE_PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/dev", job->inject.rootfs);
    _cleanup_close_ int dev = enter_open_path(root, path + (path[0] == '/'), O_DIRECTORY);
    if (dev < 0)
        return true; /* which fails, with words of its own */
    if (inject_fuse_is_hosts(base, dev))
        WIRE_SET(result->message, "off: its /dev is the host's");
    else if (!dev_ends_with_silo(base, &job->target, dev))
        WIRE_SET(result->message, "off: its /dev is not in memory of its own: files put there would stay");
    else
        return true;
    result->inject.off = true;
    return false;
}

/* Whether it is an administrator's chroot in a mount namespace of its own. In a user namespace a chroot is what who may
 * not pivot_root(2) makes a container with. */
static bool is_bare_chroot(const struct job_base *base, const struct job *job, const struct attempt *attempt,
                           struct job_result *result) {
    if (job->inject.rootfs[0] || attempt->user_namespace >= 0 ||
        !root_is_chroot(base, attempt->mount_namespace, attempt->root))
        return false;
    result->inject.not_yet = job->inject.early; /* its runtime is at work: the old root is over the new one still */
    result->inject.off = !job->inject.early;
    WIRE_SET(result->message, "off: a chroot of an administrator's, not a container");
    return true;
}

/* Makes the worker a visitor of the silo. Returns 0, 1 where nothing is to be done there, or a negative errno. */
static int enter(const struct job_base *base, const struct job *job, int pidfd, struct attempt *attempt,
                 struct job_result *result) {
    int trees[] = {attempt->folder_tree, attempt->unc_tree};
    uid_t uid;
    gid_t gid;
    /* not before: its runtime may be at work, and its root another meanwhile */
    int r = enter_open(base, &job->target, pidfd, &attempt->mount_namespace, &attempt->user_namespace, &attempt->root);
    if (r == 0)
        libraries_choose(base, job->inject.folder, attempt->root, job->inject.rootfs);
    if (r == 0 && (job->inject.again || is_injected(base, attempt->root) != 1)) {
        if (is_bare_chroot(base, job, attempt, result) || !takes_devices(base, job, attempt->root, result))
            return 1;
        result->inject.unc_waits =
            job->inject.unc_waits && root_unc_can_wait(base, job, attempt->mount_namespace, attempt->root);
        if (!result->inject.unc_waits)
            attempt->root_unc = root_unc_make(base, job, attempt->mount_namespace, attempt->root);
    }
    if (r == 0 && attempt->user_namespace >= 0) {
        result->spent = true;
        r = enter_user_namespace_with(base, attempt->user_namespace, job->target.root_uid, job->target.root_gid, trees,
                                      2, &uid, &gid);
        attempt->folder_tree = trees[0];
        attempt->unc_tree = trees[1];
    }
    if (r == 0)
        r = enter_mount_namespace(attempt->mount_namespace, attempt->root);
    if (r < 0)
        return job_fail(result, r, "cannot enter the container: %s", strerror(-r));
    if (!job->inject.rootfs[0])
        return 0;
    /* a path of the runtime's own, in which nothing of the container has run yet */
    close_fd(&attempt->root);
    attempt->root = open(job->inject.rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return attempt->root < 0 ? job_fail(result, -errno, "%s: %s", job->inject.rootfs, strerror(errno)) : 0;
}

static void furnish(const struct job_base *base, const struct job *job, struct attempt *attempt,
                    struct job_result *result) {
    int root = attempt->root;
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
        result->inject.around = folder_silo(base, root);
        return;
    }
    int r = injection_remove(base, root);
    if (r < 0) {
        job_fail(result, r, r == -EBUSY ? "something of its own is mounted at %s" : "%s cannot be had",
                 LINFSP_DEVICE_DIR);
        return;
    }
    if (attach_folder(base, job, attempt, dev, result) < 0)
        return;
    inject_fuse(base, job, attempt->device_tree, dev, result->inject.mounts);
    if (!result->inject.mounts)
        helpers_mark(base, job, false, result);
}

void job_inject(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_(attempt_close) struct attempt attempt = {-1, -1, -1, -1, -1, -1, -1};
    if (job->inject.early && !has_own_dev(base, job, fds->in[0])) {
        result->inject.not_yet = true;
        return;
    }
    if (off_is_wanted(base, job)) {
        WIRE_SET(result->message, "off: LINFSP=off is in its environment");
        result->inject.off = true;
        return;
    }
    result->inject.mounts = job->inject.may_mount && device_group_allows_fuse(job->target.init_pid);
    if (make_trees(base, job, fds, &attempt, result) < 0 || enter(base, job, fds->in[0], &attempt, result) != 0)
        return;
    furnish(base, job, &attempt, result);
    if (result->error == 0)
        return;
    close_fd(&attempt.root_unc);
    overlay_forget(attempt.root);
}
