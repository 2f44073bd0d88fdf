/* SPDX-License-Identifier: MIT */
/*
 * The loop over io_uring (FUSE_OVER_IO_URING, Linux 6.14).
 *
 * Model. The kernel has a queue of requests for each possible CPU, and puts a request into that of the CPU its caller
 * runs on. A ring is a thread's; an entry is a request object that a ring has registered with one queue: the kernel
 * fills it in and hands it over, the answer goes back in it (COMMIT_AND_FETCH), and with that it waits for the next
 * request. The ring's thread is kept on the queue's CPU, so request and answer change hands without waking another
 * core; that is nearly all that io_uring gains.
 *
 * Each queue has several rings with one entry each, rather than one with several: a request that was brought by a ring
 * whose thread is held up in an operation could be served by nobody else. The kernel takes the entry that was given
 * back last, so the others rest until they are needed. Only where an operation has returned without an answer does a
 * ring get another entry for the same queue.
 *
 * An answer given by the operation's own thread goes with the next call of the kernel, which is right after the
 * operation. Any other thread's is put on the ring's list, and an eventfd that the ring reads wakes its thread: a ring
 * is touched by its own thread only.
 *
 * Memory: an entry takes a page and what its largest request has touched, at most 2 * (max_write + 4 KiB); what is
 * above KEEP is given back when the ring's thread has had nothing to do for a second. There are RINGS_MAX threads at
 * most, and as many entries, or one for each possible CPU if these are more.
 *
 * FORGET and INTERRUPT do not come by rings: one more channel reads them from /dev/fuse, the remainder. A FORGET would
 * wake it each time, and still come late: whoever has removed a file and makes another at once relies on the first
 * one's room. So the remainder's thread only looks now and then, and as long as something may have been removed just
 * now, a ring's thread takes in what has arrived before it serves its next request.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include "lib/descriptor-flags.h"
#include "lib/ring.h"
#include "lib/session.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define RINGS_MAX 64
#define QUEUES_MAX 1024
/* Operations of callers on one CPU that may be held up at a time. */
#define RINGS_PER_CPU 2
#define RINGS_PER_CPU_OF_FEW 4
#define FEW_CPUS 3
#define RING_ENTRIES 32

#define KEEP ((size_t)65536)
#define TRIM_AFTER_MS 1000
/* How often the remainder's thread looks while there is something. */
#define REMAINDER_PAUSE_NS 2000000
/* For how long FORGETs are expected after a request that lets go of files. */
#define EXPECT_FORGETS_NS INT64_C(8000000)

#define SYSFS_MAGIC_NUMBER 0x62656572
#define WOKEN UINT64_C(0) /* user_data of the eventfd's read; that of an entry is its address */

struct fsp_ring_channel {
    struct fsp_ring ring;
    struct linfsp_request *entries; /* all that were registered */
    int event; /* eventfd: something was put into answered */
    uint64_t event_value;
    _Atomic(struct linfsp_request *) answered;
    bool touched; /* an entry holds more memory than it may keep */
    uint16_t fetching[QUEUES_MAX]; /* entries that the kernel has, by queue */
};

struct fsp_uring {
    unsigned n_rings;
    unsigned n_queues;
    unsigned n_cpus; /* this process may run on */
    uint16_t cpus[QUEUES_MAX];
    struct fsp_ring spare; /* to say by that there will be no rings */
    _Atomic int64_t forgets_until; /* ns, on the coarse clock; 0: none are expected */
    struct fsp_channel *remainder;
    pthread_mutex_t remainder_lock;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    unsigned begun; /* rings that have registered, or failed */
    bool covered[QUEUES_MAX]; /* queues that have an entry */
    atomic_bool abandoned;
    struct fsp_ring_channel channels[];
};

static _Thread_local struct fsp_channel *current;

/* ---- which ring serves which queue ----------------------------------------------------------------------------- */

/* The number of queues: of possible CPUs, as the kernel itself tells (a container may have another's files there). */
static int count_queues(unsigned *ret_count) {
    char text[64];
    struct statfs statistics;
    unsigned last;
    int end = 0;
    _cleanup_close_ int fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstatfs(fd, &statistics) < 0 || statistics.f_type != SYSFS_MAGIC_NUMBER)
        return -EOPNOTSUPP;
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return -EIO;
    text[n] = 0;
    if (strcmp(text, "0\n") == 0)
        last = 0;
    else if (sscanf(text, "0-%u\n%n", &last, &end) != 1 || end != n)
        return -EOPNOTSUPP; /* with gaps: the kernel does not count such queues right */
    if (last >= QUEUES_MAX)
        return -EOPNOTSUPP;
    *ret_count = last + 1;
    return 0;
}

