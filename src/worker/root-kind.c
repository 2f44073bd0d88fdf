/* SPDX-License-Identifier: MIT */
#include "worker/root-kind.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/open-at.h"
#include "util/process.h"
#include "worker/enter.h"

static bool is_same_folder(int a, int b) {
    struct stat here, there;
    uint64_t mount_a, mount_b;
    return fd_mount_id(a, &mount_a) == 0 && fd_mount_id(b, &mount_b) == 0 && mount_a == mount_b &&
           fstat(a, &here) == 0 && fstat(b, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

bool root_is_chroot(const struct job_base *base, int mount_namespace, int root) {
    if (setns(mount_namespace, CLONE_NEWNS) < 0)
        return false;
    /* setns(2) has made the root of the mount namespace ours */
    _cleanup_close_ int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool other = top >= 0 && !is_same_folder(top, root);
    return enter_host(base) == 0 && other;
}

bool root_is_mounted_by(const struct job_base *base, pid_t pid, uint32_t major, uint32_t minor) {
    _cleanup_fclose_ FILE *file = enter_open_table_of(base, pid);
    _cleanup_free_ char *line = NULL;
    size_t length = 0;
    struct mount_line mount;
    while (file && mount_table_next(file, &line, &length, &mount))
        if (mount.major == major && mount.minor == minor)
            return true;
    return false;
}

/* Whether the silo's runtime has it mounted: it may be in a mount namespace of its own, as rootless Podman is. */
static bool is_mounted_by_runtime(const struct job_base *base, const struct job_target *target, uint32_t major,
                                  uint32_t minor) {
    pid_t parent;
    uint64_t namespace;
    if (process_parent(target->init_pid, &parent) < 0 || parent <= 0 ||
        process_namespace(parent, "mnt", &namespace) < 0 || namespace == target->mount_namespace.inode)
        return false;
    return root_is_mounted_by(base, parent, major, minor);
}

bool root_is_in_memory(int root) {
    struct statfs status;
    return fstatfs(root, &status) == 0 && (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

bool root_ends_with_silo(const struct job_base *base, const struct job_target *target, int root) {
    uint32_t major, minor;
    if (!root_is_in_memory(root) || fd_device(root, &major, &minor) < 0)
        return false;
    return !root_is_mounted_by(base, 0, major, minor) && !is_mounted_by_runtime(base, target, major, minor);
}

/* The root folder of a tmpfs has number 1. A folder that lies in a tmpfs has another number. */
static bool is_whole_tmpfs(int folder) {
    struct stat status;
    return fd_is_mount_root(folder) == 1 && fstat(folder, &status) == 0 && status.st_ino == 1;
}

bool dev_ends_with_silo(const struct job_base *base, const struct job_target *target, int dev) {
    /* mount tables of a host with many containers are long: they are read only for a /dev that is unusual */
    return root_is_in_memory(dev) && (is_whole_tmpfs(dev) || root_ends_with_silo(base, target, dev));
}
