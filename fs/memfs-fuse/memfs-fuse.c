/* SPDX-License-Identifier: MIT */
/*
 * memfs-fuse: a file system in memory, written against WinFsp's FUSE API.
 *
 * The same source makes four programs: with FUSE_USE_VERSION 26 or 30, for Linux by the C compiler and for Windows and
 * Wine by mingw-w64.
 *
 * Model. A node is a file, a directory, a symbolic link or something special; names are in directories, and a node may
 * have several. A node lives for as long as it has a name or is open. One lock guards everything.
 */
#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 26
#endif
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
static SRWLOCK lock = SRWLOCK_INIT;
#define LOCK() AcquireSRWLockExclusive(&lock)
#define UNLOCK() ReleaseSRWLockExclusive(&lock)
#define strdup _strdup
#undef S_IFMT
#define S_IFMT 0170000
#undef S_IFDIR
#define S_IFDIR 0040000
#undef S_IFREG
#define S_IFREG 0100000
#define S_IFLNK 0120000
#else
#include <pthread.h>
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
#define LOCK() pthread_mutex_lock(&lock)
#define UNLOCK() pthread_mutex_unlock(&lock)
#endif

#ifndef ENODATA
#define ENODATA 120
#endif
#define XATTR_CREATE_FLAG 1
#define XATTR_REPLACE_FLAG 2
#define NAME_LENGTH_MAX 255
#define MODE_SETGID 02000

struct xattr {
    struct xattr *next;
    char *name;
    void *value;
    size_t size;
};

struct entry {
    char *name;
    struct node *node;
};

struct node {
    uint64_t inode;
    fuse_mode_t mode;
    fuse_uid_t uid;
    fuse_gid_t gid;
    fuse_dev_t device;
    unsigned links, opens;
    struct fuse_timespec accessed, written, changed, born;
    char *data; /* a file's, or where a symbolic link leads */
    size_t size, room;
    struct entry *entries; /* a directory's */
    size_t n_entries;
    struct xattr *xattrs;
};

static struct node *root;
static uint64_t next_inode = 1, n_bytes;

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

