/* SPDX-License-Identifier: MIT */
/**
 * WinFsp's FUSE 2 API: a file system as a table of operations by path.
 *
 *     static const struct fuse_operations operations = {.getattr = ..., .readdir = ..., .read = ...};
 *     int main(int argc, char *argv[]) { return fuse_main(argc, argv, &operations, NULL); }
 *
 * Operations return 0, or a count of bytes, or a negative errno. Any may be missing. They are called from several
 * threads, unless -s is given; no path changes while an operation with it is under way.
 */
#ifndef WINFSP_FUSE_FUSE_H
#define WINFSP_FUSE_FUSE_H

#include "fuse_common.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fuse;

typedef int(FSP_FUSE_CALL *fuse_fill_dir_t)(void *buf, const char *name, const struct fuse_stat *stbuf, fuse_off_t off);
typedef struct fuse_dirhandle *fuse_dirh_t;
typedef int(FSP_FUSE_CALL *fuse_dirfil_t)(fuse_dirh_t h, const char *name, int type, fuse_ino_t ino);

/* "called": by LinFsp. The others are never called; their place is part of the layout. */
struct fuse_operations {
    int(FSP_FUSE_CALL *getattr)(const char *path, struct fuse_stat *stbuf); /* called */
    int(FSP_FUSE_CALL *getdir)(const char *path, fuse_dirh_t h, fuse_dirfil_t filler); /* called without readdir */
    int(FSP_FUSE_CALL *readlink)(const char *path, char *buf, size_t size); /* called */
    int(FSP_FUSE_CALL *mknod)(const char *path, fuse_mode_t mode, fuse_dev_t dev); /* called */
    int(FSP_FUSE_CALL *mkdir)(const char *path, fuse_mode_t mode); /* called */
    int(FSP_FUSE_CALL *unlink)(const char *path); /* called */
    int(FSP_FUSE_CALL *rmdir)(const char *path); /* called */
    int(FSP_FUSE_CALL *symlink)(const char *dstpath, const char *srcpath); /* called */
    int(FSP_FUSE_CALL *rename)(const char *oldpath, const char *newpath); /* called */
    int(FSP_FUSE_CALL *link)(const char *srcpath, const char *dstpath); /* called */
    int(FSP_FUSE_CALL *chmod)(const char *path, fuse_mode_t mode); /* called */
    int(FSP_FUSE_CALL *chown)(const char *path, fuse_uid_t uid, fuse_gid_t gid); /* called; -1: leave it */
    int(FSP_FUSE_CALL *truncate)(const char *path, fuse_off_t size); /* called */
    int(FSP_FUSE_CALL *utime)(const char *path, struct fuse_utimbuf *timbuf); /* called without utimens */
    int(FSP_FUSE_CALL *open)(const char *path, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *read)(const char *path, char *buf, size_t size, fuse_off_t off,
                             struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *write)(const char *path, const char *buf, size_t size, fuse_off_t off,
                              struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *statfs)(const char *path, struct fuse_statvfs *stbuf); /* called */
    int(FSP_FUSE_CALL *flush)(const char *path, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *release)(const char *path, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *fsync)(const char *path, int datasync, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *setxattr)(const char *path, const char *name, const char *value, size_t size,
                                 int flags); /* called */
    int(FSP_FUSE_CALL *getxattr)(const char *path, const char *name, char *value, size_t size); /* called */
    int(FSP_FUSE_CALL *listxattr)(const char *path, char *namebuf, size_t size); /* called */
    int(FSP_FUSE_CALL *removexattr)(const char *path, const char *name); /* called */
    int(FSP_FUSE_CALL *opendir)(const char *path, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *readdir)(const char *path, void *buf, fuse_fill_dir_t filler, fuse_off_t off,
                                struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *releasedir)(const char *path, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *fsyncdir)(const char *path, int datasync, struct fuse_file_info *fi); /* called */
    void *(FSP_FUSE_CALL *init)(struct fuse_conn_info *conn); /* called */
    void(FSP_FUSE_CALL *destroy)(void *data); /* called */
    int(FSP_FUSE_CALL *access)(const char *path, int mask); /* the kernel checks modes */
    int(FSP_FUSE_CALL *create)(const char *path, fuse_mode_t mode, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *ftruncate)(const char *path, fuse_off_t off, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *fgetattr)(const char *path, struct fuse_stat *stbuf, struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *lock)(const char *path, struct fuse_file_info *fi, int cmd, struct fuse_flock *lock);
    int(FSP_FUSE_CALL *utimens)(const char *path, const struct fuse_timespec tv[2]); /* called */
    int(FSP_FUSE_CALL *bmap)(const char *path, size_t blocksize, uint64_t *idx);
    unsigned int flag_nullpath_ok : 1;
    unsigned int flag_nopath : 1;
    unsigned int flag_utime_omit_ok : 1;
    unsigned int flag_reserved : 29;
    int(FSP_FUSE_CALL *ioctl)(const char *path, int cmd, void *arg, struct fuse_file_info *fi, unsigned int flags,
                              void *data); /* called */
    int(FSP_FUSE_CALL *poll)(const char *path, struct fuse_file_info *fi, struct fuse_pollhandle *ph,
                             unsigned *reventsp);
    int(FSP_FUSE_CALL *write_buf)(const char *path, struct fuse_bufvec *buf, fuse_off_t off, struct fuse_file_info *fi);
    int(FSP_FUSE_CALL *read_buf)(const char *path, struct fuse_bufvec **bufp, size_t size, fuse_off_t off,
                                 struct fuse_file_info *fi);
    int(FSP_FUSE_CALL *flock)(const char *path, struct fuse_file_info *fi, int op);
    int(FSP_FUSE_CALL *fallocate)(const char *path, int mode, fuse_off_t off, fuse_off_t len,
                                  struct fuse_file_info *fi); /* called */
    int(FSP_FUSE_CALL *getpath)(const char *path, char *buf, size_t size, struct fuse_file_info *fi);
    int(FSP_FUSE_CALL *reserved01)(void);
    int(FSP_FUSE_CALL *reserved02)(void);
    int(FSP_FUSE_CALL *statfs_x)(const char *path, void *stbuf);
    int(FSP_FUSE_CALL *setvolname)(const char *volname);
    int(FSP_FUSE_CALL *exchange)(const char *oldpath, const char *newpath, unsigned long flags);
    int(FSP_FUSE_CALL *getxtimes)(const char *path, struct fuse_timespec *bkuptime, struct fuse_timespec *crtime);
    int(FSP_FUSE_CALL *setbkuptime)(const char *path, const struct fuse_timespec *tv);
    int(FSP_FUSE_CALL *setchgtime)(const char *path, const struct fuse_timespec *tv);
    int(FSP_FUSE_CALL *setcrtime)(const char *path, const struct fuse_timespec *tv);
    int(FSP_FUSE_CALL *chflags)(const char *path, uint32_t flags);
    int(FSP_FUSE_CALL *setattr_x)(const char *path, void *attr);
    int(FSP_FUSE_CALL *fsetattr_x)(const char *path, void *attr, struct fuse_file_info *fi);
};

