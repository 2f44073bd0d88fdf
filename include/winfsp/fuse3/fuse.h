/* SPDX-License-Identifier: MIT */
/** WinFsp's FUSE 3 API: as FUSE 2's, with libfuse 3.2's operations. */
#ifndef WINFSP_FUSE3_FUSE_H
#define WINFSP_FUSE3_FUSE_H

#include "fuse_common.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fuse3;

enum fuse3_readdir_flags {
    FUSE_READDIR_PLUS = 1 << 0,
};

enum fuse3_fill_dir_flags {
    FUSE_FILL_DIR_PLUS = 1 << 1, /**< what the filler is given is as whole as getattr's answer */
};

typedef int(FSP_FUSE_CALL *fuse3_fill_dir_t)(void *buf, const char *name, const struct fuse_stat *stbuf, fuse_off_t off,
                                             enum fuse3_fill_dir_flags flags);

/** init may change it. Honoured: uid, gid, umask with their set_ members, the three time-outs (s), hard_remove,
 *  direct_io, kernel_cache. */
struct fuse3_config {
    int set_gid;
    unsigned int gid;
    int set_uid;
    unsigned int uid;
    int set_mode;
    unsigned int umask;
    double entry_timeout;
    double negative_timeout;
    double attr_timeout;
    int intr;
    int intr_signal;
    int remember;
    int hard_remove;
    int use_ino;
    int readdir_ino;
    int direct_io;
    int kernel_cache;
    int auto_cache;
    int ac_attr_timeout_set;
    double ac_attr_timeout;
    int nullpath_ok;
    int show_help;
    char *modules;
    int debug;
};

/* lock, bmap, poll, write_buf, read_buf, flock and access are never called. fi may be NULL in the first group. */
struct fuse3_operations {
    int(FSP_FUSE_CALL *getattr)(const char *path, struct fuse_stat *stbuf, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *readlink)(const char *path, char *buf, size_t size);
    int(FSP_FUSE_CALL *mknod)(const char *path, fuse_mode_t mode, fuse_dev_t dev);
    int(FSP_FUSE_CALL *mkdir)(const char *path, fuse_mode_t mode);
    int(FSP_FUSE_CALL *unlink)(const char *path);
    int(FSP_FUSE_CALL *rmdir)(const char *path);
    int(FSP_FUSE_CALL *symlink)(const char *dstpath, const char *srcpath);
    int(FSP_FUSE_CALL *rename)(const char *oldpath, const char *newpath, unsigned int flags);
    int(FSP_FUSE_CALL *link)(const char *srcpath, const char *dstpath);
    int(FSP_FUSE_CALL *chmod)(const char *path, fuse_mode_t mode, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *chown)(const char *path, fuse_uid_t uid, fuse_gid_t gid, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *truncate)(const char *path, fuse_off_t size, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *open)(const char *path, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *read)(const char *path, char *buf, size_t size, fuse_off_t off, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *write)(const char *path, const char *buf, size_t size, fuse_off_t off,
                              struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *statfs)(const char *path, struct fuse_statvfs *stbuf);
    int(FSP_FUSE_CALL *flush)(const char *path, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *release)(const char *path, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *fsync)(const char *path, int datasync, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *setxattr)(const char *path, const char *name, const char *value, size_t size, int flags);
    int(FSP_FUSE_CALL *getxattr)(const char *path, const char *name, char *value, size_t size);
    int(FSP_FUSE_CALL *listxattr)(const char *path, char *namebuf, size_t size);
    int(FSP_FUSE_CALL *removexattr)(const char *path, const char *name);
    int(FSP_FUSE_CALL *opendir)(const char *path, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *readdir)(const char *path, void *buf, fuse3_fill_dir_t filler, fuse_off_t off,
                                struct fuse3_file_info *fi, enum fuse3_readdir_flags flags);
    int(FSP_FUSE_CALL *releasedir)(const char *path, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *fsyncdir)(const char *path, int datasync, struct fuse3_file_info *fi);
    void *(FSP_FUSE_CALL *init)(struct fuse3_conn_info *conn, struct fuse3_config *conf);
    void(FSP_FUSE_CALL *destroy)(void *data);
    int(FSP_FUSE_CALL *access)(const char *path, int mask);
    int(FSP_FUSE_CALL *create)(const char *path, fuse_mode_t mode, struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *lock)(const char *path, struct fuse3_file_info *fi, int cmd, struct fuse_flock *lock);
    int(FSP_FUSE_CALL *utimens)(const char *path, const struct fuse_timespec tv[2], struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *bmap)(const char *path, size_t blocksize, uint64_t *idx);
    int(FSP_FUSE_CALL *ioctl)(const char *path, int cmd, void *arg, struct fuse3_file_info *fi, unsigned int flags,
                              void *data);
    int(FSP_FUSE_CALL *poll)(const char *path, struct fuse3_file_info *fi, struct fuse3_pollhandle *ph,
                             unsigned *reventsp);
    int(FSP_FUSE_CALL *write_buf)(const char *path, struct fuse3_bufvec *buf, fuse_off_t off,
                                  struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *read_buf)(const char *path, struct fuse3_bufvec **bufp, size_t size, fuse_off_t off,
                                 struct fuse3_file_info *fi);
    int(FSP_FUSE_CALL *flock)(const char *path, struct fuse3_file_info *fi, int op);
    int(FSP_FUSE_CALL *fallocate)(const char *path, int mode, fuse_off_t off, fuse_off_t len,
                                  struct fuse3_file_info *fi);
};

