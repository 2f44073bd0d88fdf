/* SPDX-License-Identifier: MIT */
#include "service/dist.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/log.h"
#include "util/open-at.h"
#include "util/paths.h"

#define DIST LINFSP_RUN_DIR "/dist"
#define BEFORE DIST "/before"
#define AGAIN_USEC (5 * 1000000ull) /* a lease is about to be broken */
#define BLOCK 65536

/* Of what is put into silos. Foreign: libraries for silos of other architectures (worker/libraries.c). */
static const char *const folders[] = {"bin",
                                      "lib",
                                      "lib/musl",
                                      "foreign",
#define FOREIGN(name) "foreign/" name, "foreign/" name "/lib", "foreign/" name "/lib/musl"
                                      FOREIGN("amd64"),
                                      FOREIGN("arm64"),
                                      FOREIGN("armhf"),
                                      FOREIGN("i386")};
#undef FOREIGN

struct held {
    ino_t inode;
    int fd;
};

struct dist {
    sd_event *event;
    sd_event_source *again;
    struct held *held;
    size_t n_held;
};

/* ---- copies ---------------------------------------------------------------------------------------------------- */

/* Of a file that somebody has leased: -EAGAIN, and the lease is being broken. */
static int open_unleased(int folder, const char *name) {
    int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static bool is_same(int one, int other) {
    static char blocks[2][BLOCK];
    struct stat first, second;
    if (fstat(one, &first) < 0 || fstat(other, &second) < 0 || first.st_size != second.st_size)
        return false;
    for (off_t at = 0; at < first.st_size;) {
        ssize_t n = pread(one, blocks[0], BLOCK, at);
        if (n <= 0 || pread(other, blocks[1], (size_t)n, at) != n || memcmp(blocks[0], blocks[1], (size_t)n) != 0)
            return false;
        at += n;
    }
    return true;
}

static int copy(int from, int to) {
    static char block[BLOCK];
    ssize_t n;
    while ((n = read(from, block, sizeof block)) > 0)
        if (write(to, block, (size_t)n) != n)
            return errno ? -errno : -EIO;
    return n < 0 ? -errno : 0;
}

/* Silos link to what stands there: it stays, under another name. */
static void keep_before(int folder, const char *name) {
    char kept[NAME_MAX + 32];
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || status.st_nlink < 2)
        return;
    snprintf(kept, sizeof kept, BEFORE "/%llu", (unsigned long long)status.st_ino);
    if (linkat(folder, name, AT_FDCWD, kept, 0) < 0 && errno != EEXIST)
        log_warning("%s: %s", kept, strerror(errno));
}

/* Programs that look for a helper (AppImage's runtimes) take none that is not set-user-ID. All mounts of ours are
 * nosuid, so nothing comes of it. */
static mode_t mode_of(const char *name) {
    return strcmp(name, "fusermount3") == 0 ? 04755 : 0755;
}

static int take_file(int from_folder, int to_folder, const char *name) {
    char fresh[NAME_MAX + 16];
    _cleanup_close_ int from = openat(from_folder, name, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return -errno;
    _cleanup_close_ int there = open_unleased(to_folder, name);
    if (there >= 0 && is_same(from, there))
        return fchmod(there, mode_of(name)) < 0 ? -errno : 0;
    snprintf(fresh, sizeof fresh, ".%.255s.new", name);
    _cleanup_close_ int to = openat(to_folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    int r = to < 0 ? -errno : copy(from, to);
    if (r < 0)
        return r;
    if (fchmod(to, mode_of(name)) < 0)
        return -errno;
    keep_before(to_folder, name);
    return renameat(to_folder, fresh, to_folder, name) < 0 ? -errno : 0;
}

static int take_folder(const char *source, const char *name) {
    char from_path[PATH_MAX], to_path[64];
    snprintf(from_path, sizeof from_path, "%s/%s", source, name);
    snprintf(to_path, sizeof to_path, DIST "/%s", name);
    _cleanup_closedir_ DIR *from = opendir(from_path);
    if (!from)
        return errno == ENOENT ? 0 : -errno;
    int r = ensure_folder(to_path, 0711);
    if (r < 0)
        return r;
    _cleanup_close_ int to = open(to_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (to < 0)
        return -errno;
    struct dirent *entry;
    while (r == 0 && (entry = readdir(from))) {
        struct stat status;
        if (fstatat(dirfd(from), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
            r = take_file(dirfd(from), to, entry->d_name);
    }
    return r;
}

/* ---- holding them open ------------------------------------------------------------------------------------------ */

static bool is_held(const struct dist *dist, ino_t inode) {
    for (size_t i = 0; i < dist->n_held; i++)
        if (dist->held[i].inode == inode)
            return true;
    return false;
}

/* Returns whether it is held; false: it has to be tried again. */
static bool hold(struct dist *dist, int folder, const char *name) {
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode) ||
        is_held(dist, status.st_ino))
        return true;
    struct held *more = realloc(dist->held, (dist->n_held + 1) * sizeof *more);
    if (!more)
        return false;
    dist->held = more;
    int fd = open_unleased(folder, name);
    if (fd < 0)
        return fd != -EAGAIN;
    dist->held[dist->n_held++] = (struct held){status.st_ino, fd};
    return true;
}

static bool hold_folder(struct dist *dist, const char *path, bool may_go) {
    _cleanup_closedir_ DIR *folder = opendir(path);
    struct dirent *entry;
    struct stat status;
    bool all = true;
    while (folder && (entry = readdir(folder))) {
        if (may_go && fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && status.st_nlink == 1)
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* no silo has it any more */
        else
            all &= hold(dist, dirfd(folder), entry->d_name);
    }
    return all;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata);

static void hold_all(struct dist *dist) {
    char path[64];
    bool all = hold_folder(dist, BEFORE, true);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        snprintf(path, sizeof path, DIST "/%s", folders[i]);
        all &= hold_folder(dist, path, false);
    }
    dist->again = sd_event_source_disable_unref(dist->again);
    if (!all)
        (void)sd_event_add_time_relative(dist->event, &dist->again, CLOCK_MONOTONIC, AGAIN_USEC, AGAIN_USEC / 10,
                                         on_again, dist);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
    hold_all(userdata);
    return 0;
}

/* ---- from outside ----------------------------------------------------------------------------------------------- */

int dist_new(sd_event *event, const char *from, struct dist **ret_dist) {
    int r;
    if ((r = ensure_folder(DIST, 0711)) < 0 || (r = ensure_folder(BEFORE, 0700)) < 0)
        return r;
    struct dist *dist = calloc(1, sizeof *dist);
    if (!dist)
        return -ENOMEM;
    dist->event = event;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
        r = take_folder(from, folders[i]);
    if (r < 0) {
        dist_free(dist);
        return r;
    }
    hold_all(dist);
    *ret_dist = dist;
    return 0;
}

void dist_free(struct dist *dist) {
    if (!dist)
        return;
    sd_event_source_disable_unref(dist->again);
    for (size_t i = 0; i < dist->n_held; i++)
        close(dist->held[i].fd);
    free(dist->held);
    free(dist);
}
