/* SPDX-License-Identifier: MIT */
/*
 * Open files (handles.h), and what an earlier server had open.
 *
 * With pass-through the kernel reads and writes the folder's file itself. It wants all open files of one inode served
 * alike, so that is settled by the first that opens it, and stands until the last is closed. The file is registered by
 * a descriptor that is open for reading and writing; what cannot be opened so, because we may only read it, is served
 * by us.
 *
 * To register a file is a question to the service, and takes as long as to read some hundred KiB through us, or to open
 * ten files. So it is done where much is likely to be read or written: for a file of some size that is opened to be
 * changed in place (a database, an image of a disk), and for a large one. What is small, or is written anew, is read
 * and written through us, and what was read stays in the kernel's page cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ptfs.h"
#include "util/cleanup.h"

#define READ_MAX (1u << 20)
/* Of a file that is opened to be read only, or written only, as many times as much must be there. */
#define ONE_WAY 32

static int handle_of(const linfsp_request *request, const struct linfsp_file *file) {
    return handles_fd(&ptfs_of(request)->handles, file->handle);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* Flags for our own opening: links were resolved by the kernel already, O_APPEND is done by it, and with O_WRONLY a
 * partial page could not be read. */
static int own_flags(uint32_t flags) {
    int own = (int)flags & ~(O_NOFOLLOW | O_APPEND | O_CREAT | O_EXCL | O_DIRECT | O_ACCMODE);
    return own | O_CLOEXEC | (((int)flags & O_ACCMODE) == O_RDONLY ? O_RDONLY : O_RDWR);
}

int ptfs_open_pinned(struct ptfs *ptfs, const struct pin *file, const char *name, int flags, mode_t mode) {
    char path[PTFS_FD_PATH_MAX];
    int fd;
    ptfs_fd_path(file->fd, path);
    do
        fd = name ? openat(file->fd, name, flags, mode) : open(path, flags, mode);
    while (fd < 0 && errno == EMFILE && node_make_room(&ptfs->nodes));
    return fd < 0 ? -errno : fd;
}

/* The same for a file of our own whose mode does not let us: an earlier server had it open, or has just made it. */
static int open_again(struct ptfs *ptfs, const struct pin *file, int flags) {
    char path[PTFS_FD_PATH_MAX];
    struct stat status;
    int fd = ptfs_open_pinned(ptfs, file, NULL, flags, 0);
    if (fd != -EACCES || fstat(file->fd, &status) < 0 || status.st_uid != geteuid())
        return fd;
    ptfs_fd_path(file->fd, path);
    if (chmod(path, (status.st_mode & 07777) | 0600) < 0)
        return -EACCES;
    fd = ptfs_open_pinned(ptfs, file, NULL, flags, 0);
    (void)chmod(path, status.st_mode & 07777);
    return fd;
}

/* Registers the file, if it can be, for the first of its openings; other: a descriptor of it. Under the node's lock. */
static void start_pass_through(struct ptfs *ptfs, struct node *node, int other) {
    char path[PTFS_FD_PATH_MAX];
    ptfs_fd_path(other, path);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
    int id = fd < 0 ? -errno : linfsp_backing_open(ptfs->volume, fd);
    node->backing_id = id > 0 ? id : 0;
}

static bool writes(const struct linfsp_file *file) {
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* The kernel writes a backing file as somebody without CAP_FSETID, whoever the writer is. So what is written to a file
 * with setuid or setgid comes through us; it is read and mapped by the kernel all the same. */
static bool is_to_be_watched(const struct linfsp_file *file, int fd) {
    struct stat status;
    return writes(file) && fstat(fd, &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID));
}

static bool is_worth_it(const struct ptfs *ptfs, const struct linfsp_file *file, int fd) {
    struct stat status;
    uint64_t from = ptfs->pass_from;
    if (from == 0)
        return true;
    if ((file->flags & O_ACCMODE) != O_RDWR && !(file->flags & O_DIRECT))
        from = from < UINT64_MAX / ONE_WAY ? from * ONE_WAY : UINT64_MAX;
    return !(file->flags & O_TRUNC) && fstat(fd, &status) == 0 && (uint64_t)status.st_size >= from;
}

/* -ENFILE. */
static int opened(struct ptfs *ptfs, struct node *node, struct linfsp_file *file, int fd) {
    int r = handles_add(&ptfs->handles, node_number(&ptfs->nodes, node), file->flags, fd, NULL, &file->handle);
    if (r < 0)
        return r;
    file->open_flags = ptfs->no_flush ? LINFSP_OPEN_NOFLUSH : 0;
    pthread_mutex_lock(&node->lock);
    node->writers += writes(file);
    if (node->opens++ == 0 && ptfs->pass_through && is_worth_it(ptfs, file, fd))
        start_pass_through(ptfs, node, fd);
    if (node->backing_id > 0) {
        file->open_flags |= LINFSP_OPEN_PASSTHROUGH | (is_to_be_watched(file, fd) ? LINFSP_OPEN_DIRECT_IO : 0);
        file->backing_id = node->backing_id;
    } else if (ptfs->timeout) {
        file->open_flags |= LINFSP_OPEN_KEEP_CACHE;
    }
    pthread_mutex_unlock(&node->lock);
    return 0;
}

static void closed(struct ptfs *ptfs, struct node *node, const struct linfsp_file *file) {
    pthread_mutex_lock(&node->lock);
    node->writers -= writes(file);
    int id = --node->opens == 0 ? node->backing_id : 0;
    if (node->opens == 0)
        node->backing_id = 0;
    pthread_mutex_unlock(&node->lock);
    if (id > 0)
        linfsp_backing_close(ptfs->volume, id);
}

int ptfs_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin pin = PIN_NONE;
    int r = ptfs_pin(request, inode, &pin);
    if (r < 0)
        return r;
    int fd = ptfs_open_pinned(ptfs, &pin, NULL, own_flags(file->flags), 0);
    if (fd == -EACCES && (file->flags & O_ACCMODE) == O_WRONLY)
        fd = ptfs_open_pinned(ptfs, &pin, NULL, (own_flags(file->flags) & ~O_ACCMODE) | O_WRONLY, 0);
    if (fd < 0)
        return fd;
    if (linfsp_request_kill_suidgid(request))
        (void)ptfs_kill_suidgid(request, inode, fd);
    r = opened(ptfs, pin.node, file, fd);
    if (r < 0) {
        close(fd);
        return r;
    }
    if (linfsp_reply_open(request, file) < 0) {
        closed(ptfs, pin.node, file);
        close(fd);
        handles_remove(&ptfs->handles, file->handle);
    }
    return 0;
}

