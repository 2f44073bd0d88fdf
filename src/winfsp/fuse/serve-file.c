/* SPDX-License-Identifier: MIT */
/*
 * Open files and directories.
 *
 * Model. The kernel's file handle is the address of a struct fsp_open, from open or create to release. A directory is
 * listed whole at its first readdir, and again at each one that begins anew: offsets count the entries of that listing,
 * so that it makes no difference whether the program has offsets of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/fuse/volume.h"

/* ---- open and close -------------------------------------------------------------------------------------------- */

static void clear_listing(struct fsp_open *open) {
    for (size_t i = 0; i < open->n_entries; i++)
        free(open->entries[i]);
    open->n_entries = 0;
    open->entries_error = 0;
}

static void free_open(struct fsp_open *open) {
    if (!open)
        return;
    pthread_mutex_destroy(&open->lock);
    clear_listing(open);
    free(open->entries);
    free(open->path);
    free(open);
}

static struct fsp_open *new_open(const char *path, uint32_t flags) {
    struct fsp_open *open = calloc(1, sizeof *open);
    if (!open)
        return NULL;
    pthread_mutex_init(&open->lock, NULL);
    open->flags = (int)flags;
    open->path = strdup(path);
    if (!open->path) {
        free_open(open);
        return NULL;
    }
    return open;
}

/* What the program and its options say of the page cache. */
static void fill_file(const struct fsp_fuse *fuse, const struct fsp_open *open, struct linfsp_file *ret_file) {
    ret_file->handle = (uint64_t)(uintptr_t)open;
    ret_file->open_flags = 0;
    if (open->direct_io || fuse->options.direct_io)
        ret_file->open_flags |= LINFSP_OPEN_DIRECT_IO;
    if (open->keep_cache || fsp_options_keep_data(&fuse->options))
        ret_file->open_flags |= LINFSP_OPEN_KEEP_CACHE;
    if (open->nonseekable)
        ret_file->open_flags |= LINFSP_OPEN_NONSEEKABLE;
}

static int close_file_of(struct fsp_fuse *fuse, struct fsp_open *open, bool directory) {
    struct fsp_path_use use;
    int r = fsp_path_hold(fuse, open->node, open, &use);
    if (r != 0)
        return r;
    if (directory)
        fuse->calls->releasedir(fuse, use.path, open);
    else
        fuse->calls->release(fuse, use.path, open);
    fsp_path_end(&use);
    return 0;
}

/* A file that was removed while it was open: its hidden name goes, now that nobody has it open. */
static void remove_hidden(struct fsp_fuse *fuse, struct fsp_node *node) {
    char *path;
    if (fsp_tree_hold(&fuse->tree, node, NULL, &path) < 0)
        return;
    fuse->calls->unlink(fuse, path);
    fsp_path_release_path(fuse, node, path);
}

/* As fsp_tree_close may free the node, a look-up of our own keeps it for remove_hidden. */
static void close_open(struct fsp_fuse *fuse, struct fsp_open *open, bool directory) {
    struct fsp_node *node = open->node;
    close_file_of(fuse, open, directory);
    pthread_mutex_lock(&fuse->tree.lock);
    node->lookups++;
    pthread_mutex_unlock(&fuse->tree.lock);
    if (fsp_tree_close(&fuse->tree, node))
        remove_hidden(fuse, node);
    fsp_tree_forget(&fuse->tree, node, 1);
    free_open(open);
}

static int open_node(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool directory) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = fsp_tree_node(&fuse->tree, inode);
    char *path;
    int r = fsp_tree_hold(&fuse->tree, node, NULL, &path);
    if (r != 0)
        return r;
    struct fsp_open *open = new_open(path, file->flags);
    if (!open)
        r = -ENOMEM;
    else
        r = directory ? fuse->calls->opendir(fuse, path, open) : fuse->calls->open(fuse, path, open);
    if (r == -ENOSYS)
        r = 0; /* a file system that needs no open */
    if (r == 0) {
        open->node = node;
        fsp_tree_open(&fuse->tree, node);
    }
    fsp_path_release_path(fuse, node, path);
    if (r < 0) {
        free_open(open);
        return r;
    }
    fill_file(fuse, open, file);
    if (linfsp_reply_open(request, file) < 0)
        close_open(fuse, open, directory);
    return 0;
}

