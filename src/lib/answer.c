/* SPDX-License-Identifier: MIT */
/*
 * Answers: what linfsp_reply_... sends to the kernel.
 *
 * Model. Each answer is one write that begins with struct fuse_out_header. A small one is put together in
 * request->answer; data is sent from where the file system has it. An answer the kernel has no room for becomes EIO: it
 * would otherwise refuse the message and leave the caller waiting.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/session.h"
#include "util/cleanup.h"

#define VECTOR_MAX 1023 /* IOV_MAX, less one for the header */
#define ERRNO_MAX_KERNEL 511

/* vector[0] is left for the header. */
static int send_vector(struct linfsp_request *request, int error, struct iovec *vector, int count, size_t body) {
    /* the fast path of a trace that is off is this one test */
    if (fsp_is_traced(request->session))
        fsp_trace_answer(request, error, body);
    if (request->session->meters)
        fsp_meters_count(request, error, body);
    request->answer.header = (struct fuse_out_header){
        .len = (uint32_t)(sizeof(struct fuse_out_header) + body),
        .error = error,
        .unique = request->unique,
    };
    size_t size = sizeof(struct fuse_out_header) + body;
    struct fsp_ledger_slot *slot = request->slot;
    if (slot && count == 1)
        fsp_ledger_answer(slot, &request->answer, size);
    int r = request->channel->loop->send(request, vector, count, size);
    if (slot) /* the request may be another's by now */
        fsp_ledger_end(slot);
    return r;
}

/* The first body bytes of request->answer's payload. */
static int send_small(struct linfsp_request *request, int error, size_t body) {
    struct iovec vector = {&request->answer, sizeof(struct fuse_out_header) + body};
    return send_vector(request, error, &vector, 1, body);
}

void fsp_answer_again(struct linfsp_request *request, size_t body) {
    (void)send_small(request, request->answer.header.error, body);
}

static bool already_answered(const struct linfsp_request *request) {
    return atomic_load_explicit(&request->state, memory_order_relaxed) & FSP_REQUEST_ANSWERED;
}

/* ENOSYS to OPEN means to the kernel that no file of this volume needs opening, ever: only the library says that. */
static int permitted_error(const struct linfsp_request *request, int error) {
    bool opens = request->opcode == FUSE_OPEN || request->opcode == FUSE_OPENDIR;
    uint64_t wanted = request->opcode == FUSE_OPEN ? LINFSP_WANT_NO_OPEN : LINFSP_WANT_NO_OPENDIR;
    if (error == -ENOSYS && opens && !(request->session->granted & wanted))
        return -EOPNOTSUPP;
    return error > 0 || error < -ERRNO_MAX_KERNEL ? -EIO : error;
}

/* What an answer is made of. */
enum kind {
    DONE = 1 << 0,
    ENTRY = 1 << 1,
    ATTRIBUTES = 1 << 2,
    STATX = 1 << 3,
    OPEN = 1 << 4,
    CREATE = 1 << 5,
    DATA = 1 << 6,
    WRITTEN = 1 << 7,
    SIZE = 1 << 8,
    OFFSET = 1 << 9,
    STATFS = 1 << 10,
    IOCTL = 1 << 11,
};

/* What the kernel takes as the answer to an operation, besides an error. */
static unsigned kinds_of(uint32_t opcode) {
    switch (opcode) {
    case FUSE_LOOKUP:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_SYMLINK:
    case FUSE_LINK:
        return ENTRY;
    case FUSE_GETATTR:
    case FUSE_SETATTR:
        return ATTRIBUTES;
    case FUSE_STATX:
        return STATX;
    case FUSE_OPEN:
    case FUSE_OPENDIR:
        return OPEN;
    case FUSE_CREATE:
    case FUSE_TMPFILE:
        return CREATE;
    case FUSE_READ:
    case FUSE_READLINK:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS:
        return DATA | DONE;
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
        return DATA | SIZE | DONE;
    case FUSE_WRITE:
    case FUSE_COPY_FILE_RANGE:
    case FUSE_COPY_FILE_RANGE_64:
        return WRITTEN;
    case FUSE_LSEEK:
        return OFFSET;
    case FUSE_STATFS:
        return STATFS;
    case FUSE_IOCTL:
        return IOCTL;
    default:
        return DONE;
    }
}

