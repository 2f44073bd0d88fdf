/* SPDX-License-Identifier: MIT */
/**
 * What the headers of the FUSE API share: the types of the platform, and the environment of the calling program.
 *
 * A file system written for WinFsp's FUSE API compiles against these headers on Linux (cc $(pkg-config --cflags --libs
 * winfsp-fuse)) and, by mingw-w64 or MSVC, for Windows and Wine. On Linux the types fuse_stat, fuse_off_t and so on are
 * the C library's own, errors are the C library's errno values, and open flags its O_*; on Windows they are the fixed
 * ones below, and errno and flags those of Microsoft's C library.
 */
#ifndef WINFSP_FUSE_WINFSP_FUSE_H
#define WINFSP_FUSE_WINFSP_FUSE_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* FSP_FUSE_WINDOWS: the types as a Windows program has them. Defined on Linux too when the library for Wine is built.
 */
#if defined(_WIN32) && !defined(FSP_FUSE_WINDOWS)
#define FSP_FUSE_WINDOWS
#endif

/* How library and program call each other. */
#ifndef FSP_FUSE_CALL
#define FSP_FUSE_CALL
#endif

#ifndef FSP_FUSE_API
#if defined(_WIN32)
#define FSP_FUSE_API __declspec(dllimport)
#else
#define FSP_FUSE_API __attribute__((visibility("default")))
#endif
#endif

#ifdef FSP_FUSE_WINDOWS

typedef uint32_t fuse_uid_t, fuse_gid_t, fuse_dev_t, fuse_mode_t;
typedef int32_t fuse_pid_t, fuse_blksize_t;
typedef uint16_t fuse_nlink_t;
typedef uint64_t fuse_ino_t, fuse_fsblkcnt_t, fuse_fsfilcnt_t;
typedef int64_t fuse_off_t, fuse_blkcnt_t;

struct fuse_utimbuf {
    int64_t actime, modtime;
};

struct fuse_timespec {
    int64_t tv_sec, tv_nsec;
};

#define FSP_FUSE_STAT_MEMBERS                                                                                          \
    fuse_dev_t st_dev;                                                                                                 \
    fuse_ino_t st_ino;                                                                                                 \
    fuse_mode_t st_mode;                                                                                               \
    fuse_nlink_t st_nlink;                                                                                             \
    fuse_uid_t st_uid;                                                                                                 \
    fuse_gid_t st_gid;                                                                                                 \
    fuse_dev_t st_rdev;                                                                                                \
    fuse_off_t st_size;                                                                                                \
    struct fuse_timespec st_atim, st_mtim, st_ctim;                                                                    \
    fuse_blksize_t st_blksize;                                                                                         \
    fuse_blkcnt_t st_blocks;                                                                                           \
    struct fuse_timespec st_birthtim;

struct fuse_stat {
    FSP_FUSE_STAT_MEMBERS
};

/** What getattr fills in where FSP_FUSE_CAP_STAT_EX is wanted. */
struct fuse_stat_ex {
    FSP_FUSE_STAT_MEMBERS
    uint32_t st_flags, st_reserved32[3];
    uint64_t st_reserved64[2];
};

struct fuse_statvfs {
    uint64_t f_bsize, f_frsize;
    fuse_fsblkcnt_t f_blocks, f_bfree, f_bavail;
    fuse_fsfilcnt_t f_files, f_ffree, f_favail;
    uint64_t f_fsid, f_flag, f_namemax;
};

struct fuse_flock {
    int16_t l_type, l_whence;
    fuse_off_t l_start, l_len;
    fuse_pid_t l_pid;
};

#define FSP_FUSE_ENVIRONMENT 'W'

#else

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

typedef uid_t fuse_uid_t;
typedef gid_t fuse_gid_t;
typedef pid_t fuse_pid_t;
typedef dev_t fuse_dev_t;
typedef ino_t fuse_ino_t;
typedef mode_t fuse_mode_t;
typedef nlink_t fuse_nlink_t;
typedef off_t fuse_off_t;
typedef fsblkcnt_t fuse_fsblkcnt_t;
typedef fsfilcnt_t fuse_fsfilcnt_t;
typedef blksize_t fuse_blksize_t;
typedef blkcnt_t fuse_blkcnt_t;
#define fuse_utimbuf utimbuf
#define fuse_timespec timespec
#define fuse_stat stat
#define fuse_statvfs statvfs
#define fuse_flock flock

#define FSP_FUSE_ENVIRONMENT 'L'

#endif

/** What the library needs of its caller. */
struct fsp_fuse_env {
    unsigned environment; /**< FSP_FUSE_ENVIRONMENT */
    void *(FSP_FUSE_CALL *memalloc)(size_t size);
    void(FSP_FUSE_CALL *memfree)(void *memory);
    int(FSP_FUSE_CALL *daemonize)(int foreground);
    int(FSP_FUSE_CALL *set_signal_handlers)(void *session);
    char *(FSP_FUSE_CALL *conv_to_win_path)(const char *path);
    fuse_pid_t(FSP_FUSE_CALL *winpid_to_pid)(uint32_t pid);
    void(FSP_FUSE_CALL *reserved[2])(void);
};

/** Ends the loop of the file system set by set_signal_handlers. */
FSP_FUSE_API void FSP_FUSE_CALL fsp_fuse_signal_handler(int signal);

#ifndef WINFSP_DLL_INTERNAL

/* On Linux the library sets signal handlers and goes to the background itself. */
static inline int fsp_fuse_daemonize(int foreground) {
#ifdef FSP_FUSE_WINDOWS
    (void)foreground;
    return 0;
#else
    return foreground ? chdir("/") : daemon(0, 0);
#endif
}

static inline int fsp_fuse_set_signal_handlers(void *session) {
    (void)session;
    return 0;
}

static inline char *fsp_fuse_conv_to_win_path(const char *path) {
    (void)path;
    return NULL;
}

static inline fuse_pid_t fsp_fuse_winpid_to_pid(uint32_t pid) {
    return (fuse_pid_t)pid;
}

static inline struct fsp_fuse_env *fsp_fuse_env(void) {
    static struct fsp_fuse_env env = {FSP_FUSE_ENVIRONMENT,
                                      malloc,
                                      free,
                                      fsp_fuse_daemonize,
                                      fsp_fuse_set_signal_handlers,
                                      fsp_fuse_conv_to_win_path,
                                      fsp_fuse_winpid_to_pid,
                                      {0}};
    return &env;
}

#endif

#ifdef __cplusplus
}
#endif

#endif
