/* SPDX-License-Identifier: MIT */
/*
 * Open directories (handles.h).
 *
 * The kernel may keep the listing of a watched directory. If the directory has changed, the next listing fills that
 * cache again. A listing that is under way then continues in the new cache, and ends early if the entry that it had
 * come to is gone. So only one open directory at a time may use the cache.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ptfs.h"
#include "util/cleanup.h"

struct directory {
    DIR *stream;
    bool cached; /* what is read of it the kernel keeps */
    off_t position; /* where the stream stands: asking for anything else is a seek */
    struct dirent *pending; /* read, but there was no room for it */
    pthread_mutex_t lock;
};

static void directory_free(struct directory *directory) {
    closedir(directory->stream);
    pthread_mutex_destroy(&directory->lock);
    free(directory);
}

int ptfs_open_directory(struct ptfs *ptfs, const struct pin *pin, struct directory **ret_directory) {
    struct directory *directory = calloc(1, sizeof *directory);
    if (!directory)
        return -ENOMEM;
    int fd = ptfs_open_pinned(ptfs, pin, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0 || !(directory->stream = fdopendir(fd))) {
        int error = fd < 0 ? fd : -ENOMEM;
        close_fd(&fd);
        free(directory);
        return error;
    }
    pthread_mutex_init(&directory->lock, NULL);
    *ret_directory = directory;
    return 0;
}

/* Whether the kernel may keep what this listing reads, and what it has kept of an earlier one. The kernel itself goes
 * by the directory's modification time, which anybody may set back: nobody can set ctime. */
static uint32_t flags_of_listing(struct ptfs *ptfs, const struct pin *pin, bool *ret_cached) {
    struct stat status;
    struct node *node = pin->node;
    *ret_cached = fstat(pin->fd, &status) == 0 && watch_listing(ptfs, node, &status) &&
                  !atomic_exchange(&node->listing_cached, true);
    if (!*ret_cached)
        return LINFSP_OPEN_KEEP_CACHE;
    bool changed = node->listed.tv_sec != status.st_ctim.tv_sec || node->listed.tv_nsec != status.st_ctim.tv_nsec;
    node->listed = status.st_ctim;
    return LINFSP_OPEN_CACHE_DIRECTORY | (changed ? 0 : LINFSP_OPEN_KEEP_CACHE);
}

/* Ends what ptfs_opendir has begun. */
static void end_listing(struct ptfs *ptfs, struct node *node, struct directory *directory) {
    if (directory->cached)
        atomic_store(&node->listing_cached, false);
    directory_free(directory);
}

int ptfs_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin pin = PIN_NONE;
    struct directory *directory;
    int r = ptfs_pin(request, inode, &pin);
    if (r < 0 || (r = ptfs_open_directory(ptfs, &pin, &directory)) < 0)
        return r;
    r = handles_add(&ptfs->handles, node_number(&ptfs->nodes, pin.node), file->flags, -1, directory, &file->handle);
    if (r < 0) {
        directory_free(directory);
        return r;
    }
    file->open_flags = flags_of_listing(ptfs, &pin, &directory->cached);
    if (linfsp_reply_open(request, file) < 0) {
        if (directory->cached)
            pin.node->listed = (struct timespec){0};
        end_listing(ptfs, pin.node, directory);
        handles_remove(&ptfs->handles, file->handle);
    }
    return 0;
}

static bool is_dots(const char *name) {
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/* Adds one entry: 1, 0 where there is no room, or a negative errno. */
static int add(linfsp_request *request, const struct pin *parent, const struct dirent *entry, bool plus) {
    struct ptfs *ptfs = ptfs_of(request);
    if (!plus)
        return linfsp_add_entry(request, entry->d_name, entry->d_ino, DTTOIF(entry->d_type), entry->d_off);
    struct linfsp_entry found = {.attributes = {.st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type)}};
    bool counted = !is_dots(entry->d_name) && ptfs_find(ptfs, parent, entry->d_name, &found) == 0;
    int added = linfsp_add_entry_plus(request, entry->d_name, &found, entry->d_off);
    if (counted && added != 1)
        node_put(&ptfs->nodes, node_of(&ptfs->nodes, found.inode), 1);
    return added;
}

/* NULL with errno 0: there is none. A directory begins with ".": if it has nothing there, its file system was last
 * asked at the end by a descriptor that had read nothing, as a successor does (ext4 of Linux 6.18), and answers the
 * second time. */
static struct dirent *next_entry(struct directory *directory) {
    errno = 0;
    struct dirent *entry = readdir(directory->stream);
    if (!entry && errno == 0 && directory->position == 0) {
        seekdir(directory->stream, 0);
        entry = readdir(directory->stream);
    }
    return entry;
}

int ptfs_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                 bool plus) {
    struct directory *directory = handles_directory(&ptfs_of(request)->handles, file->handle);
    _cleanup_pin_ struct pin pin = PIN_NONE;
    int r = directory ? ptfs_pin(request, inode, &pin) : -ESTALE;
    if (r < 0)
        return r;
    r = 1;
    pthread_mutex_lock(&directory->lock);
    if (offset != directory->position) {
        seekdir(directory->stream, offset);
        directory->position = offset;
        directory->pending = NULL;
    }
    while (r == 1) {
        struct dirent *entry = directory->pending ? directory->pending : next_entry(directory);
        if (!entry) {
            r = -errno;
            break;
        }
        directory->pending = entry;
        if (ptfs_is_attic(ptfs_of(request), &pin, entry->d_name))
            r = 1;
        else if ((r = add(request, &pin, entry, plus)) != 1)
            break;
        directory->pending = NULL;
        directory->position = entry->d_off;
    }
    pthread_mutex_unlock(&directory->lock);
    if (r < 0)
        return r;
    linfsp_reply_directory(request);
    return 0;
}

int ptfs_releasedir(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct ptfs *ptfs = ptfs_of(request);
    struct directory *directory = handles_directory(&ptfs->handles, file->handle);
    if (directory)
        end_listing(ptfs, node_of(&ptfs->nodes, inode), directory);
    linfsp_reply_done(request);
    handles_remove(&ptfs->handles, file->handle);
    return 0;
}

int ptfs_fsyncdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only) {
    struct directory *directory = handles_directory(&ptfs_of(request)->handles, file->handle);
    int fd = directory ? dirfd(directory->stream) : -1;
    if ((data_only ? fdatasync(fd) : fsync(fd)) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}
