/* SPDX-License-Identifier: MIT */
/*
 * A tree in a silo that a process is about to make its root by chroot(8).
 *
 * FUSE programs work there as they do in the silo, where the tree has a node of the FUSE device and libfuse's helper,
 * which say that they are wanted: the silo's /dev/fuse is mounted over that node, and the silo's folder at the tree's
 * dev/linfsp. Otherwise nothing is done. The tree must be of the silo's own root, which ends with its container.
 *
 * The process stands at its first instruction meanwhile (catcher/tracees.h). So what its /proc says stays so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/paths.h"
#include "worker/enter.h"
#include "worker/helpers.h"
#include "worker/injection.h"
#include "worker/overlay.h"
#include "worker/phantom.h"

#define FUSE_NODE "fuse"
#define FOLDER "linfsp"
#define FUSE_DEVICE makedev(10, 229)
#define NULL_DEVICE makedev(1, 3)
#define ARGUMENTS_SIZE_MAX 8192
#define FOUND_MAX 64

/* An option of chroot(8) that has its value in the next argument. */
static bool takes_next(const char *option) {
    return option[0] == '-' && option[1] == '-' && !strchr(option, '=') &&
           (strncmp(option, "--g", 3) == 0 || strncmp(option, "--u", 3) == 0);
}

static bool is_chroot(const char *name) {
    const char *slash = strrchr(name, '/');
    return strcmp(slash ? slash + 1 : name, "chroot") == 0;
}

/* The new root among the arguments: the first that is no option. They may begin with "busybox chroot". */
static const char *find_new_root(const char *arguments, size_t size) {
    const char *end = arguments + size, *first = arguments + strlen(arguments) + 1;
    bool only_names = false;
    if (!is_chroot(arguments) && first < end && is_chroot(first))
        first += strlen(first) + 1;
    for (const char *at = first; at < end; at += strlen(at) + 1) {
        if (only_names || at[0] != '-')
            return at[0] ? at : NULL;
        only_names = strcmp(at, "--") == 0;
        if (takes_next(at))
            at += strlen(at) + 1;
    }
    return NULL;
}

/* The path that it gives, from the silo's root. Returns false where it is in another root already. */
static bool read_new_root(const struct job_base *base, pid_t pid, char *ret_path, size_t size) {
    char arguments[ARGUMENTS_SIZE_MAX + 1] = "", folder[WIRE_PATH_MAX];
    _cleanup_close_ int text = enter_open_process(base, pid, "cmdline", O_RDONLY);
    _cleanup_close_ int root = enter_open_process(base, pid, "root", O_PATH | O_DIRECTORY);
    _cleanup_close_ int cwd = enter_open_process(base, pid, "cwd", O_PATH | O_DIRECTORY);
    ssize_t length = text < 0 ? -1 : read(text, arguments, ARGUMENTS_SIZE_MAX);
    const char *name = length > 0 ? find_new_root(arguments, (size_t)length) : NULL;
    if (!name || root < 0 || cwd < 0 || fd_path(base, root, folder, sizeof folder) < 0 || strcmp(folder, "/") != 0 ||
        fd_path(base, cwd, folder, sizeof folder) < 0)
        return false;
    return snprintf(ret_path, size, "%s/%s", name[0] == '/' ? "" : folder, name) < (int)size;
}

/* Where what is made there stays no longer than the silo: 0, and its upper layer, if it has one. */
static int look_at_root(const struct job_base *base, int root, struct overlay *ret_overlay) {
    struct statfs status;
    if (fstatfs(root, &status) < 0)
        return -errno;
    if (status.f_type == TMPFS_MAGIC)
        return 0;
    return status.f_type == OVERLAYFS_SUPER_MAGIC ? overlay_open(base, 0, root, ret_overlay) : -EOPNOTSUPP;
}

