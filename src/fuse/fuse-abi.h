/* SPDX-License-Identifier: MIT */
/*
 * The kernel's FUSE protocol, version 7.45, as far as LinFsp speaks it.
 *
 * Model. The kernel and a server exchange messages over /dev/fuse. A request is struct fuse_in_header, the operation's
 * argument struct, then its names (each with its NUL) or data; an answer is struct fuse_out_header, then the
 * operation's result struct or data. An answer whose unique is 0 is a notification, its error member the notification's
 * code. What both ends can do is settled once, by FUSE_INIT.
 *
 * Names and layouts are the kernel's ABI (linux/fuse.h); Debian 12's header stops at 7.38, so the ABI is declared here,
 * and the two must not be included together. Sizes are checked at the end.
 */
#ifndef LINFSP_FUSE_FUSE_ABI_H
#define LINFSP_FUSE_FUSE_ABI_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define FUSE_KERNEL_VERSION 7
#define FUSE_KERNEL_MINOR_VERSION 45
#define FUSE_ROOT_ID 1

/* A read from /dev/fuse with less room than this fails. */
#define FUSE_MIN_READ_BUFFER 8192
/* In a request's unique: it was taken once already by a server that has gone. */
#define FUSE_UNIQUE_RESEND (UINT64_C(1) << 63)
/* Requests other than notifications count in even steps; an interrupt's own unique is the odd
 * one behind its subject's. */
#define FUSE_INT_REQ_BIT UINT64_C(1)
/* A caller's id that the volume's user namespace does not know. */
#define FUSE_INVALID_UIDGID UINT32_MAX

enum fuse_opcode {
    FUSE_LOOKUP = 1,
    FUSE_FORGET = 2, /* no answer */
    FUSE_GETATTR = 3,
    FUSE_SETATTR = 4,
    FUSE_READLINK = 5,
    FUSE_SYMLINK = 6,
    FUSE_MKNOD = 8,
    FUSE_MKDIR = 9,
    FUSE_UNLINK = 10,
    FUSE_RMDIR = 11,
    FUSE_RENAME = 12,
    FUSE_LINK = 13,
    FUSE_OPEN = 14,
    FUSE_READ = 15,
    FUSE_WRITE = 16,
    FUSE_STATFS = 17,
    FUSE_RELEASE = 18,
    FUSE_FSYNC = 20,
    FUSE_SETXATTR = 21,
    FUSE_GETXATTR = 22,
    FUSE_LISTXATTR = 23,
    FUSE_REMOVEXATTR = 24,
    FUSE_FLUSH = 25,
    FUSE_INIT = 26,
    FUSE_OPENDIR = 27,
    FUSE_READDIR = 28,
    FUSE_RELEASEDIR = 29,
    FUSE_FSYNCDIR = 30,
    FUSE_GETLK = 31,
    FUSE_SETLK = 32,
    FUSE_SETLKW = 33,
    FUSE_ACCESS = 34,
    FUSE_CREATE = 35,
    FUSE_INTERRUPT = 36, /* no answer, but for EAGAIN: ask again */
    FUSE_BMAP = 37,
    FUSE_DESTROY = 38,
    FUSE_IOCTL = 39,
    FUSE_POLL = 40,
    FUSE_NOTIFY_REPLY = 41, /* no answer */
    FUSE_BATCH_FORGET = 42, /* no answer */
    FUSE_FALLOCATE = 43,
    FUSE_READDIRPLUS = 44,
    FUSE_RENAME2 = 45,
    FUSE_LSEEK = 46,
    FUSE_COPY_FILE_RANGE = 47,
    FUSE_SETUPMAPPING = 48,
    FUSE_REMOVEMAPPING = 49,
    FUSE_SYNCFS = 50,
    FUSE_TMPFILE = 51,
    FUSE_STATX = 52,
    FUSE_COPY_FILE_RANGE_64 = 53,
};
#define FUSE_OPCODE_MAX FUSE_COPY_FILE_RANGE_64

