/* SPDX-License-Identifier: MIT */
/*
 * What an unmodified FUSE program looks for in its container: /dev/fuse, which it must be able to open, and
 * fusermount3, to which it turns when mount(2) is refused. Runs in a worker.
 *
 * /dev/fuse is a link to null: only its opening matters, the real descriptor comes through fusermount3. A silo whose
 * programs may mount by themselves (CAP_SYS_ADMIN) gets the device itself, because mount(2) would take null for an
 * error and not fall back. One that has a /dev/fuse of its own keeps it, and is left alone altogether.
 *
 * The stand-in covers a fusermount3 that the image has, by a bind mount; where there is none it is a link to
 * /dev/linfsp/bin. A bind mount would keep a package manager from replacing the file under it: it gives way while that
 * is at work (job-stand-in.c). A link named umount.fuse makes umount(8) work, too.
 */
#include "worker/inject-fuse.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "worker/enter.h"

#define STAND_IN LINFSP_DEVICE_DIR "/bin/fusermount3"
/* Programs that bring a copy of libfuse bring a copy of its helper too: that is stood in for where an image has it. */
static const struct helper {
    const char *name;
    bool only_covered;
} helpers[] = {{"fusermount3", false}, {"fusermount", false}, {"mergerfs-fusermount", true}};

/* What umount(8) of util-linux runs for a FUSE mount, whatever its subtype: it may not unmount by itself here.
 * Busybox's asks nobody. */
#define UMOUNT_HELPER "umount.fuse"

static bool has_umount(int root) {
    static const char *const places[] = {"usr/bin/umount", "bin/umount"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_close_ int program = enter_open_path(root, places[i], 0);
        struct stat status;
        if (program >= 0 && fstat(program, &status) == 0 && S_ISREG(status.st_mode))
            return true;
    }
    return false;
}

/* Where umount(8) looks: /sbin, which is often a link. */
static int open_umount_helpers(int root) {
    int folder = enter_open_path(root, "sbin", O_DIRECTORY);
    return folder < 0 ? enter_open_path(root, "usr/sbin", O_DIRECTORY) : folder;
}

/* The folder that programs look in: /usr/bin, or /bin where there is no such; a bare image gets a /bin. */
static int open_programs(int root, bool make) {
    int folder = enter_open_path(root, "usr/bin", O_DIRECTORY);
    if (folder < 0)
        folder = enter_open_path(root, "bin", O_DIRECTORY);
    if (make && folder == -ENOENT && make_folder_through_clone(root, "bin") == 0)
        folder = enter_open_path(root, "bin", O_DIRECTORY);
    return folder;
}

