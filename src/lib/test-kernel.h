/* SPDX-License-Identifier: MIT */
/* For tests of the session: a kernel, which is a socket in the place of /dev/fuse, and a file system that notes what it
 * is asked. */
#ifndef LINFSP_LIB_TEST_KERNEL_H
#define LINFSP_LIB_TEST_KERNEL_H

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
    bool may_be_done;
    bool aligned;
    uint64_t handle;
    dev_t device;
    mode_t mode, umask;
    unsigned calls;
    _Atomic int interrupted;
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

/* ---- a file system that notes what it is asked ----------------------------------------------------------------- */

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
    if (!strcmp(name, "wrong-kind")) {
        assert_int_equal(linfsp_reply_data(request, "data", 4), -EINVAL);
        return 0;
    }
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

static int op_statx(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t mask) {
    struct stat attributes = {.st_ino = inode};
    struct timespec created = {1234, 5678};
    seen.handle = file ? file->handle : 0;
    seen.set = mask;
    return linfsp_reply_statx(request, &attributes, &created, 1500);
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
    seen.may_be_done = linfsp_request_may_be_done(request);
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
    .statx = op_statx,
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

/* ---- a kernel -------------------------------------------------------------------------------------------------- */

static _unused_ void trace(void *context, const char *line) {
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

static _unused_ int set_up(void **state) {
    return start(FUSE_SETXATTR_EXT, 0, 1, false);
}

static _unused_ int set_up_threads(void **state) {
    return start(FUSE_SETXATTR_EXT, 0, 4, false);
}

static _unused_ int set_up_adaptive(void **state) {
    return start(FUSE_SETXATTR_EXT, 0, 4, true);
}

static _unused_ int set_up_no_open(void **state) {
    return start(0, LINFSP_WANT_NO_OPEN, 1, false);
}

static int tear_down(void **state) {
    close(kernel);
    int r = fsp_session_join(&session);
    fsp_session_destroy(&session);
    return r;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_THREADS(name) cmocka_unit_test_setup_teardown(name, set_up_threads, tear_down)
#define TEST_ADAPTIVE(name) cmocka_unit_test_setup_teardown(name, set_up_adaptive, tear_down)
#define TEST_NO_OPEN(name) cmocka_unit_test_setup_teardown(name, set_up_no_open, tear_down)

#endif