enum fuse_notify_code {
    FUSE_NOTIFY_POLL = 1,
    FUSE_NOTIFY_INVAL_INODE = 2,
    FUSE_NOTIFY_INVAL_ENTRY = 3,
    FUSE_NOTIFY_STORE = 4,
    FUSE_NOTIFY_RETRIEVE = 5,
    FUSE_NOTIFY_DELETE = 6,
    FUSE_NOTIFY_RESEND = 7, /* 7.40 */
    FUSE_NOTIFY_INC_EPOCH = 8, /* 7.44 */
    FUSE_NOTIFY_PRUNE = 9, /* 7.45 */
};

/* ---- FUSE_INIT: flags ------------------------------------------------------------------------------------------ */
#define FUSE_ASYNC_READ (UINT64_C(1) << 0)
#define FUSE_POSIX_LOCKS (UINT64_C(1) << 1)
#define FUSE_FILE_OPS (UINT64_C(1) << 2)
#define FUSE_ATOMIC_O_TRUNC (UINT64_C(1) << 3)
#define FUSE_EXPORT_SUPPORT (UINT64_C(1) << 4)
#define FUSE_BIG_WRITES (UINT64_C(1) << 5)
#define FUSE_DONT_MASK (UINT64_C(1) << 6)
#define FUSE_SPLICE_WRITE (UINT64_C(1) << 7)
#define FUSE_SPLICE_MOVE (UINT64_C(1) << 8)
#define FUSE_SPLICE_READ (UINT64_C(1) << 9)
#define FUSE_FLOCK_LOCKS (UINT64_C(1) << 10)
#define FUSE_HAS_IOCTL_DIR (UINT64_C(1) << 11)
#define FUSE_AUTO_INVAL_DATA (UINT64_C(1) << 12)
#define FUSE_DO_READDIRPLUS (UINT64_C(1) << 13)
#define FUSE_READDIRPLUS_AUTO (UINT64_C(1) << 14)
#define FUSE_ASYNC_DIO (UINT64_C(1) << 15)
#define FUSE_WRITEBACK_CACHE (UINT64_C(1) << 16)
#define FUSE_NO_OPEN_SUPPORT (UINT64_C(1) << 17)
#define FUSE_PARALLEL_DIROPS (UINT64_C(1) << 18)
#define FUSE_HANDLE_KILLPRIV (UINT64_C(1) << 19)
#define FUSE_POSIX_ACL (UINT64_C(1) << 20)
#define FUSE_ABORT_ERROR (UINT64_C(1) << 21)
#define FUSE_MAX_PAGES (UINT64_C(1) << 22)
#define FUSE_CACHE_SYMLINKS (UINT64_C(1) << 23)
#define FUSE_NO_OPENDIR_SUPPORT (UINT64_C(1) << 24)
#define FUSE_EXPLICIT_INVAL_DATA (UINT64_C(1) << 25)
#define FUSE_MAP_ALIGNMENT (UINT64_C(1) << 26)
#define FUSE_SUBMOUNTS (UINT64_C(1) << 27)
#define FUSE_HANDLE_KILLPRIV_V2 (UINT64_C(1) << 28)
#define FUSE_SETXATTR_EXT (UINT64_C(1) << 29)
#define FUSE_INIT_EXT (UINT64_C(1) << 30) /* flags2 counts */
#define FUSE_INIT_RESERVED (UINT64_C(1) << 31)
/* From here on in flags2, shifted down by 32. */
#define FUSE_SECURITY_CTX (UINT64_C(1) << 32)
#define FUSE_HAS_INODE_DAX (UINT64_C(1) << 33)
#define FUSE_CREATE_SUPP_GROUP (UINT64_C(1) << 34)
#define FUSE_HAS_EXPIRE_ONLY (UINT64_C(1) << 35)
#define FUSE_DIRECT_IO_ALLOW_MMAP (UINT64_C(1) << 36) /* 7.39 */
#define FUSE_PASSTHROUGH (UINT64_C(1) << 37) /* 7.40; with max_stack_depth */
#define FUSE_NO_EXPORT_SUPPORT (UINT64_C(1) << 38) /* 7.40 */
#define FUSE_HAS_RESEND (UINT64_C(1) << 39) /* 7.40 */
#define FUSE_ALLOW_IDMAP (UINT64_C(1) << 40) /* 7.41 */
#define FUSE_OVER_IO_URING (UINT64_C(1) << 41) /* 7.42 */
#define FUSE_REQUEST_TIMEOUT (UINT64_C(1) << 42) /* 7.43; with request_timeout */

