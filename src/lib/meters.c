/* SPDX-License-Identifier: MIT */
/* The library's side of wire/meters.h: each channel counts what it fetched, with a few additions a request. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/descriptor-flags.h"
#include "lib/session.h"
#include "util/clock.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif

static int make_file(void) {
    int fd = memfd_create(METERS_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create(METERS_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    /* of a fixed size, or a reader of ours could be made to fault on it */
    if (ftruncate(fd, sizeof(struct meters)) < 0 || fsp_fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void fsp_meters_open(struct fsp_session *session, uint64_t volume) {
    session->meters_fd = make_file();
    if (session->meters_fd < 0)
        return;
    struct meters *meters = mmap(NULL, sizeof *meters, PROT_READ | PROT_WRITE, MAP_SHARED, session->meters_fd, 0);
    if (meters == MAP_FAILED) {
        close(session->meters_fd);
        session->meters_fd = -1;
        return;
    }
    meters->size = sizeof *meters;
    meters->pid = (uint32_t)getpid();
    meters->volume = volume;
    meters->magic = METERS_MAGIC;
    session->meters = meters;
}

void fsp_meters_close(struct fsp_session *session) {
    if (!session->meters)
        return;
    munmap(session->meters, sizeof *session->meters);
    close(session->meters_fd);
    session->meters = NULL;
    session->meters_fd = -1;
}

static void add(_Atomic uint64_t *counter, uint64_t value) {
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

void fsp_meters_count(const struct linfsp_request *request, int error, size_t body) {
    struct meters_channel *channel = &request->session->meters->channels[request->channel->index % METERS_CHANNELS];
    int64_t took = clock_ns() - request->begun_at;
    uint64_t ns = took > 0 ? (uint64_t)took : 0;
    add(&channel->requests, 1);
    add(&channel->latency_sum, ns);
    add(&channel->latency[meters_bucket(ns)], 1);
    if (error)
        add(&channel->errors, 1);
    else if (request->opcode == FUSE_READ)
        add(&channel->bytes_read, body);
    else if (request->opcode == FUSE_WRITE)
        add(&channel->bytes_written, request->answer.written.size);
}

void fsp_meters_trace(struct fsp_session *session, const char *line) {
    struct meters *meters = session->meters;
    if (atomic_fetch_sub_explicit(&meters->trace_credit, 1, memory_order_relaxed) <= 0) {
        atomic_store_explicit(&meters->trace_credit, 0, memory_order_relaxed);
        return;
    }
    uint64_t number = atomic_fetch_add_explicit(&meters->trace_next, 1, memory_order_relaxed);
    struct meters_line *slot = &meters->lines[number % METERS_LINES];
    atomic_store_explicit(&slot->sequence, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    snprintf(slot->text, sizeof slot->text, "%s", line);
    atomic_store_explicit(&slot->sequence, number + 1, memory_order_release);
}
