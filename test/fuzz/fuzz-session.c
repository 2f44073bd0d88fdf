/* SPDX-License-Identifier: MIT */
/*
 * What the kernel sends to a file system, and what the library answers. The kernel is trusted; but the library checks
 * every length and name, so that a file system's operations need not. And a file system may answer whatever it likes:
 * each request gets one answer at most, of the form that the protocol has.
 *
 * The input is messages: two bytes of size, two of what the operations do, then a message without its header's length,
 * which is put in. All go to one session.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/session.h"
#include "util/cleanup.h"

#define MAX_WRITE 65536u
#define NAME_SIZE_MAX 4096

static struct fsp_session session;
static struct fsp_channel *channel;
static unsigned behaviour; /* of the operations */
static unsigned answers; /* to the request under way */
static uint64_t unique;
static linfsp_request *kept; /* is answered later */

/* ---- operations: any answer at all ------------------------------------------------------------------------------- */

static void check_name(const char *name) {
    size_t length = strnlen(name, NAME_SIZE_MAX + 1);
    PROPERTY(length > 0 && length <= FSP_NAME_MAX && !strchr(name, '/'));
}

/* Reads all of it, for the sanitizer. */
static void touch(const void *data, size_t size) {
    static unsigned char sink[2 * MAX_WRITE + 4096];
    PROPERTY(size <= sizeof sink);
    if (size > 0)
        memcpy(sink, data, size);
}

/* What an operation might do, right or wrong. */
static int any_answer(linfsp_request *request) {
    static unsigned char data[2 * MAX_WRITE];
    struct stat attributes = {.st_ino = 7, .st_mode = S_IFREG | 0644, .st_size = behaviour};
    struct linfsp_entry entry = {.inode = behaviour & 64, .attributes = attributes};
    struct linfsp_file file = {.handle = behaviour, .open_flags = behaviour};
    struct timespec created = {1, 2};
    size_t size = (size_t)behaviour * 7 % sizeof data;
    struct iovec parts[2] = {{data, size / 2}, {data, size - size / 2}};
    char *buffer;
    switch (behaviour % 20) {
    case 0:
        return -(int)(behaviour >> 4);
    case 1:
        return linfsp_reply_error(request, (int)behaviour - 32768);
    case 2:
        return linfsp_reply_done(request);
    case 3:
        return linfsp_reply_entry(request, &entry);
    case 4:
        return linfsp_reply_create(request, &entry, &file);
    case 5:
        return linfsp_reply_attributes(request, &attributes, behaviour);
    case 6:
        return linfsp_reply_statx(request, &attributes, &created, behaviour);
    case 7:
        return linfsp_reply_open(request, &file);
    case 8:
        return linfsp_reply_data(request, data, size % sizeof data);
    case 9:
        return linfsp_reply_vector(request, parts, 2);
    case 10:
        return linfsp_reply_written(request, size);
    case 11:
        return linfsp_reply_directory(request);
    case 12:
        for (unsigned i = 0; i < 20000 && linfsp_add_entry_plus(request, "name", &entry, i + 1); i++) {
        }
        return linfsp_reply_directory(request);
    case 13:
        while (linfsp_add_entry(request, "another name", 9, S_IFDIR, 1)) {
        }
        return linfsp_reply_directory(request);
    case 14:
        buffer = linfsp_request_buffer(request, size);
        if (buffer)
            memset(buffer, 'x', size);
        return linfsp_reply_vector(request, &(struct iovec){buffer, buffer ? size : 0}, 1);
    case 15:
        return linfsp_reply_ioctl(request, (int)behaviour - 32768, data, size % sizeof data);
    case 16:
        return linfsp_reply_offset(request, (off_t)behaviour - 5);
    case 17:
        return (int)behaviour;
    case 18: /* twice */
        (void)linfsp_reply_data(request, data, size % sizeof data);
        return linfsp_reply_done(request);
    default:
        return linfsp_reply_size(request, size);
    }
}

/* Notes that it was called, and answers; a request that is not answered is kept for later. */
static int operate(linfsp_request *request) {
    unsigned before = answers;
    int r = any_answer(request);
    if (r >= 0 && answers == before)
        kept = request;
    return r;
}

