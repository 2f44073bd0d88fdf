/* SPDX-License-Identifier: MIT */
/* A session served over a socket in the place of /dev/fuse: what it makes of requests, whole and broken, and what it
 * answers. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/session.h"
#include "util/cleanup.h"

#define MAX_WRITE 65536u

/* What the operations saw, and what they are to do. */
struct seen {
    char name[512];
    char other[512];
    uint64_t inode;
    uint64_t number;
    uint64_t count;
    struct stat attributes;
    uint32_t set;
    size_t size;
    off_t offset;
    bool has_file;
    bool plus;
    bool kill_suidgid;
    bool aligned;
    uint64_t handle;
    dev_t device;
    mode_t mode, umask;
    unsigned calls;
    int interrupted;
    linfsp_request *kept;
    bool lines;
    char trace[4][2600];
    unsigned n_trace;
};

static struct seen seen;
static struct fsp_session session;
static int kernel; /* our end of the socket */
static unsigned char answer[MAX_WRITE * 2];

#define HEADER(buffer) ((struct fuse_out_header *)(void *)(buffer))
#define BODY(type) ((struct type *)(void *)(answer + sizeof(struct fuse_out_header)))

/* ---- a file system that notes what it is asked ------------------------------------------------------------------ */

static int op_lookup(linfsp_request *request, uint64_t parent, const char *name) {
    seen.calls++;
    seen.inode = parent;
    snprintf(seen.name, sizeof seen.name, "%s", name);
    if (!strcmp(name, "error"))
        return -EACCES;
    if (!strcmp(name, "huge-error"))
        return -100000;
    if (!strcmp(name, "positive-error"))
        return linfsp_reply_error(request, EACCES);
    struct linfsp_entry entry = {.inode = strcmp(name, "missing") ? 77 : 0,
                                 .generation = 3,
                                 .entry_timeout = 1500,
                                 .attributes_timeout = LINFSP_TIMEOUT_INFINITE};
    entry.attributes.st_ino = 770;
    entry.attributes.st_mode = S_IFBLK | 0640;
    entry.attributes.st_rdev = makedev(0x103, 0x12345);
    int r = linfsp_reply_entry(request, &entry);
    assert_int_equal(linfsp_reply_entry(request, &entry), -EALREADY);
    return r;
}

static void op_forget(void *context, uint64_t inode, uint64_t count) {
    seen.calls++;
    seen.inode = inode;
    seen.count += count;
}

static int op_getattr(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    seen.has_file = file != NULL;
    seen.handle = file ? file->handle : 0;
    struct stat attributes = {.st_ino = inode, .st_uid = caller.uid, .st_gid = caller.gid, .st_size = caller.pid};
    return linfsp_reply_attributes(request, &attributes, 2001);
}

static int op_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                      struct linfsp_file *file) {
    seen.attributes = *attributes;
    seen.set = set;
    seen.has_file = file != NULL;
    return linfsp_reply_attributes(request, attributes, 0);
}

static int op_mknod(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device) {
    struct linfsp_caller caller;
    linfsp_request_caller(request, &caller);
    snprintf(seen.name, sizeof seen.name, "%s", name);
    seen.mode = mode;
    seen.umask = caller.umask;
    seen.device = device;
    struct linfsp_entry entry = {.inode = 9};
    return linfsp_reply_entry(request, &entry);
}

static int op_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target) {
    snprintf(seen.name, sizeof seen.name, "%s", name);
    snprintf(seen.other, sizeof seen.other, "%.500s", target);
    return -EROFS;
}

static int op_rename(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent,
                     const char *new_name, uint32_t flags) {
    seen.calls++;
    snprintf(seen.name, sizeof seen.name, "%s", name);
    snprintf(seen.other, sizeof seen.other, "%s", new_name);
    seen.inode = parent;
    seen.number = new_parent;
    seen.set = flags;
    return linfsp_reply_done(request);
}

static int op_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode,
                     struct linfsp_file *file) {
    struct linfsp_entry entry = {.inode = 12};
    snprintf(seen.name, sizeof seen.name, "%s", name);
    seen.kill_suidgid = linfsp_request_kill_suidgid(request);
    file->handle = 0x1122334455667788;
    file->open_flags = LINFSP_OPEN_DIRECT_IO;
    file->backing_id = 5; /* not with these flags */
    return linfsp_reply_create(request, &entry, file);
}

static int op_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    return -ENOSYS;
}

static int op_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    seen.handle = file->handle;
    if (offset == 1) /* more than was asked for */
        return linfsp_reply_vector(request, &(struct iovec){answer, size + 1}, 1), 0;
    if (offset == 2) { /* in pieces */
        char *buffer = linfsp_request_buffer(request, size);
        assert_non_null(buffer);
        memset(buffer, 'b', size);
        struct iovec pieces[3] = {{buffer, 10}, {NULL, 0}, {buffer, size - 10}};
        return linfsp_reply_vector(request, pieces, 3);
    }
    assert_null(linfsp_request_buffer(request, SIZE_MAX));
    assert_null(linfsp_request_buffer(request, SIZE_MAX - 4));
    assert_null(linfsp_request_buffer(request, (size_t)1 << 40));
    return linfsp_reply_data(request, "read", 4);
}

