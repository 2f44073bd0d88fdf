/* SPDX-License-Identifier: MIT */
/**
 * liblinfsp: write a file system that runs as an ordinary program, on the host or in any container.
 *
 * A program fills in a struct linfsp_operations, creates a volume and runs it:
 *
 *     struct linfsp_volume_options options = { .size = sizeof options, .file_system_name = "hello",
 *                                              .mount_point = "Z:" };
 *     linfsp_volume *volume;
 *     struct linfsp_error error;
 *     if (linfsp_volume_create(&options, &operations, my_state, &volume, &error) < 0)
 *         errx(1, "%s", error.message);
 *     linfsp_volume_run(volume);
 *     linfsp_volume_destroy(volume);
 *
 * The mount itself is made by the host service, reached through the silo's own device (a socket at
 * /dev/linfsp/disk or /dev/linfsp/net); this program needs no privilege.
 *
 * Errors are negative errno values throughout. Outputs are named ret_..., come last, and are not touched on
 * failure. Every structure that the caller fills in starts with its own size, so that a program built with an older
 * header goes on working.
 *
 * With LINFSP_LOAD defined before this header is included, nothing has to be linked: fsp_load() finds the library at
 * run time (in a container at /dev/linfsp/lib) and every function below is called through it.
 */
#ifndef LINFSP_LINFSP_H
#define LINFSP_LINFSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define LINFSP_API_VERSION 1
#define LINFSP_ROOT_INODE UINT64_C(1)

/** For the time-outs of struct linfsp_entry and linfsp_reply_attributes: keep until told otherwise. Milliseconds. */
#define LINFSP_TIMEOUT_INFINITE UINT64_MAX

typedef struct linfsp_volume linfsp_volume;
typedef struct linfsp_request linfsp_request;
typedef struct linfsp_stream linfsp_stream;

/** What went wrong, for a person: what happened, why, and where there is one, the command that mends it. */
struct linfsp_error {
    int code; /**< a positive errno */
    char message[1024];
};

/** Who asks. Ids are those of the volume's user namespace. */
struct linfsp_caller {
    uid_t uid;
    gid_t gid;
    pid_t pid; /**< 0 where the caller's process is not visible from here */
    mode_t umask; /**< only for create, mknod, mkdir, tmpfile; the mode given there has it applied already unless
                       LINFSP_WANT_DONT_MASK was granted */
};

/** The answer to a look-up, and to whatever makes a name. Each one sent counts one look-up of the inode, to be given
 *  back by forget. */
struct linfsp_entry {
    uint64_t inode; /**< 0: the name does not exist, and that may be remembered for entry_timeout */
    uint64_t generation;
    struct stat attributes; /**< st_ino is what stat(2) shows */
    uint64_t attributes_timeout; /**< ms */
    uint64_t entry_timeout; /**< ms */
};

/** An open file or directory, as the file system knows it. */
struct linfsp_file {
    uint64_t handle; /**< the file system's own value, handed back with every operation on it */
    uint32_t flags; /**< in: open(2) flags (O_*) */
    uint32_t open_flags; /**< out, for open, create, tmpfile, opendir: LINFSP_OPEN_* */
    int32_t backing_id; /**< out: with LINFSP_OPEN_PASSTHROUGH, what linfsp_backing_open returned */
};

#define LINFSP_OPEN_DIRECT_IO (1u << 0) /**< no page cache for this file */
#define LINFSP_OPEN_KEEP_CACHE (1u << 1) /**< cached pages from before are still right */
#define LINFSP_OPEN_NONSEEKABLE (1u << 2)
#define LINFSP_OPEN_CACHE_DIRECTORY (1u << 3) /**< the kernel may cache this directory's listing */
#define LINFSP_OPEN_STREAM (1u << 4)
#define LINFSP_OPEN_NOFLUSH (1u << 5) /**< no FLUSH on close */
#define LINFSP_OPEN_PARALLEL_DIRECT_WRITES (1u << 6)
#define LINFSP_OPEN_PASSTHROUGH (1u << 7)