static int find_cpus(struct fsp_uring *uring) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return -errno;
    for (unsigned i = 0; i < uring->n_queues; i++)
        if (CPU_ISSET(i, &set))
            uring->cpus[uring->n_cpus++] = (uint16_t)i;
    return uring->n_cpus > 0 ? 0 : -EOPNOTSUPP;
}

static unsigned choose_rings(unsigned threads, unsigned cpus) {
    unsigned rings = cpus * (cpus > FEW_CPUS ? RINGS_PER_CPU : RINGS_PER_CPU_OF_FEW);
    if (threads > 0)
        rings = threads - 1; /* one reads /dev/fuse */
    return rings > RINGS_MAX ? RINGS_MAX : rings;
}

/* A queue whose CPU we may run on belongs to that CPU's rings. The others, and all where there are fewer rings than
 * CPUs, are dealt out. */
static bool serves(const struct fsp_uring *uring, unsigned ring, unsigned queue) {
    for (unsigned i = 0; i < uring->n_cpus && uring->n_rings >= uring->n_cpus; i++)
        if (uring->cpus[i] == queue)
            return ring % uring->n_cpus == i;
    return queue % uring->n_rings == ring;
}

static void stay_on_cpus(const struct fsp_uring *uring, unsigned ring) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (unsigned i = 0; i < uring->n_cpus; i++)
        if (serves(uring, ring, uring->cpus[i]))
            CPU_SET(uring->cpus[i], &set);
    if (CPU_COUNT(&set) > 0)
        (void)sched_setaffinity(0, sizeof set, &set); /* else slower, but right */
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

