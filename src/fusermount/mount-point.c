/* SPDX-License-Identifier: MIT */
#include "fusermount/mount-point.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fusermount/report.h"
#include "util/cleanup.h"
#include "util/mount-table.h"

/* ---- names ----------------------------------------------------------------------------------------------------- */

static int bad(const char *text) {
    int error = errno;
    report("bad mount point %s: %s", text, strerror(error));
    return -error;
}

int mount_point_resolve(const char *text, bool follow, char ret_path[PATH_MAX]) {
    char copy[PATH_MAX], folder[PATH_MAX];
    if (!text[0]) {
        report("invalid mountpoint '%s'", text);
        return -EINVAL;
    }
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy) {
        errno = ENAMETOOLONG;
        return bad(text);
    }
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
        copy[length - 1] = '\0';
    char *slash = strrchr(copy, '/');
    const char *last = slash ? slash + 1 : copy;
    if (!last[0] || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return realpath(copy, ret_path) ? 0 : bad(text);
    char target[2];
    if (follow && readlink(copy, target, sizeof target) > 0)
        return realpath(copy, ret_path) ? 0 : bad(text);
    if (slash)
        *slash = '\0';
    if (!realpath(!slash ? "." : slash == copy ? "/" : copy, folder))
        return bad(text);
    if (snprintf(ret_path, PATH_MAX, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, last) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return bad(text);
    }
    return 0;
}

/* ---- holding it ------------------------------------------------------------------------------------------------ */

static int check_folder(int fd, const struct stat *status, const char *path) {
    if ((status->st_mode & S_ISVTX) && status->st_uid != getuid()) {
        report("mountpoint %s not owned by user", path);
        return -EPERM;
    }
    if (faccessat(fd, ".", W_OK, 0) < 0) {
        report("user has no write access to mountpoint %s", path);
        return -EACCES;
    }
    return 0;
}

/* A file may be mounted on by who may write to it. Opened by its path: at worst the answer is about another file of the
 * caller's. */
static int check_file(const char *path) {
    _cleanup_close_ int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return 0;
    int error = errno;
    report("failed to open %s: %s", path, strerror(error));
    return -error;
}

int mount_point_pin(const char *path, mode_t *ret_type) {
    struct stat status;
    _cleanup_close_ int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        int error = errno;
        report("failed to access mountpoint %s: %s", path, strerror(error));
        return -error;
    }
    if (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) {
        report("mountpoint %s is not a directory or a regular file", path);
        return -ENOTDIR;
    }
    int result = 0;
    if (getuid() != 0)
        result = S_ISDIR(status.st_mode) ? check_folder(fd, &status, path) : check_file(path);
    if (result < 0)
        return result;
    *ret_type = status.st_mode & S_IFMT;
    return steal_fd(&fd);
}

/* ---- the mount table ------------------------------------------------------------------------------------------- */

/* Without a table, as in a chroot: what is mounted there has number 0 for its device's driver, as FUSE's have. */
static struct mount_entry look_without_table(const char *path) {
    struct statx status;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, 0, &status) < 0)
        return (struct mount_entry){0};
    bool mounted = status.stx_attributes & STATX_ATTR_MOUNT_ROOT;
    return (struct mount_entry){mounted, mounted && status.stx_dev_major == 0, mounted, status.stx_dev_minor,
                                status.stx_mnt_id};
}

struct mount_entry mount_point_look_up(const char *path) {
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    struct mount_entry found = {0};
    struct mount_line mount;
    if (!table)
        return look_without_table(path);
    while (mount_table_next(table, &line, &size, &mount))
        if (strcmp(mount.point, path) == 0) /* the last one at a path lies on top */
            found = (struct mount_entry){true, mount_type_is_fuse(mount.type), strcmp(mount.root, "/") == 0,
                                         mount.minor, mount.id};
    return found;
}

bool mount_point_is_elsewhere(void) {
    struct statx status;
    return statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, 0, &status) == 0 &&
           (status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) && !(status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

bool mount_point_is_fuse(const char *path) {
    return mount_point_look_up(path).fuse;
}

bool mount_point_of_source(const char *text, char ret_path[PATH_MAX]) {
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;
    struct mount_line mount;
    while (table && mount_table_next(table, &line, &size, &mount)) {
        if (strcmp(mount.point, text) == 0)
            return false;
        if (strcmp(mount.source, text) != 0)
            continue;
        found = mount_type_is_fuse(mount.type);
        snprintf(ret_path, PATH_MAX, "%s", mount.point);
    }
    return found;
}

/* From the end of the table on. */
static int call_in_reverse(FILE *table, int (*on_mount)(const char *type, const char *path, void *context),
                           void *context) {
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    struct mount_line mount;
    if (!mount_table_next(table, &line, &size, &mount))
        return 0;
    int later = call_in_reverse(table, on_mount, context);
    int result = mount_type_is_fuse(mount.type) ? on_mount(mount.type, mount.point, context) : 0;
    return result < 0 ? result : later;
}

int mount_points_of_fuse(int (*on_mount)(const char *type, const char *path, void *context), void *context) {
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    return table ? call_in_reverse(table, on_mount, context) : -errno;
}

int mount_point_unmount(const char *path, bool lazy) {
    char folder[PATH_MAX], here[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash || !slash[1])
        return -EINVAL;
    const char *last = path + (slash - folder) + 1;
    slash[slash == folder] = '\0';
    if (chdir(folder) < 0 || !getcwd(here, sizeof here))
        return -errno;
    if (strcmp(here, folder) != 0)
        return -EAGAIN; /* it was moved away since the path was resolved */
    int result = umount2(last, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) < 0 ? -errno : 0;
    return chdir("/") < 0 ? -errno : result;
}
