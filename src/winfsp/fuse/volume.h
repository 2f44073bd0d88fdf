/* SPDX-License-Identifier: MIT */
/*
 * A file system of the FUSE API, served over liblinfsp.
 *
 * Model. The program's table of operations, of FUSE 2 or FUSE 3, is behind one set of calls (struct fsp_calls) that
 * speak the C library's own types and negative errno values of Linux. serve.c and serve-file.c answer the kernel's
 * requests with these calls: an inode number becomes a path (tree.h), and back. The calls themselves are calls2.c and
 * calls3.c; where a Windows program's types, errno values and flags are others, flavour.h translates.
 *
 * A loop (loop.c) makes the volume, serves it and ends it. What differs between Linux and Wine otherwise (how threads
 * are made, how a program is told to stop, what a mount point may look like) is platform.h's.
 */
#ifndef LINFSP_WINFSP_FUSE_VOLUME_H
#define LINFSP_WINFSP_FUSE_VOLUME_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "linfsp/linfsp.h"
#include "winfsp/fuse/options.h"
#include "winfsp/fuse/tree.h"

#define FSP_OPERATIONS_MAX 64 /* pointers, of FUSE 2 or 3 */

struct fsp_fuse;

/* An open file or directory. */
struct fsp_open {
    struct fsp_node *node;
    int flags; /* O_*, of Linux */
    uint64_t fh; /* the file system's */
    bool direct_io, keep_cache, nonseekable; /* out, of open and create */
    char *path; /* as it was opened: for operations on what has no name any more */

    pthread_mutex_t lock; /* of the listing */
    bool listed;
    struct fsp_entry **entries; /* of a directory */
    size_t n_entries, entries_room;
    int entries_error;
};

/* One of a listing. */
struct fsp_entry {
    struct stat attributes; /* st_ino and st_mode count, or all of it where whole is set */
    bool whole;
    char name[];
};

/* Adds to the listing of open. */
void fsp_listing_add(struct fsp_open *open, const char *name, const struct stat *attributes, bool whole);

/* The operations, whichever API they come from. -ENOSYS: the program has none. open may be NULL. */
struct fsp_calls {
    int (*getattr)(struct fsp_fuse *fuse, const char *path, struct stat *ret_attributes, struct fsp_open *open);
    int (*readlink)(struct fsp_fuse *fuse, const char *path, char *ret_target, size_t size);
    int (*mknod)(struct fsp_fuse *fuse, const char *path, mode_t mode, dev_t device);
    int (*mkdir)(struct fsp_fuse *fuse, const char *path, mode_t mode);
    int (*unlink)(struct fsp_fuse *fuse, const char *path);
    int (*rmdir)(struct fsp_fuse *fuse, const char *path);
    int (*symlink)(struct fsp_fuse *fuse, const char *target, const char *path);
    int (*rename)(struct fsp_fuse *fuse, const char *path, const char *new_path, unsigned flags);
    int (*link)(struct fsp_fuse *fuse, const char *path, const char *new_path);
    int (*chmod)(struct fsp_fuse *fuse, const char *path, mode_t mode, struct fsp_open *open);
    int (*chown)(struct fsp_fuse *fuse, const char *path, uid_t uid, gid_t gid, struct fsp_open *open);
    int (*truncate)(struct fsp_fuse *fuse, const char *path, off_t size, struct fsp_open *open);
    int (*utimens)(struct fsp_fuse *fuse, const char *path, const struct timespec times[2], struct fsp_open *open);
    int (*open)(struct fsp_fuse *fuse, const char *path, struct fsp_open *open);
    int (*create)(struct fsp_fuse *fuse, const char *path, mode_t mode, struct fsp_open *open);
    int (*read)(struct fsp_fuse *fuse, const char *path, char *ret_data, size_t size, off_t offset,
                struct fsp_open *open);
    int (*write)(struct fsp_fuse *fuse, const char *path, const char *data, size_t size, off_t offset,
                 struct fsp_open *open);
    int (*flush)(struct fsp_fuse *fuse, const char *path, struct fsp_open *open);
    int (*release)(struct fsp_fuse *fuse, const char *path, struct fsp_open *open);
    int (*fsync)(struct fsp_fuse *fuse, const char *path, bool data_only, struct fsp_open *open);
    int (*fallocate)(struct fsp_fuse *fuse, const char *path, int mode, off_t offset, off_t length,
                     struct fsp_open *open);
    int (*ioctl)(struct fsp_fuse *fuse, const char *path, int command, void *argument, unsigned flags, void *data,
                 struct fsp_open *open);
    int (*opendir)(struct fsp_fuse *fuse, const char *path, struct fsp_open *open);
    int (*readdir)(struct fsp_fuse *fuse, const char *path, struct fsp_open *open); /* calls fsp_listing_add */
    int (*releasedir)(struct fsp_fuse *fuse, const char *path, struct fsp_open *open);
    int (*fsyncdir)(struct fsp_fuse *fuse, const char *path, bool data_only, struct fsp_open *open);
    int (*statfs)(struct fsp_fuse *fuse, const char *path, struct statvfs *ret_statistics);
    int (*setxattr)(struct fsp_fuse *fuse, const char *path, const char *name, const char *value, size_t size,
                    int flags);
    int (*getxattr)(struct fsp_fuse *fuse, const char *path, const char *name, char *ret_value, size_t size);
    int (*listxattr)(struct fsp_fuse *fuse, const char *path, char *ret_names, size_t size);
    int (*removexattr)(struct fsp_fuse *fuse, const char *path, const char *name);
    /* The program's init: what it wants goes into fuse->options and fuse->wants. */
    void (*init)(struct fsp_fuse *fuse);
    void (*destroy)(struct fsp_fuse *fuse);
};

