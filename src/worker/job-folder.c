/* SPDX-License-Identifier: MIT */
/* What the MUP (service/mup.c) has done to the folders of a silo's /unc. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/open-at.h"
#include "util/paths.h"
#include "worker/enter.h"
#include "worker/folder.h"
#include "worker/jobs.h"

/* ---- at a walker's request ------------------------------------------------------------------------------------- */

/* What is to be mounted: a clone of a volume, or of the folder below. The folder is made first when it is new. */
static int make_tree(const struct job_folder *request, const struct job_fds *fds, int *ret_pipe) {
    if (request->action == FOLDER_ATTACH) {
        if (request->make_child) {
            int pipe_end = folder_make(request->child, request->root_only, fds->n_in ? fds->in[0] : -1);
            if (pipe_end < 0)
                return pipe_end;
            *ret_pipe = pipe_end;
        }
        return folder_clone(request->child, request->there ? MS_SLAVE : 0);
    }
    _cleanup_close_ int tree = stage_clone_volume(request->volume);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                                (request->read_only ? MOUNT_ATTR_RDONLY : 0),
                                    .propagation = MS_PRIVATE};
    if (tree < 0)
        return tree;
    return mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0 ? -errno : steal_fd(&tree);
}

static int attach(int tree, int target) {
    return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Mounts on a name of a folder whose root this is. -EEXIST: something is mounted there. */
static int mount_on_name(int folder, const char *name, int tree) {
    _cleanup_close_ int target = openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return -errno;
    int mounted = fd_is_mount_root(target);
    return mounted ? (mounted < 0 ? mounted : -EEXIST) : attach(tree, target);
}

/* ---- in the walker's own mount namespace ----------------------------------------------------------------------- */

static bool is_same_file(int fd, int directory, const char *path) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstatat(directory, path, &b, 0) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Enters it, so that the tree can be mounted there with flags that its root cannot take off. */
static int enter_walker(const struct job_base *base, const struct job_folder *request, int *tree,
                        struct job_result *result) {
    _cleanup_close_ int namespace = enter_open_process(base, request->pid, "ns/mnt", O_RDONLY);
    _cleanup_close_ int owner = namespace < 0 ? -1 : ioctl(namespace, NS_GET_USERNS);
    if (owner < 0)
        return namespace < 0 ? namespace : -errno;
    int r = enter_host(base);
    if (r == 0 && !is_same_file(owner, base->proc_self, "ns/user")) {
        uid_t uid;
        gid_t gid;
        result->spent = true;
        r = enter_user_namespace_with(base, owner, request->uid, request->gid, tree, 1, &uid, &gid);
    }
    if (r == 0 && setns(namespace, CLONE_NEWNS) < 0)
        r = -errno;
    return r;
}

/* Mounts on the name in the first mount of the folder here that has nothing on it yet. The folder is known by its
 * device: whatever mount namespace this is, it is one that the folder was given to. */
static int mount_here(const struct job_base *base, const struct job_folder *request, uint32_t device, int tree) {
    _cleanup_fclose_ FILE *table = enter_open_table(base);
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    int r = -ESTALE; /* the kernel walks again, from the beginning */
    struct mount_line mount;
    while (table && r != 0 && mount_table_next(table, &line, &size, &mount)) {
        uint32_t major = 0, minor = 0;
        if (mount.major != 0 || mount.minor != device || strcmp(mount.root, "/") != 0)
            continue;
        _cleanup_close_ int folder = open(mount.point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (folder >= 0 && fd_device(folder, &major, &minor) == 0 && major == 0 && minor == device &&
            mount_on_name(folder, request->name, tree) == 0)
            r = 0;
    }
    return r;
}

/* The walker's mount namespace is a copy that gets nothing by propagation, or its root has unmounted what it got. */
static int mount_there(const struct job_base *base, const struct job_folder *request, int folder, int tree,
                       struct job_result *result) {
    uint32_t major, minor;
    int r = fd_device(folder, &major, &minor), moved = tree;
    if (r == 0)
        r = enter_walker(base, request, &moved, result);
    if (r == 0)
        r = mount_here(base, request, minor, moved);
    if (moved != tree)
        close_fd(&moved);
    return r;
}

static void open_name(const struct job_base *base, const struct job_folder *request, struct job_fds *fds,
                      struct job_result *result) {
    _cleanup_close_ int folder = folder_open(request->folder), pipe_end = -1;
    if (folder < 0) {
        job_fail(result, folder, "the folder is not on the stage: %s", strerror(-folder));
        result->unanswered = true; /* whoever waits there can be told by nobody without the folder */
        return;
    }
    int tree = make_tree(request, fds, &pipe_end), r = tree < 0 ? tree : folder_show(folder, request->name);
    if (r == 0)
        r = request->elsewhere ? -EEXIST : mount_on_name(folder, request->name, tree);
    if (r == -EEXIST && (request->there || request->elsewhere))
        r = mount_there(base, request, folder, steal_fd(&tree), result);
    close_fd(&tree);
    if (r < 0)
        job_fail(result, r, "cannot mount: %s", strerror(-r));
    if (request->token)
        (void)folder_answer(folder, request->token, r); /* whoever waited may have been killed */
    if (pipe_end >= 0)
        fds->out[fds->n_out++] = steal_fd(&pipe_end);
}

/* ---- the host's /unc ------------------------------------------------------------------------------------------- */

/* Every mount there that is ours, of this version or another, goes. */
static void clear_host_root(void) {
    struct statx status;
    while (statx(AT_FDCWD, LINFSP_UNC_ROOT, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &status) ==
               0 &&
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) &&
           umount2(LINFSP_UNC_ROOT, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
}

static int make_host_root(const struct job_base *base, uint64_t folder, struct job_result *result) {
    _cleanup_close_ int tree = folder_clone(folder, MS_SLAVE);
    struct mount_attr shared = {.propagation = MS_SHARED};
    if (tree < 0)
        return job_fail(result, tree, "cannot clone the folder: %s", strerror(-tree));
    int r = enter_host(base);
    if (r < 0)
        return job_fail(result, r, "cannot go back to the host: %s", strerror(-r));
    if (move_mount(tree, "", AT_FDCWD, LINFSP_UNC_ROOT, MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
        mount_setattr(AT_FDCWD, LINFSP_UNC_ROOT, 0, &shared, sizeof shared) < 0)
        return job_fail(result, -errno, "cannot mount at " LINFSP_UNC_ROOT ": %s", strerror(errno));
    return 0;
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

static bool is_in(const char *names, size_t size, const char *name) {
    for (const char *at = names; at < names + size; at += strlen(at) + 1)
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

/* Hides all names but these. */
static void hide_others(uint64_t folder, int fd, int names) {
    struct stat status;
    size_t size = names >= 0 && fstat(names, &status) == 0 ? (size_t)status.st_size : 0;
    char *text = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, names, 0) : NULL;
    _cleanup_closedir_ DIR *directory = open_directory_at(fd, ".");
    struct dirent *entry;
    while (text != MAP_FAILED && directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && !is_in(text, size, entry->d_name))
            (void)folder_hide(folder, entry->d_name);
    if (text && text != MAP_FAILED)
        munmap(text, size);
}

static void take_up(const struct job_folder *request, struct job_fds *fds, struct job_result *result) {
    int names = fds->n_in ? fds->in[0] : -1;
    int r = request->action == FOLDER_MAKE ? folder_make(request->folder, request->root_only, names)
                                           : folder_reopen(request->folder);
    if (r < 0) {
        job_fail(result, r, "cannot %s the folder: %s", request->action == FOLDER_MAKE ? "make" : "take up",
                 strerror(-r));
        return;
    }
    fds->out[fds->n_out++] = r;
    _cleanup_close_ int folder = request->action == FOLDER_REOPEN ? folder_open(request->folder) : -1;
    if (folder >= 0) {
        hide_others(request->folder, folder, names);
        (void)folder_show_all(folder, names);
    }
}

static void close_idle(const struct job_folder *request, struct job_fds *fds, struct job_result *result) {
    struct stat status;
    if (fds->n_in == 0 || fstat(fds->in[0], &status) < 0 || status.st_size == 0)
        return;
    size_t size = (size_t)status.st_size;
    int closed = memfd_create("linfsp-closed", MFD_CLOEXEC);
    char *names = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fds->in[0], 0);
    if (names == MAP_FAILED || closed < 0) {
        job_fail(result, -errno, "cannot look for idle volumes: %s", strerror(errno));
        close_fd(&closed);
        return;
    }
    for (const char *name = names; name < names + size; name += strlen(name) + 1)
        if (folder_close(request->folder, name) == 0 && write(closed, name, strlen(name) + 1) < 0)
            break;
    munmap(names, size);
    fds->out[fds->n_out++] = closed;
}

static void sweep(const char *place, uint64_t last, const char *names, size_t size, void (*end)(uint64_t)) {
    _cleanup_closedir_ DIR *directory = opendir(place);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char text[300];
        unsigned long long number;
        snprintf(text, sizeof text, "%s/%s", place + 1, entry->d_name);
        if (sscanf(entry->d_name, "%llu", &number) == 1 && number <= last && !is_in(names, size, text))
            end(number);
    }
}

static void drop_volume(uint64_t volume) {
    (void)stage_drop_volume(volume);
}

static void sweep_all(const struct job_folder *request, const struct job_fds *fds) {
    struct stat status;
    if (fds->n_in == 0 || fstat(fds->in[0], &status) < 0)
        return;
    size_t size = (size_t)status.st_size;
    char *names = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fds->in[0], 0) : NULL;
    if (names == MAP_FAILED)
        return;
    sweep("/folders", request->folder, names, size, folder_end);
    sweep("/volumes", request->volume, names, size, drop_volume);
    if (names)
        munmap(names, size);
}

static void answer(const struct job_folder *request, struct job_result *result) {
    _cleanup_close_ int folder = folder_open(request->folder);
    int r = folder < 0 ? folder : folder_answer(folder, request->token, request->status);
    if (r < 0)
        job_fail(result, r, r == -ENOENT ? "nobody waits any more" : "who waits cannot be told: %s", strerror(-r));
}

static void show(const struct job_folder *request, struct job_result *result) {
    _cleanup_close_ int folder = folder_open(request->folder);
    int r = folder < 0 ? folder : folder_show(folder, request->name);
    if (r < 0)
        job_fail(result, r, "cannot make the name: %s", strerror(-r));
}

void job_folder(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    const struct job_folder *request = &job->folder;
    int r;
    if (request->action == FOLDER_END && request->at_host)
        clear_host_root();
    if (request->action == FOLDER_MAKE && request->at_host)
        clear_host_root();
    if ((r = stage_enter(base)) < 0) {
        job_fail(result, r, "cannot enter the stage: %s", strerror(-r));
        result->unanswered = true;
        return;
    }
    switch (request->action) {
    case FOLDER_MAKE:
    case FOLDER_REOPEN:
        take_up(request, fds, result);
        if (result->error == 0 && request->at_host && request->action == FOLDER_MAKE)
            (void)make_host_root(base, request->folder, result);
        return;
    case FOLDER_MOUNT:
    case FOLDER_ATTACH:
        open_name(base, request, fds, result);
        return;
    case FOLDER_ANSWER:
        answer(request, result);
        return;
    case FOLDER_SHOW:
        show(request, result);
        return;
    case FOLDER_CLOSE:
        close_idle(request, fds, result);
        return;
    case FOLDER_HIDE:
        if ((r = folder_hide(request->folder, request->name)) < 0)
            job_fail(result, r, "cannot remove the name: %s", strerror(-r));
        return;
    case FOLDER_SWEEP:
        sweep_all(request, fds);
        return;
    case FOLDER_END:
        folder_end(request->folder);
        return;
    }
}
