/* SPDX-License-Identifier: MIT */
/* Operations on open files. What is read goes to the kernel from where it lies, with the file locked
 * until it is there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <unistd.h>

#include "data-file.h"
#include "delay.h"
#include "operations.h"
#include "pass.h"

/* The kernel asks for at most 1 MiB, which need not begin on a page. */
#define READ_MAX ((size_t)(1 << 20) + PAGE_BYTES)

static struct node *file_node_of(struct volume *volume, uint64_t inode) {
    struct node *node = node_of(volume, inode);
    return S_ISREG(node->type) ? node : NULL;
}

/* The kernel takes a mode that it remembers for right still. For attributes alone it takes no lock. */
static void show_mode(const struct volume *volume, const struct node *node) {
    (void)linfsp_notify_inode(volume->mounted, node_inode(node), -1, 0);
}

/* ---- open and release ------------------------------------------------------------------------------------------ */

static void truncate_opened(linfsp_request *request, struct volume *volume, struct node *node) {
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    lock_exclusive(&node->lock);
    node_refresh(volume, node);
    data_set_size(&node->data, &volume->space, 0);
    bool lost = node_changed_content(volume, node, linfsp_request_kill_suidgid(request) ? &caller : NULL);
    node_settle(node);
    unlock_exclusive(&node->lock);
    if (lost)
        show_mode(volume, node);
}

int memfs_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct volume *volume = volume_of(request);
    struct node *node = file_node_of(volume, inode);
    if (!node)
        return -EINVAL;
    if (file->flags & O_TRUNC)
        truncate_opened(request, volume, node);
    count_open(volume, node, file);
    if (linfsp_reply_open(request, file) < 0)
        uncount_open(volume, node, file);
    return 0;
}

int memfs_release(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct volume *volume = volume_of(request);
    struct node *node = node_of(volume, inode);
    linfsp_reply_done(request);
    uncount_open(volume, node, file);
    return 0;
}

/* ---- read and write -------------------------------------------------------------------------------------------- */

static void touch_atime(struct node *node) {
    lock_exclusive(&node->lock);
    node_touch(node, ATIME);
    unlock_exclusive(&node->lock);
}

/* Answers with what is in a memory file. */
static int read_filed(linfsp_request *request, const struct node *node, uint64_t offset, size_t size) {
    void *buffer = linfsp_request_buffer(request, size);
    if (!buffer)
        return -ENOMEM;
    int64_t length = data_file_read(&node->data, offset, buffer, size);
    linfsp_reply_data(request, buffer, (size_t)length);
    return 0;
}

static int read_file(const struct delayed *io) {
    struct volume *volume = volume_of(io->request);
    struct node *node = file_node_of(volume, io->inode);
    struct iovec pieces[DATA_PIECES(READ_MAX)];
    int r = 0;
    size_t size = io->size < READ_MAX ? io->size : READ_MAX;
    node_hold(node); /* beyond the answer, to unlock it */
    lock_shared(&node->lock);
    bool touch = !(io->file.flags & O_NOATIME) && node_needs_atime(node);
    if (touch) {
        unlock_shared(&node->lock);
        touch_atime(node);
        lock_shared(&node->lock);
    }
    if (node->data.filed) {
        r = read_filed(io->request, node, (uint64_t)io->offset, size);
    } else {
        int count = data_read(&node->data, (uint64_t)io->offset, size, pieces);
        linfsp_reply_vector(io->request, pieces, count);
    }
    unlock_shared(&node->lock);
    node_drop(volume, node, 1);
    return r;
}

int memfs_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    struct volume *volume = volume_of(request);
    if (!file_node_of(volume, inode))
        return -EINVAL;
    return delay(
        volume->delay,
        &(struct delayed){
            .run = read_file, .request = request, .inode = inode, .file = *file, .size = size, .offset = offset});
}

/* How much of a write at offset stays within the greatest size that a file may have. */
static size_t within_limit(const struct volume *volume, uint64_t offset, size_t size) {
    if (offset >= volume->file_size_max)
        return 0;
    return size < volume->file_size_max - offset ? size : volume->file_size_max - offset;
}

static int64_t write_file(struct volume *volume, struct node *node, uint64_t offset, const void *data, size_t size) {
    size_t allowed = within_limit(volume, offset, size);
    if (allowed == 0 && size > 0)
        return -ENOSPC;
    pass_grow(volume, node, offset + allowed);
    return data_write(&node->data, &volume->space, offset, data, allowed);
}

static int reply_written(const struct delayed *io) {
    linfsp_reply_written(io->request, io->size);
    return 0;
}

/* What comes from the page cache was written through a mapping, which takes no capabilities away. */
static bool was_written(linfsp_request *request, struct volume *volume, struct node *node, uint32_t flags) {
    struct linfsp_caller caller;
    if (flags & LINFSP_WRITE_CACHE) {
        node_touch(node, MTIME | CTIME);
        return false;
    }
    linfsp_request_caller(request, &caller);
    return node_changed_content(volume, node, flags & LINFSP_WRITE_KILL_SUIDGID ? &caller : NULL);
}

