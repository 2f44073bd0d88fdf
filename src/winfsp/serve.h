/* SPDX-License-Identifier: MIT */
/*
 * Serving: the operations of liblinfsp, each as transactions with the file system.
 *
 * Model. An operation begins with fsp_serve_begin, which notes the caller for access checks. It returns what liblinfsp
 * wants: 0 after an answer, or a negative errno. Attributes are those of FSP_FSCTL_FILE_INFO; owner, group and mode
 * come from the security descriptor where the volume has any, else everybody may do everything that the READONLY
 * attribute does not forbid.
 */
#ifndef WINFSP_SERVE_H
#define WINFSP_SERVE_H

#include "winfsp/handle.h"

/* The volume of a request; notes its caller. */
struct fsp_volume *fsp_serve_begin(linfsp_request *request);

/* The attributes that Linux sees. */
void fsp_fill_stat(struct fsp_volume *volume, struct fsp_node *node, const FSP_FSCTL_FILE_INFO *info,
                   struct stat *ret_attributes);
/* For how long the kernel may remember them, ms. */
uint64_t fsp_attributes_timeout(struct fsp_volume *volume, struct fsp_node *node);
/* Notes what opening a file told of its owner, group and mode. */
void fsp_note_security(struct fsp_volume *volume, struct fsp_node *node, const struct fsp_opened *opened);
/* Notes what the reparse point of a file that was opened tells: a link's length, a device's number. */
void fsp_note_reparse_point(struct fsp_volume *volume, struct fsp_node *node, const struct fsp_opened *opened,
                            const WCHAR *path, size_t units);
/* The path of a node, or of a name in it. Units, or a negative errno. */
int fsp_serve_path(struct fsp_volume *volume, struct fsp_node *node, const char *name, WCHAR *ret_path,
                   const WCHAR **ret_name, size_t *ret_name_length);
/* The node that a name in parent turned out to be, counted as one look-up more, in an entry. -ENOMEM. */
int fsp_serve_entry(struct fsp_volume *volume, struct fsp_node *parent, const WCHAR *name, size_t length,
                    const struct fsp_opened *opened, struct linfsp_entry *ret_entry, struct fsp_node **ret_node);

/* A new file: its path, and its security descriptor where the volume has such. */
struct fsp_creation {
    struct fsp_opening opening;
    WCHAR path[FSP_PATH_UNITS];
    const WCHAR *name; /* in path */
    size_t name_length;
    PSECURITY_DESCRIPTOR descriptor;
};
/* -EBUSY: a file of that name is deleted and open still. */
int fsp_creation_begin(struct fsp_volume *volume, struct fsp_node *parent, const char *name, mode_t mode,
                       struct fsp_creation *ret_creation);
void fsp_creation_end(struct fsp_creation *creation);

/* A file that is open for one operation: a program's open file where there is one, else a context of its own. */
struct fsp_use {
    struct fsp_open open; /* a copy, or what was opened for this */
    struct fsp_open *program; /* NULL: opened for this */
    FSP_FSCTL_FILE_INFO info;
    bool has_info;
    ULONG flags; /* FspCleanup*, for the end of what was opened for this */
};
/* access: what a context of its own is opened with. Takes the names' lock, shared, until the end. */
int fsp_use_begin(struct fsp_volume *volume, struct fsp_node *node, struct linfsp_file *file, UINT32 access,
                  struct fsp_use *ret_use);
void fsp_use_end(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use);

/* Something was written by it. */
void fsp_mark_modified(struct fsp_open *open);

static inline struct fsp_open *fsp_open_of(const struct linfsp_file *file) {
    return (struct fsp_open *)(uintptr_t)file->handle;
}

/* Serves an ioctl that is about the volume's label. False: it is another. */
bool fsp_serve_label(linfsp_request *request, struct fsp_volume *volume, uint32_t command, const void *in,
                     size_t in_size, int *ret_result);

/* The operations of the other files. */
int fsp_serve_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_serve_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, struct linfsp_file *file);
int fsp_serve_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset);
int fsp_serve_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                    off_t offset, uint32_t flags);
int fsp_serve_release(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_serve_fsync(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only);
int fsp_serve_syncfs(linfsp_request *request, uint64_t inode);
int fsp_serve_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                        off_t length);
int fsp_serve_ioctl(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t command,
                    uint64_t argument, uint32_t flags, const void *in, size_t in_size, size_t out_size);

int fsp_serve_mkdir(linfsp_request *request, uint64_t inode, const char *name, mode_t mode);
int fsp_serve_mknod(linfsp_request *request, uint64_t inode, const char *name, mode_t mode, dev_t device);
int fsp_serve_symlink(linfsp_request *request, uint64_t inode, const char *name, const char *target);
int fsp_serve_readlink(linfsp_request *request, uint64_t inode);
int fsp_serve_unlink(linfsp_request *request, uint64_t parent, const char *name);
int fsp_serve_rmdir(linfsp_request *request, uint64_t parent, const char *name);
int fsp_serve_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent,
                     const char *new_name, uint32_t flags);
int fsp_serve_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name);

int fsp_serve_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_serve_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                      bool plus);
int fsp_serve_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                      struct linfsp_file *file);

int fsp_serve_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size,
                       int flags, bool kill_sgid);
int fsp_serve_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size);
int fsp_serve_listxattr(linfsp_request *request, uint64_t inode, size_t size);
int fsp_serve_removexattr(linfsp_request *request, uint64_t inode, const char *name);

#endif