/* Answers for a file just made and opened. */
static int reply_created(linfsp_request *request, struct linfsp_entry *entry, struct linfsp_file *file, int fd) {
    struct ptfs *ptfs = ptfs_of(request);
    struct node *node = node_of(&ptfs->nodes, entry->inode);
    int r = opened(ptfs, node, file, fd);
    if (r < 0) {
        close(fd);
        node_put(&ptfs->nodes, node, 1);
        return r;
    }
    if (linfsp_reply_create(request, entry, file) < 0) {
        closed(ptfs, node, file);
        close(fd);
        handles_remove(&ptfs->handles, file->handle);
        node_put(&ptfs->nodes, node, 1);
    }
    return 0;
}

/* Opens what an earlier server has made for the same request. */
static int open_made(struct ptfs *ptfs, const struct pin *directory, const char *name, int flags) {
    _cleanup_close_ int fd = openat(directory->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct pin file = {.fd = fd};
    return fd < 0 ? -errno : open_again(ptfs, &file, flags & ~O_NOFOLLOW);
}

int ptfs_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, struct linfsp_file *file) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin directory = PIN_NONE;
    struct linfsp_entry entry = {0};
    int flags = own_flags(file->flags) | O_CREAT | O_NOFOLLOW | ((int)file->flags & O_EXCL);
    int r = ptfs_pin(request, parent, &directory);
    if (r < 0)
        return r;
    mode = ptfs_new_mode(request, directory.fd, mode);
    ptfs_act_as_caller(ptfs, request);
    _cleanup_close_ int fd = ptfs_open_pinned(ptfs, &directory, name, flags, mode);
    ptfs_act_as_self(ptfs);
    if ((fd == -EEXIST || fd == -EACCES) && ptfs_has_made(request, &directory, name, S_IFREG))
        fd = open_made(ptfs, &directory, name, flags & ~(O_CREAT | O_EXCL));
    r = fd < 0 ? fd : ptfs_find(ptfs, &directory, name, &entry);
    return r < 0 ? r : reply_created(request, &entry, file, steal_fd(&fd));
}

