/* SPDX-License-Identifier: MIT */
/* Undoing a volume's mounts: in its silo, on the stage, and the mount point that was made for it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/fusectl.h"
#include "util/process.h"
#include "worker/copied.h"
#include "worker/enter.h"
#include "worker/jobs.h"
#include "worker/mount-point.h"
#include "worker/nested.h"
#include "worker/stage.h"

/* Removes a mount point that was made, with the rights of whoever made it. */
static void remove_made(const struct job_base *base, const struct job *job, int parent) {
    const struct job_unmount *request = &job->unmount;
    const struct job_made *made = &request->made;
    if (made->name[0] && made->by_service) {
        _cleanup_close_ int lock = letters_open_lock(base);
        letters_lock(lock, job->target.silo);
        mount_point_remove_letter(base, parent, made->name, request->letters_mount_id, made->letters_too);
    }
    if (!made->name[0] || made->by_service || parent < 0)
        return;
    enter_act_as(made->uid, made->gid); /* leaves CAP_DAC_OVERRIDE behind unless it is root's */
    (void)unlinkat(parent, made->name, AT_REMOVEDIR);
    enter_act_as_self();
}

/* Plain umount(2), which refuses while something is in use. Our own descriptor would count as a user, so it goes by
 * name; but by the last component alone, from the folder it is in: a path could be led elsewhere, over /proc/sys for
 * one, between two looks, while what something is mounted on can be neither renamed nor replaced. */
