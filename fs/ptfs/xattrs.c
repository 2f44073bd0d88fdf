/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes, ACLs among them.
 *
 * The calls take paths. /proc/self/fd/N leads to the file that is pinned, but of a symbolic link on to the link's aim.
 * A link is reached as the name that it has in its folder, /proc/self/fd/FOLDER/NAME, which is not followed; where that
 * name is another file's by now there is nothing to be had.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ptfs.h"
#include "util/cleanup.h"

#define ACL_ACCESS "system.posix_acl_access"

/* Where the attributes of an inode are reached. */
struct place {
    struct pin file;
    int folder; /* of a symbolic link; else -1 */
    bool link;
    char path[PTFS_FD_PATH_MAX + NAME_MAX + 2];
};

static void place_close(struct place *place) {
    close_fd(&place->folder);
    node_let(&place->file);
}
#define _cleanup_place_ __attribute__((cleanup(place_close)))
#define PLACE_NONE                                                                                                     \
    { .file = PIN_NONE, .folder = -1 }

/* By the name that the kernel knows it under. */
static int find_link(int fd, const struct stat *status, struct place *place) {
    char self[PTFS_FD_PATH_MAX], path[PATH_MAX];
    struct stat found;
    ptfs_fd_path(fd, self);
    ssize_t length = readlink(self, path, sizeof path - 1);
    if (length < 0)
        return -errno;
    path[length] = 0;
    char *name = strrchr(path, '/');
    if (!name || strlen(name + 1) > NAME_MAX)
        return -EOPNOTSUPP;
    *name++ = 0;
    place->folder = open(path[0] ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place->folder < 0 || fstatat(place->folder, name, &found, AT_SYMLINK_NOFOLLOW) < 0 ||
        found.st_dev != status->st_dev || found.st_ino != status->st_ino)
        return -EOPNOTSUPP;
    snprintf(place->path, sizeof place->path, "/proc/self/fd/%d/%s", place->folder, name);
    return 0;
}

static int find_place(linfsp_request *request, uint64_t inode, struct place *ret_place) {
    struct stat status;
    int r = ptfs_pin(request, inode, &ret_place->file), fd = ret_place->file.fd;
    if (r < 0)
        return r;
    if (fstat(fd, &status) < 0)
        return -errno;
    ret_place->link = S_ISLNK(status.st_mode);
    if (ret_place->link)
        return find_link(fd, &status, ret_place);
    ptfs_fd_path(fd, ret_place->path);
    return 0;
}

/* What the caller loses of the mode by setting an ACL. */
static int kill_sgid(const struct place *place) {
    struct stat status;
    if (stat(place->path, &status) < 0)
        return -errno;
    return !(status.st_mode & S_ISGID) || chmod(place->path, status.st_mode & 07777 & ~(mode_t)S_ISGID) == 0 ? 0
                                                                                                             : -errno;
}

int ptfs_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size, int flags,
                  bool lose_sgid) {
    _cleanup_place_ struct place place = PLACE_NONE;
    int r = find_place(request, inode, &place);
    if (r < 0)
        return r;
    _cleanup_change_ struct watch_change change;
    watch_change_begin(ptfs_of(request), &place.file, &change);
    if ((place.link ? lsetxattr(place.path, name, value, size, flags)
                    : setxattr(place.path, name, value, size, flags)) < 0 &&
        !(errno == EEXIST && linfsp_request_may_be_done(request)))
        return -errno;
    change.made = true;
    if (lose_sgid && strcmp(name, ACL_ACCESS) == 0 && (r = kill_sgid(&place)) < 0)
        return r;
    watch_change_end(&change);
    linfsp_reply_done(request);
    return 0;
}

/* Answers with what was put into the buffer, or with its size where that was asked for. */
static int reply_value(linfsp_request *request, const void *value, size_t size, ssize_t length) {
    if (length < 0)
        return -errno;
    if (size)
        linfsp_reply_data(request, value, (size_t)length);
    else
        linfsp_reply_size(request, (size_t)length);
    return 0;
}

int ptfs_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size) {
    _cleanup_place_ struct place place = PLACE_NONE;
    int r = find_place(request, inode, &place);
    if (r < 0)
        return r == -EOPNOTSUPP ? -ENODATA : r;
    void *value = size ? linfsp_request_buffer(request, size) : NULL;
    if (size && !value)
        return -ENOMEM;
    return reply_value(request, value, size,
                       place.link ? lgetxattr(place.path, name, value, size) : getxattr(place.path, name, value, size));
}

int ptfs_listxattr(linfsp_request *request, uint64_t inode, size_t size) {
    _cleanup_place_ struct place place = PLACE_NONE;
    int r = find_place(request, inode, &place);
    if (r < 0)
        return reply_value(request, "", size, 0);
    void *names = size ? linfsp_request_buffer(request, size) : NULL;
    if (size && !names)
        return -ENOMEM;
    return reply_value(request, names, size,
                       place.link ? llistxattr(place.path, names, size) : listxattr(place.path, names, size));
}

int ptfs_removexattr(linfsp_request *request, uint64_t inode, const char *name) {
    _cleanup_place_ struct place place = PLACE_NONE;
    struct linfsp_caller caller;
    int r = find_place(request, inode, &place);
    if (r < 0)
        return r == -EOPNOTSUPP ? -ENODATA : r;
    _cleanup_change_ struct watch_change change;
    watch_change_begin(ptfs_of(request), &place.file, &change);
    if ((place.link ? lremovexattr(place.path, name) : removexattr(place.path, name)) < 0 &&
        !(errno == ENODATA && linfsp_request_may_be_done(request)))
        return -errno;
    change.made = true;
    watch_change_end(&change);
    linfsp_request_caller(request, &caller);
    if (strcmp(name, "security.capability") == 0)
        privileges_note_removal(&ptfs_of(request)->privileges, inode, &caller);
    linfsp_reply_done(request);
    return 0;
}