/* The entry of a file that has no name to be found by. */
static int find_unnamed(struct ptfs *ptfs, int fd, struct linfsp_entry *ret_entry) {
    char path[PTFS_FD_PATH_MAX];
    struct stat status;
    struct node *node;
    ptfs_fd_path(fd, path);
    _cleanup_close_ int pin = open(path, O_PATH | O_CLOEXEC);
    if (pin < 0 || fstat(pin, &status) < 0)
        return -errno;
    int r = node_get(&ptfs->nodes, steal_fd(&pin), &status, NULL, NULL, &node);
    if (r < 0)
        return r;
    *ret_entry = (struct linfsp_entry){.inode = node_number(&ptfs->nodes, node),
                                       .attributes = status,
                                       .attributes_timeout = ptfs->timeout,
                                       .entry_timeout = ptfs->timeout};
    return 0;
}

int ptfs_tmpfile(linfsp_request *request, uint64_t parent, mode_t mode, struct linfsp_file *file) {
    struct ptfs *ptfs = ptfs_of(request);
    _cleanup_pin_ struct pin directory = PIN_NONE;
    struct linfsp_entry entry = {0};
    int flags = O_TMPFILE | O_RDWR | O_CLOEXEC | ((int)file->flags & O_EXCL);
    int r = ptfs_pin(request, parent, &directory);
    if (r < 0)
        return r;
    mode = ptfs_new_mode(request, directory.fd, mode);
    ptfs_act_as_caller(ptfs, request);
    _cleanup_close_ int fd = ptfs_open_pinned(ptfs, &directory, ".", flags, mode);
    ptfs_act_as_self(ptfs);
    r = fd < 0 ? fd : find_unnamed(ptfs, fd, &entry);
    if (r >= 0)
        node_save_unnamed(&ptfs->nodes, node_of(&ptfs->nodes, entry.inode), fd);
    return r < 0 ? r : reply_created(request, &entry, file, steal_fd(&fd));
}

int ptfs_release(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct ptfs *ptfs = ptfs_of(request);
    struct node *node = node_of(&ptfs->nodes, inode);
    int fd = handle_of(request, file);
    if (fd >= 0) {
        close(fd);
        closed(ptfs, node, file);
    }
    linfsp_reply_done(request);
    /* last: a request that is sent again has this handle, which must not be another file's by then */
    handles_remove(&ptfs->handles, file->handle);
    return 0;
}

/* ---- content --------------------------------------------------------------------------------------------------- */

int ptfs_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    void *buffer = linfsp_request_buffer(request, size < READ_MAX ? size : READ_MAX);
    if (!buffer)
        return -ENOMEM;
    ssize_t n = pread(handle_of(request, file), buffer, size < READ_MAX ? size : READ_MAX, offset);
    if (n < 0)
        return -errno;
    linfsp_reply_data(request, buffer, (size_t)n);
    return 0;
}

/* What was written through a mapping: to write it down takes capabilities away that the mapping has left in place. */
static ssize_t write_back(int fd, const void *data, size_t size, off_t offset) {
    char capabilities[64];
    ssize_t length = fgetxattr(fd, "security.capability", capabilities, sizeof capabilities);
    ssize_t n = pwrite(fd, data, size, offset);
    if (n > 0 && length > 0)
        (void)fsetxattr(fd, "security.capability", capabilities, (size_t)length, 0);
    return n;
}