int memfs_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                off_t offset, uint32_t flags) {
    struct volume *volume = volume_of(request);
    struct node *node = file_node_of(volume, inode);
    if (!node)
        return -EINVAL;
    lock_exclusive(&node->lock);
    node_refresh(volume, node);
    if ((file->flags & O_APPEND) && !(flags & LINFSP_WRITE_CACHE))
        offset = (off_t)node->data.size;
    int64_t written = write_file(volume, node, (uint64_t)offset, data, size);
    bool lost = written > 0 && was_written(request, volume, node, flags);
    node_settle(node);
    unlock_exclusive(&node->lock);
    if (written < 0)
        return (int)written;
    if (lost)
        show_mode(volume, node);
    return delay(volume->delay, &(struct delayed){.run = reply_written, .request = request, .size = (size_t)written});
}

/* ---- ranges ---------------------------------------------------------------------------------------------------- */

/* By a request that does not say itself whether it takes privileges away. */
static bool take_privileges(linfsp_request *request, struct node *node) {
    struct volume *volume = volume_of(request);
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    bool due = privileges_are_due(&volume->privileges, node_inode(node), &caller);
    return node_changed_content(volume, node, due ? &caller : NULL);
}

static int change_range(struct volume *volume, struct node *node, int mode, uint64_t offset, uint64_t length) {
    if (!(mode & FALLOC_FL_PUNCH_HOLE))
        pass_grow(volume, node, offset + length);
    switch (mode & ~FALLOC_FL_KEEP_SIZE) {
    case 0:
        return data_reserve(&node->data, &volume->space, offset, length);
    case FALLOC_FL_PUNCH_HOLE:
        data_punch(&node->data, &volume->space, offset, length);
        return 0;
    default:
        return data_zero(&node->data, &volume->space, offset, length);
    }
}

static bool is_known_mode(int mode) {
    return mode == 0 || mode == FALLOC_FL_KEEP_SIZE || mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) ||
           mode == FALLOC_FL_ZERO_RANGE || mode == (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
}

int memfs_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                    off_t length) {
    struct volume *volume = volume_of(request);
    struct node *node = file_node_of(volume, inode);
    uint64_t end = (uint64_t)offset + (uint64_t)length;
    if (!node)
        return -ENODEV;
    if (!is_known_mode(mode))
        return -EOPNOTSUPP;
    if (length == 0)
        return -EINVAL;
    if (!(mode & FALLOC_FL_PUNCH_HOLE) && end > volume->file_size_max)
        return -ENOSPC;
    lock_exclusive(&node->lock);
    node_refresh(volume, node);
    bool lost = false;
    int r = change_range(volume, node, mode, (uint64_t)offset, (uint64_t)length);
    if (r == 0) {
        if (!(mode & FALLOC_FL_KEEP_SIZE) && end > node->data.size)
            data_set_size(&node->data, &volume->space, end);
        lost = take_privileges(request, node);
    }
    node_settle(node);
    unlock_exclusive(&node->lock);
    if (lost)
        show_mode(volume, node);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

static int64_t find(void *file, uint64_t offset, bool hole, uint64_t *ret_size) {
    struct node *node = file;
    lock_shared(&node->lock);
    *ret_size = node->data.size;
    int64_t found = data_seek(&node->data, offset, hole);
    unlock_shared(&node->lock);
    return found;
}

int memfs_lseek(linfsp_request *request, uint64_t inode, struct linfsp_file *file, off_t offset, int whence) {
    struct volume *volume = volume_of(request);
    struct node *node = file_node_of(volume, inode);
    return node ? seek_answer(&volume->seeks, request, inode, find, node, offset, whence) : -EINVAL;
}

static void refresh(struct volume *volume, struct node *node) {
    lock_exclusive(&node->lock);
    node_refresh(volume, node);
    unlock_exclusive(&node->lock);
}

/* Both locked, the source perhaps the target. */
static int64_t copy_range(linfsp_request *request, struct node *from, uint64_t offset_in, struct node *to,
                          uint64_t offset_out, uint64_t length, bool *lost) {
    struct volume *volume = volume_of(request);
    if (offset_in >= from->data.size)
        return 0;
    if (length > from->data.size - offset_in)
        length = from->data.size - offset_in;
    if (from == to && offset_in < offset_out + length && offset_out < offset_in + length)
        return -EINVAL;
    uint64_t allowed = within_limit(volume, offset_out, length);
    if (allowed == 0 && length > 0)
        return -ENOSPC;
    pass_grow(volume, to, offset_out + allowed);
    int64_t copied = data_copy(&to->data, &volume->space, offset_out, &from->data, offset_in, allowed);
    if (copied > 0)
        *lost = take_privileges(request, to);
    node_settle(to);
    return copied;
}

int memfs_copy_file_range(linfsp_request *request, uint64_t inode_in, struct linfsp_file *file_in, off_t offset_in,
                          uint64_t inode_out, struct linfsp_file *file_out, off_t offset_out, size_t length,
                          uint64_t flags) {
    struct volume *volume = volume_of(request);
    struct node *from = file_node_of(volume, inode_in), *to = file_node_of(volume, inode_out);
    if (!from || !to || flags != 0)
        return -EINVAL;
    refresh(volume, from);
    if (from->index < to->index)
        lock_shared(&from->lock);
    lock_exclusive(&to->lock);
    if (from->index > to->index)
        lock_shared(&from->lock);
    node_refresh(volume, to);
    bool lost = false;
    int64_t copied = copy_range(request, from, (uint64_t)offset_in, to, (uint64_t)offset_out, length, &lost);
    unlock_exclusive(&to->lock);
    if (from != to)
        unlock_shared(&from->lock);
    if (lost)
        show_mode(volume, to);
    return copied < 0 ? (int)copied : (linfsp_reply_written(request, (size_t)copied), 0);
}