struct fuse_init_in {
    uint32_t major;
    uint32_t minor;
    uint32_t max_readahead;
    uint32_t flags;
    uint32_t flags2;
    uint32_t unused[11];
};

struct fuse_init_out {
    uint32_t major;
    uint32_t minor;
    uint32_t max_readahead;
    uint32_t flags;
    uint16_t max_background;
    uint16_t congestion_threshold;
    uint32_t max_write;
    uint32_t time_gran;
    uint16_t max_pages;
    uint16_t map_alignment;
    uint32_t flags2;
    uint32_t max_stack_depth; /* 7.40 */
    uint16_t request_timeout; /* 7.43: seconds */
    uint16_t unused[11];
};

/* ---- headers --------------------------------------------------------------------------------------------------- */
struct fuse_in_header {
    uint32_t len;
    uint32_t opcode;
    uint64_t unique;
    uint64_t nodeid;
    uint32_t uid;
    uint32_t gid;
    uint32_t pid;
    uint16_t total_extlen; /* of the extensions behind the arguments, in units of 8 bytes */
    uint16_t padding;
};

struct fuse_out_header {
    uint32_t len;
    int32_t error; /* 0 or a negative errno; in a notification its code */
    uint64_t unique;
};

/* ---- attributes and entries ------------------------------------------------------------------------------------ */
struct fuse_attr {
    uint64_t ino;
    uint64_t size;
    uint64_t blocks;
    uint64_t atime;
    uint64_t mtime;
    uint64_t ctime;
    uint32_t atimensec;
    uint32_t mtimensec;
    uint32_t ctimensec;
    uint32_t mode;
    uint32_t nlink;
    uint32_t uid;
    uint32_t gid;
    uint32_t rdev;
    uint32_t blksize;
    uint32_t flags; /* FUSE_ATTR_* */
};
#define FUSE_ATTR_SUBMOUNT (1u << 0)
#define FUSE_ATTR_DAX (1u << 1)

struct fuse_entry_out {
    uint64_t nodeid; /* 0: the name does not exist, remember that for entry_valid */
    uint64_t generation;
    uint64_t entry_valid;
    uint64_t attr_valid;
    uint32_t entry_valid_nsec;
    uint32_t attr_valid_nsec;
    struct fuse_attr attr;
};

struct fuse_attr_out {
    uint64_t attr_valid;
    uint32_t attr_valid_nsec;
    uint32_t dummy;
    struct fuse_attr attr;
};

struct fuse_getattr_in {
    uint32_t getattr_flags; /* FUSE_GETATTR_FH */
    uint32_t dummy;
    uint64_t fh;
};
#define FUSE_GETATTR_FH (1u << 0)

struct fuse_setattr_in {
    uint32_t valid; /* FATTR_* */
    uint32_t padding;
    uint64_t fh;
    uint64_t size;
    uint64_t lock_owner;
    uint64_t atime;
    uint64_t mtime;
    uint64_t ctime;
    uint32_t atimensec;
    uint32_t mtimensec;
    uint32_t ctimensec;
    uint32_t mode;
    uint32_t unused4;
    uint32_t uid;
    uint32_t gid;
    uint32_t unused5;
};
#define FATTR_MODE (1u << 0)
#define FATTR_UID (1u << 1)
#define FATTR_GID (1u << 2)
#define FATTR_SIZE (1u << 3)
#define FATTR_ATIME (1u << 4)
#define FATTR_MTIME (1u << 5)
#define FATTR_FH (1u << 6)
#define FATTR_ATIME_NOW (1u << 7)
#define FATTR_MTIME_NOW (1u << 8)
#define FATTR_LOCKOWNER (1u << 9)
#define FATTR_CTIME (1u << 10)
#define FATTR_KILL_SUIDGID (1u << 11)