int fsp_path_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    return open_node(request, inode, file, false);
}

int fsp_path_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    return open_node(request, inode, file, true);
}

/* Makes the file, and the kernel's entry of it. */
static int create_held(struct fsp_fuse *fuse, struct fsp_node *parent, const char *name, const char *path, mode_t mode,
                       struct fsp_open *open, struct linfsp_entry *ret_entry) {
    struct stat attributes = {0};
    int r = fuse->calls->create(fuse, path, mode, open);
    if (r < 0)
        return r;
    r = fuse->calls->getattr(fuse, path, &attributes, open);
    if (r == 0)
        r = fsp_path_entry(fuse, parent, name, &attributes, ret_entry);
    if (r != 0) {
        fuse->calls->release(fuse, path, open);
        return r;
    }
    open->node = fsp_tree_node(&fuse->tree, ret_entry->inode);
    fsp_tree_open(&fuse->tree, open->node);
    return 0;
}

int fsp_path_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, struct linfsp_file *file) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    struct fsp_node *node = fsp_tree_node(&fuse->tree, parent);
    int mask = fuse->options.create_file_umask < 0 ? fuse->options.create_umask : fuse->options.create_file_umask;
    struct linfsp_entry entry;
    char *path;
    int r = fsp_tree_hold(&fuse->tree, node, name, &path);
    if (r != 0)
        return r;
    struct fsp_open *open = new_open(path, file->flags);
    r = open ? create_held(fuse, node, name, path, mask < 0 ? mode : mode & ~(mode_t)(mask & 0777), open, &entry)
             : -ENOMEM;
    fsp_path_release_path(fuse, node, path);
    if (r < 0) {
        free_open(open);
        return r;
    }
    fill_file(fuse, open, file);
    struct fsp_node *made = open->node;
    if (linfsp_reply_create(request, &entry, file) < 0) {
        close_open(fuse, open, false);
        fsp_tree_forget(&fuse->tree, made, 1);
    }
    return 0;
}

static int release_node(linfsp_request *request, struct linfsp_file *file, bool directory) {
    struct fsp_fuse *fuse = fsp_path_begin(request);
    close_open(fuse, fsp_path_open_of(file), directory);
    return linfsp_reply_done(request), 0;
}

int fsp_path_release(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    return release_node(request, file, false);
}

int fsp_path_releasedir(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    return release_node(request, file, true);
}

/* ---- data ------------------------------------------------------------------------------------------------------ */

int fsp_path_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    struct fsp_path_use use;
    char *buffer = linfsp_request_buffer(request, size);
    if (!buffer)
        return -ENOMEM;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = use.fuse->calls->read(use.fuse, use.path, buffer, size, offset, use.open);
    fsp_path_end(&use);
    if (r < 0)
        return r;
    if ((size_t)r > size)
        return -EIO;
    return linfsp_reply_data(request, buffer, (size_t)r), 0;
}

int fsp_path_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                   off_t offset, uint32_t flags _unused_) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = use.fuse->calls->write(use.fuse, use.path, data, size, offset, use.open);
    fsp_path_end(&use);
    if (r < 0)
        return r;
    return (size_t)r > size ? -EIO : (linfsp_reply_written(request, (size_t)r), 0);
}

static int done(linfsp_request *request, int r) {
    return r < 0 && r != -ENOSYS ? r : (linfsp_reply_done(request), 0);
}

int fsp_path_flush(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = use.fuse->calls->flush(use.fuse, use.path, use.open);
    fsp_path_end(&use);
    return done(request, r);
}

int fsp_path_fsync(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = use.fuse->calls->fsync(use.fuse, use.path, data_only, use.open);
    fsp_path_end(&use);
    return done(request, r);
}

int fsp_path_fsyncdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = use.fuse->calls->fsyncdir(use.fuse, use.path, data_only, use.open);
    fsp_path_end(&use);
    return done(request, r);
}

int fsp_path_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                       off_t length) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = use.fuse->calls->fallocate(use.fuse, use.path, mode, offset, length, use.open);
    fsp_path_end(&use);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

