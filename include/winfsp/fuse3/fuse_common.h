/* SPDX-License-Identifier: MIT */
/** FUSE 3: open files, the connection. */
#ifndef WINFSP_FUSE3_FUSE_COMMON_H
#define WINFSP_FUSE3_FUSE_COMMON_H

#include "fuse_opt.h"
#include "winfsp_fuse.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FUSE_MAJOR_VERSION 3
#define FUSE_MINOR_VERSION 2
#define FUSE_MAKE_VERSION(maj, min) ((maj)*10 + (min))
#define FUSE_VERSION FUSE_MAKE_VERSION(FUSE_MAJOR_VERSION, FUSE_MINOR_VERSION)

#define FUSE_CAP_ASYNC_READ (1 << 0)
#define FUSE_CAP_POSIX_LOCKS (1 << 1)
#define FUSE_CAP_ATOMIC_O_TRUNC (1 << 3)
#define FUSE_CAP_EXPORT_SUPPORT (1 << 4)
#define FUSE_CAP_DONT_MASK (1 << 6)
#define FUSE_CAP_SPLICE_WRITE (1 << 7)
#define FUSE_CAP_SPLICE_MOVE (1 << 8)
#define FUSE_CAP_SPLICE_READ (1 << 9)
#define FUSE_CAP_FLOCK_LOCKS (1 << 10)
#define FUSE_CAP_IOCTL_DIR (1 << 11)
#define FUSE_CAP_AUTO_INVAL_DATA (1 << 12)
#define FUSE_CAP_READDIRPLUS (1 << 13)
#define FUSE_CAP_READDIRPLUS_AUTO (1 << 14)
#define FUSE_CAP_ASYNC_DIO (1 << 15)
#define FUSE_CAP_WRITEBACK_CACHE (1 << 16)
#define FUSE_CAP_NO_OPEN_SUPPORT (1 << 17)
#define FUSE_CAP_PARALLEL_DIROPS (1 << 18)
#define FUSE_CAP_POSIX_ACL (1 << 19)
#define FUSE_CAP_HANDLE_KILLPRIV (1 << 20)
#define FUSE_CAP_CASE_INSENSITIVE (1 << 29)

#define FSP_FUSE_CAP_READ_ONLY (1 << 22)
#define FSP_FUSE_CAP_STAT_EX (1 << 23)
#define FSP_FUSE_CAP_DELETE_ACCESS (1 << 24)
#define FSP_FUSE_CAP_CASE_INSENSITIVE FUSE_CAP_CASE_INSENSITIVE

#define FUSE_IOCTL_COMPAT (1 << 0)
#define FUSE_IOCTL_UNRESTRICTED (1 << 1)
#define FUSE_IOCTL_RETRY (1 << 2)
#define FUSE_IOCTL_DIR (1 << 4)
#define FUSE_IOCTL_MAX_IOV 256

struct fuse3_file_info {
    int flags;
    unsigned int writepage : 1;
    unsigned int direct_io : 1;
    unsigned int keep_cache : 1;
    unsigned int flush : 1;
    unsigned int nonseekable : 1;
    unsigned int flock_release : 1;
    unsigned int padding : 27;
    uint64_t fh;
    uint64_t lock_owner;
    uint32_t poll_events;
};

struct fuse3_loop_config {
    int clone_fd;
    unsigned int max_idle_threads;
};

struct fuse3_conn_info {
    unsigned proto_major;
    unsigned proto_minor;
    unsigned max_write;
    unsigned max_read;
    unsigned max_readahead;
    unsigned capable;
    unsigned want;
    unsigned max_background;
    unsigned congestion_threshold;
    unsigned time_gran;
    unsigned reserved[22];
};

struct fuse3_session;
struct fuse3_pollhandle;
struct fuse3_bufvec;
struct fuse3_conn_info_opts;

/** There are no such options: NULL is a good answer, and applying it does nothing. */
FSP_FUSE_API struct fuse3_conn_info_opts *FSP_FUSE_CALL fsp_fuse3_parse_conn_info_opts(struct fsp_fuse_env *env,
                                                                                       struct fuse_args *args);
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse3_apply_conn_info_opts(struct fsp_fuse_env *env,
                                                               struct fuse3_conn_info_opts *opts,
                                                               struct fuse3_conn_info *conn);
FSP_FUSE_API int FSP_FUSE_CALL fsp_fuse3_version(struct fsp_fuse_env *env);
FSP_FUSE_API const char *FSP_FUSE_CALL fsp_fuse3_pkgversion(struct fsp_fuse_env *env);
FSP_FUSE_API int32_t FSP_FUSE_CALL fsp_fuse_ntstatus_from_errno(struct fsp_fuse_env *env, int err);

#ifndef WINFSP_DLL_INTERNAL

static inline struct fuse3_conn_info_opts *fuse3_parse_conn_info_opts(struct fuse_args *args) {
    return fsp_fuse3_parse_conn_info_opts(fsp_fuse_env(), args);
}

static inline void fuse3_apply_conn_info_opts(struct fuse3_conn_info_opts *opts, struct fuse3_conn_info *conn) {
    fsp_fuse3_apply_conn_info_opts(fsp_fuse_env(), opts, conn);
}

static inline int fuse3_version(void) {
    return fsp_fuse3_version(fsp_fuse_env());
}

static inline const char *fuse3_pkgversion(void) {
    return fsp_fuse3_pkgversion(fsp_fuse_env());
}

static inline int fuse3_daemonize(int foreground) {
    return fsp_fuse_daemonize(foreground);
}

static inline int fuse3_set_signal_handlers(struct fuse3_session *se) {
    return fsp_fuse_set_signal_handlers(se);
}

static inline void fuse3_remove_signal_handlers(struct fuse3_session *se) {
    (void)se;
    fsp_fuse_set_signal_handlers(0);
}

#endif

#ifdef __cplusplus
}
#endif

#endif