/* 7.39 */
struct fuse_sx_time {
    int64_t tv_sec;
    uint32_t tv_nsec;
    int32_t reserved;
};

struct fuse_statx {
    uint32_t mask;
    uint32_t blksize;
    uint64_t attributes;
    uint32_t nlink;
    uint32_t uid;
    uint32_t gid;
    uint16_t mode;
    uint16_t spare0;
    uint64_t ino;
    uint64_t size;
    uint64_t blocks;
    uint64_t attributes_mask;
    struct fuse_sx_time atime;
    struct fuse_sx_time btime;
    struct fuse_sx_time ctime;
    struct fuse_sx_time mtime;
    uint32_t rdev_major;
    uint32_t rdev_minor;
    uint32_t dev_major;
    uint32_t dev_minor;
    uint64_t spare2[14];
};

struct fuse_statx_in {
    uint32_t getattr_flags;
    uint32_t reserved;
    uint64_t fh;
    uint32_t sx_flags;
    uint32_t sx_mask;
};

struct fuse_statx_out {
    uint64_t attr_valid;
    uint32_t attr_valid_nsec;
    uint32_t flags;
    uint64_t spare[2];
    struct fuse_statx stat;
};

/* ---- names ----------------------------------------------------------------------------------------------------- */
struct fuse_forget_in {
    uint64_t nlookup;
};

struct fuse_forget_one {
    uint64_t nodeid;
    uint64_t nlookup;
};

struct fuse_batch_forget_in {
    uint32_t count; /* of struct fuse_forget_one behind it */
    uint32_t dummy;
};

struct fuse_mknod_in {
    uint32_t mode;
    uint32_t rdev;
    uint32_t umask;
    uint32_t padding;
};

struct fuse_mkdir_in {
    uint32_t mode;
    uint32_t umask;
};

struct fuse_rename_in {
    uint64_t newdir;
};

struct fuse_rename2_in {
    uint64_t newdir;
    uint32_t flags;
    uint32_t padding;
};

struct fuse_link_in {
    uint64_t oldnodeid;
};

struct fuse_access_in {
    uint32_t mask;
    uint32_t padding;
};

/* ---- open files ------------------------------------------------------------------------------------------------ */
struct fuse_open_in {
    uint32_t flags;
    uint32_t open_flags; /* FUSE_OPEN_* */
};
#define FUSE_OPEN_KILL_SUIDGID (1u << 0)

/* CREATE and TMPFILE */
struct fuse_create_in {
    uint32_t flags;
    uint32_t mode;
    uint32_t umask;
    uint32_t open_flags; /* FUSE_OPEN_* */
};

struct fuse_open_out {
    uint64_t fh;
    uint32_t open_flags; /* FOPEN_* */
    int32_t backing_id; /* 7.40 */
};
#define FOPEN_DIRECT_IO (1u << 0)
#define FOPEN_KEEP_CACHE (1u << 1)
#define FOPEN_NONSEEKABLE (1u << 2)
#define FOPEN_CACHE_DIR (1u << 3)
#define FOPEN_STREAM (1u << 4)
#define FOPEN_NOFLUSH (1u << 5)
#define FOPEN_PARALLEL_DIRECT_WRITES (1u << 6)
#define FOPEN_PASSTHROUGH (1u << 7) /* 7.40 */

struct fuse_release_in {
    uint64_t fh;
    uint32_t flags;
    uint32_t release_flags; /* FUSE_RELEASE_* */
    uint64_t lock_owner;
};
#define FUSE_RELEASE_FLUSH (1u << 0)
#define FUSE_RELEASE_FLOCK_UNLOCK (1u << 1)

