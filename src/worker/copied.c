/* SPDX-License-Identifier: MIT */
#include "worker/copied.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "catcher/protocol.h"
#include "util/cleanup.h"
#include "util/mount-table.h"
#include "util/open-at.h"
#include "util/sockets.h"
#include "worker/enter.h"

#define ASIDE "linfsp-copied-"
#define COPIES_MAX 16
#define NOTE "%u %u %u %lld %ld %255s"

/* What is noted of a folder. */
struct copy {
    unsigned mode, uid, gid;
    long long changed;
    long changed_ns;
    char path[256];
};

/* Of a silo in a user namespace the engine may have the overlayfs mounted where we cannot see it, and use it again. */
static bool may_be_mounted_unseen(const struct copy *copy, int root) {
    return root < 0 && copy->uid != 0;
}

static void notes_name(uint64_t silo, char ret_name[64]) {
    snprintf(ret_name, 64, "private/copied-%llu", (unsigned long long)silo);
}

static void watch_readers(const struct job_base *base, const struct overlay *overlay, uint64_t silo, bool watch) {
    const struct catcher_message message = {
        .what = watch ? CATCHER_MARK : CATCHER_UNMARK, .kind = CATCHER_LAYER, .silo = silo};
    (void)socket_send(base->catcher, &message, sizeof message, &overlay->upper, 1);
}

int copied_open_notes(const struct job_base *base, uint64_t silo, const struct overlay *overlay) {
    char name[64];
    notes_name(silo, name);
    int fd = openat(base->run_dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd >= 0)
        watch_readers(base, overlay, silo, true);
    return fd < 0 ? -errno : fd;
}

/* The first line is the layer's path on the host, each other a folder in it. */
void copied_note(int notes, const struct overlay *overlay, const char *path) {
    char text[WIRE_PATH_MAX + 512] = "";
    struct stat status;
    int length = 0;
    if (notes < 0 || fstatat(overlay->upper, path, &status, AT_SYMLINK_NOFOLLOW) < 0 || strchr(overlay->path, '\n'))
        return;
    if (lseek(notes, 0, SEEK_END) == 0)
        length = snprintf(text, sizeof text, "%s\n", overlay->path);
    length += snprintf(text + length, sizeof text - (size_t)length, "%u %u %u %lld %ld %s\n", status.st_mode,
                       status.st_uid, status.st_gid, (long long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec, path);
    if (write(notes, text, (size_t)length) != length)
        (void)ftruncate(notes, 0); /* then it stays in the layer */
}

static bool is_unchanged(const struct copy *copy, int folder) {
    struct stat status;
    return fstat(folder, &status) == 0 && status.st_mode == copy->mode && status.st_uid == copy->uid &&
           status.st_gid == copy->gid && status.st_mtim.tv_sec == copy->changed &&
           status.st_mtim.tv_nsec == copy->changed_ns;
}

/* Whether it has attributes that the container may have given it; or hides the folder of the layers below. */
static bool has_attributes(int folder) {
    char names[4096];
    ssize_t size = flistxattr(folder, names, sizeof names);
    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1)
        if (strstr(name, ".overlay.opaque") || (!strstr(name, ".overlay.") && strcmp(name, "security.selinux") != 0))
            return true;
    return size < 0 && errno != EOPNOTSUPP;
}

/* What the copy is called while it is out of the layer. It is not beside the layer then, but in the folder around the
 * layer's own: an engine that removes a container lists its folder, and then wants it empty. There are several layers
 * in that folder around: the number of the layer's own tells them apart. */
static void make_aside_name(const struct overlay *overlay, const struct copy *copy, char *ret_name, size_t size) {
    struct stat own = {0};
    (void)fstat(overlay->beside, &own);
    int length = snprintf(ret_name, size, ASIDE "%llu-", (unsigned long long)own.st_ino);
    snprintf(ret_name + length, size - (size_t)length, "%s", copy->path);
    for (char *c = ret_name + length; (c = strchr(c, '/'));)
        *c = '-';
}