/* Whether a request is still to be answered, and so. */
static bool may_answer(const struct linfsp_request *request, enum kind kind) {
    return !already_answered(request) && (kinds_of(request->opcode) & kind);
}

/* An answer that is none: says so, and sees that the caller gets an error where it has no answer yet. */
static int refused(struct linfsp_request *request) {
    if (already_answered(request)) {
        fsp_misuse(request, "it was answered a second time");
        return -EALREADY;
    }
    fsp_misuse(request, "this kind of answer does not belong to it; its caller gets EIO");
    (void)send_small(request, -EIO, 0);
    return -EINVAL;
}

int linfsp_reply_error(linfsp_request *request, int error) {
    if (already_answered(request) || (error == 0 && !may_answer(request, DONE)))
        return refused(request);
    return send_small(request, permitted_error(request, error), 0);
}

int linfsp_reply_done(linfsp_request *request) {
    return linfsp_reply_error(request, 0);
}

/* ---- attributes and entries ------------------------------------------------------------------------------------ */

static void set_timeout(uint64_t ms, uint64_t *ret_seconds, uint32_t *ret_ns) {
    if (ms == LINFSP_TIMEOUT_INFINITE) {
        *ret_seconds = INT64_MAX; /* the kernel makes the longest that it can of it */
        *ret_ns = 0;
        return;
    }
    *ret_seconds = ms / 1000;
    *ret_ns = (uint32_t)(ms % 1000) * 1000000;
}

/* The kernel's own 32-bit form of a device number. */
static uint32_t encode_device(dev_t device) {
    uint32_t low = minor(device);
    return (low & 0xff) | (uint32_t)(major(device) & 0xfff) << 8 | (low & ~0xffu) << 12;
}

static void set_attributes(struct fuse_attr *attr, const struct stat *from) {
    *attr = (struct fuse_attr){
        .ino = from->st_ino,
        .size = (uint64_t)from->st_size,
        .blocks = (uint64_t)from->st_blocks,
        .atime = (uint64_t)from->st_atim.tv_sec,
        .mtime = (uint64_t)from->st_mtim.tv_sec,
        .ctime = (uint64_t)from->st_ctim.tv_sec,
        .atimensec = (uint32_t)from->st_atim.tv_nsec,
        .mtimensec = (uint32_t)from->st_mtim.tv_nsec,
        .ctimensec = (uint32_t)from->st_ctim.tv_nsec,
        .mode = from->st_mode,
        .nlink = (uint32_t)from->st_nlink,
        .uid = from->st_uid,
        .gid = from->st_gid,
        .rdev = encode_device(from->st_rdev),
        .blksize = (uint32_t)from->st_blksize,
    };
}

static void set_entry(struct fuse_entry_out *out, const struct linfsp_entry *entry) {
    out->nodeid = entry->inode;
    out->generation = entry->generation;
    set_timeout(entry->entry_timeout, &out->entry_valid, &out->entry_valid_nsec);
    set_timeout(entry->attributes_timeout, &out->attr_valid, &out->attr_valid_nsec);
    set_attributes(&out->attr, &entry->attributes);
}

/* NOLINTBEGIN(misc-redundant-expression): that both sides are the same is the point */
static_assert(LINFSP_OPEN_DIRECT_IO == FOPEN_DIRECT_IO && LINFSP_OPEN_KEEP_CACHE == FOPEN_KEEP_CACHE &&
                  LINFSP_OPEN_NONSEEKABLE == FOPEN_NONSEEKABLE && LINFSP_OPEN_CACHE_DIRECTORY == FOPEN_CACHE_DIR &&
                  LINFSP_OPEN_STREAM == FOPEN_STREAM && LINFSP_OPEN_NOFLUSH == FOPEN_NOFLUSH &&
                  LINFSP_OPEN_PARALLEL_DIRECT_WRITES == FOPEN_PARALLEL_DIRECT_WRITES &&
                  LINFSP_OPEN_PASSTHROUGH == FOPEN_PASSTHROUGH,
              "LINFSP_OPEN_* are FOPEN_*");
/* NOLINTEND(misc-redundant-expression) */