struct fuse3_context {
    struct fuse3 *fuse;
    fuse_uid_t uid;
    fuse_gid_t gid;
    fuse_pid_t pid;
    void *private_data;
    fuse_mode_t umask;
};

#define fuse_main(argc, argv, ops, data) fuse3_main_real(argc, argv, ops, sizeof *(ops), data)

FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse3_main_real(struct fsp_fuse_env *env, int argc, char *argv[],
                                                   const struct fuse3_operations *ops, size_t opsize, void *data);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse3_lib_help(struct fsp_fuse_env *env, struct fuse_args *args);
FSP_FUSE_API struct fuse3 *FSP_FUSE_CALL fsp_fuse3_new_30(struct fsp_fuse_env *env, struct fuse_args *args,
                                                          const struct fuse3_operations *ops, size_t opsize,
                                                          void *data);
FSP_FUSE_API struct fuse3 *FSP_FUSE_CALL fsp_fuse3_new(struct fsp_fuse_env *env, struct fuse_args *args,
                                                       const struct fuse3_operations *ops, size_t opsize, void *data);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse3_destroy(struct fsp_fuse_env *env, struct fuse3 *f);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse3_mount(struct fsp_fuse_env *env, struct fuse3 *f, const char *mountpoint);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse3_unmount(struct fsp_fuse_env *env, struct fuse3 *f);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse3_loop(struct fsp_fuse_env *env, struct fuse3 *f);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse3_loop_mt_31(struct fsp_fuse_env *env, struct fuse3 *f, int clone_fd);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse3_loop_mt(struct fsp_fuse_env *env, struct fuse3 *f,
                                                 struct fuse3_loop_config *config);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse3_exit(struct fsp_fuse_env *env, struct fuse3 *f);
FSP_FUSE_API struct fuse3_context *FSP_FUSE_CALL fsp_fuse3_get_context(struct fsp_fuse_env *env);

#ifndef WINFSP_DLL_INTERNAL

static inline int fuse3_main_real(int argc, char *argv[], const struct fuse3_operations *ops, size_t opsize,
                                  void *data) {
    return fsp_fuse3_main_real(fsp_fuse_env(), argc, argv, ops, opsize, data);
}

static inline void fuse3_lib_help(struct fuse_args *args) {
    fsp_fuse3_lib_help(fsp_fuse_env(), args);
}

#if defined(FUSE_USE_VERSION) && FUSE_USE_VERSION == 30
static inline struct fuse3 *fuse3_new_30(struct fuse_args *args, const struct fuse3_operations *ops, size_t opsize,
                                         void *data) {
    return fsp_fuse3_new_30(fsp_fuse_env(), args, ops, opsize, data);
}
#define fuse_new(args, op, size, data) fuse3_new_30(args, op, size, data)
#else
static inline struct fuse3 *fuse3_new(struct fuse_args *args, const struct fuse3_operations *ops, size_t opsize,
                                      void *data) {
    return fsp_fuse3_new(fsp_fuse_env(), args, ops, opsize, data);
}
#endif

static inline void fuse3_destroy(struct fuse3 *f) {
    fsp_fuse3_destroy(fsp_fuse_env(), f);
}

static inline int fuse3_mount(struct fuse3 *f, const char *mountpoint) {
    return fsp_fuse3_mount(fsp_fuse_env(), f, mountpoint);
}

static inline void fuse3_unmount(struct fuse3 *f) {
    fsp_fuse3_unmount(fsp_fuse_env(), f);
}

static inline int fuse3_loop(struct fuse3 *f) {
    return fsp_fuse3_loop(fsp_fuse_env(), f);
}

#if defined(FUSE_USE_VERSION) && FUSE_USE_VERSION < 32
static inline int fuse3_loop_mt_31(struct fuse3 *f, int clone_fd) {
    return fsp_fuse3_loop_mt_31(fsp_fuse_env(), f, clone_fd);
}
#define fuse_loop_mt(f, clone_fd) fuse3_loop_mt_31(f, clone_fd)
#else
static inline int fuse3_loop_mt(struct fuse3 *f, struct fuse3_loop_config *config) {
    return fsp_fuse3_loop_mt(fsp_fuse_env(), f, config);
}
#endif

static inline void fuse3_exit(struct fuse3 *f) {
    fsp_fuse3_exit(fsp_fuse_env(), f);
}

static inline struct fuse3_context *fuse3_get_context(void) {
    return fsp_fuse3_get_context(fsp_fuse_env());
}

static inline int fuse3_getgroups(int size, fuse_gid_t list[]) { /* NOLINT(readability-non-const-parameter) */
    (void)size;
    (void)list;
    return -ENOSYS;
}

static inline int fuse3_interrupted(void) {
    return 0;
}

static inline int fuse3_invalidate_path(struct fuse3 *f, const char *path) {
    (void)f;
    (void)path;
    return -ENOENT;
}

static inline struct fuse3_session *fuse3_get_session(struct fuse3 *f) {
    return (struct fuse3_session *)f;
}

#endif

#ifdef __cplusplus
}
#endif

#endif
