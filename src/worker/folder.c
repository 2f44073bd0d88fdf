/* SPDX-License-Identifier: MIT */
#include "worker/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/auto_dev-ioctl.h>
#include <linux/mount.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "util/cleanup.h"

#define NAME_MODE 0755
#define ANSWER_TURNS 20
#define ANSWER_PAUSE_MS 20

int folder_open(uint64_t folder) {
    char path[STAGE_PATH_MAX];
    stage_folder_path(folder, path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int folder_show(int folder, const char *name) {
    return mkdirat(folder, name, NAME_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

int folder_show_all(int folder, int names) {
    struct stat status;
    if (names < 0)
        return 0;
    if (fstat(names, &status) < 0)
        return -errno;
    if (status.st_size == 0)
        return 0;
    size_t size = (size_t)status.st_size;
    char *text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, names, 0);
    if (text == MAP_FAILED)
        return -errno;
    int r = text[size - 1] == 0 ? 0 : -EINVAL;
    for (const char *name = text; r == 0 && name < text + size; name += strlen(name) + 1)
        r = folder_show(folder, name);
    munmap(text, size);
    return r;
}

/* The end for the service never blocks it. */
static int make_pipe(int ret_ends[2]) {
    if (pipe2(ret_ends, O_CLOEXEC) < 0)
        return -errno;
    return fcntl(ret_ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int mount_folder(const char *path, int pipe_end) {
    char options[128];
    snprintf(options, sizeof options, "fd=%d,pgrp=%d,minproto=5,maxproto=5,indirect", pipe_end, (int)getpgrp());
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (mount(FOLDER_SOURCE, path, "autofs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) < 0 ||
        mount(NULL, path, NULL, MS_SHARED, NULL) < 0)
        return -errno;
    return 0;
}

int folder_make(uint64_t folder, bool root_only, int names) {
    char path[STAGE_PATH_MAX];
    int ends[2] = {-1, -1};
    stage_folder_path(folder, path);
    int r = make_pipe(ends);
    if (r == 0)
        r = mount_folder(path, ends[1]);
    _cleanup_close_ int root = r == 0 ? folder_open(folder) : -1;
    if (r == 0)
        r = root < 0 ? root : folder_show_all(root, names);
    if (r == 0 && root_only && fchmod(root, 0711) < 0)
        r = -errno;
    close_fd(&ends[1]);
    if (r == 0)
        return ends[0];
    close_fd(&ends[0]);
    folder_end(folder);
    return r;
}

static int open_control(void) {
    int fd = open("/autofs", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int folder_reopen(uint64_t folder) {
    _cleanup_close_ int root = folder_open(folder), control = open_control();
    _cleanup_close_ int theirs = -1, ours = -1;
    int ends[2] = {-1, -1};
    int r = root < 0 ? root : control < 0 ? control : make_pipe(ends);
    ours = ends[0];
    theirs = ends[1];
    if (r < 0)
        return r;
    if (ioctl(root, AUTOFS_IOC_CATATONIC, 0) < 0)
        return -errno;
    struct autofs_dev_ioctl request;
    init_autofs_dev_ioctl(&request);
    request.ioctlfd = root;
    request.setpipefd.pipefd = theirs;
    return ioctl(control, AUTOFS_DEV_IOCTL_SETPIPEFD, &request) < 0 ? -errno : steal_fd(&ours);
}

int folder_clone(uint64_t folder, unsigned long propagation) {
    char path[STAGE_PATH_MAX];
    stage_folder_path(folder, path);
    _cleanup_close_ int tree = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = propagation};
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return -errno;
    return steal_fd(&tree);
}

static int answer_once(int folder, uint32_t token, int status) {
    if (status == 0)
        return ioctl(folder, AUTOFS_IOC_READY, token) < 0 ? -errno : 0;
    _cleanup_close_ int control = open_control();
    struct autofs_dev_ioctl request;
    init_autofs_dev_ioctl(&request);
    request.ioctlfd = folder;
    request.fail.token = token;
    request.fail.status = (uint32_t)status;
    if (control >= 0 && ioctl(control, AUTOFS_DEV_IOCTL_FAIL, &request) == 0)
        return 0;
    return ioctl(folder, AUTOFS_IOC_FAIL, token) < 0 ? -errno : 0;
}

/* Who waits there waits for good without an answer, so a lack of memory is waited out. */
int folder_answer(int folder, uint32_t token, int status) {
    int r = answer_once(folder, token, status);
    for (int turn = 0; turn < ANSWER_TURNS && r < 0 && r != -ENOENT; turn++) {
        (void)poll(NULL, 0, ANSWER_PAUSE_MS);
        r = answer_once(folder, token, status);
    }
    return r;
}

static void name_path(uint64_t folder, const char *name, char ret_path[STAGE_PATH_MAX + 256]) {
    stage_folder_path(folder, ret_path);
    size_t length = strlen(ret_path);
    snprintf(ret_path + length, STAGE_PATH_MAX + 256 - length, "/%s", name);
}

int folder_close(uint64_t folder, const char *name) {
    char path[STAGE_PATH_MAX + 256];
    name_path(folder, name, path);
    return umount2(path, UMOUNT_NOFOLLOW) < 0 && errno != EINVAL ? -errno : 0;
}

int folder_hide(uint64_t folder, const char *name) {
    char path[STAGE_PATH_MAX + 256];
    name_path(folder, name, path);
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

void folder_end(uint64_t folder) {
    char path[STAGE_PATH_MAX];
    stage_folder_path(folder, path);
    _cleanup_close_ int root = folder_open(folder);
    if (root >= 0)
        (void)ioctl(root, AUTOFS_IOC_CATATONIC, 0);
    (void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    (void)rmdir(path);
}
