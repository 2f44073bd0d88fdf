/* SPDX-License-Identifier: MIT */
/*
 * A worker in a silo. Namespaces are opened through the host's /proc by pid and proven by a pidfd: while that process
 * lives its pid cannot be another's. Everything of the host that is needed inside (its proc, its fuse node) is held as
 * a descriptor from before.
 */
#include "worker/enter.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/open-at.h"
#include "worker/guard.h"
#include "worker/scratch.h"

static bool in_user_namespace; /* there is no way back */

static bool process_alive(int pidfd) {
    struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 0;
}

int enter_open_process(const struct job_base *base, pid_t pid, const char *entry, int flags) {
    char path[64];
    snprintf(path, sizeof path, "../%d/%s", (int)pid, entry);
    int fd = openat(base->proc_self, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_all(const struct job_base *base, const struct job_target *target, int *ret_mount_namespace,
                    int *ret_user_namespace, int *ret_root) {
    _cleanup_close_ int mount_namespace = enter_open_process(base, target->init_pid, "ns/mnt", O_RDONLY);
    if (mount_namespace < 0)
        return mount_namespace == -ENOENT ? -ESRCH : mount_namespace;
    _cleanup_close_ int user_namespace = -1;
    if (target->user_namespace) {
        /* not that of its processes: bubblewrap, for one, puts them into a deeper one that has no
         * say over the mounts */
        user_namespace = ioctl(mount_namespace, NS_GET_USERNS);
        if (user_namespace < 0)
            return -errno;
    }
    _cleanup_close_ int root = enter_open_process(base, target->init_pid, "root", O_PATH | O_DIRECTORY);
    if (root < 0)
        return root == -ENOENT ? -ESRCH : root;
    struct stat status;
    if (fstat(mount_namespace, &status) < 0)
        return -errno;
    uint64_t id = target->mount_namespace.id;
    int r = id ? mount_namespace_id(mount_namespace, &id) : 0;
    if (r < 0)
        return r; /* which is no reason to take the silo for gone */
    if (status.st_ino != target->mount_namespace.inode || id != target->mount_namespace.id)
        return -ESRCH;
    *ret_mount_namespace = steal_fd(&mount_namespace);
    *ret_user_namespace = steal_fd(&user_namespace);
    *ret_root = steal_fd(&root);
    return 0;
}

int enter_open(const struct job_base *base, const struct job_target *target, int pidfd, int *ret_mount_namespace,
               int *ret_user_namespace, int *ret_root) {
    _cleanup_close_ int mount_namespace = -1, user_namespace = -1, root = -1;
    int r = open_all(base, target, &mount_namespace, &user_namespace, &root);
    if (!process_alive(pidfd)) /* whatever was opened may be another process's */
        return -ESRCH;
    if (r < 0)
        return r;
    *ret_mount_namespace = steal_fd(&mount_namespace);
    *ret_user_namespace = steal_fd(&user_namespace);
    *ret_root = steal_fd(&root);
    return 0;
}

/* A file that belongs to these ids: whoever looks at it is told them as its own user namespace counts. Not by a process
 * of theirs: that may have executed a set-user-ID program since it asked, or be another one by now. */
static int open_owned(uid_t uid, gid_t gid) {
    enter_act_as(uid, gid);
    int fd = memfd_create("linfsp-ids", MFD_CLOEXEC);
    int error = -errno;
    enter_act_as_self();
    return fd < 0 ? error : fd;
}

int enter_user_namespace(int user_namespace, uid_t uid, gid_t gid, uid_t *ret_uid, gid_t *ret_gid) {
    struct stat status;
    _cleanup_close_ int owned = open_owned(uid, gid);
    if (owned < 0)
        return owned;
    if (setns(user_namespace, CLONE_NEWUSER) < 0)
        return -errno;
    in_user_namespace = true;
    guard_renew();
    if (fstat(owned, &status) < 0)
        return -errno;
    /* not as the host's root, whom this namespace does not know and who could own nothing in it */
    if ((setresgid(0, 0, 0) < 0 && setresgid(status.st_gid, status.st_gid, status.st_gid) < 0) ||
        (setresuid(0, 0, 0) < 0 && setresuid(status.st_uid, status.st_uid, status.st_uid) < 0))
        return -EOVERFLOW;
    guard_renew();
    *ret_uid = status.st_uid;
    *ret_gid = status.st_gid;
    return 0;
}

int enter_user_namespace_with(const struct job_base *base, int user_namespace, uid_t uid, gid_t gid, int *trees,
                              size_t n_trees, uid_t *ret_uid, gid_t *ret_gid) {
    int r = scratch_enter(base->scratch, trees, n_trees);
    if (r == 0)
        r = enter_user_namespace(user_namespace, uid, gid, ret_uid, ret_gid);
    /* the container's root may enter this copy: it has the trees and nothing else */
    if (r == 0 && unshare(CLONE_NEWNS) < 0)
        r = -errno;
    return r < 0 ? r : scratch_clone(trees, n_trees);
}

/* Which mounts are the silo's own, in the silo that the worker is in: its root, its /dev, and our tmpfs for letters. */
enum { OWN_ROOT, OWN_DEV, OWN_LETTERS, N_OWN };
static uint64_t own_mounts[N_OWN];

int enter_mount_namespace(int mount_namespace, int root) {
    if (setns(mount_namespace, CLONE_NEWNS) < 0)
        return -errno;
    if (fchdir(root) < 0 || chroot(".") < 0)
        return -errno;
    own_mounts[OWN_DEV] = own_mounts[OWN_LETTERS] = 0;
    return fd_mount_id(root, &own_mounts[OWN_ROOT]);
}

int enter_silo(const struct job_base *base, const struct job_target *target, int pidfd, int *ret_root) {
    _cleanup_close_ int mount_namespace = -1, user_namespace = -1, root = -1;
    int r = enter_open(base, target, pidfd, &mount_namespace, &user_namespace, &root);
    if (r == 0)
        r = enter_mount_namespace(mount_namespace, root);
    if (r == 0)
        *ret_root = steal_fd(&root);
    return r;
}

int enter_host(const struct job_base *base) {
    return enter_mount_namespace(base->host_mount_namespace, base->host_root);
}

void enter_act_as(uid_t uid, gid_t gid) {
    if (in_user_namespace) /* of the silo's, where the worker is its root; these ids are as the host counts */
        return;
    setfsgid(gid);
    setfsuid(uid);
    guard_renew();
}

void enter_act_as_self(void) {
    if (in_user_namespace)
        return;
    setfsuid(0);
    setfsgid(0);
    guard_renew();
}

int enter_open_path(int root, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

int enter_open_inside(int root, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

FILE *enter_open_table(const struct job_base *base) {
    return enter_open_table_of(base, 0);
}

FILE *enter_open_table_of(const struct job_base *base, pid_t pid) {
    char name[64] = "mountinfo";
    if (pid)
        snprintf(name, sizeof name, "../%d/mountinfo", (int)pid);
    return open_file_at(base->proc_self, name);
}

int fd_is_mount_root(int fd) {
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) < 0)
        return -errno;
    return (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int fd_mount_id(int fd, uint64_t *ret_mount_id) {
    struct statx status;
    /* nothing is asked for: of a FUSE root that is another user's even that is refused, and the id comes in any case */
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) < 0)
        return -errno;
    *ret_mount_id = status.stx_mnt_id;
    return 0;
}

int fd_device(int fd, uint32_t *ret_major, uint32_t *ret_minor) {
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) < 0)
        return -errno;
    *ret_major = status.stx_dev_major;
    *ret_minor = status.stx_dev_minor;
    return 0;
}

