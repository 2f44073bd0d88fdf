/* SPDX-License-Identifier: MIT */
#include "operations.h"

#include "delay.h"
#include "pass.h"
#include "spelling.h"

struct node *directory_node_of(struct volume *volume, uint64_t inode) {
    struct node *node = node_of(volume, inode);
    return S_ISDIR(node->type) ? node : NULL;
}

uint64_t entry_timeout(const struct volume *volume, const struct node *node, bool exact) {
    if (!volume->names.fold)
        return volume->timeout;
    return exact && (S_ISDIR(node->type) || spellings_remembered(volume->spellings)) ? volume->timeout : 0;
}

void fill_entry(struct volume *volume, struct node *node, bool exact, struct linfsp_entry *ret_entry) {
    ret_entry->inode = node_inode(node);
    ret_entry->generation = node->number;
    ret_entry->attributes_timeout = volume->timeout;
    ret_entry->entry_timeout = entry_timeout(volume, node, exact);
    node_stat(volume, node, &ret_entry->attributes);
}

int reply_node(linfsp_request *request, struct volume *volume, struct node *node, bool exact) {
    struct linfsp_entry entry;
    fill_entry(volume, node, exact, &entry);
    if (linfsp_reply_entry(request, &entry) < 0)
        node_drop(volume, node, 1);
    return 0;
}

void changed_directory(struct node *node, int entries, int links) {
    lock_exclusive(&node->lock);
    node->entries += (uint64_t)(int64_t)entries;
    node->links += (uint32_t)links;
    node_touch(node, MTIME | CTIME);
    unlock_exclusive(&node->lock);
}

void lost_name(struct volume *volume, struct node *node) {
    lock_exclusive(&node->lock);
    node->links--;
    if (node->links > 0)
        space_give(&volume->nodes, 1); /* that of this further name */
    node_touch(node, CTIME);
    unlock_exclusive(&node->lock);
}

bool keeps_pages(const struct volume *volume) {
    return volume->timeout == LINFSP_TIMEOUT_INFINITE && !volume->purge;
}

/*
 * Where pages are kept there is nothing to be done when a file is opened or closed: not being asked makes both several
 * times faster. The kernel's own count of look-ups keeps an unlinked file for as long as it is open. O_TRUNC is a
 * truncation then.
 */
uint64_t operations_want(const struct volume *volume) {
    uint64_t want = LINFSP_WANT_READDIRPLUS | LINFSP_WANT_PARALLEL_DIRECTORY | LINFSP_WANT_POSIX_ACL |
                    LINFSP_WANT_HANDLE_KILLPRIV | LINFSP_WANT_DONT_MASK | LINFSP_WANT_CACHE_SYMLINKS |
                    LINFSP_WANT_EXPORT;
    if (volume->pass)
        return want | LINFSP_WANT_PASSTHROUGH | LINFSP_WANT_ATOMIC_TRUNCATE;
    return want | (keeps_pages(volume) ? LINFSP_WANT_NO_OPEN : LINFSP_WANT_ATOMIC_TRUNCATE);
}

void count_open(struct volume *volume, struct node *node, struct linfsp_file *file) {
    file->open_flags = LINFSP_OPEN_NOFLUSH | LINFSP_OPEN_PARALLEL_DIRECT_WRITES;
    if (keeps_pages(volume))
        file->open_flags |= LINFSP_OPEN_KEEP_CACHE;
    if (!volume->counts_opens)
        return;
    node_hold(node);
    if (volume->pass && S_ISREG(node->type))
        pass_open(volume, node, file);
    else
        atomic_fetch_add_explicit(&node->opens, 1, memory_order_relaxed);
}

void uncount_open(struct volume *volume, struct node *node, const struct linfsp_file *file) {
    if (!volume->counts_opens)
        return;
    bool last =
        volume->pass && S_ISREG(node->type) ? pass_close(volume, node, file) : atomic_fetch_sub(&node->opens, 1) == 1;
    if (last && volume->purge)
        linfsp_notify_inode(volume->mounted, node_inode(node), 0, 0);
    node_drop(volume, node, 1);
}

static void init(void *context, uint64_t granted) {
    struct volume *volume = context;
    volume->counts_opens = !(granted & LINFSP_WANT_NO_OPEN);
    if (volume->pass && (granted & LINFSP_WANT_PASSTHROUGH))
        pass_begin(volume->pass, volume->mounted, linfsp_backing_open, linfsp_backing_close);
    if (volume->spellings)
        spellings_begin(volume->spellings);
}

static void destroy(void *context) {
    struct volume *volume = context;
    spellings_end(volume->spellings);
    delay_finish(volume->delay);
    seek_finish(&volume->seeks);
    pass_end(volume->pass);
}

/* Left out: access, because the kernel checks; flush, fsync, fsyncdir and syncfs, because there is nothing further to
 * write to. */
const struct linfsp_operations memfs_operations = {
    .size = sizeof memfs_operations,
    .init = init,
    .destroy = destroy,
    .lookup = memfs_lookup,
    .forget = memfs_forget,
    .getattr = memfs_getattr,
    .setattr = memfs_setattr,
    .readlink = memfs_readlink,
    .mknod = memfs_mknod,
    .mkdir = memfs_mkdir,
    .symlink = memfs_symlink,
    .unlink = memfs_unlink,
    .rmdir = memfs_rmdir,
    .rename = memfs_rename,
    .link = memfs_link,
    .open = memfs_open,
    .create = memfs_create,
    .tmpfile = memfs_tmpfile,
    .read = memfs_read,
    .write = memfs_write,
    .release = memfs_release,
    .opendir = memfs_opendir,
    .readdir = memfs_readdir,
    .releasedir = memfs_releasedir,
    .statfs = memfs_statfs,
    .setxattr = memfs_setxattr,
    .getxattr = memfs_getxattr,
    .listxattr = memfs_listxattr,
    .removexattr = memfs_removexattr,
    .fallocate = memfs_fallocate,
    .lseek = memfs_lseek,
    .copy_file_range = memfs_copy_file_range,
    .hand_over = memfs_hand_over,
    .take_over = memfs_take_over,
};
