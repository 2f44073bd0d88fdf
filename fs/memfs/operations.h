/* SPDX-License-Identifier: MIT */
/*
 * memfs as liblinfsp's operations.
 *
 * Model. Each operation finds its nodes, works under the locks that node.h describes, lets go of them, and answers
 * last: with the answer the kernel may give up its look-ups at once, and the node may be gone. What must hold on longer
 * takes a reference. A look-up is counted before it is answered and taken back where the answer could not be delivered.
 */
#ifndef MEMFS_OPERATIONS_H
#define MEMFS_OPERATIONS_H

#include "linfsp/linfsp.h"
#include "node.h"

extern const struct linfsp_operations memfs_operations; /* context: struct volume */

/* What memfs wants of the kernel (LINFSP_WANT_*). */
uint64_t operations_want(const struct volume *volume);

#define MEMFS_LINKS_MAX 65000

static inline struct volume *volume_of(const linfsp_request *request) {
    return linfsp_request_context(request);
}

/* ---- shared ---------------------------------------------------------------------------------------------------- */

/* A directory's node, NULL for another kind. */
struct node *directory_node_of(struct volume *volume, uint64_t inode);
/* How long the kernel may keep a name's meaning; exact: the name was spelled as it is stored. */
uint64_t entry_timeout(const struct volume *volume, const struct node *node, bool exact);
/* The look-up must have been counted: node_hold. */
void fill_entry(struct volume *volume, struct node *node, bool exact, struct linfsp_entry *ret_entry);
/* Answers with an entry for which a look-up was counted. Always 0. */
int reply_node(linfsp_request *request, struct volume *volume, struct node *node, bool exact);
/* One more (or less) entry in a directory, links to it, and its times. Call with its directory->lock held. */
void changed_directory(struct node *node, int entries, int links);
/* A name of node has gone: one link less. The name's reference is still to be dropped. */
void lost_name(struct volume *volume, struct node *node);
/* What a rename may leave behind (RENAME_WHITEOUT), without its name; one reference. */
int make_whiteout(linfsp_request *request, struct node *directory, struct node **ret_node);
/* Whether the kernel may keep what it has read of a file or directory when that is closed. */
bool keeps_pages(const struct volume *volume);
/* A file is being opened: counts that and says how the kernel is to treat it. */
void count_open(struct volume *volume, struct node *node, struct linfsp_file *file);
/* It is closed, or could not be opened after all; node may be gone. */
void uncount_open(struct volume *volume, struct node *node, const struct linfsp_file *file);

/* ---- operations, one file a kind ------------------------------------------------------------------------------- */

int memfs_lookup(linfsp_request *request, uint64_t parent, const char *name);
void memfs_forget(void *context, uint64_t inode, uint64_t count);
int memfs_mknod(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device);
int memfs_mkdir(linfsp_request *request, uint64_t parent, const char *name, mode_t mode);
int memfs_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target);
int memfs_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, struct linfsp_file *file);
int memfs_tmpfile(linfsp_request *request, uint64_t parent, mode_t mode, struct linfsp_file *file);
int memfs_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name);
int memfs_unlink(linfsp_request *request, uint64_t parent, const char *name);
int memfs_rmdir(linfsp_request *request, uint64_t parent, const char *name);

int memfs_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name,
                 uint32_t flags);

int memfs_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int memfs_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                  bool plus);
int memfs_releasedir(linfsp_request *request, uint64_t inode, struct linfsp_file *file);

int memfs_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int memfs_release(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int memfs_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset);
int memfs_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                off_t offset, uint32_t flags);
int memfs_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                    off_t length);
int memfs_lseek(linfsp_request *request, uint64_t inode, struct linfsp_file *file, off_t offset, int whence);
int memfs_copy_file_range(linfsp_request *request, uint64_t inode_in, struct linfsp_file *file_in, off_t offset_in,
                          uint64_t inode_out, struct linfsp_file *file_out, off_t offset_out, size_t length,
                          uint64_t flags);

int memfs_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int memfs_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                  struct linfsp_file *file);
int memfs_readlink(linfsp_request *request, uint64_t inode);
int memfs_statfs(linfsp_request *request, uint64_t inode);
int memfs_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size, int flags,
                   bool kill_sgid);
int memfs_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size);
int memfs_listxattr(linfsp_request *request, uint64_t inode, size_t size);
int memfs_hand_over(void *context, linfsp_stream *stream);
int memfs_take_over(void *context, linfsp_stream *stream);
int memfs_removexattr(linfsp_request *request, uint64_t inode, const char *name);

#endif
