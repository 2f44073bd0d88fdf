/* SPDX-License-Identifier: MIT */
#include "worker/phantom.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "worker/enter.h"
#include "worker/overlay.h"

#define STAND_IN LINFSP_DEVICE_DIR "/bin/fusermount3"
#define ASIDE "linfsp-aside-"
#define TOKEN_SIZE 16

static const char *const names[] = {"fusermount3", "fusermount"};

/* A folder of the silo's in which programs look, and the upper layer of the overlayfs that it lies on, if any. */
struct place {
    int folder;
    char path[WIRE_PATH_MAX]; /* of the folder, in the silo */
    bool is_own; /* the silo's own, not that of a tree in it */
    struct overlay overlay;
};

#define PLACE_NONE                                                                                                     \
    { .folder = -1, .path = "", .overlay = OVERLAY_NONE }

static void place_close(struct place *place) {
    close_fd(&place->folder);
    overlay_close(&place->overlay);
}

static int find_place(const struct job_base *base, int root, struct place *place) {
    static const char *const folders[] = {"usr/bin", "bin"};
    struct statfs status;
    uint64_t of_root, of_folder;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && place->folder < 0; i++)
        place->folder = enter_open_path(root, folders[i], O_DIRECTORY);
    if (place->folder < 0)
        return place->folder;
    int r = fd_path(base, place->folder, place->path, sizeof place->path);
    if (r < 0)
        return r;
    place->is_own = strcmp(place->path, "/usr/bin") == 0 || strcmp(place->path, "/bin") == 0;
    /* what the container was given of the host's is not for us to write to */
    if (fd_mount_id(root, &of_root) < 0 || fd_mount_id(place->folder, &of_folder) < 0 || of_root != of_folder ||
        fstatfs(place->folder, &status) < 0)
        return -EOPNOTSUPP;
    if (status.f_type == OVERLAYFS_SUPER_MAGIC)
        return overlay_open(base, 0, place->folder, &place->overlay);
    return status.f_type == FUSE_SUPER_MAGIC || status.f_type == NFS_SUPER_MAGIC || (status.f_flags & ST_RDONLY)
               ? -EOPNOTSUPP
               : 0;
}

