/* SPDX-License-Identifier: MIT */
/* Attributes and extended attributes. Where a call takes no O_PATH descriptor it is made through /proc/self/fd. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ptfs.h"
#include "util/cleanup.h"

static int reply_status(linfsp_request *request, int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    linfsp_reply_attributes(request, &status, ptfs_of(request)->timeout);
    return 0;
}

int ptfs_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file_or_null) {
    return reply_status(request, node_of(&ptfs_of(request)->nodes, inode)->fd);
}

static struct timespec time_to_set(const struct timespec *given, uint32_t set, uint32_t which, uint32_t now) {
    if (!(set & which))
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    return set & now ? (struct timespec){.tv_nsec = UTIME_NOW} : *given;
}

static int set_times(int fd, const char *path, const struct stat *attributes, uint32_t set) {
    if (!(set & (LINFSP_SET_ATIME | LINFSP_SET_MTIME)))
        return 0;
    struct timespec times[] = {time_to_set(&attributes->st_atim, set, LINFSP_SET_ATIME, LINFSP_SET_ATIME_NOW),
                               time_to_set(&attributes->st_mtim, set, LINFSP_SET_MTIME, LINFSP_SET_MTIME_NOW)};
    /* of a symbolic link: by its descriptor, since its path would lead on to what it names */
    if (utimensat(fd, "", times, AT_EMPTY_PATH) == 0)
        return 0;
    return errno == EINVAL && utimensat(AT_FDCWD, path, times, 0) == 0 ? 0 : -errno;
}

static int set_owner(int fd, const struct stat *attributes, uint32_t set) {
    if (!(set & (LINFSP_SET_UID | LINFSP_SET_GID)))
        return 0;
    uid_t uid = set & LINFSP_SET_UID ? attributes->st_uid : (uid_t)-1;
    gid_t gid = set & LINFSP_SET_GID ? attributes->st_gid : (gid_t)-1;
    return fchownat(fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int ptfs_kill_suidgid(int fd) {
    struct stat status;
    char path[PTFS_FD_PATH_MAX];
    ptfs_fd_path(fd, path);
    if (fstat(fd, &status) < 0)
        return -errno;
    mode_t mode = status.st_mode & 07777 & ~(mode_t)S_ISUID;
    if (mode & S_IXGRP)
        mode &= ~(mode_t)S_ISGID;
    return mode == (status.st_mode & 07777) || chmod(path, mode) == 0 ? 0 : -errno;
}

int ptfs_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                 struct linfsp_file *file_or_null) {
    int fd = node_of(&ptfs_of(request)->nodes, inode)->fd, r;
    char path[PTFS_FD_PATH_MAX];
    ptfs_fd_path(fd, path);
    if ((set & LINFSP_SET_MODE) && chmod(path, attributes->st_mode & 07777) < 0)
        return -errno;
    if ((r = set_owner(fd, attributes, set)) < 0)
        return r;
    if (set & LINFSP_SET_SIZE) {
        /* an open file may be truncated though its mode has since forbidden it */
        bool open_for_writing = file_or_null && (fcntl((int)file_or_null->handle, F_GETFL) & O_ACCMODE) != O_RDONLY;
        if ((open_for_writing ? ftruncate((int)file_or_null->handle, attributes->st_size)
                              : truncate(path, attributes->st_size)) < 0)
            return -errno;
    }
    if ((set & LINFSP_SET_KILL_SUIDGID) && (r = ptfs_kill_suidgid(fd)) < 0)
        return r;
    if ((r = set_times(fd, path, attributes, set)) < 0)
        return r;
    return reply_status(request, fd);
}

int ptfs_statfs(linfsp_request *request, uint64_t inode) {
    struct statvfs statistics;
    if (fstatvfs(node_of(&ptfs_of(request)->nodes, inode)->fd, &statistics) < 0)
        return -errno;
    linfsp_reply_statfs(request, &statistics);
    return 0;
}

/* Follows a symbolic link's own descriptor to the link's target, so links have no xattrs here: user.* is not for them
 * anyway. */
static int xattr_path(linfsp_request *request, uint64_t inode, char path[PTFS_FD_PATH_MAX]) {
    struct node *node = node_of(&ptfs_of(request)->nodes, inode);
    struct stat status;
    if (fstat(node->fd, &status) < 0)
        return -errno;
    ptfs_fd_path(node->fd, path);
    return S_ISLNK(status.st_mode) ? -EOPNOTSUPP : 0;
}

int ptfs_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size, int flags,
                  bool kill_sgid) {
    char path[PTFS_FD_PATH_MAX];
    int r = xattr_path(request, inode, path);
    if (r < 0)
        return r;
    if (setxattr(path, name, value, size, flags) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}

int ptfs_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size) {
    char path[PTFS_FD_PATH_MAX];
    int r = xattr_path(request, inode, path);
    if (r < 0)
        return r == -EOPNOTSUPP ? -ENODATA : r;
    void *value = size ? linfsp_request_buffer(request, size) : NULL;
    if (size && !value)
        return -ENOMEM;
    ssize_t length = getxattr(path, name, value, size);
    if (length < 0)
        return -errno;
    if (size)
        linfsp_reply_data(request, value, (size_t)length);
    else
        linfsp_reply_size(request, (size_t)length);
    return 0;
}

int ptfs_listxattr(linfsp_request *request, uint64_t inode, size_t size) {
    char path[PTFS_FD_PATH_MAX];
    int r = xattr_path(request, inode, path);
    void *names = size ? linfsp_request_buffer(request, size) : NULL;
    if (r == 0 && size && !names)
        return -ENOMEM;
    ssize_t length = r < 0 ? 0 : listxattr(path, names, size);
    if (length < 0)
        return -errno;
    if (size)
        linfsp_reply_data(request, names, (size_t)length);
    else
        linfsp_reply_size(request, (size_t)length);
    return 0;
}

int ptfs_removexattr(linfsp_request *request, uint64_t inode, const char *name) {
    char path[PTFS_FD_PATH_MAX];
    int r = xattr_path(request, inode, path);
    if (r < 0)
        return r == -EOPNOTSUPP ? -ENODATA : r;
    if (removexattr(path, name) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}
