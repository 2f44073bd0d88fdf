/* SPDX-License-Identifier: MIT */
#include "worker/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "util/cleanup.h"

int stage_enter(const struct job_base *base) {
    return setns(base->stage, CLONE_NEWNS) < 0 ? -errno : 0;
}

void stage_volume_path(uint64_t volume, char ret_path[STAGE_PATH_MAX]) {
    snprintf(ret_path, STAGE_PATH_MAX, STAGE_VOLUME, (unsigned long long)volume);
}

void stage_folder_path(uint64_t folder, char ret_path[STAGE_PATH_MAX]) {
    snprintf(ret_path, STAGE_PATH_MAX, STAGE_FOLDER, (unsigned long long)folder);
}

int stage_put_volume(uint64_t volume, int mount) {
    char path[STAGE_PATH_MAX];
    stage_volume_path(volume, path);
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    return move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

int stage_clone_volume(uint64_t volume) {
    char path[STAGE_PATH_MAX];
    stage_volume_path(volume, path);
    int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    return tree < 0 ? -errno : tree;
}

int stage_drop_volume(uint64_t volume) {
    char path[STAGE_PATH_MAX];
    stage_volume_path(volume, path);
    int r = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT ? -errno : 0;
    (void)rmdir(path);
    return r;
}