static int op_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                    off_t offset, uint32_t flags) {
    seen.calls++;
    seen.size = size;
    seen.offset = offset;
    seen.set = flags;
    seen.aligned = (uintptr_t)data % 4096 == 0;
    memcpy(seen.name, data, size < 8 ? size : 8);
    return linfsp_reply_written(request, size);
}

static int op_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                      bool plus) {
    struct linfsp_entry entry = {.inode = 5, .attributes = {.st_ino = 50, .st_mode = S_IFDIR | 0755}};
    seen.plus = plus;
    seen.count = 0;
    memset(linfsp_request_buffer(request, 64), 0xff, 64); /* is not where the entries are */
    while (linfsp_add_entry_plus(request, "directory", &entry, (off_t)seen.count + 1))
        seen.count++;
    return linfsp_reply_directory(request);
}

static int op_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size,
                       int flags, bool kill_sgid) {
    seen.calls++;
    snprintf(seen.name, sizeof seen.name, "%s", name);
    memcpy(seen.other, value, size < 16 ? size : 16);
    seen.size = size;
    seen.has_file = kill_sgid;
    return linfsp_reply_done(request);
}

static int op_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size) {
    return linfsp_reply_data(request, "value", 5);
}

static int op_statfs(linfsp_request *request, uint64_t inode) {
    seen.kept = request; /* answered later, from elsewhere */
    return 0;
}

static int op_lseek(linfsp_request *request, uint64_t inode, struct linfsp_file *file, off_t offset, int whence) {
    for (int i = 0; i < 2000 && !linfsp_request_interrupted(request); i++)
        usleep(1000);
    seen.interrupted = linfsp_request_interrupted(request);
    return -EINTR;
}

static int op_copy(linfsp_request *request, uint64_t inode_in, struct linfsp_file *file_in, off_t offset_in,
                   uint64_t inode_out, struct linfsp_file *file_out, off_t offset_out, size_t length, uint64_t flags) {
    seen.size = length;
    return linfsp_reply_written(request, length);
}

static int op_ioctl(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t command,
                    uint64_t argument, uint32_t flags, const void *in, size_t in_size, size_t out_size) {
    if (command == 2)
        return linfsp_reply_ioctl(request, 0, "too long", 9), 0;
    memcpy(seen.name, in, in_size < 8 ? in_size : 8);
    return linfsp_reply_ioctl(request, -25, "out", 4);
}

static const struct linfsp_operations operations = {
    .size = sizeof operations,
    .lookup = op_lookup,
    .forget = op_forget,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .mknod = op_mknod,
    .symlink = op_symlink,
    .rename = op_rename,
    .create = op_create,
    .open = op_open,
    .read = op_read,
    .write = op_write,
    .readdir = op_readdir,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .statfs = op_statfs,
    .lseek = op_lseek,
    .copy_file_range = op_copy,
    .ioctl = op_ioctl,
};

/* ---- a kernel --------------------------------------------------------------------------------------------------- */

static void trace(void *context, const char *line) {
    snprintf(seen.trace[seen.n_trace++ % ARRAY_SIZE(seen.trace)], sizeof seen.trace[0], "%s", line);
}

/* A message as the kernel would send it: the argument struct, then the rest. */
static void send_request(uint32_t opcode, uint64_t unique, const void *head, size_t head_size, const void *rest,
                         size_t rest_size) {
    static unsigned char message[MAX_WRITE * 2];
    struct fuse_in_header header = {.len = (uint32_t)(sizeof header + head_size + rest_size),
                                    .opcode = opcode,
                                    .unique = unique,
                                    .nodeid = 42,
                                    .uid = 1000,
                                    .gid = 100,
                                    .pid = 4711};
    memcpy(message, &header, sizeof header);
    if (head_size)
        memcpy(message + sizeof header, head, head_size);
    if (rest_size)
        memcpy(message + sizeof header + head_size, rest, rest_size);
    assert_int_equal(send(kernel, message, header.len, 0), header.len);
}

/* The size of the answer's body; its error in *ret_error. */
static size_t receive_answer(uint64_t unique, int *ret_error) {
    memset(answer, 0xaa, sizeof answer);
    ssize_t n = recv(kernel, answer, sizeof answer, 0);
    assert_true(n >= (ssize_t)sizeof(struct fuse_out_header));
    assert_int_equal(HEADER(answer)->len, n);
    assert_int_equal(HEADER(answer)->unique, unique);
    *ret_error = HEADER(answer)->error;
    return (size_t)n - sizeof(struct fuse_out_header);
}

static uint64_t next_unique(void) {
    static uint64_t unique;
    return unique += 2;
}

static int ask(uint32_t opcode, const void *head, size_t head_size, const void *rest, size_t rest_size,
               size_t *ret_size) {
    int error = 0;
    uint64_t unique = next_unique();
    send_request(opcode, unique, head, head_size, rest, rest_size);
    *ret_size = receive_answer(unique, &error);
    return error;
}