/** Which members of setattr's struct stat are to be set. */
#define LINFSP_SET_MODE (1u << 0)
#define LINFSP_SET_UID (1u << 1)
#define LINFSP_SET_GID (1u << 2)
#define LINFSP_SET_SIZE (1u << 3)
#define LINFSP_SET_ATIME (1u << 4)
#define LINFSP_SET_MTIME (1u << 5)
#define LINFSP_SET_ATIME_NOW (1u << 7) /**< with LINFSP_SET_ATIME: to the current time */
#define LINFSP_SET_MTIME_NOW (1u << 8)
#define LINFSP_SET_CTIME (1u << 10) /**< writeback cache only */
#define LINFSP_SET_KILL_SUIDGID (1u << 11) /**< clear setuid, and setgid where group-executable */

/** write's flags. */
#define LINFSP_WRITE_CACHE (1u << 0) /**< delayed write from the page cache: the file handle is a guess */
#define LINFSP_WRITE_KILL_SUIDGID (1u << 2) /**< clear setuid, and setgid where group-executable */

/** What a file system wants of the kernel; what the kernel has not is left out silently, see linfsp_volume_granted. */
#define LINFSP_WANT_WRITEBACK (UINT64_C(1) << 0) /**< writes are collected in the page cache */
#define LINFSP_WANT_READDIRPLUS (UINT64_C(1) << 1) /**< readdir is asked for entries with attributes, where it pays */
#define LINFSP_WANT_PARALLEL_DIRECTORY (UINT64_C(1) << 2) /**< look-ups in one directory may run side by side */
#define LINFSP_WANT_POSIX_ACL (UINT64_C(1) << 3) /**< the kernel checks and caches ACLs kept as xattrs */
#define LINFSP_WANT_HANDLE_KILLPRIV (UINT64_C(1) << 4) /**< we clear setuid and setgid (and security.capability) */
#define LINFSP_WANT_NO_OPEN (UINT64_C(1) << 5) /**< files need no open and release */
#define LINFSP_WANT_NO_OPENDIR (UINT64_C(1) << 6)
#define LINFSP_WANT_PASSTHROUGH (UINT64_C(1) << 7) /**< reads and writes may go to backing files, in the kernel */
#define LINFSP_WANT_DONT_MASK (UINT64_C(1) << 8) /**< apply the umask ourselves (default ACLs need it) */
#define LINFSP_WANT_ATOMIC_TRUNCATE (UINT64_C(1) << 9) /**< open with O_TRUNC truncates */
#define LINFSP_WANT_CACHE_SYMLINKS (UINT64_C(1) << 10)
#define LINFSP_WANT_EXPORT (UINT64_C(1) << 11) /**< look-ups of "." and ".." for file handles */
#define LINFSP_WANT_AUTO_INVALIDATE (UINT64_C(1) << 12) /**< drop cached pages when size or mtime changed elsewhere */
#define LINFSP_WANT_DIRECT_IO_MMAP (UINT64_C(1) << 13) /**< MAP_SHARED also for direct I/O files */

/**
 * The operations of a file system, by inode. Any may be NULL: it answers ENOSYS (or what is right without it: getattr
 * of the root is needed, everything else is optional; open, opendir, release, flush, fsync, access and forget default
 * to success).
 *
 * Each returns 0 when it has answered, or will answer later and from any thread, with exactly one linfsp_reply_...;
 * or a negative errno, which the library sends. An answer that the operation gives itself may be kept until it returns:
 * it should answer last. They are called from several threads at once. A name is one component,
 * NUL-terminated, 1 to 255 bytes, and any bytes but '/' and NUL; it lives until the operation returns or answers.
 */
struct linfsp_operations {
    size_t size; /**< sizeof(struct linfsp_operations) */

    /** The volume is about to be served; granted is what of LINFSP_WANT_* was got. */
    void (*init)(void *context, uint64_t granted);
    /** The session has ended: no operation runs, none will follow. */
    void (*destroy)(void *context);

