/* SPDX-License-Identifier: MIT */
/*
 * Listing directories. An open directory knows where its listing ends: at what was there when it began.
 *
 * The kernel may keep what it was answered, for later listings. But when one that begins anew finds the directory
 * changed and fills that cache again, another one that is under way goes on in it where the entry that it has come to
 * is, and ends where that has been removed meanwhile. So only one open directory at a time uses the cache.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "delay.h"
#include "operations.h"

/* How many look-ups one answer may count: taken back where it could not be delivered. */
#define ANSWER_NODES_MAX 1024

static void end_listing(struct volume *volume, struct listing *listing) {
    struct node *node = listing->node;
    if (listing->cached)
        atomic_store(&node->directory->cached, false);
    listing_free(&volume->listings, listing);
    node_drop(volume, node, 1);
}

int memfs_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct volume *volume = volume_of(request);
    struct node *node = directory_node_of(volume, inode);
    if (!node)
        return -ENOTDIR;
    struct listing *listing = listing_new(&volume->listings, node);
    if (!listing)
        return -ENOMEM;
    node_hold(node);
    file->handle = listing->handle;
    if (keeps_pages(volume)) {
        listing->cached = !atomic_exchange(&node->directory->cached, true);
        file->open_flags = LINFSP_OPEN_KEEP_CACHE | (listing->cached ? LINFSP_OPEN_CACHE_DIRECTORY : 0);
    }
    if (linfsp_reply_open(request, file) < 0)
        end_listing(volume, listing);
    return 0;
}

int memfs_releasedir(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct volume *volume = volume_of(request);
    struct listing *listing = listing_of(&volume->listings, file->handle);
    linfsp_reply_done(request);
    if (listing)
        end_listing(volume, listing);
    return 0;
}

/* What has been put into an answer. */
struct answer {
    linfsp_request *request;
    struct volume *volume;
    bool plus;
    unsigned count;
    struct node *counted[ANSWER_NODES_MAX];
};

static bool add_entry(struct answer *answer, const struct entry *entry) {
    struct node *node = entry->node;
    struct linfsp_entry out;
    if (!answer->plus)
        return linfsp_add_entry(answer->request, entry->name, node->number, node->type, (off_t)entry->cookie);
    if (answer->count == ANSWER_NODES_MAX)
        return false;
    fill_entry(answer->volume, node_hold(node), true, &out);
    bool added = linfsp_add_entry_plus(answer->request, entry->name, &out, (off_t)entry->cookie);
    if (added)
        answer->counted[answer->count++] = node;
    else
        node_drop(answer->volume, node, 1);
    return added;
}

/* "." and "..", as far as they come behind offset. */
static bool add_dots(struct answer *answer, const struct node *node, off_t offset) {
    const struct node *parent = node->directory->parent ? node->directory->parent : node;
    if (offset < 1 && !linfsp_add_entry(answer->request, ".", node->number, S_IFDIR, 1))
        return false;
    return offset >= 2 || linfsp_add_entry(answer->request, "..", parent->number, S_IFDIR, 2);
}

static void add_entries(struct answer *answer, struct node *node, struct listing *listing, off_t offset) {
    struct directory *directory = node->directory;
    lock_shared(&directory->lock);
    if (offset == 0 || atomic_load(&listing->end) == 0) /* what came before may have been in the kernel's cache */
        atomic_store(&listing->end, directory_end(directory));
    uint64_t end = atomic_load(&listing->end), cookie = (uint64_t)offset;
    if (add_dots(answer, node, offset)) {
        if (cookie < DIRECTORY_FIRST_COOKIE)
            cookie = DIRECTORY_FIRST_COOKIE - 1;
        struct entry *entry;
        while ((entry = directory_next(directory, cookie)) && entry->cookie < end && add_entry(answer, entry))
            cookie = entry->cookie;
    }
    unlock_shared(&directory->lock);
}

static bool touches_atime(struct node *node) {
    lock_shared(&node->lock);
    bool touches = node_needs_atime(node);
    unlock_shared(&node->lock);
    return touches;
}

static int list(const struct delayed *io) {
    struct volume *volume = volume_of(io->request);
    struct node *node = directory_node_of(volume, io->inode);
    struct answer answer = {.request = io->request, .volume = volume, .plus = io->plus};
    if (!(io->file.flags & O_NOATIME) && touches_atime(node)) {
        lock_exclusive(&node->lock);
        node_touch(node, ATIME);
        unlock_exclusive(&node->lock);
    }
    add_entries(&answer, node, listing_of(&volume->listings, io->file.handle), io->offset);
    if (linfsp_reply_directory(io->request) < 0)
        for (unsigned i = 0; i < answer.count; i++)
            node_drop(volume, answer.counted[i], 1);
    return 0;
}

int memfs_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                  bool plus) {
    struct volume *volume = volume_of(request);
    if (!directory_node_of(volume, inode))
        return -ENOTDIR;
    if (offset < 0 || !listing_of(&volume->listings, file->handle))
        return -EINVAL;
    return delay(volume->delay, &(struct delayed){.run = list,
                                                  .request = request,
                                                  .inode = inode,
                                                  .file = *file,
                                                  .size = size,
                                                  .offset = offset,
                                                  .plus = plus});
}