#define ASK(opcode, head, rest, rest_size, ret_size)                                                                   \
    ask((opcode), (head), sizeof *(head), (rest), (rest_size), (ret_size))

static int start(uint64_t flags, uint64_t granted, unsigned threads, bool adaptive) {
    int pair[2], size = 1 << 20;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    kernel = pair[0];
    struct timeval limit = {.tv_sec = 20};
    setsockopt(kernel, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    memset(&seen, 0, sizeof seen);
    assert_int_equal(fsp_session_init(&session, &operations, &seen, &pair[1], 1, MAX_WRITE), 0);
    session.flags = flags;
    session.granted = granted;
    return fsp_session_start(&session, threads, adaptive);
}

static int set_up(void **state) {
    return start(FUSE_SETXATTR_EXT, 0, 1, false);
}

static int set_up_threads(void **state) {
    return start(FUSE_SETXATTR_EXT, 0, 4, false);
}

static int set_up_adaptive(void **state) {
    return start(FUSE_SETXATTR_EXT, 0, 4, true);
}

static int set_up_no_open(void **state) {
    return start(0, LINFSP_WANT_NO_OPEN, 1, false);
}

static int tear_down(void **state) {
    close(kernel);
    int r = fsp_session_join(&session);
    fsp_session_destroy(&session);
    return r;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_lookup(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "name", 5, &size), 0);
    assert_string_equal(seen.name, "name");
    assert_int_equal(seen.inode, 42);
    assert_int_equal(size, sizeof(struct fuse_entry_out));
    assert_int_equal(BODY(fuse_entry_out)->nodeid, 77);
    assert_int_equal(BODY(fuse_entry_out)->generation, 3);
    assert_int_equal(BODY(fuse_entry_out)->entry_valid, 1);
    assert_int_equal(BODY(fuse_entry_out)->entry_valid_nsec, 500000000);
    assert_int_equal(BODY(fuse_entry_out)->attr_valid, INT64_MAX);
    assert_int_equal(BODY(fuse_entry_out)->attr.ino, 770);
    assert_int_equal(BODY(fuse_entry_out)->attr.rdev, 0x12310345); /* as new_encode_dev does it */
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "missing", 8, &size), 0);
    assert_int_equal(BODY(fuse_entry_out)->nodeid, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "error", 6, &size), -EACCES);
    assert_int_equal(size, 0);
}

/* The kernel refuses an answer whose error is out of range and leaves the caller waiting. */
static void test_errors_out_of_range(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "huge-error", 11, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "positive-error", 15, &size), -EIO);
}

static void test_bad_names(void **state) {
    char longest[FSP_NAME_MAX + 2];
    size_t size;
    memset(longest, 'n', sizeof longest);
    longest[FSP_NAME_MAX] = 0;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, longest, FSP_NAME_MAX + 1, &size), 0);
    assert_int_equal(seen.calls, 1);
    longest[FSP_NAME_MAX] = 'n';
    longest[FSP_NAME_MAX + 1] = 0;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, longest, sizeof longest, &size), -ENAMETOOLONG);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "unterminated", 12, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "", 1, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "", 0, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "a/b", 4, &size), -EIO);
    assert_int_equal(ask(FUSE_MKNOD, &(struct fuse_mknod_in){0}, 16, "..", 3, &size), -EIO);
    assert_int_equal(seen.calls, 1);
}

static void test_rename(void **state) {
    struct fuse_rename2_in in = {.newdir = 43, .flags = 2};
    struct fuse_rename_in old = {.newdir = 44};
    size_t size;
    assert_int_equal(ASK(FUSE_RENAME2, &in, "one\0two", 8, &size), 0);
    assert_string_equal(seen.name, "one");
    assert_string_equal(seen.other, "two");
    assert_int_equal(seen.number, 43);
    assert_int_equal(seen.set, 2);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one\0two", 8, &size), 0);
    assert_int_equal(seen.set, 0);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one\0two", 7, &size), -EIO);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one\0", 4, &size), -EIO);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one", 3, &size), -EIO);
    assert_int_equal(seen.calls, 2);
}

static void test_symlink(void **state) {
    size_t size;
    static char target[PATH_MAX + 8];
    assert_int_equal(ask(FUSE_SYMLINK, NULL, 0, "name\0to/there", 14, &size), -EROFS);
    assert_string_equal(seen.name, "name");
    assert_string_equal(seen.other, "to/there");
    memset(target, 't', sizeof target);
    target[1] = 0;
    target[sizeof target - 1] = 0;
    assert_int_equal(ask(FUSE_SYMLINK, NULL, 0, target, sizeof target, &size), -ENAMETOOLONG);
}