static int open_parent(const struct overlay *overlay, const struct copy *copy, const char **ret_name) {
    char path[sizeof copy->path];
    snprintf(path, sizeof path, "%s", copy->path);
    char *slash = strrchr(path, '/');
    *ret_name = slash ? copy->path + (slash + 1 - path) : copy->path;
    if (slash)
        *slash = 0;
    return overlay_open_folder(overlay, slash ? path : "", O_RDONLY);
}

static int move(int from, const char *name, int to, const char *new_name) {
    return renameat2(from, name, to, new_name, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

/* Whether the overlayfs still has the copy, which lies aside, for its folder. */
static bool is_in_use(const struct overlay *overlay, int root, const char *aside, const char *path) {
    if (root < 0)
        return false;
    overlay_forget(root);
    _cleanup_close_ int folder = enter_open_path(root, path, O_DIRECTORY);
    return folder < 0 || overlay_is_same(overlay->around, aside, folder);
}

static void set_time(int folder, const struct stat *before) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, before->st_mtim};
    (void)futimens(folder, times);
}

/* Whether it is empty, and as it was when it was noted. */
static bool is_as_noted(const struct copy *copy, int parent, const char *name) {
    _cleanup_close_ int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return folder >= 0 && is_unchanged(copy, folder) && !has_attributes(folder) && directory_is_empty(folder) == 1;
}

/* A copy whose overlayfs is mounted. */
static bool remove_unless_used(const struct overlay *overlay, int root, const struct copy *copy, int parent,
                               const char *name, const char *aside) {
    if (move(parent, name, overlay->around, aside) < 0)
        return true;
    if (!is_in_use(overlay, root, aside, copy->path) && unlinkat(overlay->around, aside, AT_REMOVEDIR) == 0)
        return true;
    if (move(overlay->around, aside, parent, name) == 0)
        overlay_forget(root);
    else /* the layer is being removed */
        (void)unlinkat(overlay->around, aside, AT_REMOVEDIR);
    return false;
}

/* Returns whether nothing is left to be done for it. */
static bool remove_copy(const struct overlay *overlay, int root, const struct copy *copy) {
    char aside[300];
    const char *name;
    struct stat before;
    make_aside_name(overlay, copy, aside, sizeof aside);
    _cleanup_close_ int parent = open_parent(overlay, copy, &name);
    /* a worker may have died over it */
    if (parent < 0)
        (void)unlinkat(overlay->around, aside, AT_REMOVEDIR);
    if (parent < 0 || fstat(parent, &before) < 0)
        return true;
    (void)move(overlay->around, aside, parent, name);
    if (may_be_mounted_unseen(copy, root) || !is_as_noted(copy, parent, name))
        return true;
    bool removed = root < 0 ? unlinkat(parent, name, AT_REMOVEDIR) == 0
                            : remove_unless_used(overlay, root, copy, parent, name, aside);
    set_time(parent, &before);
    return removed;
}

/* Moves the copy out of the layer, or back. What the overlayfs has of it is the folder, wherever that lies. */
static void move_copy(const struct overlay *overlay, const struct copy *copy, bool aside) {
    char name_aside[300];
    const char *name;
    struct stat before;
    make_aside_name(overlay, copy, name_aside, sizeof name_aside);
    _cleanup_close_ int parent = open_parent(overlay, copy, &name);
    if (parent < 0 || fstat(parent, &before) < 0 || (aside && !is_as_noted(copy, parent, name)))
        return;
    if ((aside ? move(parent, name, overlay->around, name_aside) : move(overlay->around, name_aside, parent, name)) ==
        0)
        set_time(parent, &before);
}

static bool read_copy(FILE *file, struct copy *ret_copy) {
    return fscanf(file, NOTE, &ret_copy->mode, &ret_copy->uid, &ret_copy->gid, &ret_copy->changed,
                  &ret_copy->changed_ns, ret_copy->path) == 6;
}

