/* SPDX-License-Identifier: MIT */
#include "worker/fuse-init.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuse/fuse-abi.h"

/* Oldest protocol that is spoken: 7.31 has FUSE_INIT's answer as it is read here (5.4). */
#define OLDEST_MINOR 31
#define MAX_WRITE (1u << 20)
#define MAX_STACK_DEPTH 2 /* the kernel's own limit */

/* What a server may choose freely. The rest would reach beyond its own volume or is
 * ours to set: FUSE_REQUEST_TIMEOUT. */
#define ALLOWED_FLAGS                                                                                                  \
    (FUSE_ASYNC_READ | FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_ATOMIC_O_TRUNC | FUSE_EXPORT_SUPPORT |               \
     FUSE_BIG_WRITES | FUSE_DONT_MASK | FUSE_HAS_IOCTL_DIR | FUSE_AUTO_INVAL_DATA | FUSE_DO_READDIRPLUS |              \
     FUSE_READDIRPLUS_AUTO | FUSE_ASYNC_DIO | FUSE_WRITEBACK_CACHE | FUSE_NO_OPEN_SUPPORT | FUSE_PARALLEL_DIROPS |     \
     FUSE_HANDLE_KILLPRIV | FUSE_POSIX_ACL | FUSE_ABORT_ERROR | FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS |                 \
     FUSE_NO_OPENDIR_SUPPORT | FUSE_EXPLICIT_INVAL_DATA | FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT |                \
     FUSE_CREATE_SUPP_GROUP | FUSE_HAS_EXPIRE_ONLY | FUSE_DIRECT_IO_ALLOW_MMAP | FUSE_PASSTHROUGH |                    \
     FUSE_NO_EXPORT_SUPPORT | FUSE_HAS_RESEND | FUSE_OVER_IO_URING)

struct init_request {
    struct fuse_in_header header;
    struct fuse_init_in init;
};

static uint32_t at_most(uint32_t value, uint32_t limit) {
    return value < limit ? value : limit;
}

static uint64_t choose_flags(const struct fuse_init_in *offered, const struct wire_init *wanted) {
    uint64_t kernel = offered->flags;
    if (offered->flags & FUSE_INIT_EXT)
        kernel |= (uint64_t)offered->flags2 << 32;
    uint64_t flags = wanted->flags & ALLOWED_FLAGS;
    if (wanted->request_timeout)
        flags |= FUSE_REQUEST_TIMEOUT;
    flags |= FUSE_INIT_EXT;
    flags &= kernel;
    if (flags & FUSE_PASSTHROUGH)
        flags &= ~(uint64_t)FUSE_WRITEBACK_CACHE; /* the kernel refuses both together */
    return flags;
}

int fuse_init_answer(int fuse, const struct wire_init *wanted, struct wire_init *ret_granted) {
    static union { /* the kernel insists on room for the largest request there could be */
        struct init_request request;
        unsigned char room[FUSE_MIN_READ_BUFFER];
    } buffer;
    ssize_t size = read(fuse, &buffer, sizeof buffer);
    if (size < 0)
        return -errno;
    const struct init_request *request = &buffer.request;
    if ((size_t)size < sizeof request->header + 16 || request->header.opcode != FUSE_INIT)
        return -EPROTO;
    if (request->init.major != FUSE_KERNEL_VERSION || request->init.minor < OLDEST_MINOR)
        return -EPROTONOSUPPORT;

    struct fuse_init_in offered = {0};
    memcpy(&offered, &request->init,
           (size_t)size - sizeof request->header < sizeof offered ? (size_t)size - sizeof request->header
                                                                  : sizeof offered);
    struct wire_init granted = *wanted;
    granted.flags = choose_flags(&offered, wanted);
    granted.minor = at_most(offered.minor, FUSE_KERNEL_MINOR_VERSION);
    granted.max_readahead = at_most(wanted->max_readahead, offered.max_readahead);
    granted.max_write = at_most(wanted->max_write < 4096 ? 4096 : wanted->max_write, MAX_WRITE);
    granted.max_pages = (uint16_t)((granted.max_write - 1) / 4096 + 1);
    granted.time_gran = wanted->time_gran ? wanted->time_gran : 1;
    granted.max_stack_depth = granted.flags & FUSE_PASSTHROUGH ? at_most(wanted->max_stack_depth, MAX_STACK_DEPTH) : 0;
    if (!(granted.flags & FUSE_REQUEST_TIMEOUT))
        granted.request_timeout = 0;

    struct fuse_init_out out = {
        .major = FUSE_KERNEL_VERSION,
        .minor = FUSE_KERNEL_MINOR_VERSION,
        .max_readahead = granted.max_readahead,
        .flags = (uint32_t)granted.flags,
        .max_background = granted.max_background,
        .congestion_threshold = granted.congestion_threshold,
        .max_write = granted.max_write,
        .time_gran = granted.time_gran,
        .max_pages = granted.max_pages,
        .flags2 = (uint32_t)(granted.flags >> 32),
        .max_stack_depth = granted.max_stack_depth,
        .request_timeout = granted.request_timeout,
    };
    struct fuse_out_header header = {.len = sizeof header + sizeof out, .unique = request->header.unique};
    struct iovec answer[] = {{&header, sizeof header}, {&out, sizeof out}};
    if (writev(fuse, answer, 2) < 0)
        return -errno;
    *ret_granted = granted;
    return 0;
}