    int (*lookup)(linfsp_request *request, uint64_t parent, const char *name); /* reply: entry */
    void (*forget)(void *context, uint64_t inode, uint64_t count); /* no reply: count look-ups are given back */
    int (*getattr)(linfsp_request *request, uint64_t inode, struct linfsp_file *file_or_null); /* attributes */
    int (*setattr)(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                   struct linfsp_file *file_or_null); /* attributes */
    int (*readlink)(linfsp_request *request, uint64_t inode); /* data */
    int (*mknod)(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device); /* entry */
    int (*mkdir)(linfsp_request *request, uint64_t parent, const char *name, mode_t mode); /* entry */
    int (*symlink)(linfsp_request *request, uint64_t parent, const char *name, const char *target); /* entry */
    int (*unlink)(linfsp_request *request, uint64_t parent, const char *name); /* done */
    int (*rmdir)(linfsp_request *request, uint64_t parent, const char *name); /* done */
    /** flags: RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT */
    int (*rename)(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent, const char *new_name,
                  uint32_t flags); /* done */
    int (*link)(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name); /* entry */
    int (*open)(linfsp_request *request, uint64_t inode, struct linfsp_file *file); /* open */
    int (*create)(linfsp_request *request, uint64_t parent, const char *name, mode_t mode,
                  struct linfsp_file *file); /* create */
    /** An unnamed file in a directory (O_TMPFILE). */
    int (*tmpfile)(linfsp_request *request, uint64_t parent, mode_t mode, struct linfsp_file *file); /* create */
    /* data */
    int (*read)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset);
    /** data lives until the operation returns or answers, and is page-aligned */
    int (*write)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                 off_t offset, uint32_t flags); /* written */
    int (*flush)(linfsp_request *request, uint64_t inode, struct linfsp_file *file); /* done: each close(2) */
    int (*release)(linfsp_request *request, uint64_t inode, struct linfsp_file *file); /* done: last close */
    int (*fsync)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only); /* done */
    int (*opendir)(linfsp_request *request, uint64_t inode, struct linfsp_file *file); /* open */
    /** Entries after offset (0: from the start); with plus, each with linfsp_entry and counting as a look-up.
     *  Fill with linfsp_add_entry or linfsp_add_entry_plus, answer with linfsp_reply_directory. */
    int (*readdir)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                   bool plus); /* directory */
    int (*releasedir)(linfsp_request *request, uint64_t inode, struct linfsp_file *file); /* done */
    int (*fsyncdir)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only); /* done */
    int (*statfs)(linfsp_request *request, uint64_t inode); /* statfs */
    /** flags: XATTR_CREATE, XATTR_REPLACE */
    int (*setxattr)(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size,
                    int flags, bool kill_sgid); /* done */
    /** size 0: answer with linfsp_reply_size; a value larger than size: -ERANGE */
    int (*getxattr)(linfsp_request *request, uint64_t inode, const char *name, size_t size); /* data or size */
    /* data (names, each with its NUL) or size */
    int (*listxattr)(linfsp_request *request, uint64_t inode, size_t size);
    int (*removexattr)(linfsp_request *request, uint64_t inode, const char *name); /* done */
    int (*access)(linfsp_request *request, uint64_t inode, int mask); /* done; not asked: the kernel checks modes */
    /** mode: FALLOC_FL_* */
    int (*fallocate)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                     off_t length); /* done */
    /** whence: SEEK_DATA, SEEK_HOLE; reply: offset */
    int (*lseek)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, off_t offset, int whence);
    int (*copy_file_range)(linfsp_request *request, uint64_t inode_in, struct linfsp_file *file_in, off_t offset_in,
                           uint64_t inode_out, struct linfsp_file *file_out, off_t offset_out, size_t length,
                           uint64_t flags); /* written */
    int (*ioctl)(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t command, uint64_t argument,
                 uint32_t flags, const void *in, size_t in_size, size_t out_size); /* ioctl */
    int (*syncfs)(linfsp_request *request, uint64_t inode); /* done */
    /** As getattr, where somebody asks for more than it can say: mask (STATX_*) has STATX_BTIME. Left out, or before
     * Linux 6.6, statx(2) has no time of creation. */
    int (*statx)(linfsp_request *request, uint64_t inode, struct linfsp_file *file_or_null, uint32_t mask); /* statx */

    /** Another process wants to go on with this volume (LINFSP_VOLUME_TAKE_OVER): writes all that it must know into the
     *  stream, beginning with a version of its own. It must find each inode, with its count of look-ups, and each
     *  handle that the kernel was given. No other operation runs, and no request is left without an answer. Returns 0,
     *  or a negative errno: the volume then stays here. Nothing may be changed that could not go on: the other process
     *  may fail yet. Without this operation a volume cannot be handed over. */
    int (*hand_over)(void *context, linfsp_stream *stream);
    /** The other side: reads what hand_over wrote, in the same order. Called by linfsp_volume_create, before init.
     *  Returns 0, or a negative errno: the volume then stays where it was, and linfsp_volume_create fails. -EPROTO
     *  stands for a state of another version. */
    int (*take_over)(void *context, linfsp_stream *stream);
};