struct fuse_context {
    struct fuse *fuse;
    fuse_uid_t uid;
    fuse_gid_t gid;
    fuse_pid_t pid;
    void *private_data;
    fuse_mode_t umask;
};

/** fuse_notify's actions. */
#define FUSE_NOTIFY_MKDIR 0x0001
#define FUSE_NOTIFY_RMDIR 0x0002
#define FUSE_NOTIFY_CREATE 0x0004
#define FUSE_NOTIFY_UNLINK 0x0008
#define FUSE_NOTIFY_CHMOD 0x0010
#define FUSE_NOTIFY_CHOWN 0x0020
#define FUSE_NOTIFY_UTIME 0x0040
#define FUSE_NOTIFY_CHFLAGS 0x0080
#define FUSE_NOTIFY_TRUNCATE 0x0100

#define fuse_main(argc, argv, ops, data) fuse_main_real(argc, argv, ops, sizeof *(ops), data)

/** The whole program. Returns 0, or an exit status after a message on standard error. */
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_main_real(struct fsp_fuse_env *env, int argc, char *argv[],
                                                  const struct fuse_operations *ops, size_t opsize, void *data);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_is_lib_option(struct fsp_fuse_env *env, const char *opt);
FSP_FUSE_API struct fuse *FSP_FUSE_CALL fsp_fuse_new(struct fsp_fuse_env *env, struct fuse_chan *ch,
                                                     struct fuse_args *args, const struct fuse_operations *ops,
                                                     size_t opsize, void *data);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse_destroy(struct fsp_fuse_env *env, struct fuse *f);
