/* SPDX-License-Identifier: MIT */
/*
 * /unc in a silo's own root: where the silo's network volumes are found.
 *
 * The folder to mount on is made in the root, where that is an overlayfs, and taken out of its upper layer at once
 * (overlay.h). So it is in no layer, and nothing of it is left when the container ends. A root in memory that nobody
 * outside has mounted ends with its container: there the folder is simply made. In any other root it would be left
 * behind: there network volumes are at /dev/linfsp/unc alone.
 *
 * An image's own /unc is left alone. While an image is built nothing is made: what its steps put at /unc is the
 * image's.
 */
#include "worker/root-unc.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "worker/build.h"
#include "worker/enter.h"
#include "worker/folder.h"
#include "worker/injection.h"
#include "worker/overlay.h"
#include "worker/root-kind.h"

#define NAME "unc"

static int open_unc(int root) {
    return enter_open_path(root, NAME, O_DIRECTORY);
}

/* Whether a folder of ours is mounted there. */
static bool is_mounted(const struct job_base *base, int unc) {
    uint64_t mount_id;
    return fd_is_mount_root(unc) == 1 && fd_mount_id(unc, &mount_id) == 0 &&
           mount_has_source(base, mount_id, FOLDER_SOURCE);
}

static int make_folder(const struct job *job, const struct overlay *overlay, int root) {
    struct stat before;
    if (overlay_has(overlay, NAME)) /* the mark of one that the container has removed */
        return -EEXIST;
    if (fstat(root, &before) < 0)
        return -errno;
    enter_act_as(job->target.root_uid, job->target.root_gid);
    int r = make_folder_through_clone(root, NAME);
    _cleanup_close_ int unc = r < 0 ? r : open_unc(root);
    if (unc >= 0)
        r = overlay_hide(overlay, "", NAME, unc, &before);
    if (unc >= 0 && r < 0)
        (void)remove_through_clone(root, NAME, AT_REMOVEDIR);
    enter_act_as_self();
    return r < 0 ? r : steal_fd(&unc);
}

static int make_in_memory(const struct job *job, int root) {
    enter_act_as(job->target.root_uid, job->target.root_gid);
    int r = make_folder_through_clone(root, NAME);
    enter_act_as_self();
    return r < 0 ? r : open_unc(root);
}

/* Opens /unc, to be mounted on. root_ends: the root ends with the silo. */
static int find_or_make(const struct job_base *base, const struct job *job, int root, bool root_ends) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    if (root_ends)
        return make_in_memory(job, root);
    int r = fd_is_mount_root(root) == 1 ? overlay_open(base, 0, root, &overlay) : -EOPNOTSUPP;
    if (r < 0)
        return r;
    _cleanup_close_ int unc = open_unc(root);
    if (unc >= 0) /* one of ours, where somebody unmounted that, or an attempt before this one failed */
        return fd_is_mount_root(unc) == 0 && overlay_is_hidden(unc) ? steal_fd(&unc) : -EEXIST;
    return unc == -ENOENT ? make_folder(job, &overlay, root) : unc;
}

/* The root that the silo will have: its runtime may not have changed to it yet. */
static bool root_to_be_ends(const struct job_base *base, const struct job *job, int root) {
    _cleanup_close_ int rootfs =
        job->inject.rootfs[0] ? enter_open_path(root, &job->inject.rootfs[1], O_DIRECTORY) : -1;
    return root_ends_with_silo(base, &job->target, rootfs < 0 ? root : rootfs);
}

/* Returns 0 where /unc can be made, or a negative errno. */
static int look(const struct job_base *base, const struct job *job, int root, bool root_ends) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    _cleanup_close_ int unc = open_unc(root);
    if (unc != -ENOENT)
        return -EEXIST;
    if (root_ends)
        return 0;
    int r = fd_is_mount_root(root) == 1 ? overlay_open(base, 0, root, &overlay) : -EOPNOTSUPP;
    return r == 0 && overlay_has(&overlay, NAME) ? -EEXIST : r;
}

typedef int visitor(const struct job_base *base, const struct job *job, int root, bool root_ends);