static bool is_device(int folder, dev_t device, int *ret_node) {
    struct stat status;
    _cleanup_close_ int node = openat(folder, FUSE_NODE, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (node < 0 || fstat(node, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != device)
        return false;
    *ret_node = steal_fd(&node);
    return true;
}

static int attach(int from, int to) {
    _cleanup_close_ int tree = open_tree(from, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || move_mount(tree, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return -errno;
    return 0;
}

/* The folder to mount on, in no layer. One that is there already is taken if it is empty. */
static int make_folder(const struct job_base *base, const struct job *job, const struct overlay *overlay, int dev) {
    char path[WIRE_PATH_MAX];
    struct stat before;
    int r = fd_path(base, dev, path, sizeof path);
    if (r < 0 || fstat(dev, &before) < 0)
        return r < 0 ? r : -errno;
    enter_act_as(job->target.root_uid, job->target.root_gid);
    r = make_folder_through_clone(dev, FOLDER);
    enter_act_as_self();
    _cleanup_close_ int folder = r < 0 && r != -EEXIST ? r : enter_open_path(dev, FOLDER, O_DIRECTORY);
    if (folder < 0)
        return folder;
    if (r == 0 && overlay->upper >= 0 && (r = overlay_hide(overlay, path, FOLDER, folder, &before)) < 0) {
        (void)remove_through_clone(dev, FOLDER, AT_REMOVEDIR);
        return r;
    }
    r = fd_is_mount_root(folder) != 0 || directory_is_empty(folder) != 1 ? -EBUSY : 0;
    return r < 0 ? r : steal_fd(&folder);
}

static int mount_both(const struct job_base *base, const struct job *job, const struct overlay *overlay, int root,
                      int dev, int node) {
    int device = -1;
    _cleanup_close_ int own_dev = enter_open_path(root, "dev", O_DIRECTORY);
    _cleanup_close_ int own_folder = own_dev < 0 ? -1 : enter_open_path(own_dev, FOLDER, O_DIRECTORY);
    if (own_folder < 0 || fd_is_mount_root(own_folder) != 1 || !is_device(own_dev, NULL_DEVICE, &device))
        return -EOPNOTSUPP;
    _cleanup_close_ int own_device = device;
    _cleanup_close_ int folder = make_folder(base, job, overlay, dev);
    int r = folder < 0 ? folder : attach(own_folder, folder);
    return r < 0 ? r : attach(own_device, node);
}

static int prepare(const struct job_base *base, const struct job *job, int root) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    char path[2 * WIRE_PATH_MAX];
    uint64_t own, of_dev;
    int device = -1;
    if (!read_new_root(base, job->chroot.program, path, sizeof path))
        return -EOPNOTSUPP;
    _cleanup_close_ int tree = enter_open_inside(root, path, O_PATH | O_DIRECTORY);
    _cleanup_close_ int dev = tree < 0 ? tree : enter_open_path(tree, "dev", O_DIRECTORY);
    if (dev < 0)
        return dev;
    if (fd_mount_id(root, &own) < 0 || fd_mount_id(dev, &of_dev) < 0 || own != of_dev)
        return -EOPNOTSUPP; /* of the host's, or the silo's own /dev */
    bool done = is_device(dev, NULL_DEVICE, &device);
    if (!done && !is_device(dev, FUSE_DEVICE, &device))
        return -ENODEV;
    _cleanup_close_ int node = device;
    if ((done && fd_is_mount_root(node) != 1) || !helpers_mark_tree(base, tree))
        return -ENODEV;
    int r = done ? 0 : look_at_root(base, root, &overlay);
    if (r == 0 && !done)
        r = mount_both(base, job, &overlay, root, dev, node);
    if (r == 0)
        (void)phantom_make(base, tree, NULL);
    return r;
}

/* Mounts in the silo that `prepare` made, the latest first. */
static size_t find_made(const struct job_base *base, int root, uint64_t ids[FOUND_MAX]) {
    uint32_t major, minor, dev_major, dev_minor;
    _cleanup_close_ int dev = enter_open_path(root, "dev", O_DIRECTORY);
    _cleanup_fclose_ FILE *table = enter_open_table(base);
    _cleanup_free_ char *line = NULL;
    size_t size = 0, n = 0;
    struct mount_line mount;
    if (dev < 0 || fd_device(base->run_dir, &major, &minor) < 0 || fd_device(dev, &dev_major, &dev_minor) < 0)
        return 0;
    while (table && n < FOUND_MAX && mount_table_next(table, &line, &size, &mount)) {
        const char *slash = strrchr(mount.point, '/');
        bool folder = mount.major == major && mount.minor == minor && strcmp(slash, "/" FOLDER) == 0 &&
                      strcmp(mount.point, LINFSP_DEVICE_DIR) != 0;
        bool device = mount.major == dev_major && mount.minor == dev_minor && strcmp(mount.root, "/" FUSE_NODE) == 0;
        if (folder || device)
            ids[n++] = mount.id;
    }
    return n;
}

/* The tree's dev, where a folder of ours is mounted in it; else a negative number. */
static int open_dev_around(const struct job_base *base, int root, int mount) {
    char path[WIRE_PATH_MAX];
    int r = fd_path(base, mount, path, sizeof path);
    char *slash = r < 0 ? NULL : strrchr(path, '/');
    if (!slash || strcmp(slash, "/" FOLDER) != 0)
        return -ENOENT;
    *slash = 0;
    return enter_open_path(root, path, O_DIRECTORY);
}

void chroot_undo(const struct job_base *base, int root) {
    uint64_t ids[FOUND_MAX];
    size_t n = find_made(base, root, ids);
    for (size_t i = n; i-- > 0;) {
        int mount = -1;
        if (open_mount_by_id(base, ids[i], "", &mount) < 0)
            continue;
        _cleanup_close_ int made = mount, dev = open_dev_around(base, root, made);
        _cleanup_close_ int tree = dev < 0 ? -1 : openat(dev, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (tree >= 0)
            phantom_remove(base, tree);
        if (unmount_fd(base, made) == 0 && dev >= 0) /* where the root is in memory */
            (void)remove_through_clone(dev, FOLDER, AT_REMOVEDIR);
    }
    if (n > 0)
        overlay_forget(root);
}

void job_chroot(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_close_ int root = -1;
    int r = enter_silo(base, &job->target, fds->in[0], &root);
    if (r < 0) {
        job_fail(result, r, "cannot enter the container: %s", strerror(-r));
        return;
    }
    enter_own_mounts(base, root, -1);
    if (!job->chroot.program) {
        chroot_undo(base, root);
        return;
    }
    r = prepare(base, job, root);
    if (r == -ENODEV)
        result->error = r; /* as usual: nobody wants a FUSE program there */
    else if (r < 0)
        job_fail(result, r, "what it changes its root to cannot be made ready: %s", strerror(-r));
}