static void test_mknod(void **state) {
    struct fuse_mknod_in in = {.mode = S_IFCHR | 0600, .umask = 022, .rdev = 0x12310345};
    size_t size;
    assert_int_equal(ASK(FUSE_MKNOD, &in, "node", 5, &size), 0);
    assert_int_equal(major(seen.device), 0x103);
    assert_int_equal(minor(seen.device), 0x12345);
    assert_int_equal(seen.mode, S_IFCHR | 0600);
    assert_int_equal(seen.umask, 022);
}

static void test_attributes(void **state) {
    struct fuse_getattr_in get = {.getattr_flags = FUSE_GETATTR_FH, .fh = 8};
    struct fuse_setattr_in set = {
        .valid = FATTR_SIZE | FATTR_MTIME | FATTR_FH | FATTR_LOCKOWNER, .size = 5, .mtime = 7, .mtimensec = 999};
    size_t size;
    assert_int_equal(ASK(FUSE_GETATTR, &get, NULL, 0, &size), 0);
    assert_int_equal(size, sizeof(struct fuse_attr_out));
    assert_true(seen.has_file);
    assert_int_equal(seen.handle, 8);
    assert_int_equal(BODY(fuse_attr_out)->attr.uid, 1000);
    assert_int_equal(BODY(fuse_attr_out)->attr.gid, 100);
    assert_int_equal(BODY(fuse_attr_out)->attr.size, 4711);
    assert_int_equal(BODY(fuse_attr_out)->attr_valid, 2);
    assert_int_equal(BODY(fuse_attr_out)->attr_valid_nsec, 1000000);
    get.getattr_flags = 0;
    assert_int_equal(ASK(FUSE_GETATTR, &get, NULL, 0, &size), 0);
    assert_false(seen.has_file);
    assert_int_equal(ASK(FUSE_SETATTR, &set, NULL, 0, &size), 0);
    assert_int_equal(seen.set, LINFSP_SET_SIZE | LINFSP_SET_MTIME);
    assert_int_equal(seen.attributes.st_size, 5);
    assert_int_equal(seen.attributes.st_mtim.tv_nsec, 999);
    assert_true(seen.has_file);
    set.size = UINT64_MAX;
    assert_int_equal(ASK(FUSE_SETATTR, &set, NULL, 0, &size), -EINVAL);
}

static void test_create(void **state) {
    struct fuse_create_in in = {.mode = S_IFREG | 0600};
    size_t size;
    assert_int_equal(ASK(FUSE_CREATE, &in, "new", 4, &size), 0);
    assert_int_equal(size, sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out));
    struct fuse_open_out *out =
        (struct fuse_open_out *)(void *)(answer + sizeof(struct fuse_out_header) + sizeof(struct fuse_entry_out));
    assert_true(out->fh == 0x1122334455667788);
    assert_int_equal(out->open_flags, FOPEN_DIRECT_IO);
    assert_int_equal(out->backing_id, 0);
    assert_false(seen.kill_suidgid);
    in.open_flags = FUSE_OPEN_KILL_SUIDGID;
    assert_int_equal(ASK(FUSE_CREATE, &in, "new", 4, &size), 0);
    assert_true(seen.kill_suidgid);
}

/* ENOSYS to OPEN would switch opening off for the whole volume. */
static void test_open_enosys(void **state) {
    struct fuse_open_in in = {0};
    size_t size;
    assert_int_equal(ASK(FUSE_OPEN, &in, NULL, 0, &size), -EOPNOTSUPP);
    assert_int_equal(ASK(FUSE_OPENDIR, &in, NULL, 0, &size), 0);
    assert_int_equal(BODY(fuse_open_out)->open_flags, 0);
}

static void test_open_enosys_wanted(void **state) {
    struct fuse_open_in in = {0};
    size_t size;
    assert_int_equal(ASK(FUSE_OPEN, &in, NULL, 0, &size), -ENOSYS);
    assert_int_equal(ASK(FUSE_OPENDIR, &in, NULL, 0, &size), 0);
}

static void test_defaults(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_FLUSH, &(struct fuse_flush_in){0}, sizeof(struct fuse_flush_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_FSYNC, &(struct fuse_fsync_in){0}, sizeof(struct fuse_fsync_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_ACCESS, &(struct fuse_access_in){0}, sizeof(struct fuse_access_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_RELEASE, &(struct fuse_release_in){0}, sizeof(struct fuse_release_in), NULL, 0, &size),
                     0);
    assert_int_equal(ask(FUSE_RELEASEDIR, &(struct fuse_release_in){0}, sizeof(struct fuse_release_in), NULL, 0, &size),
                     0);
    assert_int_equal(ask(FUSE_UNLINK, NULL, 0, "x", 2, &size), -ENOSYS);
    assert_int_equal(ask(FUSE_DESTROY, NULL, 0, NULL, 0, &size), 0);
    assert_int_equal(ask(FUSE_STATX, &(struct fuse_statx_in){0}, sizeof(struct fuse_statx_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_INIT, &(struct fuse_init_in){0}, sizeof(struct fuse_init_in), NULL, 0, &size), -ENOSYS);
    assert_int_equal(ask(9999, NULL, 0, "whatever", 8, &size), -ENOSYS);
    assert_int_equal(ask(7, NULL, 0, NULL, 0, &size), -ENOSYS);
    assert_int_equal(ask(UINT32_MAX, NULL, 0, NULL, 0, &size), -ENOSYS);
}

static void test_read(void **state) {
    struct fuse_read_in in = {.size = 4096, .fh = 3};
    size_t size;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), 0);
    assert_int_equal(size, 4);
    assert_memory_equal(BODY(fuse_out_header), "read", 4);
    in.offset = 1;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), -EIO);
    in.offset = 2;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), 0);
    assert_int_equal(size, 4096);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(answer[sizeof(struct fuse_out_header) + i], 'b');
    in.offset = UINT64_MAX;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), -EINVAL);
}

