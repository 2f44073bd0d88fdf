/* SPDX-License-Identifier: MIT */
/*
 * 4 KiB direct reads and writes with 32 of them under way at a time, by the kernel's own asynchronous I/O. A step waits
 * for one or more to be done and sends as many after them; its time is that wait, not how long each was under way.
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "load/load.h"
#include "load/operations.h"

#define DEPTH 32

static int submit(struct worker *worker, unsigned slot, unsigned opcode) {
    struct iocb block = {.aio_data = slot,
                         .aio_lio_opcode = (uint16_t)opcode,
                         .aio_fildes = (uint32_t)worker->file,
                         .aio_buf = (uintptr_t)(worker->buffer + (size_t)slot * BLOCK),
                         .aio_nbytes = BLOCK,
                         .aio_offset = random_block(worker)},
                *blocks[] = {&block};
    return syscall(SYS_io_submit, (aio_context_t)worker->queue, 1, blocks) == 1 ? 0 : -errno;
}

int fill_deep(struct worker *worker, unsigned steps) {
    aio_context_t queue = 0;
    if (syscall(SYS_io_setup, DEPTH, &queue) < 0)
        return -errno;
    worker->queue = queue;
    worker->under_way = 0;
    return 0;
}

static int64_t step_deep(struct worker *worker, unsigned opcode) {
    struct io_event events[DEPTH];
    for (; worker->under_way < DEPTH; worker->under_way++) {
        int r = submit(worker, worker->under_way, opcode);
        if (r < 0)
            return r;
    }
    long count = syscall(SYS_io_getevents, (aio_context_t)worker->queue, 1, DEPTH, events, NULL);
    if (count < 0)
        return -errno;
    for (long i = 0; i < count; i++) {
        int r = events[i].res == BLOCK ? submit(worker, (unsigned)events[i].data, opcode) : -EIO;
        if (r < 0)
            return r;
    }
    return count;
}

int64_t step_read_deep(struct worker *worker, uint64_t index) {
    return step_deep(worker, IOCB_CMD_PREAD);
}

int64_t step_write_deep(struct worker *worker, uint64_t index) {
    return step_deep(worker, IOCB_CMD_PWRITE);
}

/* Waits for what is under way. */
int drain_deep(struct worker *worker, unsigned steps) {
    return syscall(SYS_io_destroy, (aio_context_t)worker->queue) < 0 ? -errno : 0;
}