/** Makes the volume and serves it until fuse_exit, a signal, or its unmounting. 0, or -1. */
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_loop(struct fsp_fuse_env *env, struct fuse *f);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_loop_mt(struct fsp_fuse_env *env, struct fuse *f);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse_exit(struct fsp_fuse_env *env, struct fuse *f);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_exited(struct fsp_fuse_env *env, struct fuse *f);
/** path has changed in a way that the kernel cannot know of: its caches of it are dropped. 0, or a negative errno. */
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse_notify(struct fsp_fuse_env *env, struct fuse *f, const char *path,
                                               uint32_t action);
/** Who asks, while an operation is under way in this thread. Never NULL. */
FSP_FUSE_API struct fuse_context *FSP_FUSE_CALL fsp_fuse_get_context(struct fsp_fuse_env *env);

#ifndef WINFSP_DLL_INTERNAL

static inline int fuse_main_real(int argc, char *argv[], const struct fuse_operations *ops, size_t opsize, void *data) {
    return fsp_fuse_main_real(fsp_fuse_env(), argc, argv, ops, opsize, data);
}

static inline int fuse_is_lib_option(const char *opt) {
    return fsp_fuse_is_lib_option(fsp_fuse_env(), opt);
}

static inline struct fuse *fuse_new(struct fuse_chan *ch, struct fuse_args *args, const struct fuse_operations *ops,
                                    size_t opsize, void *data) {
    return fsp_fuse_new(fsp_fuse_env(), ch, args, ops, opsize, data);
}

static inline void fuse_destroy(struct fuse *f) {
    fsp_fuse_destroy(fsp_fuse_env(), f);
}

static inline int fuse_loop(struct fuse *f) {
    return fsp_fuse_loop(fsp_fuse_env(), f);
}

static inline int fuse_loop_mt(struct fuse *f) {
    return fsp_fuse_loop_mt(fsp_fuse_env(), f);
}

static inline void fuse_exit(struct fuse *f) {
    fsp_fuse_exit(fsp_fuse_env(), f);
}

static inline int fuse_exited(struct fuse *f) {
    return fsp_fuse_exited(fsp_fuse_env(), f);
}

static inline int fuse_notify(struct fuse *f, const char *path, uint32_t action) {
    return fsp_fuse_notify(fsp_fuse_env(), f, path, action);
}

static inline struct fuse_context *fuse_get_context(void) {
    return fsp_fuse_get_context(fsp_fuse_env());
}

static inline int fuse_getgroups(int size, fuse_gid_t list[]) { /* NOLINT(readability-non-const-parameter) */
    (void)size;
    (void)list;
    return -ENOSYS;
}

static inline int fuse_interrupted(void) {
    return 0;
}

static inline int fuse_invalidate(struct fuse *f, const char *path) {
    return fuse_notify(f, path, FUSE_NOTIFY_TRUNCATE);
}

static inline int fuse_notify_poll(struct fuse_pollhandle *ph) {
    (void)ph;
    return 0;
}

static inline struct fuse_session *fuse_get_session(struct fuse *f) {
    return (struct fuse_session *)f;
}

#endif

#ifdef __cplusplus
}
#endif

#endif