static void set_open(const struct linfsp_request *request, struct fuse_open_out *out, const struct linfsp_file *file) {
    *out = (struct fuse_open_out){
        .fh = file->handle,
        .open_flags = file->open_flags & ~request->session->without.open_flags,
        .backing_id = file->open_flags & LINFSP_OPEN_PASSTHROUGH ? file->backing_id : 0,
    };
}

int linfsp_reply_entry(linfsp_request *request, const struct linfsp_entry *entry) {
    if (!may_answer(request, ENTRY))
        return refused(request);
    if (entry->inode == 0 && request->opcode != FUSE_LOOKUP)
        return linfsp_reply_error(request, -EIO);
    if (entry->inode == 0 && request->session->without.absent_names)
        return linfsp_reply_error(request, -ENOENT);
    set_entry(&request->answer.entry, entry);
    return send_small(request, 0, sizeof request->answer.entry);
}

int linfsp_reply_attributes(linfsp_request *request, const struct stat *attributes, uint64_t timeout) {
    if (!may_answer(request, ATTRIBUTES))
        return refused(request);
    struct fuse_attr_out *out = &request->answer.attributes;
    out->dummy = 0;
    set_timeout(timeout, &out->attr_valid, &out->attr_valid_nsec);
    set_attributes(&out->attr, attributes);
    return send_small(request, 0, sizeof *out);
}

/* The kernel's, which are those of statx(2). */
#define SX_BASIC_STATS 0x7ffu
#define SX_BTIME 0x800u

static struct fuse_sx_time statx_time(const struct timespec *from) {
    return (struct fuse_sx_time){.tv_sec = from->tv_sec, .tv_nsec = (uint32_t)from->tv_nsec};
}

int linfsp_reply_statx(linfsp_request *request, const struct stat *attributes, const struct timespec *created,
                       uint64_t timeout) {
    if (!may_answer(request, STATX))
        return refused(request);
    struct fuse_statx_out *out = &request->answer.statx;
    *out = (struct fuse_statx_out){.stat = {
                                       .mask = SX_BASIC_STATS | (created ? SX_BTIME : 0),
                                       .blksize = (uint32_t)attributes->st_blksize,
                                       .nlink = (uint32_t)attributes->st_nlink,
                                       .uid = attributes->st_uid,
                                       .gid = attributes->st_gid,
                                       .mode = (uint16_t)attributes->st_mode,
                                       .ino = attributes->st_ino,
                                       .size = (uint64_t)attributes->st_size,
                                       .blocks = (uint64_t)attributes->st_blocks,
                                       .atime = statx_time(&attributes->st_atim),
                                       .ctime = statx_time(&attributes->st_ctim),
                                       .mtime = statx_time(&attributes->st_mtim),
                                       .rdev_major = major(attributes->st_rdev),
                                       .rdev_minor = minor(attributes->st_rdev),
                                   }};
    if (created)
        out->stat.btime = statx_time(created);
    set_timeout(timeout, &out->attr_valid, &out->attr_valid_nsec);
    return send_small(request, 0, sizeof *out);
}

int linfsp_reply_open(linfsp_request *request, const struct linfsp_file *file) {
    if (!may_answer(request, OPEN))
        return refused(request);
    set_open(request, &request->answer.open, file);
    return send_small(request, 0, sizeof request->answer.open);
}

int linfsp_reply_create(linfsp_request *request, const struct linfsp_entry *entry, const struct linfsp_file *file) {
    if (!may_answer(request, CREATE))
        return refused(request);
    if (entry->inode == 0)
        return linfsp_reply_error(request, -EIO);
    set_entry(&request->answer.create.entry, entry);
    set_open(request, &request->answer.create.open, file);
    return send_small(request, 0, sizeof request->answer.create);
}

/* ---- data ------------------------------------------------------------------------------------------------------ */

/* getxattr and listxattr asked for the size only */
static bool wants_size(const struct linfsp_request *request) {
    return request->answer_max == 0 && (request->opcode == FUSE_GETXATTR || request->opcode == FUSE_LISTXATTR);
}

static int refuse_size(struct linfsp_request *request) {
    bool is_attribute = request->opcode == FUSE_GETXATTR || request->opcode == FUSE_LISTXATTR;
    linfsp_reply_error(request, is_attribute ? -ERANGE : -EIO);
    return -EINVAL;
}

