/* SPDX-License-Identifier: MIT */
#include "worker/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "util/cleanup.h"

static const char *const places[SCRATCH_TREES_MAX] = {"/0", "/1"};

static int make_tmpfs(void) {
    _cleanup_close_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", "linfsp-scratch", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "16", 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Makes the mount the root of this mount namespace, and detaches all that was there before. */
static int replace_root(int mount) {
    if (move_mount(mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(mount) < 0 ||
        syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

int scratch_make(int proc_self) {
    _cleanup_close_ int root = make_tmpfs();
    if (root < 0)
        return root;
    /* private: what is done here is nobody else's affair */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    int r = replace_root(root);
    if (r < 0)
        return r;
    for (size_t i = 0; i < SCRATCH_TREES_MAX; i++)
        if (mkdir(places[i], 0755) < 0)
            return -errno;
    int fd = openat(proc_self, "ns/mnt", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int scratch_enter(int scratch, const int *trees, size_t n_trees) {
    if (scratch < 0)
        return scratch;
    if (setns(scratch, CLONE_NEWNS) < 0)
        return -errno;
    for (size_t i = 0; i < n_trees && i < SCRATCH_TREES_MAX; i++)
        if (move_mount(trees[i], "", AT_FDCWD, places[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
            return -errno;
    return 0;
}

int scratch_clone(int *trees, size_t n_trees) {
    for (size_t i = 0; i < n_trees && i < SCRATCH_TREES_MAX; i++) {
        int copy = open_tree(AT_FDCWD, places[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (copy < 0)
            return -errno;
        close_fd(&trees[i]);
        trees[i] = copy;
    }
    return 0;
}
