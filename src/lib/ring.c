/* SPDX-License-Identifier: MIT */
#include "lib/ring.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"

/* ---- the kernel's ABI ------------------------------------------------------------------------------------------ */

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#define SYS_io_uring_enter 426
#define SYS_io_uring_register 427
#endif

#define SETUP_DISABLED (1u << 6)
#define SETUP_SQE128 (1u << 10)
#define SETUP_SINGLE_ISSUER (1u << 12)
#define SETUP_DEFER_TASKRUN (1u << 13)
#define SETUP_NO_SQARRAY (1u << 16) /* 6.6 */
#define FEATURE_SINGLE_MMAP (1u << 0)
#define FEATURE_EXT_ARG (1u << 8)
#define ENTER_GETEVENTS (1u << 0)
#define ENTER_EXT_ARG (1u << 3)
#define REGISTER_FILES 2
#define REGISTER_ENABLE_RINGS 12
#define OFFSET_RINGS 0
#define OFFSET_SQES 0x10000000

struct sq_offsets {
    uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved;
    uint64_t user_address;
};

struct cq_offsets {
    uint32_t head, tail, ring_mask, ring_entries, overflow, cqes, flags, reserved;
    uint64_t user_address;
};

struct parameters {
    uint32_t sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, reserved[3];
    struct sq_offsets sq;
    struct cq_offsets cq;
};
static_assert(sizeof(struct parameters) == 120, "struct io_uring_params");

struct wait_argument {
    uint64_t signals;
    uint32_t signals_size, min_wait_us;
    uint64_t timeout;
};

/* ---- opening --------------------------------------------------------------------------------------------------- */

static void *map(int fd, size_t size, off_t offset) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
    return memory == MAP_FAILED ? NULL : memory;
}

static _Atomic uint32_t *at(const struct fsp_ring *ring, uint32_t offset) {
    return (_Atomic uint32_t *)(void *)((char *)ring->memory + offset);
}

/* Submissions' memory and completions' is one mapping since 5.4. */
static int map_ring(struct fsp_ring *ring, const struct parameters *parameters) {
    ring->memory_size = parameters->cq.cqes + parameters->cq_entries * sizeof(struct fsp_cqe);
    ring->sqes_size = parameters->sq_entries * sizeof(struct fsp_sqe);
    ring->memory = map(ring->fd, ring->memory_size, OFFSET_RINGS);
    ring->sqes = map(ring->fd, ring->sqes_size, OFFSET_SQES);
    if (!ring->memory || !ring->sqes)
        return -ENOMEM;
    ring->sq_head = at(ring, parameters->sq.head);
    ring->sq_tail = at(ring, parameters->sq.tail);
    ring->cq_head = at(ring, parameters->cq.head);
    ring->cq_tail = at(ring, parameters->cq.tail);
    ring->cqes = (const struct fsp_cqe *)(const void *)((char *)ring->memory + parameters->cq.cqes);
    ring->sq_entries = parameters->sq_entries;
    ring->cq_mask = parameters->cq_entries - 1;
    return 0;
}

int fsp_ring_open(unsigned entries, struct fsp_ring *ret_ring) {
    struct fsp_ring ring = FSP_RING_NONE;
    struct parameters parameters = {
        .flags = SETUP_DISABLED | SETUP_SQE128 | SETUP_SINGLE_ISSUER | SETUP_DEFER_TASKRUN | SETUP_NO_SQARRAY,
    };
    ring.fd = (int)syscall(SYS_io_uring_setup, entries, &parameters);
    if (ring.fd < 0)
        return -errno;
    bool able = parameters.features & FEATURE_SINGLE_MMAP && parameters.features & FEATURE_EXT_ARG;
    int r = able ? map_ring(&ring, &parameters) : -EOPNOTSUPP;
    if (r < 0) {
        fsp_ring_close(&ring);
        return r;
    }
    *ret_ring = ring;
    return 0;
}

int fsp_ring_enable(struct fsp_ring *ring, int fd) {
    if (syscall(SYS_io_uring_register, ring->fd, REGISTER_ENABLE_RINGS, NULL, 0) < 0)
        return -errno;
    int32_t files[] = {fd};
    return syscall(SYS_io_uring_register, ring->fd, REGISTER_FILES, files, 1) < 0 ? -errno : 0;
}

void fsp_ring_close(struct fsp_ring *ring) {
    if (ring->memory)
        munmap(ring->memory, ring->memory_size);
    if (ring->sqes)
        munmap(ring->sqes, ring->sqes_size);
    close_fd(&ring->fd);
    *ring = FSP_RING_NONE;
}

/* ---- using ----------------------------------------------------------------------------------------------------- */

struct fsp_sqe *fsp_ring_prepare(struct fsp_ring *ring) {
    /* only this thread submits: what the kernel has taken changes in fsp_ring_enter alone */
    while (ring->tail - atomic_load_explicit(ring->sq_head, memory_order_acquire) == ring->sq_entries) {
        int r = fsp_ring_enter(ring, 0, -1);
        if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY)
            return NULL;
    }
    struct fsp_sqe *sqe = &ring->sqes[ring->tail++ & (ring->sq_entries - 1)];
    memset(sqe, 0, sizeof *sqe);
    return sqe;
}

int fsp_ring_enter(struct fsp_ring *ring, unsigned wait, int timeout_ms) {
    atomic_store_explicit(ring->sq_tail, ring->tail, memory_order_release);
    uint32_t submit = ring->tail - atomic_load_explicit(ring->sq_head, memory_order_acquire);
    long r;
    if (timeout_ms < 0)
        r = syscall(SYS_io_uring_enter, ring->fd, submit, wait, ENTER_GETEVENTS, NULL, 0);
    else {
        struct {
            int64_t seconds;
            long long nanoseconds;
        } timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000000LL};
        struct wait_argument argument = {.timeout = (uint64_t)(uintptr_t)&timeout};
        r = syscall(SYS_io_uring_enter, ring->fd, submit, wait, ENTER_GETEVENTS | ENTER_EXT_ARG, &argument,
                    sizeof argument);
    }
    return r < 0 ? -errno : 0;
}