static int op_name(linfsp_request *request, uint64_t parent, const char *name) {
    check_name(name);
    return operate(request);
}

static int op_two_names(linfsp_request *request, uint64_t parent, const char *name, uint64_t new_parent,
                        const char *new_name, uint32_t flags) {
    check_name(name);
    check_name(new_name);
    return operate(request);
}

static int op_link(linfsp_request *request, uint64_t inode, uint64_t new_parent, const char *new_name) {
    return op_name(request, new_parent, new_name);
}

static int op_symlink(linfsp_request *request, uint64_t parent, const char *name, const char *target) {
    touch(target, strlen(target));
    return op_name(request, parent, name);
}

static int op_mknod(linfsp_request *request, uint64_t parent, const char *name, mode_t mode, dev_t device) {
    return op_name(request, parent, name);
}

static int op_mkdir(linfsp_request *request, uint64_t parent, const char *name, mode_t mode) {
    return op_name(request, parent, name);
}

static int op_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode,
                     struct linfsp_file *file) {
    file->handle = behaviour;
    return op_name(request, parent, name);
}

static int op_tmpfile(linfsp_request *request, uint64_t parent, mode_t mode, struct linfsp_file *file) {
    return operate(request);
}

static void op_forget(void *context, uint64_t inode, uint64_t count) {
}

static int op_inode(linfsp_request *request, uint64_t inode) {
    return operate(request);
}

static int op_file(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    if (file)
        touch(file, sizeof *file);
    return operate(request);
}

static int op_statx(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t mask) {
    return op_file(request, inode, file);
}

static int op_setattr(linfsp_request *request, uint64_t inode, const struct stat *attributes, uint32_t set,
                      struct linfsp_file *file) {
    touch(attributes, sizeof *attributes);
    return op_file(request, inode, file);
}

static int op_read(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset) {
    char *buffer = linfsp_request_buffer(request, size);
    if (buffer)
        memset(buffer, 'r', size);
    return op_file(request, inode, file);
}

static int op_write(linfsp_request *request, uint64_t inode, struct linfsp_file *file, const void *data, size_t size,
                    off_t offset, uint32_t flags) {
    PROPERTY(size <= MAX_WRITE);
    touch(data, size);
    return op_file(request, inode, file);
}

static int op_fsync(linfsp_request *request, uint64_t inode, struct linfsp_file *file, bool data_only) {
    return op_file(request, inode, file);
}

static int op_readdir(linfsp_request *request, uint64_t inode, struct linfsp_file *file, size_t size, off_t offset,
                      bool plus) {
    return op_file(request, inode, file);
}

static int op_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size,
                       int flags, bool kill_sgid) {
    touch(name, strlen(name) + 1);
    touch(value, size);
    return operate(request);
}

static int op_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size) {
    touch(name, strlen(name) + 1);
    return operate(request);
}

static int op_listxattr(linfsp_request *request, uint64_t inode, size_t size) {
    return operate(request);
}

static int op_removexattr(linfsp_request *request, uint64_t inode, const char *name) {
    touch(name, strlen(name) + 1);
    return operate(request);
}

static int op_access(linfsp_request *request, uint64_t inode, int mask) {
    return operate(request);
}

static int op_fallocate(linfsp_request *request, uint64_t inode, struct linfsp_file *file, int mode, off_t offset,
                        off_t length) {
    return op_file(request, inode, file);
}

static int op_lseek(linfsp_request *request, uint64_t inode, struct linfsp_file *file, off_t offset, int whence) {
    return op_file(request, inode, file);
}

static int op_copy(linfsp_request *request, uint64_t inode_in, struct linfsp_file *file_in, off_t offset_in,
                   uint64_t inode_out, struct linfsp_file *file_out, off_t offset_out, size_t length, uint64_t flags) {
    touch(file_out, sizeof *file_out);
    return op_file(request, inode_in, file_in);
}

static int op_ioctl(linfsp_request *request, uint64_t inode, struct linfsp_file *file, uint32_t command,
                    uint64_t argument, uint32_t flags, const void *in, size_t in_size, size_t out_size) {
    touch(in, in_size);
    return op_file(request, inode, file);
}