int unmount_fd(const struct job_base *base, int fd) {
    /* the magic link leads to the mount itself, not to whatever a path would name by now */
    char name[32];
    snprintf(name, sizeof name, "fd/%d", fd);
    _cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fchdir(base->proc_self) < 0)
        return -errno;
    int result = umount2(name, MNT_DETACH) < 0 ? -errno : 0;
    if (here >= 0 && fchdir(here) < 0 && result == 0)
        result = -errno;
    return result;
}

static int look_for_mount(const struct job_base *base, uint64_t mount_id, int *ret_fd) {
    _cleanup_fclose_ FILE *table = enter_open_table(base);
    if (!table)
        return -errno;
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    struct mount_line mount;
    while (mount_table_next(table, &line, &size, &mount)) {
        if (mount.id != mount_id)
            continue;
        _cleanup_close_ int fd = open(mount.point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        uint64_t found = 0;
        if (fd < 0)
            return errno == ENOENT || errno == ELOOP || errno == ENOTDIR ? -EAGAIN : -errno;
        int r = fd_mount_id(fd, &found);
        if (r < 0)
            return r;
        if (found != mount_id)
            return -EAGAIN;
        *ret_fd = steal_fd(&fd);
        return 0;
    }
    return -ENOENT;
}

bool mount_line_of(const struct job_base *base, uint64_t mount_id, char **ret_text, struct mount_line *ret_mount) {
    _cleanup_fclose_ FILE *table = enter_open_table(base);
    size_t size = 0;
    *ret_text = NULL;
    while (table && mount_table_next(table, ret_text, &size, ret_mount))
        if (ret_mount->id == mount_id)
            return true;
    return false;
}

bool mount_has_source(const struct job_base *base, uint64_t mount_id, const char *source) {
    _cleanup_free_ char *text = NULL;
    struct mount_line mount;
    return mount_line_of(base, mount_id, &text, &mount) && strcmp(mount.source, source) == 0;
}

static int look_at(const char *path, uint64_t mount_id, int *ret_fd) {
    _cleanup_close_ int root = path[0] ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    _cleanup_close_ int fd = root < 0 ? -1 : enter_open_path(root, path, 0);
    uint64_t found = 0;
    if (fd < 0 || fd_mount_id(fd, &found) < 0 || found != mount_id || fd_is_mount_root(fd) != 1)
        return -EAGAIN;
    *ret_fd = steal_fd(&fd);
    return 0;
}

int open_mount_by_id(const struct job_base *base, uint64_t mount_id, const char *likely, int *ret_fd) {
    int r = look_at(likely, mount_id, ret_fd);
    /* its path may lead elsewhere by now: a folder above it was renamed */
    for (int i = 0; r == -EAGAIN && i < 32; i++)
        r = look_for_mount(base, mount_id, ret_fd);
    return r;
}

int open_mount_of_device(const struct job_base *base, uint32_t fuse_device, int *ret_fd) {
    _cleanup_fclose_ FILE *table = enter_open_table(base);
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    struct mount_line mount;
    while (table && mount_table_next(table, &line, &size, &mount)) {
        uint32_t major = 0, minor = 0;
        if (!mount_type_is_fuse(mount.type) || mount.major != 0 || mount.minor != fuse_device)
            continue;
        _cleanup_close_ int fd = open(mount.point, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fd_device(fd, &major, &minor) < 0 || major != 0 || minor != fuse_device ||
            fd_is_mount_root(fd) != 1)
            continue; /* covered */
        *ret_fd = steal_fd(&fd);
        return 0;
    }
    return -ENOENT;
}

int fd_path(const struct job_base *base, int fd, char *ret_path, size_t size) {
    char name[32];
    snprintf(name, sizeof name, "fd/%d", fd);
    ssize_t length = readlinkat(base->proc_self, name, ret_path, size - 1);
    if (length < 0)
        return -errno;
    if ((size_t)length >= size - 1)
        return -ENAMETOOLONG;
    ret_path[length] = 0;
    if (ret_path[0] != '/')
        ret_path[0] = 0;
    return 0;
}

static void set_own_mount(size_t which, int fd) {
    if (fd < 0 || fd_mount_id(fd, &own_mounts[which]) < 0)
        own_mounts[which] = 0;
}

void enter_own_mounts(const struct job_base *base, int root, int dev) {
    _cleanup_close_ int host_dev = openat(base->host_root, "dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
    uint32_t major = 0, minor = 0, host_major = 0, host_minor = 0;
    bool known = host_dev >= 0 && fd_device(host_dev, &host_major, &host_minor) == 0 && dev >= 0 &&
                 fd_device(dev, &major, &minor) == 0;
    set_own_mount(OWN_ROOT, root);
    set_own_mount(OWN_DEV, known && (major != host_major || minor != host_minor) ? dev : -1);
}

void enter_own_letters(uint64_t mount_id) {
    own_mounts[OWN_LETTERS] = mount_id;
}

static bool is_own_mount(uint64_t mount_id) {
    for (size_t i = 0; i < N_OWN; i++)
        if (mount_id && own_mounts[i] == mount_id)
            return true;
    return false;
}

/* Whether what is on a mount is kept elsewhere, read-only here: a folder of the host's disk. Layers that an engine
 * stacks for one container (overlayfs, or fuse-overlayfs) and what is in memory are that container's alone. */
static bool is_others_to_keep(int directory) {
    struct statfs status;
    if (fstatfs(directory, &status) < 0)
        return true;
    bool layered = status.f_type == OVERLAYFS_SUPER_MAGIC || status.f_type == FUSE_SUPER_MAGIC;
    return (status.f_flags & ST_RDONLY) && !layered && status.f_type != TMPFS_MAGIC;
}

int open_writable_clone(int directory) {
    uint64_t mount_id = 0;
    if (fd_mount_id(directory, &mount_id) < 0 || !is_own_mount(mount_id) || is_others_to_keep(directory))
        return -EROFS;
    _cleanup_close_ int clone = open_tree(directory, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (clone < 0)
        return -errno;
    struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
    if (mount_setattr(clone, "", AT_EMPTY_PATH, &writable, sizeof writable) < 0)
        return -errno;
    return steal_fd(&clone);
}

int make_folder_through_clone(int directory, const char *name) {
    _cleanup_close_ int clone = open_writable_clone(directory);
    return mkdirat(clone < 0 ? directory : clone, name, 0755) < 0 ? -errno : 0;
}

int make_link_through_clone(int directory, const char *name, const char *target) {
    _cleanup_close_ int clone = open_writable_clone(directory);
    return symlinkat(target, clone < 0 ? directory : clone, name) < 0 ? -errno : 0;
}

int make_node_through_clone(int directory, const char *name, mode_t mode, dev_t device) {
    _cleanup_close_ int clone = open_writable_clone(directory);
    return mknodat(clone < 0 ? directory : clone, name, mode, device) < 0 ? -errno : 0;
}

int remove_through_clone(int directory, const char *name, int flags) {
    _cleanup_close_ int clone = open_writable_clone(directory);
    return unlinkat(clone < 0 ? directory : clone, name, flags) < 0 ? -errno : 0;
}

int directory_is_empty(int fd) {
    _cleanup_closedir_ DIR *directory = open_directory_at(fd, ".");
    if (!directory)
        return -errno;
    struct dirent *entry;
    while ((entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return 0;
    return 1;
}