static void test_write(void **state) {
    static char data[MAX_WRITE];
    struct fuse_write_in in = {
        .size = sizeof data, .offset = 7, .write_flags = FUSE_WRITE_KILL_SUIDGID | FUSE_WRITE_LOCKOWNER};
    size_t size;
    memcpy(data, "abcdefg", 8);
    assert_int_equal(ASK(FUSE_WRITE, &in, data, sizeof data, &size), 0);
    assert_int_equal(BODY(fuse_write_out)->size, sizeof data);
    assert_string_equal(seen.name, "abcdefg");
    assert_int_equal(seen.offset, 7);
    assert_true(seen.aligned);
    assert_int_equal(seen.set, LINFSP_WRITE_KILL_SUIDGID);
    in.size = 10; /* of which 9 came */
    assert_int_equal(ASK(FUSE_WRITE, &in, data, 9, &size), -EIO);
    in.size = UINT32_MAX;
    assert_int_equal(ASK(FUSE_WRITE, &in, data, 9, &size), -EIO);
    in.size = 9;
    in.offset = (uint64_t)INT64_MAX - 3;
    assert_int_equal(ASK(FUSE_WRITE, &in, data, 9, &size), -EINVAL);
    assert_int_equal(seen.calls, 1);
}

static void test_directory(void **state) {
    struct fuse_read_in in = {.size = 4096};
    size_t size, record = FUSE_REC_ALIGN(FUSE_NAME_OFFSET + 9);
    assert_int_equal(ASK(FUSE_READDIR, &in, NULL, 0, &size), 0);
    assert_false(seen.plus);
    assert_int_equal(seen.count, 4096 / record);
    assert_int_equal(size, seen.count * record);
    assert_int_equal(BODY(fuse_dirent)->ino, 50);
    assert_int_equal(BODY(fuse_dirent)->off, 1);
    assert_int_equal(BODY(fuse_dirent)->type, 4);
    assert_memory_equal(BODY(fuse_dirent)->name, "directory\0\0\0\0\0\0", record - FUSE_NAME_OFFSET);
    record = FUSE_REC_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + 9);
    assert_int_equal(ASK(FUSE_READDIRPLUS, &in, NULL, 0, &size), 0);
    assert_true(seen.plus);
    assert_int_equal(size, 4096 / record * record);
    assert_int_equal(BODY(fuse_direntplus)->entry_out.nodeid, 5);
    assert_int_equal(BODY(fuse_direntplus)->dirent.ino, 50);
    in.size = 20; /* not one fits */
    assert_int_equal(ASK(FUSE_READDIR, &in, NULL, 0, &size), 0);
    assert_int_equal(size, 0);
    in.size = UINT32_MAX; /* more than there is room for: what fits */
    assert_int_equal(ASK(FUSE_READDIR, &in, NULL, 0, &size), 0);
    assert_true(size > 0 && size <= session.scratch_size);
}

static void test_xattr(void **state) {
    struct fuse_setxattr_in set = {.size = 5, .setxattr_flags = FUSE_SETXATTR_ACL_KILL_SGID};
    struct fuse_getxattr_in get = {.size = 0};
    size_t size;
    assert_int_equal(ASK(FUSE_SETXATTR, &set, "user.x\0value", 12, &size), 0);
    assert_string_equal(seen.name, "user.x");
    assert_memory_equal(seen.other, "value", 5);
    assert_true(seen.has_file);
    set.size = 6; /* of which 5 came */
    assert_int_equal(ASK(FUSE_SETXATTR, &set, "user.x\0value", 12, &size), -EIO);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(ASK(FUSE_GETXATTR, &get, "user.x", 7, &size), 0);
    assert_int_equal(size, sizeof(struct fuse_getxattr_out));
    assert_int_equal(BODY(fuse_getxattr_out)->size, 5);
    get.size = 4;
    assert_int_equal(ASK(FUSE_GETXATTR, &get, "user.x", 7, &size), -ERANGE);
    get.size = 5;
    assert_int_equal(ASK(FUSE_GETXATTR, &get, "user.x", 7, &size), 0);
    assert_int_equal(size, 5);
}