struct fuse_flush_in {
    uint64_t fh;
    uint32_t unused;
    uint32_t padding;
    uint64_t lock_owner;
};

/* READ, READDIR, READDIRPLUS */
struct fuse_read_in {
    uint64_t fh;
    uint64_t offset;
    uint32_t size;
    uint32_t read_flags;
    uint64_t lock_owner;
    uint32_t flags;
    uint32_t padding;
};
#define FUSE_READ_LOCKOWNER (1u << 1)

struct fuse_write_in {
    uint64_t fh;
    uint64_t offset;
    uint32_t size;
    uint32_t write_flags; /* FUSE_WRITE_* */
    uint64_t lock_owner;
    uint32_t flags;
    uint32_t padding;
};
#define FUSE_WRITE_CACHE (1u << 0)
#define FUSE_WRITE_LOCKOWNER (1u << 1)
#define FUSE_WRITE_KILL_SUIDGID (1u << 2)

struct fuse_write_out {
    uint32_t size;
    uint32_t padding;
};

struct fuse_fsync_in {
    uint64_t fh;
    uint32_t fsync_flags; /* FUSE_FSYNC_FDATASYNC */
    uint32_t padding;
};
#define FUSE_FSYNC_FDATASYNC (1u << 0)

struct fuse_fallocate_in {
    uint64_t fh;
    uint64_t offset;
    uint64_t length;
    uint32_t mode;
    uint32_t padding;
};

struct fuse_lseek_in {
    uint64_t fh;
    uint64_t offset;
    uint32_t whence;
    uint32_t padding;
};

struct fuse_lseek_out {
    uint64_t offset;
};

/* COPY_FILE_RANGE answers fuse_write_out, COPY_FILE_RANGE_64 (7.45) fuse_copy_file_range_out */
struct fuse_copy_file_range_in {
    uint64_t fh_in;
    uint64_t off_in;
    uint64_t nodeid_out;
    uint64_t fh_out;
    uint64_t off_out;
    uint64_t len;
    uint64_t flags;
};

struct fuse_copy_file_range_out {
    uint64_t bytes_copied;
};

/* ---- directories ----------------------------------------------------------------------------------------------- */
struct fuse_dirent {
    uint64_t ino;
    uint64_t off;
    uint32_t namelen;
    uint32_t type; /* DT_* */
    char name[];
};

struct fuse_direntplus {
    struct fuse_entry_out entry_out;
    struct fuse_dirent dirent;
};

/* Records stand at multiples of 8 bytes. */
#define FUSE_REC_ALIGN(size) (((size) + (size_t)7) & ~(size_t)7)
#define FUSE_NAME_OFFSET offsetof(struct fuse_dirent, name)
#define FUSE_NAME_OFFSET_DIRENTPLUS (sizeof(struct fuse_entry_out) + FUSE_NAME_OFFSET)

/* ---- the rest -------------------------------------------------------------------------------------------------- */
struct fuse_kstatfs {
    uint64_t blocks;
    uint64_t bfree;
    uint64_t bavail;
    uint64_t files;
    uint64_t ffree;
    uint32_t bsize;
    uint32_t namelen;
    uint32_t frsize;
    uint32_t padding;
    uint32_t spare[6];
};

struct fuse_statfs_out {
    struct fuse_kstatfs st;
};

/* Without FUSE_SETXATTR_EXT only the first 8 bytes are sent. */
struct fuse_setxattr_in {
    uint32_t size;
    uint32_t flags;
    uint32_t setxattr_flags; /* FUSE_SETXATTR_ACL_KILL_SGID */
    uint32_t padding;
};
#define FUSE_COMPAT_SETXATTR_IN_SIZE 8
#define FUSE_SETXATTR_ACL_KILL_SGID (1u << 0)

/* GETXATTR, LISTXATTR */
struct fuse_getxattr_in {
    uint32_t size;
    uint32_t padding;
};