/* Returns whether nothing is left to be done. */
static bool remove_copies(const struct overlay *overlay, int root, FILE *file) {
    struct copy copy;
    bool all = true;
    while (read_copy(file, &copy))
        all &= remove_copy(overlay, root, &copy);
    return all;
}

/* The notes, behind their first line, which is the layer's path. NULL: there are none. */
static FILE *open_notes(const struct job_base *base, uint64_t silo, char *ret_path, size_t size) {
    char name[64];
    notes_name(silo, name);
    _cleanup_fclose_ FILE *file = open_file_at(base->run_dir, name);
    if (!file || !fgets(ret_path, (int)size, file))
        return NULL;
    ret_path[strcspn(ret_path, "\n")] = 0;
    return steal_pointer(file);
}

static int drop_notes(const struct job_base *base, uint64_t silo, const struct overlay *overlay) {
    char name[64];
    notes_name(silo, name);
    if (overlay->upper >= 0)
        watch_readers(base, overlay, silo, false);
    return unlinkat(base->run_dir, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

bool copied_remove(const struct job_base *base, uint64_t silo, int root) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    char path[WIRE_PATH_MAX];
    _cleanup_fclose_ FILE *file = open_notes(base, silo, path, sizeof path);
    if (!file || overlay_open_layer(base, path, &overlay) < 0)
        return true;
    if (!remove_copies(&overlay, root, file))
        return false;
    (void)drop_notes(base, silo, &overlay);
    return true;
}

/* The root of an overlayfs with that upper layer, where the engine has it mounted still; -1: nobody has. */
static int open_root_of_layer(const struct job_base *base, const char *upper) {
    _cleanup_fclose_ FILE *table = enter_open_table(base);
    _cleanup_free_ char *line = NULL;
    char found[WIRE_PATH_MAX];
    size_t size = 0;
    struct mount_line mount;
    while (table && mount_table_next(table, &line, &size, &mount))
        if (overlay_read_upper(&mount, found, sizeof found) == 0 && strcmp(found, upper) == 0)
            return open(mount.point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return -1;
}

int copied_remove_at_end(const struct job_base *base, uint64_t silo) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    char path[WIRE_PATH_MAX];
    _cleanup_fclose_ FILE *file = open_notes(base, silo, path, sizeof path);
    _cleanup_close_ int root = file ? open_root_of_layer(base, path) : -1;
    if (file && overlay_open_layer(base, path, &overlay) == 0)
        (void)remove_copies(&overlay, root, file);
    return drop_notes(base, silo, &overlay);
}

static size_t read_copies(FILE *file, struct copy copies[COPIES_MAX]) {
    size_t n = 0;
    while (n < COPIES_MAX && read_copy(file, &copies[n]))
        n++;
    return n;
}

static void move_copies(const struct job_base *base, uint64_t silo, bool aside) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    static struct copy copies[COPIES_MAX];
    char path[WIRE_PATH_MAX];
    _cleanup_fclose_ FILE *file = open_notes(base, silo, path, sizeof path);
    if (!file || overlay_open_layer(base, path, &overlay) < 0)
        return;
    size_t n = read_copies(file, copies);
    for (size_t i = 0; i < n; i++) /* what lies in another is noted before it */
        move_copy(&overlay, &copies[aside ? i : n - 1 - i], aside);
}

void copied_hide(const struct job_base *base, uint64_t silo) {
    move_copies(base, silo, true);
}

void copied_show(const struct job_base *base, uint64_t silo) {
    move_copies(base, silo, false);
}

void copied_watch_again(const struct job_base *base, uint64_t silo) {
    _cleanup_(overlay_close) struct overlay overlay = OVERLAY_NONE;
    char path[WIRE_PATH_MAX];
    _cleanup_fclose_ FILE *file = open_notes(base, silo, path, sizeof path);
    if (file && overlay_open_layer(base, path, &overlay) == 0)
        watch_readers(base, &overlay, silo, true);
}