int linfsp_reply_data(linfsp_request *request, const void *data, size_t size) {
    if (!may_answer(request, DATA))
        return refused(request);
    if (wants_size(request))
        return linfsp_reply_size(request, size);
    if (size > request->answer_max)
        return refuse_size(request);
    if (size <= sizeof request->answer.bytes) {
        if (size > 0)
            memmove(request->answer.bytes, data, size);
        return send_small(request, 0, size);
    }
    struct iovec vector[2] = {{&request->answer, sizeof(struct fuse_out_header)}, {(void *)(uintptr_t)data, size}};
    return send_vector(request, 0, vector, 2, size);
}

/* What a program has to do whose API gives it a buffer to fill. False: there is no room. */
static bool gather(linfsp_request *request, const struct iovec *vector, int count, size_t size,
                   struct iovec *ret_whole) {
    unsigned char *buffer = linfsp_request_buffer(request, size), *at = buffer;
    for (int i = 0; buffer && i < count; i++)
        at = vector[i].iov_len > 0 ? mempcpy(at, vector[i].iov_base, vector[i].iov_len) : at;
    if (buffer)
        *ret_whole = (struct iovec){buffer, size};
    return buffer != NULL;
}

int linfsp_reply_vector(linfsp_request *request, const struct iovec *vector, int count) {
    struct iovec all[VECTOR_MAX + 1];
    if (!may_answer(request, DATA))
        return refused(request);
    size_t size = 0;
    bool fits = count >= 0 && count <= VECTOR_MAX;
    for (int i = 0; fits && i < count; i++) {
        fits = vector[i].iov_len <= request->answer_max - size;
        size += vector[i].iov_len;
    }
    if (!fits)
        return refuse_size(request);
    all[0] = (struct iovec){&request->answer, sizeof(struct fuse_out_header)};
    if (request->session->without.answers_in_place && gather(request, vector, count, size, all + 1))
        count = 1;
    else if (count > 0)
        memcpy(all + 1, vector, (size_t)count * sizeof *vector);
    return send_vector(request, 0, all, count + 1, size);
}

int linfsp_reply_written(linfsp_request *request, size_t size) {
    if (!may_answer(request, WRITTEN))
        return refused(request);
    if (request->opcode == FUSE_COPY_FILE_RANGE_64) {
        request->answer.copied = (struct fuse_copy_file_range_out){.bytes_copied = size};
        return send_small(request, 0, sizeof request->answer.copied);
    }
    request->answer.written = (struct fuse_write_out){.size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size};
    return send_small(request, 0, sizeof request->answer.written);
}

int linfsp_reply_size(linfsp_request *request, size_t size) {
    if (!may_answer(request, SIZE))
        return refused(request);
    if (!wants_size(request))
        return linfsp_reply_error(request, -EIO);
    request->answer.size = (struct fuse_getxattr_out){.size = (uint32_t)size};
    return send_small(request, 0, sizeof request->answer.size);
}

int linfsp_reply_offset(linfsp_request *request, off_t offset) {
    if (!may_answer(request, OFFSET))
        return refused(request);
    request->answer.offset = (struct fuse_lseek_out){.offset = (uint64_t)offset};
    return send_small(request, 0, sizeof request->answer.offset);
}

int linfsp_reply_statfs(linfsp_request *request, const struct statvfs *statistics) {
    if (!may_answer(request, STATFS))
        return refused(request);
    request->answer.statfs.st = (struct fuse_kstatfs){
        .blocks = statistics->f_blocks,
        .bfree = statistics->f_bfree,
        .bavail = statistics->f_bavail,
        .files = statistics->f_files,
        .ffree = statistics->f_ffree,
        .bsize = (uint32_t)statistics->f_bsize,
        .namelen = (uint32_t)statistics->f_namemax,
        .frsize = (uint32_t)statistics->f_frsize,
    };
    return send_small(request, 0, sizeof request->answer.statfs);
}