static int clone_stand_in(int root) {
    _cleanup_close_ int program = enter_open_path(root, &STAND_IN[1], 0);
    if (program < 0)
        return program;
    int tree = open_tree(program, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return tree < 0 ? -errno : tree;
}

static int open_again(const struct job_base *base, int file) {
    char name[32];
    snprintf(name, sizeof name, "fd/%d", file);
    return openat(base->proc_self, name, O_RDONLY | O_CLOEXEC);
}

static int copy(int from, int to) {
    static char buffer[65536];
    ssize_t n;
    while ((n = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, (size_t)n) != n)
            return -EIO;
    return n < 0 ? -errno : 0;
}

/* What the entry is called beside the upper layer. A silo may have several of one name, in trees that its processes
 * change their root to: the path tells them apart (FNV-1a). */
static void make_aside_name(const struct place *place, const char *name, char *ret_aside, size_t size) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    if (place->is_own) {
        snprintf(ret_aside, size, ASIDE "%s", name);
        return;
    }
    for (const char *c = place->path; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    snprintf(ret_aside, size, ASIDE "%016llx-%s", (unsigned long long)hash, name);
}

/* It holds the stand-in itself, too: a mount namespace that was made in the silo has the entry without the mount. */
static int make_entry(const struct job_base *base, const struct place *place, int root, const char *name,
                      const void *token) {
    _cleanup_close_ int clone = open_writable_clone(place->folder);
    _cleanup_close_ int file =
        openat(clone < 0 ? place->folder : clone, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
    if (file < 0)
        return -errno;
    _cleanup_close_ int where = enter_open_path(root, &STAND_IN[1], 0);
    _cleanup_close_ int program = where < 0 ? -1 : open_again(base, where);
    int r = program < 0 ? -ENOENT : copy(program, file);
    return r < 0 ? r : write(file, token, TOKEN_SIZE) == TOKEN_SIZE ? 0 : -EIO;
}

/* Whether that path on the host is the upper layer of this very overlayfs: the entry just made has our token there. */
static bool is_entry(int folder, const char *name, const void *token) {
    char found[TOKEN_SIZE + 1];
    _cleanup_close_ int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return file >= 0 && lseek(file, -TOKEN_SIZE, SEEK_END) > 0 && read(file, found, sizeof found) == TOKEN_SIZE &&
           memcmp(found, token, TOKEN_SIZE) == 0;
}

bool phantom_is_ghost(int file) {
    struct stat status;
    return fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == TOKEN_SIZE;
}

/* A ghost is put to use again: what it holds is what lies beside the upper layer. */
static bool is_ghost_of_ours(const struct place *place, const char *name) {
    char aside[64], token[TOKEN_SIZE];
    make_aside_name(place, name, aside, sizeof aside);
    _cleanup_close_ int file = openat(place->overlay.beside, aside, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return file >= 0 && read(file, token, sizeof token) == sizeof token && is_entry(place->folder, name, token);
}

static int put_aside(const struct place *place, const char *name, const void *token) {
    char aside[64];
    _cleanup_close_ int folder = overlay_open_folder(&place->overlay, place->path, O_RDONLY);
    if (folder < 0 || !is_entry(folder, name, token))
        return -EOPNOTSUPP;
    make_aside_name(place, name, aside, sizeof aside);
    return renameat(folder, name, place->overlay.beside, aside) < 0 ? -errno : 0;
}

static int cover(const struct place *place, const char *name, int tree) {
    _cleanup_close_ int entry = openat(place->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (entry < 0)
        return -errno;
    return move_mount(tree, "", entry, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

/* A root that is no overlayfs outlives its container: what is put there is a link to where nothing is then. */
static int make_link(const struct place *place, const char *name) {
    return make_link_through_clone(place->folder, name, STAND_IN);
}

static int make_one(const struct job_base *base, const struct place *place, int root, const char *name) {
    if (place->overlay.upper < 0)
        return make_link(place, name);
    char token[TOKEN_SIZE];
    _cleanup_close_ int tree = clone_stand_in(root);
    if (tree < 0)
        return tree;
    if (is_ghost_of_ours(place, name))
        return cover(place, name, tree);
    if (getrandom(token, sizeof token, 0) != sizeof token)
        return -EIO;
    int r = make_entry(base, place, root, name, token);
    if (r < 0)
        return r;
    r = cover(place, name, tree);
    if (r == 0 && place->overlay.upper >= 0) {
        r = put_aside(place, name, token);
        _cleanup_close_ int covered = r < 0 ? openat(place->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (covered >= 0)
            (void)unmount_fd(base, covered);
    }
    if (r < 0)
        (void)remove_through_clone(place->folder, name, 0);
    return r;
}

static void restore_time(const struct place *place, const struct timespec *changed) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, *changed};
    _cleanup_close_ int folder = place->overlay.upper < 0
                                     ? openat(place->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                     : overlay_open_folder(&place->overlay, place->path, O_RDONLY);
    if (folder >= 0)
        (void)futimens(folder, times);
}

/* Where a program finds it by PATH. */
static bool has_somewhere(int root, const char *name) {
    static const char *const folders[] = {"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        _cleanup_close_ int folder = enter_open_path(root, folders[i], O_DIRECTORY);
        _cleanup_close_ int file = folder < 0 ? -1 : openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (file >= 0 && !phantom_is_ghost(file))
            return true;
    }
    return false;
}

int phantom_make(const struct job_base *base, int root, int *ret_folder) {
    _cleanup_(place_close) struct place place = PLACE_NONE;
    struct stat before;
    int r = find_place(base, root, &place), made = 0;
    if (r == 0 && fstat(place.folder, &before) < 0)
        r = -errno;
    for (size_t i = 0; i < ARRAY_SIZE(names) && r >= 0; i++) {
        if (has_somewhere(root, names[i]))
            continue;
        r = make_one(base, &place, root, names[i]);
        made += r >= 0;
    }
    if (made)
        restore_time(&place, &before.st_mtim);
    if (made && place.overlay.upper < 0 && ret_folder)
        *ret_folder = steal_fd(&place.folder);
    return made ? made : r;
}

static bool is_ours(const struct job_base *base, int file) {
    uint32_t major, minor, our_major, our_minor;
    return file >= 0 && fd_is_mount_root(file) == 1 && fd_device(file, &major, &minor) == 0 &&
           fd_device(base->run_dir, &our_major, &our_minor) == 0 && major == our_major && minor == our_minor;
}

static bool is_link(int folder, const char *name) {
    char link[sizeof STAND_IN + 1];
    return readlinkat(folder, name, link, sizeof link) == sizeof STAND_IN - 1 &&
           memcmp(link, STAND_IN, sizeof STAND_IN - 1) == 0;
}

bool phantom_is_stand_in(const struct job_base *base, int file) {
    return is_ours(base, file) || is_link(file, "");
}

/* Brings the entry back from beside the upper layer: overlayfs removes what it finds there only. */
static void bring_back(const struct place *place, const char *name) {
    char aside[64];
    _cleanup_close_ int folder = overlay_open_folder(&place->overlay, place->path, O_PATH);
    make_aside_name(place, name, aside, sizeof aside);
    if (folder >= 0)
        (void)renameat(place->overlay.beside, aside, folder, name);
}

void phantom_remove_links(int folder) {
    struct stat before;
    bool removed = false;
    if (fstat(folder, &before) < 0)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        removed |= is_link(folder, names[i]) && remove_through_clone(folder, names[i], 0) == 0;
    if (!removed)
        return;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, before.st_mtim};
    (void)utimensat(folder, "", times, AT_EMPTY_PATH);
}

static void remove_one(const struct job_base *base, const struct place *place, const char *name) {
    _cleanup_close_ int file = openat(place->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat before;
    if (!is_ours(base, file) || fstat(place->folder, &before) < 0 || unmount_fd(base, file) < 0)
        return;
    close_fd(&file);
    if (place->overlay.upper >= 0)
        bring_back(place, name);
    (void)remove_through_clone(place->folder, name, 0);
    restore_time(place, &before.st_mtim);
}

void phantom_remove(const struct job_base *base, int root) {
    _cleanup_(place_close) struct place place = PLACE_NONE;
    if (find_place(base, root, &place) < 0)
        return;
    if (place.overlay.upper < 0)
        phantom_remove_links(place.folder);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        remove_one(base, &place, names[i]);
}
