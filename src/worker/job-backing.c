/* SPDX-License-Identifier: MIT */
/*
 * Backing files of servers without privileges: reads and writes of a volume's file then go to a file of the server's,
 * in the kernel.
 *
 * The kernel has the registering process vouch (CAP_SYS_ADMIN): it will open that file for whatever the volume's file
 * is opened for, with the rights that the registrar has at that moment, and check nothing. So a container must not get
 * more through it than it could do with the descriptor it sent:
 *
 *   - the descriptor is open for reading and writing: whoever has that may do both already;
 *   - it is a regular file, opened really (not O_PATH, which proves nothing);
 *   - it is not append-only, immutable or sealed by flag, whose limits a fresh opening as root could pass by: an
 *     append-only descriptor could only be extended, the backing file could be overwritten;
 *   - it was not opened with O_APPEND, for the same reason;
 *   - it is not on one of the kernel's own file systems (proc, sysfs, cgroup): a write there is an order, and would be
 *     given as root;
 *   - it is registered with the connection whose descriptor comes with it, which only its own server has: the ioctl
 * goes to that descriptor, after it was found to be a FUSE device (10:229).
 *
 * A registered file stays open in the kernel though its server closes its descriptor, and is charged to nobody: each
 * volume has a bounded number.
 *
 * It is registered with the client's file system ids, and with no capability but the one that registering takes: a
 * write through the volume clears setuid bits, and minds quotas and blocks reserved for root, as one by the client
 * does. What the registered file can do afterwards (mounts made read-only, seals of a memfd) the kernel goes on
 * checking at each write.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuse/fuse-abi.h"
#include "util/cleanup.h"
#include "util/fusectl.h"
#include "worker/enter.h"
#include "worker/jobs.h"
#include "worker/mount-point.h"

int job_check_fuse(int fd, struct job_result *result) {
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0 || !S_ISCHR(status.stx_mode) ||
        status.stx_rdev_major != 10 || status.stx_rdev_minor != 229 || (fcntl(fd, F_GETFL) & O_PATH))
        return job_fail(result, -EINVAL, "a descriptor is no FUSE connection");
    return 0;
}

/* A FUSE file system's device number is that of its connection. Asking the file system itself would ask its server. */
static int is_on_fuse(const struct statx *status) {
    char name[32];
    struct stat connection;
    snprintf(name, sizeof name, "%u", status->stx_dev_minor);
    _cleanup_close_ int connections = fusectl_open();
    if (connections < 0)
        return connections;
    return status->stx_dev_major == 0 && fstatat(connections, name, &connection, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A backing file that never answers would make its readers wait on without any time-out. */
static int check_layers(const struct job *job, int fd, const struct statx *status, struct job_result *result) {
    struct statfs file_system;
    int on_fuse = is_on_fuse(status);
    if (on_fuse < 0)
        return job_fail(result, on_fuse, "the backing file's file system cannot be told: %s", strerror(-on_fuse));
    if (on_fuse)
        return job_fail(result, -EOPNOTSUPP, "a backing file must not be on a FUSE file system");
    if (job->backing.no_layers && fstatfs(fd, &file_system) == 0 && file_system.f_type == OVERLAYFS_SUPER_MAGIC)
        return job_fail(result, -EOPNOTSUPP, "a backing file must not be on an overlay, which may be one of FUSE");
    return 0;
}

static int check_file(const struct job *job, int fd, struct job_result *result) {
    struct statx status;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) != O_RDWR || (flags & O_APPEND))
        return job_fail(result, -EPERM, "a backing file must be open for reading and writing, and not for appending");
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0 || !S_ISREG(status.stx_mode))
        return job_fail(result, -EINVAL, "a backing file must be a regular file");
    int r = check_layers(job, fd, &status, result);
    if (r < 0)
        return r;
    if (is_kernel_file_system(fd))
        return job_fail(result, -EPERM, "a backing file must not be on one of the kernel's own file systems");
    if (status.stx_attributes & (STATX_ATTR_APPEND | STATX_ATTR_IMMUTABLE))
        return job_fail(result, -EPERM, "a backing file must not be append-only or immutable");
    return 0;
}

static int set_effective(const struct __user_cap_data_struct *capabilities) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capset, &header, capabilities) < 0 ? -errno : 0;
}

/* Registers with the rights that the file is to be written with. */
static int register_file(const struct job *job, int fuse, int file, bool *ret_spent) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3], least[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, all) < 0)
        return -errno;
    memcpy(least, all, sizeof least);
    least[0].effective = CAP_TO_MASK(CAP_SYS_ADMIN);
    least[1].effective = 0;
    enter_act_as(job->backing.uid, job->backing.gid);
    int r = set_effective(least);
    struct fuse_backing_map map = {.fd = file};
    if (r == 0 && (r = ioctl(fuse, FUSE_DEV_IOC_BACKING_OPEN, &map)) < 0)
        r = -errno;
    *ret_spent = set_effective(all) < 0;
    enter_act_as_self();
    return r;
}

void job_backing(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    uint32_t id = (uint32_t)job->backing.close;
    if (job_check_fuse(fds->in[0], result) < 0)
        return;
    if (id) {
        if (ioctl(fds->in[0], FUSE_DEV_IOC_BACKING_CLOSE, &id) < 0)
            job_fail(result, -errno, "the backing file cannot be dropped: %s", strerror(errno));
        return;
    }
    if (check_file(job, fds->in[1], result) < 0)
        return;
    int made = register_file(job, fds->in[0], fds->in[1], &result->spent);
    if (made < 0)
        job_fail(result, made, "the kernel refuses the backing file: %s", strerror(-made));
    result->backing_id = made;
}
