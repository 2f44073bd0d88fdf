/* SPDX-License-Identifier: MIT */
/*
 * /dev/fuse is a device node of the silo's own that behaves like /dev/null: only its opening matters, the real
 * descriptor comes through fusermount3. chmod, chown and rm of it touch nothing else. A silo whose programs may mount
 * by themselves (CAP_SYS_ADMIN) gets a node of the FUSE device, because mount(2) would take null for an error and not
 * fall back. In a user namespace no nodes can be made, and on a nodev /dev none can be opened: it is a link to null
 * there, or a bind mount of the device. A silo that has a /dev/fuse already keeps it.
 */
#include "worker/inject-fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "util/cleanup.h"
#include "worker/enter.h"

#define TURNS 3
#define NULL_DEVICE makedev(1, 3)
#define FUSE_DEVICE makedev(10, 229)

/* A bind mount of our own node: what may open it is the device cgroup's affair. */
static int bind_device(int device_tree, int dev) {
    /* a device on a read-only mount can be opened for writing; its node, which is everybody's, cannot be changed */
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .propagation = MS_PRIVATE};
    if (device_tree < 0 || mount_setattr(device_tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ||
        mknodat(dev, "fuse", S_IFREG | 0666, 0) < 0)
        return -errno;
    _cleanup_close_ int target = openat(dev, "fuse", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target >= 0 && move_mount(device_tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0)
        return 0;
    int r = -errno;
    (void)unlinkat(dev, "fuse", 0);
    return r;
}

bool inject_fuse_is_hosts(const struct job_base *base, int dev) {
    uint32_t major, minor, host_major, host_minor;
    _cleanup_close_ int host_dev = openat(base->host_root, "dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return host_dev >= 0 && fd_device(dev, &major, &minor) == 0 && fd_device(host_dev, &host_major, &host_minor) == 0 &&
           major == host_major && minor == host_minor;
}

/* Whether a node that is made in this /dev can be opened: bubblewrap's is nodev, and has its devices by bind mounts. */
static bool takes_nodes(const struct job *job, int dev) {
    struct statvfs status;
    return !job->target.user_namespace && fstatvfs(dev, &status) == 0 && !(status.f_flag & ST_NODEV);
}

static int put_device(const struct job *job, int device_tree, int dev, bool may_mount) {
    if (takes_nodes(job, dev))
        return make_node_through_clone(dev, "fuse", S_IFCHR | 0666, may_mount ? FUSE_DEVICE : NULL_DEVICE);
    return may_mount ? bind_device(device_tree, dev) : make_link_through_clone(dev, "fuse", "null");
}

void inject_fuse(const struct job_base *base, const struct job *job, int device_tree, int dev, bool may_mount) {
    struct stat status;
    if (inject_fuse_is_hosts(base, dev) || fstatat(dev, "fuse", &status, AT_SYMLINK_NOFOLLOW) == 0)
        return;
    enter_act_as(job->target.root_uid, job->target.root_gid);
    /* without it a silo has no unmodified program that mounts, and nothing tries again later */
    for (int turn = 0, r = -EAGAIN; turn < TURNS && r < 0; turn++)
        r = put_device(job, device_tree, dev, may_mount);
    enter_act_as_self();
}

static bool is_link(int dev) {
    char target[16];
    ssize_t length = readlinkat(dev, "fuse", target, sizeof target);
    return length == 4 && memcmp(target, "null", 4) == 0;
}

static bool is_node(int dev) {
    struct stat status;
    return fstatat(dev, "fuse", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(status.st_mode) &&
           status.st_rdev == NULL_DEVICE;
}

static bool is_bound(const struct job_base *base, int device) {
    uint32_t major, minor, our_major, our_minor;
    return fd_is_mount_root(device) == 1 && fd_device(device, &major, &minor) == 0 &&
           fd_device(base->run_dir, &our_major, &our_minor) == 0 && major == our_major && minor == our_minor;
}

bool eject_fuse(const struct job_base *base, int dev) {
    if (is_link(dev) || is_node(dev))
        return remove_through_clone(dev, "fuse", 0) == 0;
    _cleanup_close_ int device = openat(dev, "fuse", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return device >= 0 && is_bound(base, device) && unmount_fd(base, device) == 0 && unlinkat(dev, "fuse", 0) == 0;
}