int ptfs_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
               off_t offset, uint32_t flags) {
    int r = flags & LINFSP_WRITE_KILL_SUIDGID ? ptfs_kill_suidgid(request, inode, handle_of(request, file)) : 0;
    if (r < 0)
        return r;
    ssize_t n = flags & LINFSP_WRITE_CACHE ? write_back(handle_of(request, file), data, size, offset)
                                           : pwrite(handle_of(request, file), data, size, offset);
    if (n < 0)
        return -errno;
    linfsp_reply_written(request, (size_t)n);
    return 0;
}

/* close(2) of the caller's: what our own close would say of the file is known now. */
int ptfs_flush(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    int copy = fcntl(handle_of(request, file), F_DUPFD_CLOEXEC, 3);
    if (copy < 0 || close(copy) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}

int ptfs_fsync(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only) {
    if ((data_only ? fdatasync(handle_of(request, file)) : fsync(handle_of(request, file))) < 0)
        return -errno;
    linfsp_reply_done(request);
    return 0;
}

int ptfs_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                   off_t length) {
    if (fallocate(handle_of(request, file), mode, offset, length) < 0)
        return -errno;
    ptfs_take_suidgid(request, inode, handle_of(request, file));
    linfsp_reply_done(request);
    return 0;
}

static int64_t find(void *handle, uint64_t offset, bool hole, uint64_t *ret_size) {
    int fd = (int)(intptr_t)handle;
    struct stat status = {0};
    (void)fstat(fd, &status);
    *ret_size = (uint64_t)status.st_size;
    off_t found = lseek(fd, (off_t)offset, hole ? SEEK_HOLE : SEEK_DATA);
    return found < 0 ? -errno : found;
}

int ptfs_lseek(linfsp_request *request, uint64_t inode, struct linfsp_file *file, off_t offset, int whence) {
    return seek_answer(&ptfs_of(request)->seeks, request, inode, find, (void *)(intptr_t)handle_of(request, file),
                       offset, whence);
}

int ptfs_copy_file_range(linfsp_request *request, uint64_t inode_in, struct linfsp_file *file_in, off_t offset_in,
                         uint64_t inode_out, struct linfsp_file *file_out, off_t offset_out, size_t length,
                         uint64_t flags) {
    ssize_t n = copy_file_range(handle_of(request, file_in), &offset_in, handle_of(request, file_out), &offset_out,
                                length, (unsigned)flags);
    if (n < 0)
        return -errno;
    ptfs_take_suidgid(request, inode_out, handle_of(request, file_out));
    linfsp_reply_written(request, (size_t)n);
    return 0;
}

/* ---- after an earlier server ----------------------------------------------------------------------------------- */

static void restore_file(struct ptfs *ptfs, const struct pin *pin, uint64_t handle, uint32_t flags) {
    const struct linfsp_file file = {.flags = flags};
    int own = own_flags(flags) & ~(O_TRUNC | O_TMPFILE), fd = open_again(ptfs, pin, own);
    if (fd == -EACCES && (flags & O_ACCMODE) == O_WRONLY)
        fd = open_again(ptfs, pin, (own & ~O_ACCMODE) | O_WRONLY);
    if (fd < 0)
        return;
    handles_restore(&ptfs->handles, handle, fd, NULL);
    pin->node->opens++;
    pin->node->writers += writes(&file);
}

void ptfs_restore_handles(struct ptfs *ptfs) {
    struct state *state = ptfs->nodes.state;
    for (uint64_t handle = 0; handle < state->handles_end; handle++) {
        const struct state_handle *note = &state->handles[handle];
        _cleanup_pin_ struct pin pin = PIN_NONE;
        struct directory *directory;
        if (!note->used || node_pin(&ptfs->nodes, node_of(&ptfs->nodes, note->node), &pin) < 0)
            continue;
        if (!note->directory)
            restore_file(ptfs, &pin, handle, note->flags);
        else if (ptfs_open_directory(ptfs, &pin, &directory) == 0)
            handles_restore(&ptfs->handles, handle, -1, directory);
    }
}