/* ---- answers --------------------------------------------------------------------------------------------------- */
/* Each ends the request: it must not be used afterwards. All return 0, or a negative errno where the answer could not
 * be delivered (the request was aborted: nothing is to be done, but an entry sent then counts no look-up). */

int linfsp_reply_error(linfsp_request *request, int error); /**< error: negative errno, or 0 for success */
int linfsp_reply_done(linfsp_request *request);
int linfsp_reply_entry(linfsp_request *request, const struct linfsp_entry *entry);
int linfsp_reply_attributes(linfsp_request *request, const struct stat *attributes, uint64_t timeout);
/** created: NULL where it is not known. */
int linfsp_reply_statx(linfsp_request *request, const struct stat *attributes, const struct timespec *created,
                       uint64_t timeout);
int linfsp_reply_open(linfsp_request *request, const struct linfsp_file *file);
int linfsp_reply_create(linfsp_request *request, const struct linfsp_entry *entry, const struct linfsp_file *file);
int linfsp_reply_data(linfsp_request *request, const void *data, size_t size);
int linfsp_reply_vector(linfsp_request *request, const struct iovec *vector, int count);
int linfsp_reply_written(linfsp_request *request, size_t size);
int linfsp_reply_size(linfsp_request *request, size_t size); /**< of an xattr or a list of them, asked with size 0 */
int linfsp_reply_offset(linfsp_request *request, off_t offset);
int linfsp_reply_statfs(linfsp_request *request, const struct statvfs *statistics);
int linfsp_reply_ioctl(linfsp_request *request, int result, const void *out, size_t size);

/** Adds an entry to the answer of readdir. next_offset is what a later readdir continues after. Returns 1 when it was
 *  added, 0 when there is no room left (answer now). */
int linfsp_add_entry(linfsp_request *request, const char *name, uint64_t inode, mode_t type, off_t next_offset);
/** The same for readdir with plus; an entry whose inode is 0 is listed without counting a look-up. "." and ".." never
 *  count. attributes.st_ino and st_mode are used in any case. */
int linfsp_add_entry_plus(linfsp_request *request, const char *name, const struct linfsp_entry *entry,
                          off_t next_offset);
int linfsp_reply_directory(linfsp_request *request);

/* ---- about a request ------------------------------------------------------------------------------------------- */
void *linfsp_request_context(const linfsp_request *request); /**< what linfsp_volume_create was given */
linfsp_volume *linfsp_request_volume(const linfsp_request *request);
void linfsp_request_caller(const linfsp_request *request, struct linfsp_caller *ret_caller);
/** Scratch memory that goes with the answer: 8-aligned, at least size bytes, NULL when there is none. */
void *linfsp_request_buffer(linfsp_request *request, size_t size);
/** True once the caller gave up (a signal): -EINTR is then a fine answer for work not yet begun. */
bool linfsp_request_interrupted(linfsp_request *request);
/** For a volume with fail-over: an earlier server died while it was at this request. What the request asks for was done
 * wholly, or not at all, and was not answered. So mkdir answers a directory that is there already as its own, and
 * unlink takes a name that is gone for removed. Only requests that cannot be repeated are ever marked: what makes,
 * moves or removes a name, openings and releases, setxattr, removexattr, copy_file_range, ioctl. */
