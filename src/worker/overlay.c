/* SPDX-License-Identifier: MIT */
#include "worker/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/open-at.h"
#include "worker/enter.h"

void overlay_close(struct overlay *overlay) {
    close_fd(&overlay->upper);
    close_fd(&overlay->beside);
    close_fd(&overlay->around);
}

static int open_beneath(int folder, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, folder, path[0] ? path : ".", &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

/* It is the value of upperdir= in the line of the mount table, which the engine mounted it with. */
int overlay_read_upper(const struct mount_line *mount, char *ret_path, size_t size) {
    const char *upper = strcmp(mount->type, "overlay") == 0 ? strstr(mount->options, ",upperdir=") : NULL;
    if (!upper || strcmp(mount->root, "/") != 0)
        return -EOPNOTSUPP;
    upper += strlen(",upperdir=");
    size_t length = strcspn(upper, ",");
    if (upper[0] != '/' || length >= size)
        return -EOPNOTSUPP; /* relative to a folder that is not known */
    memcpy(ret_path, upper, length);
    ret_path[length] = 0;
    mount_line_unescape(ret_path);
    return 0;
}

static int find_upper(const struct job_base *base, pid_t pid, uint64_t mount_id, char *path, size_t size) {
    _cleanup_fclose_ FILE *file = enter_open_table_of(base, pid);
    _cleanup_free_ char *line = NULL;
    size_t length = 0;
    struct mount_line mount;
    while (file && mount_table_next(file, &line, &length, &mount))
        if (mount.id == mount_id)
            return overlay_read_upper(&mount, path, size);
    return -EOPNOTSUPP;
}

static int open_around(int beside) {
    uint64_t here, there;
    _cleanup_close_ int around = openat(beside, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (around >= 0 && fd_mount_id(beside, &here) == 0 && fd_mount_id(around, &there) == 0 && here == there)
        return steal_fd(&around);
    return fcntl(beside, F_DUPFD_CLOEXEC, 0);
}

int overlay_open_layer(const struct job_base *base, const char *path, struct overlay *ret_overlay) {
    char around[WIRE_PATH_MAX];
    struct statfs system;
    snprintf(around, sizeof around, "%s", path);
    char *slash = strrchr(around, '/');
    if (!slash)
        return -EOPNOTSUPP;
    _cleanup_close_ int upper = open_beneath(base->host_root, path, O_PATH | O_DIRECTORY);
    if (upper >= 0 && (fstatfs(upper, &system) < 0 || system.f_type == FUSE_SUPER_MAGIC))
        return -EOPNOTSUPP; /* its server would be asked for the folder again, which ends what is mounted there */
    *slash = 0;
    _cleanup_close_ int beside = upper < 0 ? upper : open_beneath(base->host_root, around, O_RDONLY | O_DIRECTORY);
    int outside = beside < 0 ? beside : open_around(beside);
    if (outside < 0)
        return -EOPNOTSUPP;
    *ret_overlay = (struct overlay){.upper = steal_fd(&upper), .beside = steal_fd(&beside), .around = outside};
    snprintf(ret_overlay->path, sizeof ret_overlay->path, "%s", path);
    return 0;
}

int overlay_open(const struct job_base *base, pid_t pid, int fd, struct overlay *ret_overlay) {
    char path[WIRE_PATH_MAX] = "";
    uint64_t mount_id;
    int r = fd_mount_id(fd, &mount_id);
    if (r == 0)
        r = find_upper(base, pid, mount_id, path, sizeof path);
    return r < 0 ? r : overlay_open_layer(base, path, ret_overlay);
}

int overlay_open_folder(const struct overlay *overlay, const char *path, int flags) {
    return open_beneath(overlay->upper, path, flags | O_DIRECTORY);
}

bool overlay_has(const struct overlay *overlay, const char *name) {
    struct stat status;
    return fstatat(overlay->upper, name, &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static bool is_same_time(const struct statx_timestamp *a, const struct statx_timestamp *b) {
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool overlay_is_same(int folder, const char *name, int entry) {
    struct statx here, there;
    unsigned mask = STATX_BASIC_STATS | STATX_BTIME;
    return statx(folder, name, AT_SYMLINK_NOFOLLOW, mask, &here) == 0 &&
           statx(entry, "", AT_EMPTY_PATH, mask, &there) == 0 && S_ISDIR(here.stx_mode) &&
           here.stx_mode == there.stx_mode && is_same_time(&here.stx_ctime, &there.stx_ctime) &&
           is_same_time(&here.stx_mtime, &there.stx_mtime) && is_same_time(&here.stx_btime, &there.stx_btime);
}

int overlay_hide(const struct overlay *overlay, const char *path, const char *name, int entry,
                 const struct stat *times) {
    _cleanup_close_ int folder = overlay_open_folder(overlay, path, O_RDONLY);
    if (folder < 0)
        return folder;
    if (!overlay_is_same(folder, name, entry))
        return -EOPNOTSUPP;
    if (unlinkat(folder, name, AT_REMOVEDIR) < 0)
        return -errno;
    const struct timespec changed[2] = {{.tv_nsec = UTIME_OMIT}, times->st_mtim};
    (void)futimens(folder, changed);
    return 0;
}

bool overlay_is_hidden(int entry) {
    struct stat status;
    struct statfs system;
    return fstatfs(entry, &system) == 0 && system.f_type == OVERLAYFS_SUPER_MAGIC && fstat(entry, &status) == 0 &&
           S_ISDIR(status.st_mode) && status.st_nlink == 0;
}

/* A remount with nothing changed lets go of all that the kernel remembers of the file system and nobody uses. */
void overlay_forget(int root) {
    struct statfs system;
    if (fstatfs(root, &system) < 0 || system.f_type != OVERLAYFS_SUPER_MAGIC)
        return;
    _cleanup_close_ int context = fspick(root, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
    if (context >= 0)
        (void)fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}
