/* SPDX-License-Identifier: MIT */
/* ptfs: a folder, passed through. What its parts share. */
#ifndef PTFS_PTFS_H
#define PTFS_PTFS_H

#include "../common/privileges.h"
#include "../common/seek.h"
#include "handles.h"
#include "linfsp/linfsp.h"
#include "node.h"
#include "watch.h"

struct ptfs {
    struct node_table nodes;
    struct handles handles;
    linfsp_volume *volume;
    uint64_t timeout; /* ms that the kernel may keep attributes and names of what is not watched */
    bool watch; /* what can be is to be watched */
    struct watches watches;
    bool pass_through; /* granted: reads and writes of an open file may go to the folder's own file, in the kernel */
    uint64_t pass_from; /* bytes that make it worth while; 0: always */
    bool no_flush; /* the folder's file system has nothing to say when a file is closed */
    struct seeks seeks;
    struct privileges privileges;
    bool own_umask; /* granted: modes come as they were given, and the umask beside them */
    bool act_as_caller; /* we are root: what a caller makes belongs to the caller */
};

struct ptfs *ptfs_of(const linfsp_request *request);

/* names.c: look-ups, and what makes, moves and removes names */
int ptfs_lookup(linfsp_request *request, uint64_t parent, const char *name);
void ptfs_forget(void *context, uint64_t inode, uint64_t count);
int ptfs_mknod(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device);
int ptfs_mkdir(linfsp_request *request, uint64_t parent, const char *name, mode_t mode);
int ptfs_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target);
int ptfs_unlink(linfsp_request *request, uint64_t parent, const char *name);
int ptfs_rmdir(linfsp_request *request, uint64_t parent, const char *name);
int ptfs_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name,
                uint32_t flags);
int ptfs_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name);
int ptfs_readlink(linfsp_request *request, uint64_t inode);

/* The descriptor of an inode for the time of an operation. */
int ptfs_pin(linfsp_request *request, uint64_t inode, struct pin *ret_pin);
/* A request that an earlier server may have done: whether it has made that name, a file of that type. */
bool ptfs_has_made(const linfsp_request *request, const struct pin *parent, const char *name, mode_t type);
/* Whether that name is our own directory (state.h), which nobody is to see. */
bool ptfs_is_attic(const struct ptfs *ptfs, const struct pin *parent, const char *name);
/* Looks name up and counts it: what every answer with an entry needs. */
int ptfs_find(struct ptfs *ptfs, const struct pin *parent, const char *name, struct linfsp_entry *ret_entry);
/* The mode of what is to be made in a directory: less the umask, unless the directory's default ACL stands for that. */
mode_t ptfs_new_mode(const linfsp_request *request, int directory, mode_t mode);
/* While it is in force, what this thread makes belongs to the caller. */
void ptfs_act_as_caller(struct ptfs *ptfs, const linfsp_request *request);
void ptfs_act_as_self(struct ptfs *ptfs);

/* files.c: open files */
/* Opens a pinned file really, or name in a pinned directory. Descriptors are made room for. -errno. */
int ptfs_open_pinned(struct ptfs *ptfs, const struct pin *file, const char *name, int flags, mode_t mode);
/* Opens what an earlier server had open. */
void ptfs_restore_handles(struct ptfs *ptfs);
int ptfs_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int ptfs_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, struct linfsp_file *file);
int ptfs_tmpfile(linfsp_request *request, uint64_t parent, mode_t mode, struct linfsp_file *file);
int ptfs_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset);
int ptfs_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
               off_t offset, uint32_t flags);
int ptfs_flush(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int ptfs_release(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int ptfs_fsync(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only);
int ptfs_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                   off_t length);
int ptfs_lseek(linfsp_request *request, uint64_t inode, struct linfsp_file *file, off_t offset, int whence);
int ptfs_copy_file_range(linfsp_request *request, uint64_t inode_in, struct linfsp_file *file_in, off_t offset_in,
                         uint64_t inode_out, struct linfsp_file *file_out, off_t offset_out, size_t length,
                         uint64_t flags);

/* directories.c: open directories */
/* Opens it for handles.h. -errno. */
int ptfs_open_directory(struct ptfs *ptfs, const struct pin *pin, struct directory **ret_directory);
int ptfs_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int ptfs_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                 bool plus);
int ptfs_releasedir(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int ptfs_fsyncdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only);

/* attributes.c */
int ptfs_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file_or_null);
int ptfs_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                 struct linfsp_file *file_or_null);
/* Clears what a change by the caller takes away of setuid and setgid, which the kernel leaves to us (privileges.h). */
int ptfs_kill_suidgid(linfsp_request *request, uint64_t inode, int fd);
/* The same for a request that does not say by itself whether it takes them away. */
void ptfs_take_suidgid(linfsp_request *request, uint64_t inode, int fd);
int ptfs_statfs(linfsp_request *request, uint64_t inode);

/* xattrs.c */
int ptfs_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size, int flags,
                  bool lose_sgid);
int ptfs_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size);
int ptfs_listxattr(linfsp_request *request, uint64_t inode, size_t size);
int ptfs_removexattr(linfsp_request *request, uint64_t inode, const char *name);

/* Whether the file system of fd is this machine's own: others do not change it elsewhere, and what could be said at
 * close(2) has been said at write(2). */
bool ptfs_is_local(int fd);

/* "/proc/self/fd/N", for calls that take no O_PATH descriptor. */
#define PTFS_FD_PATH_MAX 48
void ptfs_fd_path(int fd, char path[PTFS_FD_PATH_MAX]);

#endif
