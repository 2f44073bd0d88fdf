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

static int reply_status(linfsp_request *request, const struct pin *file) {
    struct ptfs *ptfs = ptfs_of(request);
    struct watch_mark mark = watch_node(ptfs, file->node);
    struct stat status;
    if (fstat(file->fd, &status) < 0)
        return -errno;
    node_correct(&ptfs->nodes, file->node, &status);
    linfsp_reply_attributes(request, &status, watch_attributes_timeout(ptfs, file->node, &status, mark));
    return 0;
}

int ptfs_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file_or_null) {
    _cleanup_pin_ struct pin file = PIN_NONE;
    int r = ptfs_pin(request, inode, &file);
    return r < 0 ? r : reply_status(request, &file);
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

/* As privileges.h has it, for a file that is not its group's `group` any more perhaps. Whether anything went. */
static int kill_suidgid(linfsp_request *request, int fd, const struct stat *status, gid_t group) {
    struct linfsp_caller caller;
    char path[PTFS_FD_PATH_MAX];
    if (!(status->st_mode & (S_ISUID | S_ISGID)) || S_ISDIR(status->st_mode))
        return 0;
    linfsp_request_caller(request, &caller);
    mode_t left = privileges_left(status->st_mode & 07777, group, &caller);
    if (left == (status->st_mode & 07777))
        return 0;
    ptfs_fd_path(fd, path);
    return chmod(path, left) < 0 ? -errno : 1;
}

int ptfs_kill_suidgid(linfsp_request *request, uint64_t inode, int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    int r = kill_suidgid(request, fd, &status, status.st_gid);
    if (r > 0) /* the kernel takes the mode that it remembers for right still */
        (void)linfsp_notify_inode(ptfs_of(request)->volume, inode, -1, 0);
    return r < 0 ? r : 0;
}

void ptfs_take_suidgid(linfsp_request *request, uint64_t inode, int fd) {
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    if (privileges_are_due(&ptfs_of(request)->privileges, inode, &caller))
        (void)ptfs_kill_suidgid(request, inode, fd);
}

static enum privileges_open how_opened(struct ptfs *ptfs, uint64_t inode) {
    struct node *node = node_of(&ptfs->nodes, inode);
    pthread_mutex_lock(&node->lock);
    enum privileges_open open = node->writers == 0     ? PRIVILEGES_NOBODY_WRITES
                                : node->backing_id > 0 ? PRIVILEGES_PASSED_THROUGH
                                                       : PRIVILEGES_UNKNOWN;
    pthread_mutex_unlock(&node->lock);
    return open;
}

/* A SETATTR that sets nothing: chown(2) with -1, or what comes ahead of a change of content (privileges.h). */
static int set_nothing(linfsp_request *request, uint64_t inode, int fd) {
    struct ptfs *ptfs = ptfs_of(request);
    struct linfsp_caller caller;
    struct stat status;
    int r = 0;
    if (fstat(fd, &status) < 0)
        return -errno;
    linfsp_request_caller(request, &caller);
    switch (privileges_judge(&ptfs->privileges, inode, &status, how_opened(ptfs, inode), &caller)) {
    case PRIVILEGES_REFUSED:
        return -EPERM;
    case PRIVILEGES_LATER:
        return 0;
    case PRIVILEGES_GO:
        r = kill_suidgid(request, fd, &status, status.st_gid);
        break;
    default:
        break;
    }
    if (r < 0)
        return r;
    /* ctime, also where nothing went; with the bits that stay, since our own chown would take them */
    mode_t stay = r > 0 ? 0 : status.st_mode & (S_ISUID | S_ISGID);
    char path[PTFS_FD_PATH_MAX];
    ptfs_fd_path(fd, path);
    if (stay && !S_ISDIR(status.st_mode) && !S_ISLNK(status.st_mode))
        return chmod(path, status.st_mode & 07777) < 0 ? -errno : 0;
    return fchownat(fd, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int ptfs_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                 struct linfsp_file *file_or_null) {
    _cleanup_pin_ struct pin file = PIN_NONE;
    char path[PTFS_FD_PATH_MAX];
    struct stat before = {0};
    int r = ptfs_pin(request, inode, &file), fd = file.fd;
    if (r < 0)
        return r;
    ptfs_fd_path(fd, path);
    if (set == 0)
        return (r = set_nothing(request, inode, fd)) < 0 ? r : reply_status(request, &file);
    if ((set & LINFSP_SET_KILL_SUIDGID) && fstat(fd, &before) < 0)
        return -errno;
    if ((set & LINFSP_SET_MODE) && chmod(path, attributes->st_mode & 07777) < 0)
        return -errno;
    if ((r = set_owner(fd, attributes, set)) < 0)
        return r;
    if (set & LINFSP_SET_SIZE) {
        /* an open file may be truncated though its mode has since forbidden it */
        int handle = file_or_null ? handles_fd(&ptfs_of(request)->handles, file_or_null->handle) : -1;
        bool open_for_writing = handle >= 0 && (fcntl(handle, F_GETFL) & O_ACCMODE) != O_RDONLY;
        if ((open_for_writing ? ftruncate(handle, attributes->st_size) : truncate(path, attributes->st_size)) < 0)
            return -errno;
    }
    if ((set & LINFSP_SET_KILL_SUIDGID) && (r = kill_suidgid(request, fd, &before, before.st_gid)) < 0)
        return r;
    if ((r = set_times(fd, path, attributes, set)) < 0)
        return r;
    return reply_status(request, &file);
}

int ptfs_statfs(linfsp_request *request, uint64_t inode) {
    _cleanup_pin_ struct pin file = PIN_NONE;
    struct statvfs statistics;
    int r = ptfs_pin(request, inode, &file);
    if (r < 0)
        return r;
    if (fstatvfs(file.fd, &statistics) < 0)
        return -errno;
    linfsp_reply_statfs(request, &statistics);
    return 0;
}