static int unmount_unless_busy(const struct job_base *base, int fd, uint64_t mount_id) {
    char path[WIRE_PATH_MAX];
    uint64_t found = 0;
    int r = fd_path(base, fd, path, sizeof path);
    close(fd);
    char *name = r < 0 ? NULL : strrchr(path, '/');
    if (!name || !name[1])
        return r < 0 ? r : -EINVAL;
    *name++ = 0;
    _cleanup_close_ int folder = open(path[0] ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int mount = folder < 0 ? -1 : openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (mount < 0)
        return -errno;
    if ((r = fd_mount_id(mount, &found)) < 0 || found != mount_id || fchdir(folder) < 0)
        return r < 0 ? r : -EBUSY; /* it was moved just now */
    close_fd(&mount);
    return umount2(name, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

/* The folder in which a mount point stands that was made: after a restart of the service its descriptor is gone. It is
 * where the mount is; where that is gone, where it was made. */
static int open_parent(const struct job_base *base, int mount, const struct job_unmount *request) {
    const char *name = request->made.name;
    char path[WIRE_PATH_MAX];
    if (mount < 0)
        snprintf(path, sizeof path, "%s", request->mount_point);
    else if (fd_path(base, mount, path, sizeof path) < 0)
        return -1;
    char *slash = strrchr(path, '/');
    if (!slash || strcmp(slash + 1, name) != 0)
        return -1;
    *slash = 0;
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return enter_open_path(root, path[0] ? path + 1 : ".", O_DIRECTORY);
}

/* Whether the connection that has this number now is the one whose abort file that was. */
static bool is_connection(uint32_t fuse_device, uint64_t abort_inode) {
    char name[32];
    struct stat status;
    snprintf(name, sizeof name, "%u/abort", fuse_device);
    _cleanup_close_ int connections = fusectl_open();
    return connections >= 0 && fstatat(connections, name, &status, 0) == 0 && status.st_ino == abort_inode;
}

/* Where a folder is shared between the silo and the host, what was mounted in it is mounted on the host as well, and
 * stays when the silo's mount namespace ends. Nobody answers there any more. */
static void unmount_left_behind(const struct job_base *base, const struct job_unmount *request) {
    int mount;
    while (request->abort_inode && open_mount_of_device(base, request->fuse_device, &mount) == 0) {
        _cleanup_close_ int left = mount; /* as long as it is held the number is no other's */
        if (!is_connection(request->fuse_device, request->abort_inode) || unmount_fd(base, left) < 0)
            return;
    }
}

/* Out of memory or descriptors: it is mounted still, and the service tries again. */
static bool is_short(int error) {
    return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

static void take_off_stage(const struct job_base *base, const struct job_unmount *request, struct job_result *result) {
    int r = stage_enter(base);
    if (r == 0)
        r = stage_drop_volume(request->staged);
    if (r < 0)
        result->unanswered = true; /* it is there still: the service tries again */
    if (r < 0)
        job_fail(result, r, "cannot take the volume off the service's stage: %s", strerror(-r));
    if ((r = enter_host(base)) < 0)
        job_fail(result, r, "cannot go back to the host: %s", strerror(-r));
}

/* Then the job of the silo's end sees to its layer, which its engine may be about to remove with the folder around it:
 * that must have nothing more put into it. */
static bool is_ending(const struct job_target *silo) {
    return process_is_ending(silo->init_pid) || process_has_ended(silo->init_pid);
}

/* A letter has gone: now /mnt need not be in the silo's layer any more. Who unmounted the letter may still be in /mnt,
 * as fusermount is until it has been answered. */
static void settle_layer(const struct job_base *base, const struct job *job, int pidfd) {
    static const unsigned pauses_ms[] = {50, 300, 1000};
    bool done = false;
    for (size_t i = 0; i < ARRAY_SIZE(pauses_ms) && !done; i++) {
        _cleanup_close_ int root = -1;
        usleep(pauses_ms[i] * 1000);
        done = is_ending(&job->target) || enter_silo(base, &job->target, pidfd, &root) < 0 ||
               copied_remove(base, job->target.silo, root);
        close_fd(&root);
        done |= enter_host(base) < 0;
    }
}

void job_unmount(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    const struct job_unmount *request = &job->unmount;
    size_t first = job->target.host ? 0 : 1;
    int parent = fds->n_in > first ? fds->in[first] : -1;
    bool on_stage_only = request->staged && !request->mount_id && !request->mount_point[0] && !request->made.name[0];
    if (request->staged && (!request->not_lazy || on_stage_only))
        take_off_stage(base, request, result);
    if (on_stage_only)
        return;
    if (request->made.by_service && !request->made.name[0]) {
        settle_layer(base, job, fds->in[0]);
        return;
    }
    _cleanup_close_ int root = -1;
    int entered = job->target.host        ? 0
                  : request->nested.inode ? nested_enter(base, &job->target, &request->nested, request->server, &root)
                                          : enter_silo(base, &job->target, fds->in[0], &root);
    if (entered < 0 && entered != -ESRCH) { /* it is mounted there still */
        result->unanswered = true;
        job_fail(result, entered, "cannot enter the container: %s", strerror(-entered));
        (void)enter_host(base);
        return;
    }
    if (entered < 0) {
        /* the silo, or what is nested in it, is gone and its mounts with it; or the silo has another anchor by now */
        result->gone = !request->nested.inode;
        if (enter_host(base) == 0)
            unmount_left_behind(base, request);
        remove_made(base, job, parent);
        return;
    }
    _cleanup_close_ int mount = -1, found_parent = -1;
    uint32_t major, minor;
    int found = request->mount_id ? open_mount_by_id(base, request->mount_id, request->mount_point, &mount) : -ENOENT;
    if (found != 0 && found != -ENOENT && request->not_lazy) {
        job_fail(result, -EBUSY, "cannot unmount: something is mounted over it, or it is being moved");
        return;
    }
    if (found == -EAGAIN) { /* the kernel gives no way to it until that has gone */
        result->covered = result->unanswered = true;
        job_fail(result, found, "cannot unmount: something is mounted over it");
        return;
    }
    if (is_short(found)) {
        result->unanswered = true;
        job_fail(result, found, "cannot look for the mount: %s", strerror(-found));
        return;
    }
    bool ours = found == 0 && fd_device(mount, &major, &minor) == 0 && major == 0 && minor == request->fuse_device;
    if (parent < 0 && request->made.name[0])
        found_parent = open_parent(base, ours ? mount : -1, request);
    if (ours) {
        int r = request->not_lazy ? unmount_unless_busy(base, steal_fd(&mount), request->mount_id)
                                  : unmount_fd(base, mount);
        if (r < 0)
            job_fail(result, r, "cannot unmount: %s", strerror(-r));
        if (r < 0 && request->not_lazy)
            return;
        result->unanswered = is_short(r);
    }
    remove_made(base, job, parent >= 0 ? parent : found_parent);
    if (request->not_lazy && request->staged)
        take_off_stage(base, request, result);
}
