/* SPDX-License-Identifier: MIT */
/*
 * An io_uring of one thread, as far as FUSE over io_uring needs it, by the kernel's own ABI: neither liburing nor newer
 * headers than the oldest supported distribution has.
 *
 * Model. A ring is opened disabled, by whoever finds out whether there may be one at all, and enabled by the thread
 * that will use it: from then on by no other. What completes is only seen, and copied into that thread's buffers, while
 * it is in fsp_ring_enter (DEFER_TASKRUN): between two calls nothing of what a completion brought changes.
 */
#ifndef LINFSP_LIB_RING_H
#define LINFSP_LIB_RING_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* An entry of 128 bytes: what the kernel calls SQE128. */
struct fsp_sqe {
    uint8_t opcode; /* FSP_RING_OP_* */
    uint8_t flags; /* FSP_RING_FIXED_FILE */
    uint16_t priority;
    int32_t fd;
    uint64_t offset; /* of FSP_RING_OP_COMMAND: the command */
    uint64_t address;
    uint32_t length;
    uint32_t operation_flags;
    uint64_t user_data;
    uint16_t buffer_index;
    uint16_t personality;
    uint32_t file_index;
    uint8_t command[80];
};
static_assert(sizeof(struct fsp_sqe) == 128, "an SQE128");

struct fsp_cqe {
    uint64_t user_data;
    int32_t result;
    uint32_t flags;
};

#define FSP_RING_OP_READ 22
#define FSP_RING_OP_COMMAND 46
#define FSP_RING_FIXED_FILE 1

struct fsp_ring {
    int fd; /* -1: not open */
    void *memory;
    size_t memory_size;
    struct fsp_sqe *sqes;
    size_t sqes_size;
    _Atomic uint32_t *sq_head, *sq_tail, *cq_head, *cq_tail;
    const struct fsp_cqe *cqes;
    uint32_t sq_entries, cq_mask;
    uint32_t tail; /* of what has been put in; sq_tail is what the kernel knows of */
};
#define FSP_RING_NONE ((struct fsp_ring){.fd = -1})

/* A disabled ring for entries submissions at a time, a power of two. */
int fsp_ring_open(unsigned entries, struct fsp_ring *ret_ring);
/* Makes the ring the calling thread's, and fd its fixed file 0. */
int fsp_ring_enable(struct fsp_ring *ring, int fd);
/* Takes one that is not open. What is under way is cancelled by the kernel in its own time. */
void fsp_ring_close(struct fsp_ring *ring);
/* A zeroed entry to fill in; what is in the ring already goes to the kernel first where there is no room. NULL: the
 * ring is broken. */
struct fsp_sqe *fsp_ring_prepare(struct fsp_ring *ring);
/* Submits what was prepared, waits for `wait` completions, for timeout_ms at most where that is not negative. -ETIME,
 * -EINTR and -EAGAIN are no faults. */
int fsp_ring_enter(struct fsp_ring *ring, unsigned wait, int timeout_ms);

/* The oldest completion not taken yet, NULL where there is none. */
static inline const struct fsp_cqe *fsp_ring_peek(const struct fsp_ring *ring) {
    uint32_t head = atomic_load_explicit(ring->cq_head, memory_order_relaxed);
    if (head == atomic_load_explicit(ring->cq_tail, memory_order_acquire))
        return NULL;
    return &ring->cqes[head & ring->cq_mask];
}

static inline void fsp_ring_take(struct fsp_ring *ring) {
    uint32_t head = atomic_load_explicit(ring->cq_head, memory_order_relaxed);
    atomic_store_explicit(ring->cq_head, head + 1, memory_order_release);
}

#endif