bool linfsp_request_may_be_done(const linfsp_request *request);
/** For open and create with O_TRUNC, where LINFSP_WANT_ATOMIC_TRUNCATE and LINFSP_WANT_HANDLE_KILLPRIV are in force:
 * clear setuid, and setgid where group-executable, as LINFSP_SET_KILL_SUIDGID says it elsewhere. */
bool linfsp_request_kill_suidgid(const linfsp_request *request);

/* ---- handing over ---------------------------------------------------------------------------------------------- */
/* Only within hand_over and take_over. Each returns 0 or a negative errno, which each later call on the stream returns
 * too: -ETIMEDOUT, -ECONNRESET where the other process has ended, -EPROTO where what is read is not what was written.
 */

int linfsp_stream_write(linfsp_stream *stream, const void *data, size_t size);
/** Sends a descriptor. It stays the caller's. */
int linfsp_stream_send_fd(linfsp_stream *stream, int fd);
/** Reads exactly size bytes. */
int linfsp_stream_read(linfsp_stream *stream, void *ret_data, size_t size);
/** Receives a descriptor that was sent at this place between what was written. */
int linfsp_stream_receive_fd(linfsp_stream *stream, int *ret_fd);

/* ---- volumes --------------------------------------------------------------------------------------------------- */
/** How to start the threads that serve a volume, for a program whose threads must be made its own way: a language's
 *  runtime, Wine. All operations but init and destroy, which linfsp_volume_run calls itself, run in these threads. */
struct linfsp_threads {
    size_t size; /**< sizeof(struct linfsp_threads) */
    void *context; /**< handed to both */
    /** Starts a thread that calls run(argument) and ends when that returns. *ret_thread is handed to join. Returns 0,
     *  or a negative errno: linfsp_volume_run then fails with it. The thread's signal mask is the program's business,
     *  but for SIGURG, which the library unblocks in it; calls that signals interrupt are repeated. */
    int (*start)(void *context, void (*run)(void *argument), void *argument, void **ret_thread);
    /** Waits until the thread has ended, and frees it. Called once for each thread started. */
    void (*join)(void *context, void *thread);
};

struct linfsp_volume_options {
    size_t size; /**< sizeof(struct linfsp_volume_options) */
    /** The type that mount(8) shows behind "fuse.": letters, digits, '.', '-', '_'; 1 to 63 bytes. Required. */
    const char *file_system_name;
    /** "Z:" (any letter: /mnt/z), "*" (the first free letter from z down to d), or a directory: made and removed again
     *  where it does not exist, else it must be empty. NULL: none (only with prefix). */
    const char *mount_point;
    /** "\\server\\share", also "\\\\server\\share" and "//server/share": a network volume. NULL: a disk. */
    const char *prefix;
    /** What mount(8) shows as the source; NULL: the prefix, else file_system_name. */
    const char *source;
    uint64_t want; /**< LINFSP_WANT_* */
    uint32_t flags; /**< LINFSP_VOLUME_* */
    uint32_t threads; /**< 0: by the number of CPUs */
    uint32_t max_write; /**< bytes, 4096 to 1 MiB; 0: 1 MiB */
    uint32_t max_background; /**< 0: 128 */
    mode_t root_mode; /**< permission bits of the root while the first answer is under way; 0: 0755 */
    /** Called, if not NULL, for each request and its answer with a line of text, from any thread. */
    void (*trace)(void *context, const char *line);
    /** Who starts the threads that serve; NULL: the library, with all signals blocked in them. Copied. */
    const struct linfsp_threads *thread_functions;
    /** Seconds that the volume waits for another server should this process die: its files stay open, and who uses them
     *  waits. Another process of the same container and user that creates a volume with the same file_system_name and
     *  mount_point (without one: prefix), and with fail_over, takes the volume over. 0: the volume ends with this
     *  process. See linfsp_volume_fail_over. */
    uint32_t fail_over;
    uint32_t reserved; /**< 0 */
    /** Bytes of memory that the volume's next server finds as this one left it: linfsp_volume_state. What is not
     *  written to costs nothing. At most 8 GiB less 1 MiB. */
    uint64_t state_size;
};