struct fuse_getxattr_out {
    uint32_t size;
    uint32_t padding;
};

struct fuse_file_lock {
    uint64_t start;
    uint64_t end;
    uint32_t type;
    uint32_t pid;
};

struct fuse_lk_in {
    uint64_t fh;
    uint64_t owner;
    struct fuse_file_lock lk;
    uint32_t lk_flags; /* FUSE_LK_FLOCK */
    uint32_t padding;
};
#define FUSE_LK_FLOCK (1u << 0)

struct fuse_lk_out {
    struct fuse_file_lock lk;
};

struct fuse_interrupt_in {
    uint64_t unique;
};

struct fuse_bmap_in {
    uint64_t block;
    uint32_t blocksize;
    uint32_t padding;
};

struct fuse_bmap_out {
    uint64_t block;
};

struct fuse_ioctl_in {
    uint64_t fh;
    uint32_t flags; /* FUSE_IOCTL_* */
    uint32_t cmd;
    uint64_t arg;
    uint32_t in_size;
    uint32_t out_size;
};
#define FUSE_IOCTL_COMPAT (1u << 0)
#define FUSE_IOCTL_UNRESTRICTED (1u << 1)
#define FUSE_IOCTL_RETRY (1u << 2)
#define FUSE_IOCTL_32BIT (1u << 3)
#define FUSE_IOCTL_DIR (1u << 4)
#define FUSE_IOCTL_COMPAT_X32 (1u << 5)

struct fuse_ioctl_out {
    int32_t result;
    uint32_t flags;
    uint32_t in_iovs;
    uint32_t out_iovs;
};

struct fuse_poll_in {
    uint64_t fh;
    uint64_t kh;
    uint32_t flags;
    uint32_t events;
};

struct fuse_poll_out {
    uint32_t revents;
    uint32_t padding;
};

struct fuse_syncfs_in {
    uint64_t padding;
};

/* What may follow a request's arguments (FUSE_SECURITY_CTX, FUSE_CREATE_SUPP_GROUP): struct fuse_ext_header, then its
 * data. */
struct fuse_ext_header {
    uint32_t size;
    uint32_t type;
};
#define FUSE_MAX_NR_SECCTX 31
#define FUSE_EXT_GROUPS 32

/* ---- notifications --------------------------------------------------------------------------------------------- */
struct fuse_notify_inval_inode_out {
    uint64_t ino;
    int64_t off; /* negative: attributes only */
    int64_t len; /* <= 0: to the end */
};

struct fuse_notify_inval_entry_out {
    uint64_t parent;
    uint32_t namelen; /* the name and its NUL follow */
    uint32_t flags; /* FUSE_EXPIRE_ONLY */
};
#define FUSE_EXPIRE_ONLY (1u << 0)

struct fuse_notify_delete_out {
    uint64_t parent;
    uint64_t child;
    uint32_t namelen; /* the name and its NUL follow */
    uint32_t padding;
};

struct fuse_notify_store_out {
    uint64_t nodeid;
    uint64_t offset;
    uint32_t size;
    uint32_t padding;
};

struct fuse_notify_poll_wakeup_out {
    uint64_t kh;
};

struct fuse_notify_prune_out {
    uint32_t count; /* of inode numbers (uint64_t) behind it */
    uint32_t padding;
    uint64_t spare;
};

/* ---- ioctls on /dev/fuse --------------------------------------------------------------------------------------- */
struct fuse_backing_map {
    int32_t fd;
    uint32_t flags; /* 0 */
    uint64_t padding; /* 0 */
};