/* What init may want. */
struct fsp_wants {
    bool readdir_plus, stat_ex, case_insensitive, read_only, dont_mask;
};

struct fsp_fuse {
    const struct fsp_calls *calls;
    void *operations[FSP_OPERATIONS_MAX]; /* a copy of the program's table */
    void *data; /* what the program's contexts show as private_data */
    struct fsp_options options;
    struct fsp_wants wants;
    struct fsp_tree tree;
    char *mount_point; /* as it was given; NULL: none */
    pthread_mutex_t lock; /* of volume */
    linfsp_volume *volume; /* while the loop runs */
    atomic_bool exited;
};

/* ---- serve.c, serve-file.c: liblinfsp's operations; context is a struct fsp_fuse ------------------------------ */
extern const struct linfsp_operations fsp_fuse_volume_operations;

int fsp_path_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_path_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, struct linfsp_file *file);
int fsp_path_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset);
int fsp_path_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                   off_t offset, uint32_t flags);
int fsp_path_flush(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_path_release(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_path_fsync(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only);
int fsp_path_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                       off_t length);
int fsp_path_ioctl(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t command,
                   uint64_t argument, uint32_t flags, const void *in, size_t in_size, size_t out_size);
int fsp_path_opendir(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_path_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                     bool plus);
int fsp_path_releasedir(linfsp_request *request, uint64_t inode, struct linfsp_file *file);
int fsp_path_fsyncdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only);

/* A request begins: the program's fuse_get_context() tells of its caller. */
struct fsp_fuse *fsp_path_begin(linfsp_request *request);
/* What the program says of a file, as the kernel is to see it. */
void fsp_path_adjust(struct fsp_fuse *fuse, const struct fsp_node *node, struct stat *attributes);
/* The entry of a name that has these attributes, which counts a look-up. */
int fsp_path_entry(struct fsp_fuse *fuse, struct fsp_node *parent, const char *name, const struct stat *attributes,
                   struct linfsp_entry *ret_entry);
/* What a file's handle means; NULL for no file. */
static inline struct fsp_open *fsp_path_open_of(const struct linfsp_file *file) {
    return file ? (struct fsp_open *)(uintptr_t)file->handle : NULL;
}
/* What fsp_tree_hold gave. */
void fsp_path_release_path(struct fsp_fuse *fuse, struct fsp_node *node, char *path);

/* What an operation on a file, open or not, begins with and ends with. */
struct fsp_path_use {
    struct fsp_fuse *fuse;
    struct fsp_open *open; /* may be NULL */
    struct fsp_node *node;
    char *path;
    bool held; /* false: path is the one that open remembers, as the node has no name any more */
};

/* Holds the node, or takes the path that open remembers. End it by fsp_path_end. */
int fsp_path_hold(struct fsp_fuse *fuse, struct fsp_node *node, struct fsp_open *open, struct fsp_path_use *ret_use);
/* The same for a request, which begins by it; file may be NULL. */
int fsp_path_use(linfsp_request *request, uint64_t inode, struct linfsp_file *file, struct fsp_path_use *ret_use);
void fsp_path_end(struct fsp_path_use *use);

/* ---- loop.c ---------------------------------------------------------------------------------------------------- */

/* options and mount_point (may be NULL) are taken over. NULL: no memory, or what init left could not be. */
struct fsp_fuse *fsp_fuse_make(const struct fsp_calls *calls, const void *operations, size_t size, void *data,
                               struct fsp_options *options);
/* Takes NULL. No loop may run. */
void fsp_fuse_free(struct fsp_fuse *fuse);
int fsp_fuse_set_mount_point(struct fsp_fuse *fuse, const char *text);
/* Makes the volume, serves and ends it. 0, or a negative errno after a message on standard error. mounted, if not NULL,
 * is called once the volume is there. */
int fsp_fuse_run(struct fsp_fuse *fuse, unsigned threads, void (*mounted)(void *argument), void *argument);
/* From any thread, and from signal handlers. */
void fsp_fuse_stop(struct fsp_fuse *fuse);
/* The kernel is to forget what it knows of path. */
int fsp_fuse_changed(struct fsp_fuse *fuse, const char *path);

/* Whom the program's context names. */
struct fsp_context {
    struct fsp_fuse *fuse;
    uint32_t uid, gid;
    int32_t pid;
    void *private_data;
    uint32_t umask;
};
struct fsp_context *fsp_fuse_context(void);

#endif
