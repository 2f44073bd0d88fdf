/* SPDX-License-Identifier: MIT */
#include "worker/client-access.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "worker/enter.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

void client_access_groups(int socket, struct groups *ret_groups) {
    socklen_t size = sizeof ret_groups->list;
    ret_groups->count = 0;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, ret_groups->list, &size) == 0)
        ret_groups->count = size / sizeof *ret_groups->list;
}

/* The system calls themselves: libc's functions would look for other threads, or do without AT_EMPTY_PATH. */
static int may_write(int fd, uid_t uid, gid_t gid, const struct groups *groups) {
    if (syscall(SYS_setgroups, groups ? groups->count : 0, groups ? groups->list : NULL) < 0)
        return -errno;
    enter_act_as(uid, gid);
    int r = syscall(SYS_faccessat2, fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) < 0 ? -errno : 0;
    enter_act_as_self();
    return syscall(SYS_setgroups, 0, NULL) < 0 ? -errno : r;
}

/* A FUSE file system may be for its owner alone, and then takes us for somebody else whatever ids we act with. */
static bool is_fuse(int fd) {
    struct statfs status;
    return fstatfs(fd, &status) == 0 && status.f_type == FUSE_SUPER_MAGIC;
}

int client_access_mount(int fd, uid_t uid, gid_t gid, const struct groups *groups) {
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MODE | STATX_UID, &status) < 0)
        return -errno;
    if (is_fuse(fd))
        return status.stx_uid == uid && (status.stx_mode & S_IWUSR) ? 0 : -EACCES;
    if (S_ISDIR(status.stx_mode) && (status.stx_mode & S_ISVTX) && status.stx_uid != uid)
        return -EPERM;
    return may_write(fd, uid, gid, groups);
}