/* Calls it in the silo, whose root may not be that of its mount namespace yet. */
static int visit_root(const struct job_base *base, const struct job *job, int mount_namespace, int root,
                      visitor *visit) {
    _cleanup_close_ int rootfs = -1;
    bool root_ends = root_to_be_ends(base, job, root);
    int r = enter_mount_namespace(mount_namespace, root);
    if (r == 0 && job->inject.rootfs[0]) {
        root = rootfs = open(job->inject.rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = rootfs < 0 ? -errno : 0;
    }
    if (r < 0)
        return r;
    enter_own_mounts(base, root, -1);
    if (injection_is_stale(base, root))
        root_unc_remove(base, root);
    return visit(base, job, root, root_ends);
}

/* What /dev/linfsp/unc is: a link to /unc, or a folder. It may be the other of an attempt before this one. */
static int set_device_folder(const struct job_base *base, const struct job *job, bool link) {
    char path[sizeof job->inject.folder + 8], target[8];
    snprintf(path, sizeof path, "%s/" NAME, job->inject.folder + strlen(LINFSP_RUN_DIR "/"));
    bool linked = readlinkat(base->run_dir, path, target, sizeof target) > 0;
    if (linked == link)
        return 0;
    if (unlinkat(base->run_dir, path, linked ? 0 : AT_REMOVEDIR) < 0)
        return -errno;
    int r = link ? symlinkat(LINFSP_UNC_ROOT, base->run_dir, path) : mkdirat(base->run_dir, path, 0755);
    return r < 0 ? -errno : 0;
}

static int make(const struct job_base *base, const struct job *job, int mount_namespace, int root) {
    if (build_is_step(base, job))
        return -EOPNOTSUPP;
    _cleanup_close_ int unc = visit_root(base, job, mount_namespace, root, find_or_make);
    int r = enter_host(base);
    return r < 0 ? r : steal_fd(&unc);
}

int root_unc_make(const struct job_base *base, const struct job *job, int mount_namespace, int root) {
    _cleanup_close_ int unc = make(base, job, mount_namespace, root);
    int r = set_device_folder(base, job, unc >= 0);
    return r < 0 ? r : steal_fd(&unc);
}

bool root_unc_can_wait(const struct job_base *base, const struct job *job, int mount_namespace, int root) {
    if (build_is_step(base, job))
        return false;
    bool can = visit_root(base, job, mount_namespace, root, look) == 0;
    return enter_host(base) == 0 && set_device_folder(base, job, false) == 0 && can;
}

/* Moves the mount from one of its places to the other. The worker is in the silo. */
static int move(int from, int to) {
    int r = move_mount(from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
    return r == -EINVAL ? -EBUSY : r; /* a parent mount that others share */
}

/* Opens the mount at /dev/linfsp/unc. */
static int open_in_devices(int root) {
    _cleanup_close_ int device = enter_open_path(root, &UNC_IN_DEVICES[1], O_DIRECTORY);
    return device >= 0 && fd_is_mount_root(device) != 1 ? -ENOENT : steal_fd(&device);
}

static bool is_in_devices(int root) {
    _cleanup_close_ int device = open_in_devices(root);
    return device >= 0;
}

/* Whether something was lacking that may be there another time. */
static bool is_shortage(int error) {
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static bool is_moved(const struct job_base *base, int root) {
    _cleanup_close_ int unc = open_unc(root);
    return unc >= 0 && is_mounted(base, unc);
}

/* Moves it to /unc, a descriptor of which is given. */
static int move_to_root(const struct job_base *base, int mount_namespace, int root, int unc) {
    int r = enter_mount_namespace(mount_namespace, root);
    _cleanup_close_ int device = r < 0 ? r : open_in_devices(root);
    if (device < 0)
        return device;
    return move(device, unc);
}

/* Nothing is mounted at /unc any more: the name is free. */
static void forget(int root) {
    if (root_is_in_memory(root))
        (void)remove_through_clone(root, NAME, AT_REMOVEDIR);
    overlay_forget(root);
}

int root_unc_move(const struct job_base *base, const struct job *job, int mount_namespace, int root) {
    int r = enter_mount_namespace(mount_namespace, root);
    bool moved = r == 0 && is_moved(base, root); /* by a worker that died before it could say so */
    if (r < 0 || (r = enter_host(base)) < 0)
        return r;
    if (!moved) {
        _cleanup_close_ int unc = make(base, job, mount_namespace, root);
        if (unc < 0)
            return is_shortage(unc) ? unc : 0; /* it has one of its own */
        r = move_to_root(base, mount_namespace, root, unc);
        close_fd(&unc);
        if (r < 0)
            forget(root);
        if (r < 0 || (r = enter_host(base)) < 0)
            return r;
    }
    return set_device_folder(base, job, true); /* not before: this would unmount what is mounted on the folder */
}

int root_unc_move_back(const struct job_base *base, const struct job *job, int mount_namespace, int root) {
    int r = enter_mount_namespace(mount_namespace, root);
    bool moved = r == 0 && is_moved(base, root), is_back = r == 0 && is_in_devices(root);
    if (r < 0 || (r = enter_host(base)) < 0)
        return r;
    if (!moved) /* it has one of its own; or a worker has died that had moved it back */
        return is_back && root_unc_can_wait(base, job, mount_namespace, root) ? 0 : -ENOENT;
    r = set_device_folder(base, job, false);
    if (r == 0)
        r = enter_mount_namespace(mount_namespace, root);
    if (r < 0)
        return r;
    enter_own_mounts(base, root, -1);
    _cleanup_close_ int unc = open_unc(root), device = enter_open_path(root, &UNC_IN_DEVICES[1], O_DIRECTORY);
    r = unc < 0 ? unc : device < 0 ? device : move(unc, device);
    close_fd(&unc);
    if (r == 0)
        forget(root);
    else if (enter_host(base) == 0) /* it stays at /unc: the link leads there again */
        (void)set_device_folder(base, job, true);
    return r;
}

static void remove_old_link(int root) {
    char link[sizeof UNC_IN_DEVICES + 1];
    ssize_t length = readlinkat(root, NAME, link, sizeof link);
    if (length == sizeof UNC_IN_DEVICES - 1 && memcmp(link, UNC_IN_DEVICES, sizeof UNC_IN_DEVICES - 1) == 0)
        (void)remove_through_clone(root, NAME, 0);
}

void root_unc_remove(const struct job_base *base, int root) {
    remove_old_link(root); /* of a service of an older version */
    _cleanup_close_ int unc = open_unc(root);
    if (unc < 0 || (!is_mounted(base, unc) && !overlay_is_hidden(unc)))
        return;
    bool mounted = is_mounted(base, unc);
    if (mounted)
        (void)unmount_fd(base, unc);
    close_fd(&unc);
    if (mounted && root_is_in_memory(root))
        (void)remove_through_clone(root, NAME, AT_REMOVEDIR);
    overlay_forget(root);
}
