/* SPDX-License-Identifier: MIT */
#include "service/unc.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <mntent.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <uthash.h>

#include "service/intent.h"
#include "service/journal.h"
#include "service/silo.h"
#include "service/volume.h"
#include "util/cleanup.h"
#include "util/list.h"
#include "util/log.h"
#include "util/paths.h"

/* What shares the first component: only such can overlap. */
struct server {
    UT_hash_handle hash;
    struct list_node shares;
    size_t length;
    char path[PREFIX_MAX]; /* in the case of the first claim */
    char folded[PREFIX_MAX]; /* key */
};

struct share {
    UT_hash_handle hash; /* by folded */
    UT_hash_handle by_volume;
    struct list_node node; /* of its server */
    struct server *server;
    uint64_t volume;
    char path[PREFIX_MAX]; /* below the root, as claimed */
    char folded[PREFIX_MAX]; /* key */
};

struct unc {
    int writable; /* a mount of the tmpfs that only we have */
    bool made; /* the folder /unc */
    struct share *shares, *volumes; /* hashes of the same */
    struct server *servers; /* hash */
};

static void share_free(struct unc *unc, struct share *share) {
    struct server *server = share->server;
    HASH_DELETE(hash, unc->shares, share);
    HASH_DELETE(by_volume, unc->volumes, share);
    list_remove(&share->node);
    free(share);
    if (list_empty(&server->shares)) {
        HASH_DELETE(hash, unc->servers, server);
        free(server);
    }
}