/* Data goes in and out by one buffer, as large as the larger of both. */
int fsp_path_ioctl(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t command,
                   uint64_t argument, uint32_t flags, const void *in, size_t in_size, size_t out_size) {
    struct fsp_path_use use;
    size_t size = in_size > out_size ? in_size : out_size;
    char *buffer = linfsp_request_buffer(request, size + 1);
    if (!buffer)
        return -ENOMEM;
    memset(buffer, 0, size);
    if (in_size)
        memcpy(buffer, in, in_size);
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    r = use.fuse->calls->ioctl(use.fuse, use.path, (int)command, (void *)(uintptr_t)argument, flags,
                               size ? buffer : NULL, use.open);
    fsp_path_end(&use);
    return r < 0 ? r : (linfsp_reply_ioctl(request, r, buffer, out_size), 0);
}

/* ---- listings -------------------------------------------------------------------------------------------------- */

static int make_room(struct fsp_open *open) {
    if (open->n_entries < open->entries_room)
        return 0;
    size_t room = open->entries_room ? open->entries_room * 2 : 64;
    struct fsp_entry **entries = realloc(open->entries, room * sizeof(void *));
    if (!entries)
        return -ENOMEM;
    open->entries = entries;
    open->entries_room = room;
    return 0;
}

void fsp_listing_add(struct fsp_open *open, const char *name, const struct stat *attributes, bool whole) {
    size_t length = name ? strlen(name) : 0;
    if (open->entries_error || length < 1 || length > 255 || strchr(name, '/'))
        return; /* what cannot be a name is not listed */
    struct fsp_entry *entry = make_room(open) == 0 ? calloc(1, sizeof *entry + length + 1) : NULL;
    if (!entry) {
        open->entries_error = -ENOMEM;
        return;
    }
    if (attributes)
        entry->attributes = *attributes;
    entry->whole = whole && attributes;
    memcpy(entry->name, name, length + 1);
    open->entries[open->n_entries++] = entry;
}

static int list(struct fsp_path_use *use) {
    struct fsp_open *open = use->open;
    clear_listing(open);
    int r = use->fuse->calls->readdir(use->fuse, use->path, open);
    if (r == 0)
        r = open->entries_error;
    open->listed = r == 0;
    return r;
}

/* An entry as the kernel is to see it. "." and ".." count no look-up, nor does what is not known whole. */
static bool add_entry(linfsp_request *request, struct fsp_path_use *use, const struct fsp_entry *listed, bool plus,
                      off_t next_offset) {
    struct linfsp_entry entry = {.attributes = listed->attributes};
    bool dot = strcmp(listed->name, ".") == 0 || strcmp(listed->name, "..") == 0;
    if (dot)
        entry.attributes.st_mode = S_IFDIR;
    if (entry.attributes.st_ino == 0) {
        struct fsp_node *node = dot ? NULL : fsp_tree_find(&use->fuse->tree, use->node, listed->name);
        entry.attributes.st_ino = node ? fsp_tree_inode(&use->fuse->tree, node) : UINT32_MAX;
    }
    if (!plus)
        return linfsp_add_entry(request, listed->name, entry.attributes.st_ino, entry.attributes.st_mode & S_IFMT,
                                next_offset) > 0;
    if (dot || !listed->whole)
        return linfsp_add_entry_plus(request, listed->name, &entry, next_offset) > 0;
    if (fsp_path_entry(use->fuse, use->node, listed->name, &listed->attributes, &entry) < 0)
        return false;
    if (linfsp_add_entry_plus(request, listed->name, &entry, next_offset) > 0)
        return true;
    fsp_tree_forget(&use->fuse->tree, fsp_tree_node(&use->fuse->tree, entry.inode), 1);
    return false;
}

int fsp_path_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size _unused_,
                     off_t offset, bool plus) {
    struct fsp_path_use use;
    int r = fsp_path_use(request, inode, file, &use);
    if (r != 0)
        return r;
    pthread_mutex_lock(&use.open->lock);
    if (offset == 0 || !use.open->listed)
        r = list(&use);
    for (size_t i = (size_t)offset; r == 0 && i < use.open->n_entries; i++)
        if (!add_entry(request, &use, use.open->entries[i], plus, (off_t)i + 1))
            break;
    pthread_mutex_unlock(&use.open->lock);
    fsp_path_end(&use);
    return r < 0 ? r : (linfsp_reply_directory(request), 0);
}