static int op_statfs(linfsp_request *request, uint64_t inode) {
    struct statvfs statistics = {.f_blocks = behaviour};
    return behaviour & 1 ? linfsp_reply_statfs(request, &statistics) : operate(request);
}

static const struct linfsp_operations operations = {
    .size = sizeof operations,
    .lookup = op_name,
    .forget = op_forget,
    .getattr = op_file,
    .setattr = op_setattr,
    .readlink = op_inode,
    .mknod = op_mknod,
    .mkdir = op_mkdir,
    .symlink = op_symlink,
    .unlink = op_name,
    .rmdir = op_name,
    .rename = op_two_names,
    .link = op_link,
    .open = op_file,
    .create = op_create,
    .tmpfile = op_tmpfile,
    .read = op_read,
    .write = op_write,
    .flush = op_file,
    .release = op_file,
    .fsync = op_fsync,
    .opendir = op_file,
    .readdir = op_readdir,
    .releasedir = op_file,
    .fsyncdir = op_fsync,
    .statfs = op_statfs,
    .setxattr = op_setxattr,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .removexattr = op_removexattr,
    .access = op_access,
    .fallocate = op_fallocate,
    .lseek = op_lseek,
    .copy_file_range = op_copy,
    .ioctl = op_ioctl,
    .syncfs = op_inode,
    .statx = op_statx,
};

/* ---- the kernel's end -------------------------------------------------------------------------------------------- */

static int take_answer(struct linfsp_request *request, const struct iovec *vector, int count, size_t size) {
    struct fuse_out_header header;
    size_t sum = 0;
    for (int i = 0; i < count; i++) {
        touch(vector[i].iov_base, vector[i].iov_len);
        sum += vector[i].iov_len;
    }
    PROPERTY(count > 0 && vector[0].iov_len >= sizeof header && sum == size);
    memcpy(&header, vector[0].iov_base, sizeof header);
    PROPERTY(header.len == size && header.unique == unique);
    PROPERTY(header.error <= 0 && header.error > -1000); /* or the kernel refuses it, and the caller waits for ever */
    PROPERTY(header.error == 0 || size == sizeof header);
    PROPERTY(++answers == 1);
    if (fsp_request_settle(request))
        fsp_request_release(request);
    return 0;
}

static const struct fsp_loop loop = {.name = "fuzz", .send = take_answer, .leave = fsp_dev_leave};

static void start(void) {
    if (channel)
        return;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (fsp_session_init(&session, &operations, NULL, &null, 1, MAX_WRITE) < 0 ||
        fsp_channels_allocate(&session, 1) < 0)
        abort();
    session.loop = &loop;
    session.flags = FUSE_SETXATTR_EXT | FUSE_HANDLE_KILLPRIV_V2;
    session.channels[0].loop = &loop;
    channel = &session.channels[0];
    channel->request = fsp_session_new_request(&session);
    if (!channel->request)
        abort();
}

static void serve(const uint8_t *message, size_t size) {
    struct fuse_in_header header;
    if (size < sizeof header)
        return;
    memcpy(channel->request->input, message, size);
    memcpy(&header, message, sizeof header);
    header.len = behaviour % 64 == 63 ? header.len : (uint32_t)size; /* seldom a wrong one */
    header.opcode %= 128;
    header.total_extlen %= 4;
    header.unique |= 2; /* 0 is no request's */
    memcpy(channel->request->input, &header, sizeof header);
    unique = header.unique;
    answers = 0;
    kept = NULL;
    fsp_session_serve_message(channel, size);
    if (kept && answers == 0)
        (void)linfsp_reply_done(kept); /* from elsewhere, later */
    bool silent = header.opcode == FUSE_FORGET || header.opcode == FUSE_BATCH_FORGET || header.opcode == FUSE_INTERRUPT;
    PROPERTY(answers == 1 || silent || header.opcode == FUSE_DESTROY || header.opcode == FUSE_NOTIFY_REPLY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    start();
    while (size > 4) {
        size_t length = data[0] | (size_t)data[1] << 8;
        behaviour = data[2] | (unsigned)data[3] << 8;
        data += 4;
        size -= 4;
        if (length > size)
            length = size;
        serve(data, length);
        data += length;
        size -= length;
    }
    return 0;
}