static int make_tmpfs(void) {
    _cleanup_close_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", "linfsp-unc", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "size", "16m", 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Whether /unc is the tmpfs of a service before us. */
static bool is_ours(void) {
    FILE *table = setmntent("/proc/self/mounts", "re");
    bool found = false;
    for (struct mntent *entry; table && (entry = getmntent(table));)
        if (strcmp(entry->mnt_dir, LINFSP_UNC_ROOT) == 0)
            found = strcmp(entry->mnt_fsname, "linfsp-unc") == 0;
    if (table)
        endmntent(table);
    return found;
}

static bool has_entries(const char *path) {
    _cleanup_closedir_ DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return true;
    return false;
}

static int mount_root(struct unc *unc) {
    if (mkdir(LINFSP_UNC_ROOT, 0755) == 0)
        unc->made = true;
    else if (errno != EEXIST)
        return -errno;
    else if (has_entries(LINFSP_UNC_ROOT)) {
        log_error(LINFSP_UNC_ROOT " has files of somebody else's; move them away: network volumes are shown there");
        return -EEXIST;
    }
    _cleanup_close_ int tmpfs = make_tmpfs();
    if (tmpfs < 0)
        return tmpfs;
    if (move_mount(tmpfs, "", AT_FDCWD, LINFSP_UNC_ROOT, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return -errno;
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_SHARED};
    if (mount_setattr(AT_FDCWD, LINFSP_UNC_ROOT, 0, &attributes, sizeof attributes) < 0)
        return -errno;
    return 0;
}

int unc_new(struct unc **ret_unc) {
    struct unc *unc = calloc(1, sizeof *unc);
    if (!unc)
        return -ENOMEM;
    unc->writable = -1;
    int r = 0;
    if (is_ours())
        unc->made = true; /* by the service before us, most likely: a folder of that name serves nothing else */
    else
        r = mount_root(unc);
    if (r == 0) {
        unc->writable = open_tree(AT_FDCWD, LINFSP_UNC_ROOT, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        struct mount_attr attributes = {.attr_clr = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
        if (unc->writable < 0 || mount_setattr(unc->writable, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
            r = -errno;
    }
    if (r < 0) {
        unc_free(unc, false);
        return r;
    }
    *ret_unc = unc;
    return 0;
}

void unc_free(struct unc *unc, bool unmount) {
    if (!unc)
        return;
    struct share *share, *next;
    HASH_ITER (hash, unc->shares, share, next)
        share_free(unc, share);
    close_fd(&unc->writable);
    if (unmount) {
        if (umount2(LINFSP_UNC_ROOT, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
            log_warning("cannot unmount " LINFSP_UNC_ROOT ": %s", strerror(errno));
        if (unc->made)
            (void)rmdir(LINFSP_UNC_ROOT);
    }
    free(unc);
}

static struct share *share_find(const struct unc *unc, const char *folded) {
    struct share *share;
    HASH_FIND(hash, unc->shares, folded, strlen(folded), share);
    return share;
}

static struct server *server_find(const struct unc *unc, const char *folded) {
    struct server *server;
    HASH_FIND(hash, unc->servers, folded, strcspn(folded, "/"), server);
    return server;
}

static struct server *server_get(struct unc *unc, const char *canonical, const char *folded) {
    struct server *server = server_find(unc, folded);
    if (server || !(server = calloc(1, sizeof *server)))
        return server;
    list_init(&server->shares);
    server->length = strcspn(folded, "/");
    snprintf(server->folded, sizeof server->folded, "%.*s", (int)server->length, folded);
    snprintf(server->path, sizeof server->path, "%.*s", (int)strcspn(canonical, "/"), canonical);
    HASH_ADD(hash, unc->servers, folded[0], server->length, server);
    return server;
}

static const struct share *share_overlapping(const struct unc *unc, const char *folded) {
    const struct server *server = server_find(unc, folded);
    struct share *share;
    if (server)
        list_for_each (share, &server->shares, node)
            if (prefix_overlaps(share->folded, folded))
                return share;
    return NULL;
}

static int make_folders(const struct unc *unc, const char *path) {
    char part[PREFIX_MAX];
    for (const char *end = strchr(path, '/');; end = strchr(end + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", end ? (int)(end - path) : (int)strlen(path), path);
        if (mkdirat(unc->writable, part, 0755) < 0 && errno != EEXIST)
            return -errno;
        if (!end)
            return 0;
    }
}

static void remove_folders(const struct unc *unc, const char *path) {
    char part[PREFIX_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *end = part; end; end = strrchr(part, '/')) {
        if (end != part)
            *end = 0;
        if (unlinkat(unc->writable, part, AT_REMOVEDIR) < 0)
            return; /* another share is below it */
    }
}

int unc_claim(struct unc *unc, const char *canonical, uint64_t volume, char *ret_path, size_t size, char *ret_taken) {
    _cleanup_free_ struct share *share = calloc(1, sizeof *share);
    if (!share)
        return -ENOMEM;
    int r = prefix_fold(canonical, share->folded);
    if (r < 0)
        return r;
    const struct share *taken = share_overlapping(unc, share->folded);
    if (taken) {
        snprintf(ret_taken, PREFIX_MAX, "%s", taken->path);
        return -EEXIST;
    }
    struct server *server = server_get(unc, canonical, share->folded);
    if (!server)
        return -ENOMEM;
    share->server = server;
    share->volume = volume;
    HASH_ADD(hash, unc->shares, folded[0], strlen(share->folded), share);
    HASH_ADD(by_volume, unc->volumes, volume, sizeof share->volume, share);
    list_append(&server->shares, &share->node);
    /* the server's folder may be there in another case: the first claim's spelling stands */
    bool fits = (size_t)snprintf(share->path, sizeof share->path, "%s%s", server->path, strchr(canonical, '/')) <
                    sizeof share->path &&
                (size_t)snprintf(ret_path, size, LINFSP_UNC_ROOT "/%s", share->path) < size;
    r = fits ? make_folders(unc, share->path) : -ENAMETOOLONG;
    if (r < 0) {
        remove_folders(unc, share->path);
        share_free(unc, share);
    }
    (void)steal_pointer(share);
    return r;
}

void unc_release(struct unc *unc, uint64_t volume) {
    struct share *share;
    HASH_FIND(by_volume, unc->volumes, &volume, sizeof volume, share);
    if (!share)
        return;
    remove_folders(unc, share->path);
    share_free(unc, share);
}

static bool is_claimed(const struct unc *unc, const char *path) {
    char folded[PREFIX_MAX];
    return prefix_fold(path, folded) == 0 && share_find(unc, folded);
}

/* The first mount that is nobody's. */
static bool find_stale(const struct unc *unc, char *ret_path, size_t size) {
    FILE *table = setmntent("/proc/self/mounts", "re");
    bool found = false;
    for (struct mntent *entry; table && !found && (entry = getmntent(table));) {
        if (strncmp(entry->mnt_dir, LINFSP_UNC_ROOT "/", strlen(LINFSP_UNC_ROOT "/")) != 0 ||
            is_claimed(unc, entry->mnt_dir + strlen(LINFSP_UNC_ROOT "/")))
            continue;
        found = (size_t)snprintf(ret_path, size, "%s", entry->mnt_dir) < size;
    }
    if (table)
        endmntent(table);
    return found;
}

void unc_sweep(struct unc *unc) {
    char path[PREFIX_MAX + sizeof LINFSP_UNC_ROOT];
    while (find_stale(unc, path, sizeof path)) {
        if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
            log_warning("cannot unmount %s, which an earlier service left: %s", path, strerror(errno));
            return;
        }
        log_info("%s unmounted: its container ended while the service was away", path);
        remove_folders(unc, path + strlen(LINFSP_UNC_ROOT "/"));
    }
}

uint64_t unc_resolve(const struct unc *unc, const char *canonical, const char **ret_rest) {
    char folded[PREFIX_MAX];
    /* the shortest prefix that is a share: they do not overlap */
    for (const char *end = strchr(canonical, '/'); end;) {
        end = strchr(end + 1, '/');
        char part[PREFIX_MAX];
        size_t length = end ? (size_t)(end - canonical) : strlen(canonical);
        if (length >= sizeof part)
            return 0;
        snprintf(part, sizeof part, "%.*s", (int)length, canonical);
        const struct share *share = prefix_fold(part, folded) == 0 ? share_find(unc, folded) : NULL;
        if (share) {
            *ret_rest = canonical + length;
            return share->volume;
        }
    }
    return 0;
}

unsigned unc_count(const struct unc *unc) {
    return HASH_CNT(hash, unc->shares);
}