static int clone_stand_in(int root) {
    _cleanup_close_ int program = enter_open_path(root, &STAND_IN[1], 0);
    if (program < 0)
        return program;
    int tree = open_tree(program, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return tree < 0 ? -errno : tree;
}

/* A folder of the host's that the container was given, and may write to, is not for us to leave something in. */
static bool is_on_own_root(int root, int folder) {
    uint64_t of_root, of_folder;
    return fd_mount_id(root, &of_root) == 0 && fd_mount_id(folder, &of_folder) == 0 && of_root == of_folder;
}

static void place(int root, int folder, const struct helper *helper) {
    _cleanup_close_ int existing = openat(folder, helper->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (existing < 0) {
        if (errno == ENOENT && !helper->only_covered && is_on_own_root(root, folder))
            (void)make_link_through_clone(folder, helper->name, STAND_IN);
        return;
    }
    if (fstat(existing, &status) < 0 || !S_ISREG(status.st_mode) || fd_is_mount_root(existing) != 0)
        return; /* a link to the other name, or covered already */
    _cleanup_close_ int tree = clone_stand_in(root);
    if (tree >= 0)
        (void)move_mount(tree, "", existing, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static void give_way(const struct job_base *base, int folder, const char *name, bool links_too) {
    _cleanup_close_ int existing = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    uint32_t major, minor, our_major, our_minor;
    if (existing < 0)
        return;
    if (fd_is_mount_root(existing) == 1 && fd_device(existing, &major, &minor) == 0 &&
        fd_device(base->run_dir, &our_major, &our_minor) == 0 && major == our_major && minor == our_minor) {
        (void)unmount_fd(base, existing);
        return;
    }
    char target[64];
    ssize_t length = links_too ? readlinkat(folder, name, target, sizeof target - 1) : -1;
    if (length > 0) {
        target[length] = 0;
        if (strcmp(target, STAND_IN) == 0)
            (void)remove_through_clone(folder, name, 0);
    }
}

/* A bind mount of our own node: what may open it is the device cgroup's affair. */
void inject_fuse_device(int device_tree, int dev) {
    /* a device on a read-only mount can be opened for writing; its node, which is everybody's, cannot be changed */
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, .propagation = MS_PRIVATE};
    if (device_tree < 0 || mount_setattr(device_tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ||
        mknodat(dev, "fuse", S_IFREG | 0666, 0) < 0)
        return;
    _cleanup_close_ int target = openat(dev, "fuse", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0 || move_mount(device_tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        (void)unlinkat(dev, "fuse", 0);
}

/* The number of the watch, or 0. inotify wants a path, and the only one that leads here for certain is that of the
 * descriptor. */
static int watch_folder(const struct job_base *base, int folder) {
    char path[32];
    snprintf(path, sizeof path, "fd/%d", folder);
    if (folder < 0 || fchdir(base->proc_self) < 0)
        return 0;
    int number = inotify_add_watch(base->programs, path, IN_CREATE | IN_MOVED_TO);
    return number < 0 ? 0 : number;
}

int inject_fuse(const struct job_base *base, const struct job *job, int device_tree, int root, int dev) {
    struct stat status;
    if (fstatat(dev, "fuse", &status, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    _cleanup_close_ int stand_in = enter_open_path(root, &STAND_IN[1], 0);
    if (stand_in < 0)
        return 0; /* not shipped: then a /dev/fuse would only mislead */
    enter_act_as(job->target.root_uid, job->target.root_gid);
    if (job->inject.may_mount)
        inject_fuse_device(device_tree, dev);
    else
        (void)make_link_through_clone(dev, "fuse", "null");
    _cleanup_close_ int folder = open_programs(root, true);
    for (size_t i = 0; i < ARRAY_SIZE(helpers) && folder >= 0; i++)
        place(root, folder, &helpers[i]);
    _cleanup_close_ int umount_helpers = has_umount(root) ? open_umount_helpers(root) : -1;
    if (umount_helpers >= 0 && is_on_own_root(root, umount_helpers)) /* EEXIST: the image has its own */
        (void)make_link_through_clone(umount_helpers, UMOUNT_HELPER, STAND_IN);
    enter_act_as_self();
    return watch_folder(base, folder);
}

bool inject_fuse_is_link(int dev) {
    char target[16];
    ssize_t length = readlinkat(dev, "fuse", target, sizeof target);
    return length == 4 && memcmp(target, "null", 4) == 0;
}

void eject_fuse(const struct job_base *base, int root, int dev) {
    if (inject_fuse_is_link(dev))
        (void)remove_through_clone(dev, "fuse", 0);
    _cleanup_close_ int device = openat(dev, "fuse", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    uint32_t major, minor, our_major, our_minor;
    if (device >= 0 && fd_is_mount_root(device) == 1 && fd_device(device, &major, &minor) == 0 &&
        fd_device(base->run_dir, &our_major, &our_minor) == 0 && major == our_major && minor == our_minor &&
        unmount_fd(base, device) == 0)
        (void)unlinkat(dev, "fuse", 0);
    _cleanup_close_ int folder = open_programs(root, false);
    for (size_t i = 0; i < ARRAY_SIZE(helpers) && folder >= 0; i++)
        give_way(base, folder, helpers[i].name, true);
    _cleanup_close_ int umount_helpers = open_umount_helpers(root);
    if (umount_helpers >= 0)
        give_way(base, umount_helpers, UMOUNT_HELPER, true);
}

void inject_fuse_stand_in(const struct job_base *base, int root, bool gives_way) {
    _cleanup_close_ int folder = open_programs(root, false);
    for (size_t i = 0; i < ARRAY_SIZE(helpers) && folder >= 0; i++) {
        if (gives_way)
            give_way(base, folder, helpers[i].name, false);
        else
            place(root, folder, &helpers[i]);
    }
}