#define FUSE_DEV_IOC_MAGIC 229
/* Makes a newly opened /dev/fuse one more fd of the connection whose fd the argument points to. */
#define FUSE_DEV_IOC_CLONE _IOR(FUSE_DEV_IOC_MAGIC, 0, uint32_t)
#define FUSE_DEV_IOC_BACKING_OPEN _IOW(FUSE_DEV_IOC_MAGIC, 1, struct fuse_backing_map)
#define FUSE_DEV_IOC_BACKING_CLOSE _IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)
/* Before mounting: the mount waits for FUSE_INIT's answer (6.18). */
#define FUSE_DEV_IOC_SYNC_INIT _IO(FUSE_DEV_IOC_MAGIC, 3)

/* ---- FUSE over io_uring (7.42) --------------------------------------------------------------------------------- */
#define FUSE_URING_IN_OUT_HEADER_SZ 128
#define FUSE_URING_OP_IN_OUT_SZ 128

enum fuse_uring_cmd {
    FUSE_IO_URING_CMD_INVALID = 0,
    FUSE_IO_URING_CMD_REGISTER = 1, /* hand a buffer in and wait for a request */
    FUSE_IO_URING_CMD_COMMIT_AND_FETCH = 2, /* answer, and wait for the next */
};

/* Travels in the command area of an SQE128 entry. */
struct fuse_uring_cmd_req {
    uint64_t flags;
    uint64_t commit_id; /* of the request answered, from fuse_uring_ent_in_out */
    uint16_t qid; /* the queue: a CPU's number */
    uint8_t padding[6];
};

struct fuse_uring_ent_in_out {
    uint64_t flags;
    uint64_t commit_id;
    uint32_t payload_sz; /* of what is in the payload buffer, either way */
    uint32_t padding;
    uint64_t reserved;
};

/* The first of the two buffers of a ring entry; the other is the payload. */
struct fuse_uring_req_header {
    char in_out[FUSE_URING_IN_OUT_HEADER_SZ]; /* fuse_in_header, fuse_out_header */
    char op_in[FUSE_URING_OP_IN_OUT_SZ]; /* the operation's argument struct */
    struct fuse_uring_ent_in_out ring_ent_in_out;
};

/* ---- the kernel's sizes ---------------------------------------------------------------------------------------- */
static_assert(sizeof(struct fuse_in_header) == 40, "fuse_in_header");
static_assert(sizeof(struct fuse_out_header) == 16, "fuse_out_header");
static_assert(sizeof(struct fuse_init_in) == 64, "fuse_init_in");
static_assert(sizeof(struct fuse_init_out) == 64, "fuse_init_out");
static_assert(sizeof(struct fuse_attr) == 88, "fuse_attr");
static_assert(sizeof(struct fuse_entry_out) == 128, "fuse_entry_out");
static_assert(sizeof(struct fuse_attr_out) == 104, "fuse_attr_out");
static_assert(sizeof(struct fuse_setattr_in) == 88, "fuse_setattr_in");
static_assert(sizeof(struct fuse_statx) == 256, "fuse_statx");
static_assert(sizeof(struct fuse_statx_out) == 288, "fuse_statx_out");
static_assert(sizeof(struct fuse_open_out) == 16, "fuse_open_out");
static_assert(sizeof(struct fuse_read_in) == 40, "fuse_read_in");
static_assert(sizeof(struct fuse_write_in) == 40, "fuse_write_in");
static_assert(sizeof(struct fuse_copy_file_range_in) == 56, "fuse_copy_file_range_in");
static_assert(sizeof(struct fuse_dirent) == 24, "fuse_dirent");
static_assert(sizeof(struct fuse_direntplus) == 152, "fuse_direntplus");
static_assert(sizeof(struct fuse_kstatfs) == 80, "fuse_kstatfs");
static_assert(sizeof(struct fuse_lk_in) == 48, "fuse_lk_in");
static_assert(sizeof(struct fuse_ioctl_in) == 32, "fuse_ioctl_in");
static_assert(sizeof(struct fuse_backing_map) == 16, "fuse_backing_map");
static_assert(sizeof(struct fuse_uring_cmd_req) == 24, "fuse_uring_cmd_req");
static_assert(sizeof(struct fuse_uring_req_header) == 288, "fuse_uring_req_header");

#endif