static struct fuse_timespec now(void) {
    struct fuse_timespec result;
#ifdef _WIN32
    FILETIME time;
    GetSystemTimeAsFileTime(&time);
    uint64_t ticks = ((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime) - UINT64_C(116444736000000000);
    result.tv_sec = (int64_t)(ticks / 10000000);
    result.tv_nsec = (int64_t)(ticks % 10000000 * 100);
#else
    clock_gettime(CLOCK_REALTIME, &result);
#endif
    return result;
}

static struct node *new_node(fuse_mode_t mode, fuse_dev_t device) {
    struct node *node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->inode = next_inode++;
    node->mode = mode;
    node->uid = fuse_get_context()->uid;
    node->gid = fuse_get_context()->gid;
    node->device = device;
    node->accessed = node->written = node->changed = node->born = now();
    return node;
}

static void free_if_unused(struct node *node) {
    if (node->links || node->opens || node == root)
        return;
    for (struct xattr *xattr = node->xattrs, *next; xattr; xattr = next) {
        next = xattr->next;
        free(xattr->name);
        free(xattr->value);
        free(xattr);
    }
    n_bytes -= node->size;
    free(node->entries);
    free(node->data);
    free(node);
}

static int resize(struct node *node, size_t size) {
    if (size > node->room) {
        size_t room = size < 2 * node->room ? 2 * node->room : size;
        char *data = realloc(node->data, room);
        if (!data)
            return -ENOSPC;
        node->data = data;
        node->room = room;
    }
    if (size > node->size)
        memset(node->data + node->size, 0, size - node->size);
    n_bytes += size - node->size;
    node->size = size;
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static int is_directory(const struct node *node) {
    return (node->mode & S_IFMT) == S_IFDIR;
}

/* Where a name stands in a directory, or where it would. */
static size_t position(const struct node *directory, const char *name, size_t length, int *ret_found) {
    size_t low = 0, high = directory->n_entries;
    *ret_found = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = directory->entries[middle].name;
        int order = strncmp(name, other, length);
        if (order == 0)
            order = other[length] ? -1 : 0;
        if (order == 0) {
            *ret_found = 1;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct node *child(const struct node *directory, const char *name, size_t length) {
    int found;
    size_t at = position(directory, name, length, &found);
    return found ? directory->entries[at].node : NULL; // NOLINT(clang-analyzer-core.NullDereference)
}

/* The directory of a path's last component, and that component. */
static int find_parent(const char *path, struct node **ret_parent, const char **ret_name) {
    struct node *node = root;
    for (;;) {
        path += *path == '/';
        size_t length = strcspn(path, "/");
        if (!path[length]) {
            *ret_parent = node;
            *ret_name = path;
            if (length > NAME_LENGTH_MAX)
                return -ENAMETOOLONG;
            return is_directory(node) ? 0 : -ENOTDIR;
        }
        if (!is_directory(node))
            return -ENOTDIR;
        node = child(node, path, length);
        if (!node)
            return -ENOENT;
        path += length;
    }
}

static int find(const char *path, struct node **ret_node) {
    struct node *parent;
    const char *name;
    int r = find_parent(path, &parent, &name);
    if (r < 0)
        return r;
    *ret_node = *name ? child(parent, name, strlen(name)) : root;
    return *ret_node ? 0 : -ENOENT;
}

static int add_name(struct node *parent, const char *name, struct node *node) {
    int found;
    size_t at = position(parent, name, strlen(name), &found);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a parent was found
    struct entry *entries = realloc(parent->entries, (parent->n_entries + 1) * sizeof *entries);
    char *copy = strdup(name);
    if (entries)
        parent->entries = entries;
    if (!entries || !copy) {
        free(copy);
        return -ENOSPC;
    }
    memmove(entries + at + 1, entries + at, (parent->n_entries - at) * sizeof *entries);
    entries[at].name = copy;
    entries[at].node = node;
    parent->n_entries++;
    node->links += is_directory(node) ? 2 : 1;
    parent->links += is_directory(node) != 0;
    parent->written = parent->changed = node->changed = now();
    return 0;
}

static void remove_name(struct node *parent, const char *name) {
    int found;
    size_t at = position(parent, name, strlen(name), &found);
    struct node *node = parent->entries[at].node;
    free(parent->entries[at].name);
    memmove(parent->entries + at, parent->entries + at + 1, (parent->n_entries - at - 1) * sizeof *parent->entries);
    parent->n_entries--;
    node->links -= is_directory(node) ? 2 : 1;
    parent->links -= is_directory(node) != 0;
    parent->written = parent->changed = node->changed = now();
    free_if_unused(node);
}

/* Makes a node and its name; open: it stays open. */
static int make(const char *path, fuse_mode_t mode, fuse_dev_t device, const char *target, struct node **ret_node) {
    struct node *parent, *node;
    const char *name;
    int r = find_parent(path, &parent, &name);
    if (r < 0)
        return r;
    if (!*name || child(parent, name, strlen(name)))
        return -EEXIST;
    node = new_node(mode, device);
    if (!node)
        return -ENOSPC;
    if (parent->mode & MODE_SETGID) {
        node->gid = parent->gid;
        node->mode |= is_directory(node) ? MODE_SETGID : 0;
    }
    if (target)
        r = resize(node, strlen(target));
    if (r == 0 && target && node->data)
        memcpy(node->data, target, strlen(target));
    if (r == 0)
        r = add_name(parent, name, node);
    if (r < 0)
        free_if_unused(node);
    else if (ret_node)
        *ret_node = node;
    return r;
}

/* ---- operations ------------------------------------------------------------------------------------------------ */

#if FUSE_USE_VERSION >= 30
#define WITH_INFO , struct fuse_file_info *info
#define NODE_OF(path, ret_node) node_of((path), info, (ret_node))
#else
#define WITH_INFO
#define NODE_OF(path, ret_node) find((path), (ret_node))
#endif

static int node_of(const char *path, const struct fuse_file_info *info, struct node **ret_node) {
    if (!info || !info->fh)
        return find(path, ret_node);
    *ret_node = (struct node *)(uintptr_t)info->fh;
    return 0;
}

static void describe(const struct node *node, struct fuse_stat *ret_stat) {
    memset(ret_stat, 0, sizeof *ret_stat);
    ret_stat->st_ino = node->inode;
    ret_stat->st_mode = node->mode;
    ret_stat->st_nlink = (fuse_nlink_t)node->links;
    ret_stat->st_uid = node->uid;
    ret_stat->st_gid = node->gid;
    ret_stat->st_rdev = node->device;
    ret_stat->st_size = (fuse_off_t)node->size;
    ret_stat->st_blksize = 4096;
    ret_stat->st_blocks = (fuse_blkcnt_t)((node->size + 4095) / 4096 * 8);
    ret_stat->st_atim = node->accessed;
    ret_stat->st_mtim = node->written;
    ret_stat->st_ctim = node->changed;
#ifdef FSP_FUSE_WINDOWS
    ret_stat->st_birthtim = node->born;
#endif
}

static int fs_getattr(const char *path, struct fuse_stat *stbuf WITH_INFO) {
    struct node *node;
    LOCK();
    int r = NODE_OF(path, &node);
    if (r == 0)
        describe(node, stbuf);
    UNLOCK();
    return r;
}

static int fs_readlink(const char *path, char *buffer, size_t size) {
    struct node *node;
    LOCK();
    int r = find(path, &node);
    if (r == 0 && (node->mode & S_IFMT) != S_IFLNK)
        r = -EINVAL;
    if (r == 0) {
        size_t length = node->size < size - 1 ? node->size : size - 1;
        memcpy(buffer, node->data, length);
        buffer[length] = 0;
    }
    UNLOCK();
    return r;
}

static int make_locked(const char *path, fuse_mode_t mode, fuse_dev_t device, const char *target) {
    LOCK();
    int r = make(path, mode, device, target, NULL);
    UNLOCK();
    return r;
}

static int fs_mknod(const char *path, fuse_mode_t mode, fuse_dev_t device) {
    return make_locked(path, mode, device, NULL);
}

static int fs_mkdir(const char *path, fuse_mode_t mode) {
    return make_locked(path, (mode & 07777) | S_IFDIR, 0, NULL);
}

static int fs_symlink(const char *target, const char *path) {
    return make_locked(path, S_IFLNK | 0777, 0, target);
}

static int fs_link(const char *path, const char *new_path) {
    struct node *node, *parent;
    const char *name;
    LOCK();
    int r = find(path, &node);
    if (r == 0)
        r = find_parent(new_path, &parent, &name);
    if (r == 0 && (!*name || child(parent, name, strlen(name))))
        r = -EEXIST;
    if (r == 0)
        r = is_directory(node) ? -EPERM : add_name(parent, name, node);
    UNLOCK();
    return r;
}

static int remove_path(const char *path, int directory) {
    struct node *parent, *node;
    const char *name;
    int r = find_parent(path, &parent, &name);
    if (r < 0)
        return r;
    node = child(parent, name, strlen(name));
    if (!node)
        return *name ? -ENOENT : -EBUSY;
    if (directory && !is_directory(node))
        return -ENOTDIR;
    if (!directory && is_directory(node))
        return -EISDIR;
    if (node->n_entries)
        return -ENOTEMPTY;
    remove_name(parent, name);
    return 0;
}

static int fs_unlink(const char *path) {
    LOCK();
    int r = remove_path(path, 0);
    UNLOCK();
    return r;
}

static int fs_rmdir(const char *path) {
    LOCK();
    int r = remove_path(path, 1);
    UNLOCK();
    return r;
}

static int rename_path(const char *path, const char *new_path) {
    struct node *parent, *new_parent = NULL, *node, *before;
    const char *name, *new_name = "";
    int r = find_parent(path, &parent, &name);
    if (r == 0)
        r = find_parent(new_path, &new_parent, &new_name);
    if (r < 0)
        return r;
    node = child(parent, name, strlen(name));
    before = child(new_parent, new_name, strlen(new_name));
    if (!node)
        return -ENOENT;
    if (node == before)
        return 0;
    if (before && is_directory(before) != is_directory(node))
        return is_directory(before) ? -EISDIR : -ENOTDIR;
    if (before && before->n_entries)
        return -ENOTEMPTY;
    if (before)
        remove_name(new_parent, new_name);
    r = add_name(new_parent, new_name, node);
    if (r == 0)
        remove_name(parent, name);
    return r;
}

static int fs_chmod(const char *path, fuse_mode_t mode WITH_INFO) {
    struct node *node;
    LOCK();
    int r = NODE_OF(path, &node);
    if (r == 0) {
        node->mode = (node->mode & S_IFMT) | (mode & 07777);
        node->changed = now();
    }
    UNLOCK();
    return r;
}

static int fs_chown(const char *path, fuse_uid_t uid, fuse_gid_t gid WITH_INFO) {
    struct node *node;
    LOCK();
    int r = NODE_OF(path, &node);
    if (r == 0) {
        if (uid != (fuse_uid_t)-1)
            node->uid = uid;
        if (gid != (fuse_gid_t)-1)
            node->gid = gid;
        node->changed = now();
    }
    UNLOCK();
    return r;
}

static int truncate_node(struct node *node, fuse_off_t size) {
    int r = size < 0 || (uint64_t)size > SIZE_MAX / 2 ? -EFBIG : resize(node, (size_t)size);
    if (r == 0)
        node->written = node->changed = now();
    return r;
}

static int fs_truncate(const char *path, fuse_off_t size WITH_INFO) {
    struct node *node;
    LOCK();
    int r = NODE_OF(path, &node);
    if (r == 0)
        r = truncate_node(node, size);
    UNLOCK();
    return r;
}

static int fs_utimens(const char *path, const struct fuse_timespec times[2] WITH_INFO) {
    struct node *node;
    LOCK();
    int r = NODE_OF(path, &node);
    if (r == 0) {
        node->accessed = times[0];
        node->written = times[1];
        node->changed = now();
    }
    UNLOCK();
    return r;
}

static int open_path(const char *path, struct fuse_file_info *info, int directory) {
    struct node *node;
    LOCK();
    int r = find(path, &node);
    if (r == 0 && directory && !is_directory(node))
        r = -ENOTDIR;
    if (r == 0) {
        node->opens++;
        info->fh = (uint64_t)(uintptr_t)node;
    }
    UNLOCK();
    return r;
}

static int fs_open(const char *path, struct fuse_file_info *info) {
    return open_path(path, info, 0);
}

static int fs_opendir(const char *path, struct fuse_file_info *info) {
    return open_path(path, info, 1);
}

static int fs_create(const char *path, fuse_mode_t mode, struct fuse_file_info *info) {
    struct node *node;
    LOCK();
    int r = make(path, (mode & 07777) | S_IFREG, 0, NULL, &node);
    if (r == 0) {
        node->opens++;
        info->fh = (uint64_t)(uintptr_t)node;
    }
    UNLOCK();
    return r;
}

static int fs_release(const char *path, struct fuse_file_info *info) {
    struct node *node = (struct node *)(uintptr_t)info->fh;
    (void)path;
    LOCK();
    node->opens--;
    free_if_unused(node);
    UNLOCK();
    return 0;
}

static int fs_read(const char *path, char *buffer, size_t size, fuse_off_t offset, struct fuse_file_info *info) {
    struct node *node;
    LOCK();
    int r = node_of(path, info, &node);
    if (r == 0 && offset >= 0 && (uint64_t)offset < node->size) {
        size_t left = node->size - (size_t)offset;
        r = (int)(size < left ? size : left);
        memcpy(buffer, node->data + offset, (size_t)r);
    }
    UNLOCK();
    return r;
}

static int fs_write(const char *path, const char *buffer, size_t size, fuse_off_t offset, struct fuse_file_info *info) {
    struct node *node;
    LOCK();
    int r = node_of(path, info, &node);
    if (r == 0 && (size_t)offset + size > node->size)
        r = resize(node, (size_t)offset + size);
    if (r == 0) {
        memcpy(node->data + offset, buffer, size);
        node->written = node->changed = now();
        r = (int)size;
    }
    UNLOCK();
    return r;
}

static int fs_statfs(const char *path, struct fuse_statvfs *stbuf) {
    (void)path;
    memset(stbuf, 0, sizeof *stbuf);
    LOCK();
    stbuf->f_bsize = stbuf->f_frsize = 4096;
    stbuf->f_blocks = 1 << 20;
    stbuf->f_bfree = stbuf->f_bavail = (1 << 20) - (n_bytes + 4095) / 4096;
    stbuf->f_files = 1 << 20;
    stbuf->f_ffree = stbuf->f_favail = (1 << 20) - next_inode;
    stbuf->f_namemax = NAME_LENGTH_MAX;
    UNLOCK();
    return 0;
}

/* ---- extended attributes --------------------------------------------------------------------------------------- */

static struct xattr **find_xattr(struct node *node, const char *name) {
    struct xattr **at = &node->xattrs;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static int set_xattr(struct node *node, const char *name, const char *value, size_t size, int flags) {
    struct xattr **at = find_xattr(node, name), *xattr = *at;
    if (xattr && (flags & XATTR_CREATE_FLAG))
        return -EEXIST;
    if (!xattr && (flags & XATTR_REPLACE_FLAG))
        return -ENODATA;
    void *copy = malloc(size + 1);
    if (!xattr)
        xattr = calloc(1, sizeof *xattr);
    if (xattr && !xattr->name)
        xattr->name = strdup(name);
    if (!copy || !xattr || !xattr->name)
        return -ENOSPC;
    memcpy(copy, value, size);
    free(xattr->value);
    xattr->value = copy;
    xattr->size = size;
    *at = xattr;
    node->changed = now();
    return 0;
}

static int fs_setxattr(const char *path, const char *name, const char *value, size_t size, int flags) {
    struct node *node;
    LOCK();
    int r = find(path, &node);
    if (r == 0)
        r = set_xattr(node, name, value, size, flags);
    UNLOCK();
    return r;
}

static int fs_getxattr(const char *path, const char *name, char *value, size_t size) {
    struct node *node;
    LOCK();
    int r = find(path, &node);
    struct xattr *xattr = r == 0 ? *find_xattr(node, name) : NULL;
    if (r == 0)
        r = !xattr ? -ENODATA : size && size < xattr->size ? -ERANGE : (int)xattr->size;
    if (xattr && r > 0 && size)
        memcpy(value, xattr->value, xattr->size);
    UNLOCK();
    return r;
}

static int fs_listxattr(const char *path, char *names, size_t size) {
    struct node *node;
    size_t used = 0;
    LOCK();
    int r = find(path, &node);
    for (struct xattr *xattr = r == 0 ? node->xattrs : NULL; xattr; xattr = xattr->next) {
        size_t length = strlen(xattr->name) + 1;
        if (size && used + length <= size)
            memcpy(names + used, xattr->name, length);
        used += length;
    }
    UNLOCK();
    if (r < 0)
        return r;
    return size && used > size ? -ERANGE : (int)used;
}

static int fs_removexattr(const char *path, const char *name) {
    struct node *node;
    LOCK();
    int r = find(path, &node);
    struct xattr **at = r == 0 ? find_xattr(node, name) : NULL;
    if (at && *at) {
        struct xattr *xattr = *at;
        *at = xattr->next;
        free(xattr->name);
        free(xattr->value);
        free(xattr);
    } else if (at)
        r = -ENODATA;
    UNLOCK();
    return r;
}

/* ---- what FUSE 2 and 3 say otherwise --------------------------------------------------------------------------- */

#if FUSE_USE_VERSION >= 30

static int fs_rename(const char *path, const char *new_path, unsigned int flags) {
    if (flags)
        return -EINVAL;
    LOCK();
    int r = rename_path(path, new_path);
    UNLOCK();
    return r;
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, fuse_off_t offset,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags) {
    struct node *node;
    struct fuse_stat stat;
    (void)offset;
    (void)flags;
    LOCK();
    int r = node_of(path, info, &node);
    fill(buffer, ".", NULL, 0, 0);
    fill(buffer, "..", NULL, 0, 0);
    for (size_t i = 0; r == 0 && i < node->n_entries; i++) {
        describe(node->entries[i].node, &stat);
        fill(buffer, node->entries[i].name, &stat, 0, FUSE_FILL_DIR_PLUS);
    }
    UNLOCK();
    return r;
}

static void *fs_init(struct fuse_conn_info *connection, struct fuse_config *config) {
    (void)connection;
    config->use_ino = 1;
    return fuse_get_context()->private_data;
}

#else

static int fs_rename(const char *path, const char *new_path) {
    LOCK();
    int r = rename_path(path, new_path);
    UNLOCK();
    return r;
}

static int fs_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, fuse_off_t offset,
                      struct fuse_file_info *info) {
    struct node *node;
    struct fuse_stat stat;
    (void)offset;
    LOCK();
    int r = node_of(path, info, &node);
    fill(buffer, ".", NULL, 0);
    fill(buffer, "..", NULL, 0);
    for (size_t i = 0; r == 0 && i < node->n_entries; i++) {
        describe(node->entries[i].node, &stat);
        fill(buffer, node->entries[i].name, &stat, 0);
    }
    UNLOCK();
    return r;
}

static int fs_ftruncate(const char *path, fuse_off_t size, struct fuse_file_info *info) {
    struct node *node;
    LOCK();
    int r = node_of(path, info, &node);
    if (r == 0)
        r = truncate_node(node, size);
    UNLOCK();
    return r;
}

static int fs_fgetattr(const char *path, struct fuse_stat *stbuf, struct fuse_file_info *info) {
    struct node *node;
    LOCK();
    int r = node_of(path, info, &node);
    if (r == 0)
        describe(node, stbuf);
    UNLOCK();
    return r;
}

static void *fs_init(struct fuse_conn_info *connection) {
    connection->want |= connection->capable & FSP_FUSE_CAP_READDIR_PLUS;
    return fuse_get_context()->private_data;
}

#endif

static const struct fuse_operations operations = {
    .getattr = fs_getattr,
    .readlink = fs_readlink,
    .mknod = fs_mknod,
    .mkdir = fs_mkdir,
    .unlink = fs_unlink,
    .rmdir = fs_rmdir,
    .symlink = fs_symlink,
    .rename = fs_rename,
    .link = fs_link,
    .chmod = fs_chmod,
    .chown = fs_chown,
    .truncate = fs_truncate,
    .open = fs_open,
    .read = fs_read,
    .write = fs_write,
    .statfs = fs_statfs,
    .release = fs_release,
    .setxattr = fs_setxattr,
    .getxattr = fs_getxattr,
    .listxattr = fs_listxattr,
    .removexattr = fs_removexattr,
    .opendir = fs_opendir,
    .readdir = fs_readdir,
    .releasedir = fs_release,
    .init = fs_init,
    .create = fs_create,
    .utimens = fs_utimens,
#if FUSE_USE_VERSION < 30
    .ftruncate = fs_ftruncate,
    .fgetattr = fs_fgetattr,
#endif
};

int main(int argc, char *argv[]) {
    root = new_node(S_IFDIR | 0777, 0);
    if (!root)
        return 1;
    root->links = 2;
#ifndef _WIN32
    root->uid = getuid();
    root->gid = getgid();
#endif
    return fuse_main(argc, argv, &operations, NULL);
}