int linfsp_reply_ioctl(linfsp_request *request, int result, const void *out, size_t size) {
    if (!may_answer(request, IOCTL))
        return refused(request);
    if (size > request->answer_max)
        return refuse_size(request);
    request->answer.ioctl = (struct fuse_ioctl_out){.result = result};
    struct iovec vector[2] = {
        {&request->answer, sizeof(struct fuse_out_header) + sizeof(struct fuse_ioctl_out)},
        {(void *)(uintptr_t)out, size},
    };
    return send_vector(request, 0, vector, size > 0 ? 2 : 1, sizeof(struct fuse_ioctl_out) + size);
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

/* A record of size bytes in front of its name; NULL when there is no room left. */
static unsigned char *add_record(struct linfsp_request *request, size_t name_at, size_t name_size) {
    size_t used = name_at + name_size, whole = FUSE_REC_ALIGN(used);
    if (request->entries_size - request->entries_used < whole)
        return NULL;
    unsigned char *record = request->entries + request->entries_used;
    request->entries_used += whole;
    memset(record + used, 0, whole - used);
    return record;
}

static void set_dirent(struct fuse_dirent *out, const char *name, size_t name_size, uint64_t inode, mode_t type,
                       off_t next_offset) {
    out->ino = inode;
    out->off = (uint64_t)next_offset;
    out->namelen = (uint32_t)name_size;
    out->type = (type & S_IFMT) >> 12; /* DT_* */
    memcpy(out->name, name, name_size);
}

int linfsp_add_entry(linfsp_request *request, const char *name, uint64_t inode, mode_t type, off_t next_offset) {
    if (request->opcode == FUSE_READDIRPLUS) {
        struct linfsp_entry entry = {.attributes = {.st_ino = inode, .st_mode = type}};
        return linfsp_add_entry_plus(request, name, &entry, next_offset);
    }
    size_t name_size = strlen(name);
    unsigned char *record = add_record(request, FUSE_NAME_OFFSET, name_size);
    if (!record)
        return 0;
    set_dirent((struct fuse_dirent *)(void *)record, name, name_size, inode, type, next_offset);
    return 1;
}

int linfsp_add_entry_plus(linfsp_request *request, const char *name, const struct linfsp_entry *entry,
                          off_t next_offset) {
    if (request->opcode != FUSE_READDIRPLUS)
        return linfsp_add_entry(request, name, entry->attributes.st_ino, entry->attributes.st_mode, next_offset);
    size_t name_size = strlen(name);
    unsigned char *record = add_record(request, FUSE_NAME_OFFSET_DIRENTPLUS, name_size);
    if (!record)
        return 0;
    struct fuse_direntplus *out = (struct fuse_direntplus *)(void *)record;
    set_entry(&out->entry_out, entry);
    set_dirent(&out->dirent, name, name_size, entry->attributes.st_ino, entry->attributes.st_mode, next_offset);
    return 1;
}

int linfsp_reply_directory(linfsp_request *request) {
    return linfsp_reply_data(request, request->entries, request->entries_used);
}

/* ---- about a request ------------------------------------------------------------------------------------------- */

void *linfsp_request_context(const linfsp_request *request) {
    return request->session->context;
}

linfsp_volume *linfsp_request_volume(const linfsp_request *request) {
    return request->session->volume;
}

void linfsp_request_caller(const linfsp_request *request, struct linfsp_caller *ret_caller) {
    *ret_caller = (struct linfsp_caller){
        .uid = request->uid,
        .gid = request->gid,
        .pid = request->pid,
        .umask = request->umask,
    };
}

void *linfsp_request_buffer(linfsp_request *request, size_t size) {
    size_t whole = FUSE_REC_ALIGN(size);
    if (whole < size || request->scratch_size - request->scratch_used < whole)
        return NULL;
    void *buffer = request->scratch + request->scratch_used;
    request->scratch_used += whole;
    return buffer;
}

bool linfsp_request_kill_suidgid(const linfsp_request *request) {
    return request->kill_suidgid;
}

bool linfsp_request_interrupted(linfsp_request *request) {
    return atomic_load_explicit(&request->interrupted, memory_order_relaxed) ||
           atomic_load_explicit(&request->channel->interrupted, memory_order_relaxed) == request->unique;
}

bool linfsp_request_may_be_done(const linfsp_request *request) {
    return request->may_be_done;
}