/* The older form of the argument struct, where the kernel was not told that we know the newer. */
static void test_old_setxattr(void **state) {
    struct fuse_setxattr_in set = {.size = 5, .flags = 1};
    size_t size;
    assert_int_equal(ask(FUSE_SETXATTR, &set, FUSE_COMPAT_SETXATTR_IN_SIZE, "user.x\0value", 12, &size), 0);
    assert_string_equal(seen.name, "user.x");
    assert_int_equal(seen.size, 5);
    assert_false(seen.has_file);
}

static void test_copy(void **state) {
    struct fuse_copy_file_range_in in = {.len = UINT64_MAX};
    size_t size;
    assert_int_equal(ASK(FUSE_COPY_FILE_RANGE, &in, NULL, 0, &size), 0);
    assert_int_equal(seen.size, 0x7ffff000);
    assert_int_equal(BODY(fuse_write_out)->size, 0x7ffff000);
    assert_int_equal(size, sizeof(struct fuse_write_out));
    assert_int_equal(ASK(FUSE_COPY_FILE_RANGE_64, &in, NULL, 0, &size), 0);
    assert_int_equal(BODY(fuse_copy_file_range_out)->bytes_copied, 0x7ffff000);
}

static void test_ioctl(void **state) {
    struct fuse_ioctl_in in = {.cmd = 1, .in_size = 4, .out_size = 8};
    size_t size;
    assert_int_equal(ASK(FUSE_IOCTL, &in, "in!", 4, &size), 0);
    assert_string_equal(seen.name, "in!");
    assert_int_equal(BODY(fuse_ioctl_out)->result, -25);
    assert_int_equal(size, sizeof(struct fuse_ioctl_out) + 4);
    assert_int_equal(ASK(FUSE_IOCTL, &in, "in", 3, &size), -EIO);
    in.cmd = 2;
    assert_int_equal(ASK(FUSE_IOCTL, &in, "in!", 4, &size), -EIO);
}

static void test_forget(void **state) {
    struct fuse_forget_in one = {.nlookup = 3};
    struct {
        struct fuse_batch_forget_in in;
        struct fuse_forget_one items[2];
    } batch = {{.count = 2}, {{50, 10}, {51, 20}}};
    size_t size;
    send_request(FUSE_FORGET, next_unique(), &one, sizeof one, NULL, 0);
    send_request(FUSE_BATCH_FORGET, next_unique(), &batch, sizeof batch, NULL, 0);
    batch.in.count = UINT32_MAX; /* of which two came, and half of one */
    send_request(FUSE_BATCH_FORGET, next_unique(), &batch, sizeof batch, &batch, 8);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0); /* none of them was answered */
    assert_int_equal(seen.calls, 6);
    assert_int_equal(seen.count, 63);
}