/* Unreadable: not known to be off. */
static bool is_enabled(void) {
    char value = 'Y';
    _cleanup_close_ int fd = open("/sys/module/fuse/parameters/enable_uring", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return false; /* or hidden; the kernels that have it show it */
    return fd < 0 || read(fd, &value, 1) != 1 || value == 'Y' || value == '1';
}

static struct fsp_uring *allocate(unsigned threads) {
    struct fsp_uring *uring = calloc(1, sizeof *uring + RINGS_MAX * sizeof uring->channels[0]);
    if (!uring)
        return NULL;
    pthread_mutex_init(&uring->lock, NULL);
    pthread_mutex_init(&uring->remainder_lock, NULL);
    pthread_cond_init(&uring->changed, NULL);
    uring->spare = FSP_RING_NONE;
    for (unsigned i = 0; i < RINGS_MAX; i++) {
        uring->channels[i].ring = FSP_RING_NONE;
        uring->channels[i].event = -1;
    }
    if (count_queues(&uring->n_queues) == 0 && find_cpus(uring) == 0)
        uring->n_rings = choose_rings(threads, uring->n_cpus);
    return uring;
}

int fsp_uring_open(unsigned threads, struct fsp_uring **ret_uring) {
    if (threads == 1 || !is_enabled())
        return -EOPNOTSUPP; /* with one thread nothing may run side by side, FORGET neither */
    struct fsp_uring *uring = allocate(threads);
    if (!uring)
        return -ENOMEM;
    int r = uring->n_rings > 0 ? fsp_ring_open(1, &uring->spare) : -EOPNOTSUPP;
    for (unsigned i = 0; r == 0 && i < uring->n_rings; i++)
        r = fsp_ring_open(RING_ENTRIES, &uring->channels[i].ring);
    if (r < 0) {
        fsp_uring_close(uring);
        return r;
    }
    *ret_uring = uring;
    return 0;
}

static void close_channel(struct fsp_ring_channel *self) {
    fsp_ring_close(&self->ring);
    close_fd(&self->event);
    while (self->entries) {
        struct linfsp_request *next = self->entries->next_entry;
        munmap(self->entries, self->entries->mapping_size);
        self->entries = next;
    }
}

void fsp_uring_close(struct fsp_uring *uring) {
    if (!uring)
        return;
    for (unsigned i = 0; i < RINGS_MAX; i++)
        close_channel(&uring->channels[i]);
    fsp_ring_close(&uring->spare);
    pthread_mutex_destroy(&uring->remainder_lock);
    pthread_cond_destroy(&uring->changed);
    pthread_mutex_destroy(&uring->lock);
    free(uring);
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

/* The header lies in the request's own page, on cache lines of its own, and the payload is what
 * messages are read into. */
#define HEADER_AT (FSP_PAGE_SIZE - (sizeof(struct fuse_uring_req_header) + 63) / 64 * 64)
static_assert(sizeof(struct linfsp_request) <= HEADER_AT, "a request and a ring's header share one page");

static size_t payload_size(const struct linfsp_request *request) {
    return request->ring_buffers[1].iov_len;
}

static unsigned char *payload_of(const struct linfsp_request *request) {
    return request->ring_buffers[1].iov_base;
}

static struct fsp_sqe *prepare_command(struct fsp_ring *ring, uint32_t command, uint16_t queue, uint64_t commit_id) {
    struct fuse_uring_cmd_req arguments = {.commit_id = commit_id, .qid = queue};
    struct fsp_sqe *sqe = fsp_ring_prepare(ring);
    if (!sqe)
        return NULL;
    sqe->opcode = FSP_RING_OP_COMMAND;
    sqe->flags = FSP_RING_FIXED_FILE;
    sqe->offset = command;
    memcpy(sqe->command, &arguments, sizeof arguments);
    return sqe;
}

/* Gives an entry to the kernel, with the answer that is in it or for the first time. */
static int give(struct fsp_ring_channel *self, struct linfsp_request *request, enum fuse_uring_cmd command) {
    struct fsp_sqe *sqe = prepare_command(&self->ring, command, request->queue, request->commit_id);
    if (!sqe)
        return -EIO;
    sqe->user_data = (uintptr_t)request;
    if (command == FUSE_IO_URING_CMD_REGISTER) {
        sqe->address = (uintptr_t)request->ring_buffers;
        sqe->length = ARRAY_SIZE(request->ring_buffers);
    }
    request->fetching = true;
    self->fetching[request->queue]++;
    return 0;
}

/* Registers one more entry with a queue. */
static int add_entry(struct fsp_channel *channel, unsigned queue) {
    struct linfsp_request *request = fsp_request_map(channel->session);
    if (!request)
        return -ENOMEM;
    request->ring_header = (struct fuse_uring_req_header *)(void *)((unsigned char *)request + HEADER_AT);
    request->ring_buffers[0] = (struct iovec){request->ring_header, sizeof *request->ring_header};
    request->ring_buffers[1] = (struct iovec){request->input + FSP_HEADROOM, request->input_size - FSP_HEADROOM};
    request->channel = channel;
    request->queue = (uint16_t)queue;
    request->next_entry = channel->ring->entries;
    channel->ring->entries = request;
    return give(channel->ring, request, FUSE_IO_URING_CMD_REGISTER);
}

/* What the kernel copied there and what the answer takes. */
static void note_touched(struct linfsp_request *request, size_t size) {
    if (size > request->touched)
        request->touched = size;
    if (size > KEEP)
        request->channel->ring->touched = true;
}

/* Entries that the kernel has are written to by this thread alone, and it is here. */
static void trim(struct fsp_ring_channel *self) {
    for (struct linfsp_request *request = self->entries; request; request = request->next_entry) {
        if (!request->fetching || request->touched <= KEEP)
            continue;
        madvise(payload_of(request), request->mapping_size - FSP_PAGE_SIZE, MADV_DONTNEED);
        request->touched = 0;
    }
    self->touched = false;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static bool lies_in_payload(const struct linfsp_request *request, const struct iovec *piece) {
    uintptr_t from = (uintptr_t)payload_of(request), at = (uintptr_t)piece->iov_base;
    return piece->iov_len > 0 && at >= from && at < from + payload_size(request);
}

/* What is behind the header, in pieces of which any may lie in the payload itself. */
static void copy_pieces(unsigned char *to, const struct iovec *vector, int count) {
    size_t skip = sizeof(struct fuse_out_header);
    for (int i = 0; i < count; i++) {
        if (vector[i].iov_len > skip)
            memmove(to, (unsigned char *)vector[i].iov_base + skip, vector[i].iov_len - skip);
        to += vector[i].iov_len - (vector[i].iov_len < skip ? vector[i].iov_len : skip);
        skip = 0;
    }
}

static int fill_payload(struct linfsp_request *request, const struct iovec *vector, int count, size_t size) {
    unsigned inside = 0;
    if (size > payload_size(request))
        return -EIO;
    for (int i = 1; i < count; i++)
        inside += lies_in_payload(request, &vector[i]);
    if (inside == 0 || count <= 2) {
        copy_pieces(payload_of(request), vector, count);
        return 0;
    }
    /* one piece may end up where another is still to be taken from */
    _cleanup_free_ unsigned char *copy = malloc(size);
    if (!copy)
        return -ENOMEM;
    copy_pieces(copy, vector, count);
    memcpy(payload_of(request), copy, size);
    return 0;
}

static void push_answered(struct fsp_ring_channel *self, struct linfsp_request *request) {
    struct linfsp_request *first = atomic_load(&self->answered);
    do
        request->next_answered = first;
    while (!atomic_compare_exchange_weak(&self->answered, &first, request));
    if (!first)
        eventfd_write(self->event, 1);
}

static int send_answer(struct linfsp_request *request, const struct iovec *vector, int count, size_t size) {
    struct fuse_out_header header;
    struct fsp_channel *channel = request->channel;
    memcpy(&header, vector[0].iov_base, sizeof header);
    int r = fill_payload(request, vector, count, size - sizeof header);
    if (r < 0)
        header = (struct fuse_out_header){.len = sizeof header, .error = r, .unique = header.unique};
    request->ring_header->ring_ent_in_out.payload_sz = header.len - (uint32_t)sizeof header;
    memcpy(request->ring_header->in_out, &header, sizeof header);
    note_touched(request, header.len + request->scratch_used);
    if (atomic_load_explicit(&channel->session->cut, memory_order_relaxed))
        r = -ENOENT;
    fsp_request_settle(request); /* from here on it may be another's */
    if (current == channel)
        return give(channel->ring, request, FUSE_IO_URING_CMD_COMMIT_AND_FETCH) < 0 ? -ENOENT : r;
    push_answered(channel->ring, request);
    return r;
}

static void take_answered(struct fsp_channel *channel) {
    struct linfsp_request *request = atomic_exchange(&channel->ring->answered, NULL);
    while (request) {
        struct linfsp_request *next = request->next_answered;
        give(channel->ring, request, FUSE_IO_URING_CMD_COMMIT_AND_FETCH);
        request = next;
    }
}

void fsp_uring_flush(void) {
    if (current)
        fsp_ring_enter(&current->ring->ring, 0, -1);
}

/* ---- requests that outlive their operation --------------------------------------------------------------------- */

static void read_event(struct fsp_ring_channel *self) {
    struct fsp_sqe *sqe = fsp_ring_prepare(&self->ring);
    if (!sqe)
        return;
    sqe->opcode = FSP_RING_OP_READ;
    sqe->fd = self->event;
    sqe->address = (uintptr_t)&self->event_value;
    sqe->length = sizeof self->event_value;
    sqe->user_data = WOKEN;
}

static void leave(struct fsp_channel *channel) {
    unsigned queue = channel->request->queue;
    channel->request = NULL;
    if (channel->ring->fetching[queue] == 0)
        add_entry(channel, queue); /* out of memory: the next one comes when an answer has been given */
}

/* ---- what comes over /dev/fuse --------------------------------------------------------------------------------- */

/* All that has arrived. Whoever comes in while another does this waits until it has been done. */
static int take_remainder(struct fsp_uring *uring) {
    size_t size;
    int r;
    pthread_mutex_lock(&uring->remainder_lock);
    while ((r = fsp_dev_read(uring->remainder, &size)) > 0)
        fsp_session_serve_message(uring->remainder, size);
    pthread_mutex_unlock(&uring->remainder_lock);
    return r;
}

static int serve_remainder(struct fsp_channel *channel) {
    const struct timespec pause = {.tv_nsec = REMAINDER_PAUSE_NS};
    struct pollfd item = {.fd = channel->fd, .events = POLLIN};
    int r = -EAGAIN;
    while (r == -EAGAIN || r == -EINTR || r == -ENOENT || r == -ENOMEM) {
        if (poll(&item, 1, -1) < 0 && errno != EINTR)
            return -errno;
        r = take_remainder(channel->session->uring);
        nanosleep(&pause, NULL);
    }
    return r;
}

const struct fsp_loop fsp_loop_remainder = {
    .name = "io_uring",
    .serve = serve_remainder,
    .send = fsp_dev_send,
    .leave = fsp_dev_leave,
};

static bool lets_go_of_files(uint32_t opcode) {
    return opcode == FUSE_UNLINK || opcode == FUSE_RMDIR || opcode == FUSE_RENAME || opcode == FUSE_RENAME2 ||
           opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR;
}

/* Before a request is served. */
static void take_forgets(struct fsp_uring *uring, uint32_t opcode) {
    int64_t until = atomic_load_explicit(&uring->forgets_until, memory_order_relaxed);
    bool more = lets_go_of_files(opcode);
    if (until == 0 && !more)
        return;
    int64_t now = clock_read(CLOCK_MONOTONIC_COARSE);
    if (until >= now)
        take_remainder(uring);
    if (more || until < now)
        atomic_store_explicit(&uring->forgets_until, more ? now + EXPECT_FORGETS_NS : 0, memory_order_relaxed);
}

/* ---- serving --------------------------------------------------------------------------------------------------- */

static void serve_entry(struct fsp_channel *channel, struct linfsp_request *request) {
    const struct fuse_uring_req_header *in = request->ring_header;
    struct fuse_in_header header;
    memcpy(&header, in->in_out, sizeof header);
    size_t payload = in->ring_ent_in_out.payload_sz;
    int head_size = fsp_head_size(channel->session, header.opcode);
    size_t extensions = head_size < 0 ? 0 : (size_t)header.total_extlen * 8;
    request->commit_id = in->ring_ent_in_out.commit_id;
    request->fetching = false;
    channel->ring->fetching[request->queue]--;
    channel->request = request;
    bool whole = payload <= payload_size(request) && header.len >= sizeof header + payload && payload >= extensions &&
                 (head_size < 0 || header.len - sizeof header - payload >= (size_t)head_size);
    if (!whole) {
        fsp_session_refuse(channel, &header);
        return;
    }
    take_forgets(channel->session->uring, header.opcode);
    note_touched(request, payload);
    /* an answer is put together where it goes, if there is nothing else */
    unsigned char *behind = payload_of(request) + payload_size(request);
    request->scratch = payload == 0 ? payload_of(request) : behind;
    fsp_session_serve(channel, &header, in->op_in, (const char *)payload_of(request), payload - extensions);
}

/* 1; 0: the connection has ended; or what broke it. */
static int take_completion(struct fsp_channel *channel, const struct fsp_cqe *cqe) {
    if (cqe->user_data == WOKEN) {
        read_event(channel->ring);
        return 1;
    }
    if (cqe->result == -ENOTCONN || cqe->result == -ECONNABORTED || cqe->result == -ECANCELED)
        return 0;
    if (cqe->result < 0)
        return cqe->result;
    serve_entry(channel, (struct linfsp_request *)(uintptr_t)cqe->user_data);
    return 1;
}

static int take_completions(struct fsp_channel *channel) {
    struct fsp_ring *ring = &channel->ring->ring;
    const struct fsp_cqe *next;
    int r = 1;
    while (r > 0 && (next = fsp_ring_peek(ring))) {
        struct fsp_cqe cqe = *next;
        fsp_ring_take(ring);
        r = take_completion(channel, &cqe);
        if (r > 0 && fsp_ring_peek(ring))
            fsp_ring_enter(ring, 0, -1); /* the next operation may take its time */
    }
    return r;
}

static bool is_over(const struct fsp_channel *channel) {
    return atomic_load_explicit(&channel->session->cut, memory_order_relaxed) ||
           atomic_load_explicit(&channel->session->uring->abandoned, memory_order_relaxed);
}

/* All entries of this ring. On failure the kernel has been told that there are no rings, or will be. */
static int begin(struct fsp_channel *channel) {
    struct fsp_uring *uring = channel->session->uring;
    struct fsp_ring_channel *self = channel->ring;
    stay_on_cpus(uring, channel->index);
    self->event = eventfd(0, EFD_CLOEXEC);
    int r = self->event < 0 ? -errno : fsp_ring_enable(&self->ring, channel->fd);
    for (unsigned queue = 0; r == 0 && queue < uring->n_queues; queue++)
        if (serves(uring, channel->index, queue))
            r = add_entry(channel, queue);
    if (r == 0)
        read_event(self);
    if (r == 0)
        r = fsp_ring_enter(&self->ring, 0, -1);
    const struct fsp_cqe *cqe = r == 0 ? fsp_ring_peek(&self->ring) : NULL;
    return cqe && cqe->result < 0 ? cqe->result : r;
}

static void report(struct fsp_uring *uring, unsigned ring, bool registered) {
    pthread_mutex_lock(&uring->lock);
    for (unsigned queue = 0; registered && queue < uring->n_queues; queue++)
        if (serves(uring, ring, queue))
            uring->covered[queue] = true;
    uring->begun++;
    pthread_cond_signal(&uring->changed);
    pthread_mutex_unlock(&uring->lock);
}

static int serve(struct fsp_channel *channel) {
    struct fsp_ring_channel *self = channel->ring;
    current = channel;
    int r = begin(channel);
    bool registered = r == 0;
    report(channel->session->uring, channel->index, registered);
    while (r >= 0 && !is_over(channel)) {
        r = take_completions(channel);
        if (r <= 0)
            break;
        take_answered(channel);
        r = fsp_ring_enter(&self->ring, 1, self->touched ? TRIM_AFTER_MS : -1);
        if (r == -ETIME)
            trim(self);
        if (r == -ETIME || r == -EINTR || r == -EAGAIN || r == -EBUSY)
            r = 0;
    }
    fsp_ring_close(&self->ring); /* entries that wait keep the connection */
    current = NULL;
    return registered ? r : 0; /* one that has not begun is not missed */
}

const struct fsp_loop fsp_loop_uring = {
    .name = "io_uring",
    .serve = serve,
    .send = send_answer,
    .leave = leave,
};

/* ---- starting -------------------------------------------------------------------------------------------------- */

static bool wait_until_covered(struct fsp_uring *uring, unsigned started) {
    bool covered = true;
    pthread_mutex_lock(&uring->lock);
    while (uring->begun < started)
        pthread_cond_wait(&uring->changed, &uring->lock);
    for (unsigned queue = 0; queue < uring->n_queues; queue++)
        covered &= uring->covered[queue];
    pthread_mutex_unlock(&uring->lock);
    return covered;
}

/* The kernel holds all requests back until each queue has an entry, or until one cannot be
 * registered: this one cannot. */
static void tell_there_are_none(struct fsp_session *session) {
    struct fsp_ring *ring = &session->uring->spare;
    if (fsp_ring_enable(ring, session->fds[0]) == 0 && prepare_command(ring, FUSE_IO_URING_CMD_REGISTER, UINT16_MAX, 0))
        fsp_ring_enter(ring, 0, -1);
}

/* A queue has no entry: the kernel has not begun to use the rings. */
static void abandon(struct fsp_session *session) {
    tell_there_are_none(session);
    atomic_store(&session->uring->abandoned, true);
    fsp_channels_wake(session);
    fsp_session_join(session);
    fsp_channels_free(session);
    fsp_fcntl(session->fds[0], F_SETFL, O_RDWR);
}

int fsp_uring_start(struct fsp_session *session) {
    struct fsp_uring *uring = session->uring;
    unsigned started = 0;
    if (fsp_channels_allocate(session, uring->n_rings + 1) < 0)
        return -ENOMEM;
    atomic_store(&session->active, uring->n_rings + 1);
    struct fsp_channel *remainder = uring->remainder = &session->channels[uring->n_rings];
    remainder->loop = &fsp_loop_remainder;
    remainder->fd = session->fds[0];
    fsp_fcntl(remainder->fd, F_SETFL, O_RDWR | O_NONBLOCK);
    remainder->request = fsp_session_new_request(session);
    for (unsigned i = 0; remainder->request && i < uring->n_rings; i++) {
        session->channels[i].loop = &fsp_loop_uring;
        session->channels[i].ring = &uring->channels[i];
        if (fsp_channel_start(&session->channels[i]) == 0)
            started++;
    }
    if (!wait_until_covered(uring, started)) {
        abandon(session);
        return -EIO;
    }
    fsp_ring_close(&uring->spare);
    remainder->result = fsp_channel_start(remainder);
    if (remainder->result < 0)
        atomic_store(&session->broken, true); /* there is no way back from here */
    return 0;
}