#define LINFSP_VOLUME_READ_ONLY (1u << 0)
#define LINFSP_VOLUME_NONEMPTY (1u << 1) /**< mount over a directory that has entries */
#define LINFSP_VOLUME_NO_SERVICE_START (1u << 2) /**< as the host's root, do not start a service that does not run */
#define LINFSP_VOLUME_NOEXEC (1u << 3)
/** Goes on with a volume that another process serves now: one of the same container and user, with the same
 *  file_system_name, at that mount_point (without one: prefix), whose operations have hand_over. Who uses the volume
 *  waits meanwhile, and notices nothing else. The other process's linfsp_volume_run returns 0. If anything goes wrong,
 *  or this process dies, before linfsp_volume_create has returned, the other process goes on serving the volume. What
 *  the kernel was asked for stays as it is: want, root_mode and the like count for nothing. Needs take_over; excludes
 *  fail_over. Errors: -ENOENT there is none, -EOPNOTSUPP its server cannot (it has no hand_over, has fail_over, or uses
 *  io_uring), -EBUSY its server is at requests that do not come to an end, -EPROTO it is of another version. */
#define LINFSP_VOLUME_TAKE_OVER (1u << 4)

/** Asks the silo's service for a volume, and gets it mounted. The volume is visible from here on; callers of it wait
 * until linfsp_volume_run serves it. context is handed to every operation. On failure nothing is left behind. ret_error
 * may be NULL. Errors: -ENODEV no service (the message says how to start it), -EEXIST prefix or mount point in use,
 * -EINVAL malformed option, -EPERM refused by policy, -ETIMEDOUT the service does not answer. */
int linfsp_volume_create(const struct linfsp_volume_options *options, const struct linfsp_operations *operations,
                         void *context, linfsp_volume **ret_volume, struct linfsp_error *ret_error);
/** Serves the volume until it is stopped, unmounted, or the service ends it; then it is unmounted everywhere. Or until
 *  another process has taken it over (linfsp_volume_handed_over).
 *  Returns 0, or a negative errno when the session broke. -ECONNABORTED: the volume ended though nobody had asked for
 *  that, and linfsp_volume_end_reason says why. Survives a restart of the service. */
int linfsp_volume_run(linfsp_volume *volume);
/** Ends linfsp_volume_run from a signal handler or another thread. Async-signal-safe. */
void linfsp_volume_stop(linfsp_volume *volume);
/** Once linfsp_volume_run has returned: why the volume ended against its will; NULL where somebody asked for its end
 * (linfsp_volume_stop, umount(8), linfsp umount). The text lives as long as the volume. */
const char *linfsp_volume_end_reason(const linfsp_volume *volume);
/** Takes NULL. Unmounts what is still mounted. */
void linfsp_volume_destroy(linfsp_volume *volume);

/* ---- programs -------------------------------------------------------------------------------------------------- */
/** Goes into the background. The caller goes on in a new process, with a session of its own; the first process waits
 * for linfsp_background_ready, and then ends with status 0. If the new process ends before that, the first process ends
 * with the same status, or with 1. To be called before linfsp_volume_create, and while the program has one thread.
 * Returns 0, or a negative errno: nothing has happened then. */
int linfsp_background(void);
/** The volume is there. Ends the first process; standard input and output become /dev/null, and so does standard error
 * unless keep_stderr is true; the working directory becomes /. Does nothing without linfsp_background. */
void linfsp_background_ready(bool keep_stderr);
/** The main function of a file system, for one that needs no other: takes the options -m, -u, -b, -d, -r and -h from
 * the command line, creates the volume, ends it on SIGINT, SIGTERM and SIGHUP, and serves it. defaults is what holds
 * where the command line says nothing; without mount point and prefix the volume is at the first free letter. Says on
 * standard output where the volume is, and on standard error what is wrong. Returns the exit status: 0, 1, or 2 for a
 * wrong command line. */
int linfsp_main(int argc, char **argv, const struct linfsp_volume_options *defaults,
                const struct linfsp_operations *operations, void *context);