/* Whatever comes, there is an answer or none, and the session goes on. */
static void test_truncated(void **state) {
    unsigned char nothing[sizeof(struct fuse_in_header)] = {0};
    size_t size;
    for (uint32_t opcode = 0; opcode <= FUSE_OPCODE_MAX + 2; opcode++) {
        int head_size = fsp_head_size(&session, opcode);
        bool silent = opcode == FUSE_NOTIFY_REPLY;
        if (head_size <= 0 || silent)
            continue;
        for (int cut = 0; cut < head_size; cut += 4) {
            static const unsigned char zero[256];
            assert_int_equal(ask(opcode, zero, (size_t)cut, NULL, 0, &size), -EIO);
        }
    }
    for (size_t n = 1; n < sizeof nothing; n += 7)
        assert_int_equal(send(kernel, nothing, n, 0), n);
    assert_int_equal(seen.calls, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
}

static void test_lying_length(void **state) {
    struct {
        struct fuse_in_header header;
        char name[8];
    } message = {{.opcode = FUSE_LOOKUP, .unique = next_unique()}, "name"};
    int error;
    static const uint32_t lengths[] = {
        0, 1, sizeof(struct fuse_in_header), sizeof message - 1, sizeof message + 1, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        message.header.len = lengths[i];
        assert_int_equal(send(kernel, &message, sizeof message, 0), sizeof message);
        receive_answer(message.header.unique, &error);
        assert_int_equal(error, -EIO);
    }
    message.header.len = sizeof message;
    message.header.total_extlen = UINT16_MAX; /* extensions that are not there */
    assert_int_equal(send(kernel, &message, sizeof message, 0), sizeof message);
    receive_answer(message.header.unique, &error);
    assert_int_equal(error, -EIO);
}

static void test_extensions_are_left_out(void **state) {
    struct {
        struct fuse_in_header header;
        char name[8];
        struct fuse_ext_header extension;
    } message = {{.opcode = FUSE_LOOKUP, .unique = next_unique(), .total_extlen = 1, .len = sizeof message},
                 "name",
                 {8, FUSE_EXT_GROUPS}};
    int error;
    assert_int_equal(send(kernel, &message, sizeof message, 0), sizeof message);
    receive_answer(message.header.unique, &error);
    assert_int_equal(error, 0);
    assert_string_equal(seen.name, "name");
}

/* Random bytes behind a header that is right. The messages differ, the run does not. */
static void test_garbage(void **state) {
    static unsigned char body[512];
    uint32_t random = 12345;
    size_t size;
    for (int round = 0; round < 20000; round++) {
        random = random * 1664525 + 1013904223;
        uint32_t opcode = (random >> 16) % (FUSE_OPCODE_MAX + 1);
        random = random * 1664525 + 1013904223;
        size_t length = (random >> 16) % sizeof body;
        for (size_t i = 0; i < length; i++) {
            random = random * 1664525 + 1013904223;
            body[i] = (unsigned char)(random >> 24) % 3 ? (unsigned char)(random >> 16) : 0;
        }
        bool later = opcode == FUSE_STATFS || opcode == FUSE_LSEEK;
        bool silent = opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
                      opcode == FUSE_NOTIFY_REPLY;
        if (later || silent)
            continue;
        ask(opcode, body, length, NULL, 0, &size);
    }
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
}

static void *answer_later(void *request) {
    struct statvfs statistics = {.f_blocks = 123, .f_namemax = 255};
    usleep(20000);
    assert_int_equal(linfsp_reply_statfs(request, &statistics), 0);
    return NULL;
}

/* Requests that outlive their operation: the channel goes on with others in between. */
static void test_later(void **state) {
    pthread_t threads[40];
    uint64_t uniques[40];
    size_t size;
    int error;
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        seen.kept = NULL;
        uniques[i] = next_unique();
        send_request(FUSE_STATFS, uniques[i], NULL, 0, NULL, 0);
        assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
        assert_non_null(seen.kept);
        assert_int_equal(pthread_create(&threads[i], NULL, answer_later, seen.kept), 0);
    }
    bool got[40] = {false};
    for (size_t n = 0; n < ARRAY_SIZE(threads); n++) {
        ssize_t length = recv(kernel, answer, sizeof answer, 0);
        assert_int_equal(length, sizeof(struct fuse_out_header) + sizeof(struct fuse_statfs_out));
        assert_int_equal(BODY(fuse_statfs_out)->st.blocks, 123);
        for (size_t i = 0; i < ARRAY_SIZE(uniques); i++)
            if (uniques[i] == HEADER(answer)->unique)
                got[i] = true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_true(got[i]);
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < FSP_DETACHED_BUCKETS; i++)
        assert_null(session.detached[i]);
    assert_true(session.n_free > 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    (void)error;
}

static void test_never_answered(void **state) {
    size_t size;
    send_request(FUSE_STATFS, next_unique(), NULL, 0, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0); /* freed with the session */
}

static void test_interrupt_detached(void **state) {
    uint64_t unique = next_unique();
    struct fuse_interrupt_in in = {.unique = unique};
    size_t size;
    int error;
    send_request(FUSE_STATFS, unique, NULL, 0, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_false(linfsp_request_interrupted(seen.kept));
    send_request(FUSE_INTERRUPT, unique | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_true(linfsp_request_interrupted(seen.kept));
    linfsp_reply_error(seen.kept, -EINTR);
    receive_answer(unique, &error);
    assert_int_equal(error, -EINTR);
}

static void test_interrupt_under_way(void **state) {
    struct fuse_lseek_in seek = {0};
    uint64_t unique = next_unique();
    struct fuse_interrupt_in in = {.unique = unique};
    int error;
    send_request(FUSE_LSEEK, unique, &seek, sizeof seek, NULL, 0);
    /* EAGAIN as long as no thread has begun with it: the kernel asks again, and so do we */
    for (bool again = true; again;) {
        send_request(FUSE_INTERRUPT, unique | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
        ssize_t n = recv(kernel, answer, sizeof answer, 0);
        assert_true(n > 0);
        again = HEADER(answer)->unique == (unique | FUSE_INT_REQ_BIT);
        if (again)
            assert_int_equal(HEADER(answer)->error, -EAGAIN);
    }
    error = HEADER(answer)->error;
    assert_int_equal(error, -EINTR);
    assert_int_equal(seen.interrupted, 1);
}

static void test_interrupt_of_nothing(void **state) {
    struct fuse_interrupt_in in = {.unique = 0xabcdef0};
    int error;
    send_request(FUSE_INTERRUPT, in.unique | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
    receive_answer(in.unique | FUSE_INT_REQ_BIT, &error);
    assert_int_equal(error, -EAGAIN);
}

static void test_cut_wakes(void **state) {
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    usleep(20000); /* the channels are in read */
    assert_false(fsp_session_ended(&session));
    fsp_session_cut(&session);
    assert_int_equal(fsp_session_join(&session), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(after.tv_sec - before.tv_sec < 5);
}

/* An answer that comes when the session is cut goes nowhere, and nothing else is written to. */
static void test_late_answer(void **state) {
    size_t size;
    send_request(FUSE_STATFS, next_unique(), NULL, 0, NULL, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    fsp_session_cut(&session);
    assert_int_equal(fsp_session_join(&session), 0);
    assert_true(linfsp_reply_error(seen.kept, -EIO) < 0);
}

/* The gate's keeper, as linfsp_volume_run does it. */
static void *keep_gate(void *stop) {
    while (!atomic_load((atomic_bool *)stop)) {
        fsp_gate_tick(&session);
        usleep(1000);
    }
    return NULL;
}

/* Operations that block, all at once but the last: each time another channel is let through. */
static void test_gate_opens_for_blocked_operations(void **state) {
    struct fuse_lseek_in seek = {0};
    uint64_t uniques[3];
    size_t size;
    int error;
    atomic_bool stop = false;
    pthread_t keeper;
    assert_int_equal(atomic_load(&session.active), 1);
    pthread_create(&keeper, NULL, keep_gate, &stop);
    for (size_t i = 0; i < ARRAY_SIZE(uniques); i++) {
        uniques[i] = next_unique();
        send_request(FUSE_LSEEK, uniques[i], &seek, sizeof seek, NULL, 0);
    }
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0); /* before any of them is answered */
    assert_int_equal(atomic_load(&session.active), 4);
    for (size_t i = 0; i < ARRAY_SIZE(uniques); i++) {
        struct fuse_interrupt_in in = {.unique = uniques[i]};
        send_request(FUSE_INTERRUPT, uniques[i] | FUSE_INT_REQ_BIT, &in, sizeof in, NULL, 0);
        receive_answer(uniques[i], &error);
        assert_int_equal(error, -EINTR);
    }
    atomic_store(&stop, true);
    pthread_join(keeper, NULL);
}

static void test_gate_keeper_sleeps(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    int64_t next = 0;
    for (int i = 0; i < 200 && (next = fsp_gate_tick(&session)) >= 0; i++)
        usleep(1000);
    assert_int_equal(next, -1);
    assert_true(atomic_load(&session.asleep));
    assert_int_equal(fsp_gate_tick(&session), -1);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
    assert_false(atomic_load(&session.asleep)); /* the request has woken it */
    assert_true(fsp_gate_tick(&session) >= 0);
}

static void test_trace(void **state) {
    size_t size;
    struct fuse_rename_in in = {.newdir = 44};
    session.trace = trace;
    ASK(FUSE_RENAME, &in, "one\0two\n", 9, &size);
    ask(FUSE_LOOKUP, NULL, 0, "error", 6, &size);
    assert_non_null(strstr(seen.trace[0], "RENAME inode 42 \"one\" \"two\\x0a\" uid 1000 pid 4711"));
    assert_non_null(strstr(seen.trace[1], "RENAME -> ok, 0 bytes"));
    assert_non_null(strstr(seen.trace[2], "LOOKUP inode 42 \"error\""));
    assert_non_null(strstr(seen.trace[3], "LOOKUP -> Permission denied"));
    ask(FUSE_LOOKUP, NULL, 0, "unterminated", 12, &size);
    ask(FUSE_RENAME, &in, sizeof in, "unterminated", 12, &size);
}

/* A program built with an older header has fewer operations. */
static void test_older_operations(void **state) {
    struct linfsp_operations few = operations;
    struct fsp_session old;
    int pair[2];
    few.size = offsetof(struct linfsp_operations, getattr);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fsp_session_init(&old, &few, NULL, pair, 2, 4096), 0);
    assert_non_null(old.operations.lookup);
    assert_null(old.operations.getattr);
    assert_null(old.operations.ioctl);
    fsp_session_destroy(&old);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_THREADS(name) cmocka_unit_test_setup_teardown(name, set_up_threads, tear_down)
#define TEST_NO_OPEN(name) cmocka_unit_test_setup_teardown(name, set_up_no_open, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_lookup),
        TEST(test_errors_out_of_range),
        TEST(test_bad_names),
        TEST(test_rename),
        TEST(test_symlink),
        TEST(test_mknod),
        TEST(test_attributes),
        TEST(test_create),
        TEST(test_open_enosys),
        TEST_NO_OPEN(test_open_enosys_wanted),
        TEST(test_defaults),
        TEST(test_read),
        TEST(test_write),
        TEST(test_directory),
        TEST(test_xattr),
        TEST_NO_OPEN(test_old_setxattr),
        TEST(test_copy),
        TEST(test_ioctl),
        TEST(test_forget),
        TEST(test_truncated),
        TEST(test_lying_length),
        TEST(test_extensions_are_left_out),
        TEST(test_garbage),
        TEST_THREADS(test_garbage),
        TEST(test_later),
        TEST(test_never_answered),
        TEST(test_interrupt_detached),
        TEST_THREADS(test_interrupt_under_way),
        TEST(test_interrupt_of_nothing),
        TEST_THREADS(test_cut_wakes),
        TEST(test_late_answer),
#define TEST_ADAPTIVE(name) cmocka_unit_test_setup_teardown(name, set_up_adaptive, tear_down)
        TEST_ADAPTIVE(test_gate_opens_for_blocked_operations),
        TEST_ADAPTIVE(test_gate_keeper_sleeps),
        TEST_ADAPTIVE(test_cut_wakes),
        TEST(test_trace),
        cmocka_unit_test(test_older_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