/* ---- volumes, once created ------------------------------------------------------------------------------------- */
const char *linfsp_volume_mount_point(const linfsp_volume *volume); /**< "/mnt/z"; NULL where there is none */
/** "/unc/server/share", or "/dev/linfsp/unc/server/share" where there is no /unc; NULL for a disk */
const char *linfsp_volume_unc_path(const linfsp_volume *volume);
uint64_t linfsp_volume_granted(const linfsp_volume *volume); /**< LINFSP_WANT_* that are in force */
uid_t linfsp_volume_owner_uid(const linfsp_volume *volume); /**< our own uid as this volume counts uids: for its root */
gid_t linfsp_volume_owner_gid(const linfsp_volume *volume);
/** How requests come: "dev", over /dev/fuse, which works everywhere, or "io_uring", which is faster and is used by
 * itself where kernel (6.14, /sys/module/fuse/parameters/enable_uring) and container (io_uring_setup(2)) allow it and
 * the volume has more than one thread. Final once linfsp_volume_run serves. For tests and measurements the environment
 * variable LINFSP_TRANSPORT=dev or LINFSP_TRANSPORT=io_uring forces one; linfsp_volume_create then fails where it
 * cannot be had. */
const char *linfsp_volume_transport(const linfsp_volume *volume);
/** "disk" or "network". */
const char *linfsp_volume_kind(const linfsp_volume *volume);

/** Seconds that this volume waits for another server; 0: it does not outlive this process, because that was not asked
 * for, or the kernel (before 6.9) or the host's policy does not allow it. */
uint32_t linfsp_volume_fail_over(const linfsp_volume *volume);
/** Whether an earlier server's volume was taken over: the kernel knows inodes and handles that the earlier one gave it.
 */
bool linfsp_volume_taken_over(const linfsp_volume *volume);
/** Once linfsp_volume_run has returned: whether another process has taken the volume over. It is mounted still, and
 * what hand_over gave away is the other's: files that both have open must not be changed. */
bool linfsp_volume_handed_over(const linfsp_volume *volume);
/** The memory of state_size bytes, rounded up to pages, that outlives a server: all zero at first, and what an earlier
 * server left there after that. A server may have been killed between any two stores. Lives as long as the volume. NULL
 * where there is none. ret_size may be NULL. */
void *linfsp_volume_state(const linfsp_volume *volume, size_t *ret_size);

/* Telling the kernel that something changed behind its back. -ENOENT: it knew nothing of it; also a success. Not from
 * within an operation on the same inode. */
int linfsp_notify_inode(linfsp_volume *volume, uint64_t inode, off_t offset, off_t length); /**< attributes and pages */
int linfsp_notify_entry(linfsp_volume *volume, uint64_t parent, const char *name); /**< drop a cached name */
int linfsp_notify_delete(linfsp_volume *volume, uint64_t parent, uint64_t child, const char *name);
/** Every name that the kernel remembers of this volume is to be looked up anew. Takes no lock: also from within any
 * operation, before its answer. -EOPNOTSUPP before Linux 6.16. */
int linfsp_notify_names(linfsp_volume *volume);

/** Registers fd (open for what the file will be used for) as a backing file: a positive id for linfsp_file.backing_id,
 * or -EOPNOTSUPP where kernel or service cannot. The fd may be closed afterwards. */
int linfsp_backing_open(linfsp_volume *volume, int fd);
/** Gives a backing file back. Waits for nobody: the service may learn of it later. -EINVAL, -ENOMEM. */
int linfsp_backing_close(linfsp_volume *volume, int backing_id);

/** Version of the library, "1.0.0". */
const char *linfsp_version(void);
/** Parses a prefix in any accepted spelling into "/unc/server/share" form. path must hold LINFSP_PATH_MAX bytes.
 * -EINVAL. */
int linfsp_prefix_to_path(const char *prefix, char *ret_path, size_t size);
#define LINFSP_PATH_MAX 4096

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#ifdef LINFSP_LOAD
#include <linfsp/load.h>
#endif
#endif
