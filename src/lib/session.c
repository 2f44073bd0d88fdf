/* SPDX-License-Identifier: MIT */
#include "lib/session.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"

#define FREE_REQUESTS_MAX 16
#define THREAD_STACK_SIZE ((size_t)1 << 20) /* musl's own default is small for an operation */
#define CHANNELS_LEAST 4
#define XATTR_SIZE_MAX_KERNEL ((size_t)65536)

/* A request is under way within that time after it was brought, or its caller waits for another's operation anyway. */
#define EARLY_INTERRUPT_NS INT64_C(10000000000)

/* Ends the blocking read of a channel's thread. Ignored by default, so that one that comes late does no harm. */
#define WAKE_SIGNAL SIGURG

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static size_t page_align(size_t size) {
    return (size + FSP_PAGE_SIZE - 1) & ~(FSP_PAGE_SIZE - 1);
}

/* ---- request objects ------------------------------------------------------------------------------------------- */

static_assert(sizeof(struct linfsp_request) + FSP_HEADROOM <= 4096, "a request and a message's head share one page");

struct linfsp_request *fsp_request_map(struct fsp_session *session) {
    size_t size = FSP_PAGE_SIZE + session->input_data_size + session->scratch_size;
    unsigned char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    struct linfsp_request *request = (struct linfsp_request *)(void *)memory;
    request->session = session;
    request->mapping_size = size;
    request->input = memory + FSP_PAGE_SIZE - FSP_HEADROOM;
    request->input_size = FSP_HEADROOM + session->input_data_size;
    request->scratch = memory + FSP_PAGE_SIZE + session->input_data_size;
    request->scratch_size = session->scratch_size;
    if (session->ledger) /* a server that is killed while the kernel needs a new page of it loses the request */
        (void)madvise(memory, FSP_PAGE_SIZE + session->input_data_size, MADV_POPULATE_WRITE);
    return request;
}

struct linfsp_request *fsp_session_new_request(struct fsp_session *session) {
    pthread_mutex_lock(&session->lock);
    struct linfsp_request *request = session->free_requests;
    if (request) {
        session->free_requests = request->next;
        session->n_free--;
    }
    pthread_mutex_unlock(&session->lock);
    return request ? request : fsp_request_map(session);
}

void fsp_request_release(struct linfsp_request *request) {
    struct fsp_session *session = request->session;
    pthread_mutex_lock(&session->lock);
    bool keep = session->n_free < FREE_REQUESTS_MAX;
    if (keep) {
        request->next = session->free_requests;
        session->free_requests = request;
        session->n_free++;
    }
    pthread_mutex_unlock(&session->lock);
    if (!keep)
        munmap(request, request->mapping_size);
}

/* ---- requests that outlive their operation --------------------------------------------------------------------- */

static struct linfsp_request **bucket_of(struct fsp_session *session, uint64_t unique) {
    /* uniques are even and rise by two */
    return &session->detached[(unique >> 1) % FSP_DETACHED_BUCKETS];
}

static void detach(struct linfsp_request *request) {
    struct fsp_session *session = request->session;
    pthread_mutex_lock(&session->lock);
    struct linfsp_request **bucket = bucket_of(session, request->unique);
    request->next = *bucket;
    *bucket = request;
    if (atomic_load_explicit(&request->channel->interrupted, memory_order_relaxed) == request->unique)
        atomic_store(&request->interrupted, true);
    pthread_mutex_unlock(&session->lock);
}

static void attach(struct linfsp_request *request) {
    struct fsp_session *session = request->session;
    pthread_mutex_lock(&session->lock);
    struct linfsp_request **at = bucket_of(session, request->unique);
    while (*at && *at != request)
        at = &(*at)->next;
    if (*at)
        *at = request->next;
    pthread_mutex_unlock(&session->lock);
}

bool fsp_request_settle(struct linfsp_request *request) {
    int before = atomic_fetch_or_explicit(&request->state, FSP_REQUEST_ANSWERED, memory_order_acq_rel);
    if (before & FSP_REQUEST_RETURNED)
        attach(request);
    return before & FSP_REQUEST_RETURNED;
}

/* The operation has returned and its request may not be answered: the channel must have an object to go on with. */
static void leave_request(struct fsp_channel *channel, struct linfsp_request *request) {
    detach(request);
    int before = atomic_fetch_or_explicit(&request->state, FSP_REQUEST_RETURNED, memory_order_acq_rel);
    if (before & FSP_REQUEST_ANSWERED)
        attach(request);
    else
        channel->loop->leave(channel);
}

static void find_early_interrupt(struct fsp_channel *channel, uint64_t unique);

/* ---- serving --------------------------------------------------------------------------------------------------- */

/* The gate's keeper makes the caller 0 with each tick; otherwise this thread alone writes here. */
static void note_caller(struct fsp_channel *channel, pid_t pid) {
    pid_t before = atomic_load_explicit(&channel->caller, memory_order_relaxed);
    if (pid == 0 || pid == before)
        return;
    uint64_t turns = atomic_load_explicit(&channel->turns, memory_order_relaxed);
    if (before != 0)
        atomic_store_explicit(&channel->turns, turns + 1, memory_order_relaxed);
    atomic_store_explicit(&channel->caller, pid, memory_order_relaxed);
}

static void begin_request(struct fsp_channel *channel, const struct fuse_in_header *header) {
    struct linfsp_request *request = channel->request;
    request->channel = channel;
    if (channel->session->meters)
        request->begun_at = clock_ns();
    request->unique = header->unique;
    request->inode = header->nodeid;
    request->opcode = header->opcode;
    request->uid = header->uid;
    request->gid = header->gid;
    request->pid = (pid_t)header->pid;
    request->umask = 0;
    request->kill_suidgid = false;
    request->may_be_done = false;
    request->slot = NULL;
    request->answer_max = 0;
    request->scratch_used = 0;
    request->entries_used = 0;
    request->entries_size = 0;
    atomic_store_explicit(&request->state, 0, memory_order_relaxed);
    atomic_store_explicit(&request->interrupted, false, memory_order_relaxed);
    if (channel->ring) {
        atomic_store(&channel->serving, header->unique);
        if (atomic_load(&channel->session->n_early) > 0)
            find_early_interrupt(channel, header->unique);
    } else
        atomic_store_explicit(&channel->serving, header->unique, memory_order_relaxed);
    uint64_t begun = atomic_load_explicit(&channel->begun, memory_order_relaxed);
    atomic_store_explicit(&channel->begun, begun + 1, memory_order_relaxed);
    note_caller(channel, request->pid);
    if (atomic_load_explicit(&channel->session->asleep, memory_order_relaxed))
        fsp_gate_activity(channel->session);
}

void fsp_session_serve(struct fsp_channel *channel, const struct fuse_in_header *header, const void *head,
                       const char *rest, size_t rest_size) {
    struct linfsp_request *request = channel->request;
    bool silent = false;
    begin_request(channel, header);
    if (fsp_is_traced(channel->session))
        fsp_trace_request(request, head, rest, rest_size);
    if (channel->session->ledger && fsp_ledger_begin(channel->session->ledger, request)) {
        atomic_store_explicit(&channel->serving, 0, memory_order_relaxed);
        return;
    }
    int r = fsp_dispatch(request, head, rest, rest_size, &silent);
    atomic_store_explicit(&channel->serving, 0, memory_order_relaxed);
    if (silent)
        return;
    if (atomic_load_explicit(&request->state, memory_order_acquire) & FSP_REQUEST_ANSWERED)
        return;
    if (r < 0)
        linfsp_reply_error(request, r);
    else
        leave_request(channel, request);
}

void fsp_session_refuse(struct fsp_channel *channel, const struct fuse_in_header *header) {
    begin_request(channel, header);
    atomic_store_explicit(&channel->serving, 0, memory_order_relaxed);
    linfsp_reply_error(channel->request, -EIO);
}

void fsp_session_serve_message(struct fsp_channel *channel, size_t size) {
    const unsigned char *message = channel->request->input;
    struct fuse_in_header header;
    if (size < sizeof header)
        return; /* nothing to answer to */
    memcpy(&header, message, sizeof header);
    int head_size = fsp_head_size(channel->session, header.opcode);
    size_t extensions = (size_t)header.total_extlen * 8;
    size_t body = size - sizeof header;
    /* an operation that is not known is answered ENOSYS by fsp_dispatch, whatever it carries */
    if (header.len != size || (head_size >= 0 && body < (size_t)head_size + extensions)) {
        fsp_session_refuse(channel, &header);
        return;
    }
    if (head_size < 0)
        head_size = 0, extensions = 0;
    const char *rest = (const char *)message + sizeof header + head_size;
    fsp_session_serve(channel, &header, message + sizeof header, rest, body - (size_t)head_size - extensions);
}

/* A request that a ring has brought but that is not under way yet is found when it begins. Remembered before looking
 * for it, forgotten where it is found: begin_request looks the other way round, so one of the two sees the other. */
static void remember_early(struct fsp_session *session, uint64_t unique, int64_t now) {
    unsigned at = session->next_early++ % FSP_EARLY_INTERRUPTS;
    if (session->early[at].unique == 0)
        atomic_fetch_add(&session->n_early, 1);
    session->early[at].unique = unique;
    session->early[at].until = now + EARLY_INTERRUPT_NS;
}

/* Whether that one is remembered; it, and those that are too old to be of any use, no longer are. */
static bool take_early(struct fsp_session *session, uint64_t unique, int64_t now) {
    bool found = false;
    for (unsigned i = 0; i < FSP_EARLY_INTERRUPTS; i++) {
        bool is = session->early[i].unique == unique;
        if (session->early[i].unique != 0 && (is || session->early[i].until < now)) {
            session->early[i].unique = 0;
            atomic_fetch_sub(&session->n_early, 1);
        }
        found |= is;
    }
    return found;
}

static void find_early_interrupt(struct fsp_channel *channel, uint64_t unique) {
    struct fsp_session *session = channel->session;
    pthread_mutex_lock(&session->lock);
    if (take_early(session, unique, clock_ns()))
        atomic_store(&channel->interrupted, unique);
    pthread_mutex_unlock(&session->lock);
}

/* Among those detached, then in the channels' hands. */
static bool mark_interrupted(struct fsp_session *session, uint64_t unique) {
    for (struct linfsp_request *r = *bucket_of(session, unique); r; r = r->next)
        if (r->unique == unique) {
            atomic_store(&r->interrupted, true);
            return true;
        }
    for (unsigned i = 0; i < session->n_channels; i++)
        if (atomic_load(&session->channels[i].serving) == unique) {
            atomic_store(&session->channels[i].interrupted, unique);
            return true;
        }
    return false;
}

/* One that was read but is not under way yet is not found: the kernel is told to ask again, on whichever fd the request
 * was read from. */
void fsp_session_interrupt(struct fsp_channel *channel, uint64_t unique) {
    struct fsp_session *session = channel->session;
    pthread_mutex_lock(&session->lock);
    if (session->uring)
        remember_early(session, unique, clock_ns());
    bool found = mark_interrupted(session, unique);
    if (session->uring && found)
        take_early(session, unique, clock_ns());
    pthread_mutex_unlock(&session->lock);
    if (found || session->uring)
        return;
    struct fuse_out_header again = {.len = sizeof again, .error = -EAGAIN, .unique = unique | FUSE_INT_REQ_BIT};
    for (unsigned i = 0; i < session->n_fds; i++)
        if (write(session->fds[i], &again, sizeof again) == (ssize_t)sizeof again)
            return;
}

/* ---- threads --------------------------------------------------------------------------------------------------- */

static void *run_channel(void *argument) {
    struct fsp_channel *channel = argument;
    channel->result = channel->loop->serve(channel);
    if (channel->result < 0 && channel->ring)
        atomic_store(&channel->session->broken, true);
    atomic_store(&channel->ended, true);
    fsp_gate_open(channel->session);
    eventfd_write(channel->session->ended_event, 1);
    return NULL;
}

static void wait_for(sem_t *semaphore) {
    while (sem_wait(semaphore) < 0 && errno == EINTR)
        ;
}

/* A channel in a thread of the program's. It keeps the thread until join: a pthread_t of a thread that is gone, and
 * that nobody joins by pthread_join, may not even be asked. */
static void run_lent_channel(void *argument) {
    struct fsp_channel *channel = argument;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, WAKE_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    channel->thread = pthread_self();
    sem_post(&channel->lent_ready);
    run_channel(channel);
    wait_for(&channel->lent_free);
}

static int start_lent_channel(struct fsp_channel *channel) {
    const struct linfsp_threads *threads = &channel->session->threads;
    sem_init(&channel->lent_ready, 0, 0);
    sem_init(&channel->lent_free, 0, 0);
    int r = threads->start(threads->context, run_lent_channel, channel, &channel->lent);
    if (r < 0)
        return r;
    wait_for(&channel->lent_ready);
    channel->started = true;
    return 0;
}

static void join_channel(struct fsp_channel *channel) {
    const struct linfsp_threads *threads = &channel->session->threads;
    if (!threads->start) {
        pthread_join(channel->thread, NULL);
        return;
    }
    sem_post(&channel->lent_free);
    threads->join(threads->context, channel->lent);
    sem_destroy(&channel->lent_ready);
    sem_destroy(&channel->lent_free);
}

/* Signals are for the program's own threads; only the one that wakes a channel gets through. */
int fsp_channel_start(struct fsp_channel *channel) {
    if (channel->session->threads.start)
        return start_lent_channel(channel);
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, WAKE_SIGNAL);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    size_t stack;
    if (pthread_attr_getstacksize(&attributes, &stack) == 0 && stack < THREAD_STACK_SIZE)
        pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&channel->thread, &attributes, run_channel, channel);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (r == 0)
        channel->started = true;
    return -r;
}

static unsigned count_cpus(void) {
    cpu_set_t set;
    int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return cpus < 1 ? 1 : (unsigned)cpus;
}

/* More than there are CPUs, for operations that block; those not needed stand at the gate. */
unsigned fsp_channel_count(unsigned n) {
    if (n == 0)
        n = count_cpus() * 2 < CHANNELS_LEAST ? CHANNELS_LEAST : count_cpus() * 2;
    return n > FSP_CHANNELS_MAX ? FSP_CHANNELS_MAX : n;
}

int fsp_channels_allocate(struct fsp_session *session, unsigned n) {
    session->channels = calloc(n, sizeof *session->channels);
    if (!session->channels)
        return -ENOMEM;
    session->n_channels = n;
    for (unsigned i = 0; i < n; i++) {
        struct fsp_channel *channel = &session->channels[i];
        channel->session = session;
        channel->index = i;
        channel->fd = session->fds[i % session->n_fds];
    }
    return 0;
}

void fsp_channels_free(struct fsp_session *session) {
    for (unsigned i = 0; i < session->n_channels; i++) {
        struct linfsp_request *request = session->channels[i].request;
        if (request && !request->ring_header)
            munmap(request, request->mapping_size);
    }
    free(session->channels);
    session->channels = NULL;
    session->n_channels = 0;
}

void fsp_session_use_uring(struct fsp_session *session, struct fsp_uring *uring) {
    session->uring = uring;
    session->loop = &fsp_loop_uring;
}

static int start_on_dev(struct fsp_session *session, unsigned n, bool adaptive) {
    int r = fsp_channels_allocate(session, n);
    session->gate_open = false;
    atomic_store(&session->active, adaptive ? 1 : n);
    for (unsigned i = 0; r == 0 && i < n; i++) {
        struct fsp_channel *channel = &session->channels[i];
        channel->loop = &fsp_loop_dev;
        channel->request = fsp_session_new_request(session);
        if (!channel->request)
            return -ENOMEM;
    }
    for (unsigned i = 0; r == 0 && i < n; i++)
        r = fsp_channel_start(&session->channels[i]);
    return r;
}

int fsp_session_start(struct fsp_session *session, unsigned n, bool adaptive) {
    if (sched_getaffinity(0, sizeof session->allowed, &session->allowed) < 0)
        CPU_ZERO(&session->allowed);
    session->cpus = count_cpus();
    session->placed = FSP_ANY_CPU;
    if (session->uring) {
        if (fsp_uring_start(session) == 0)
            return 0;
        fsp_uring_close(session->uring);
        session->uring = NULL;
        session->loop = &fsp_loop_dev;
    }
    n = fsp_channel_count(n);
    fsp_placement_init(&session->placement, n, CPU_COUNT(&session->allowed) > 0 ? session->cpus : 1);
    return start_on_dev(session, n, adaptive);
}

static bool all_ended(struct fsp_session *session) {
    for (unsigned i = 0; i < session->n_channels; i++)
        if (session->channels[i].started && !atomic_load(&session->channels[i].ended))
            return false;
    return true;
}

bool fsp_session_ended(struct fsp_session *session) {
    return atomic_load(&session->broken) || all_ended(session);
}

/* Puts the end of an empty pipe in the place of each fd: reads there see the end, writes fail, and the number is not
 * given to another file while a thread still knows it. */
void fsp_session_cut(struct fsp_session *session) {
    if (atomic_exchange(&session->cut, true))
        return;
    for (unsigned i = 0; i < session->n_fds; i++)
        dup3(session->empty_pipe, session->fds[i], O_CLOEXEC);
    fsp_gate_open(session);
}

static void wake(int signal _unused_) {
}

/* A thread that was in read when the fds were cut stays there, and keeps the connection: it has to be woken. */
void fsp_channels_wake(struct fsp_session *session) {
    struct sigaction action = {.sa_handler = wake}, before;
    sigemptyset(&action.sa_mask);
    sigaction(WAKE_SIGNAL, &action, &before);
    while (!all_ended(session)) {
        for (unsigned i = 0; i < session->n_channels; i++)
            if (session->channels[i].started && !atomic_load(&session->channels[i].ended))
                pthread_kill(session->channels[i].thread, WAKE_SIGNAL);
        usleep(5000);
    }
    sigaction(WAKE_SIGNAL, &before, NULL);
}

/* ---- a pause --------------------------------------------------------------------------------------------------- */

/* A channel that is in an operation is left alone: the signal would interrupt what the operation waits for. */
static bool park(struct fsp_session *session) {
    bool all = true;
    for (unsigned i = 0; i < session->n_channels; i++) {
        struct fsp_channel *channel = &session->channels[i];
        if (atomic_load(&channel->parked))
            continue;
        all = false;
        if (channel->started && !atomic_load(&channel->ended) && atomic_load(&channel->serving) == 0)
            pthread_kill(channel->thread, WAKE_SIGNAL);
    }
    return all;
}

static bool any_detached(struct fsp_session *session) {
    bool any = false;
    pthread_mutex_lock(&session->lock);
    for (unsigned i = 0; i < FSP_DETACHED_BUCKETS; i++)
        any |= session->detached[i] != NULL;
    pthread_mutex_unlock(&session->lock);
    return any;
}

int fsp_session_pause(struct fsp_session *session, int timeout_ms) {
    struct sigaction action = {.sa_handler = wake}, before;
    int64_t end = clock_ns() + timeout_ms * INT64_C(1000000);
    bool done = false;
    session->active_before = atomic_exchange(&session->active, 0);
    sigemptyset(&action.sa_mask);
    sigaction(WAKE_SIGNAL, &action, &before);
    while (!(done = park(session) && !any_detached(session)) && clock_ns() < end)
        usleep(500);
    sigaction(WAKE_SIGNAL, &before, NULL);
    if (!done)
        fsp_session_resume(session);
    return done ? 0 : -EBUSY;
}

void fsp_session_resume(struct fsp_session *session) {
    fsp_gate_set(session, session->active_before);
}

int fsp_session_join(struct fsp_session *session) {
    int result = 0;
    if (atomic_load(&session->cut))
        fsp_channels_wake(session);
    for (unsigned i = 0; i < session->n_channels; i++) {
        struct fsp_channel *channel = &session->channels[i];
        if (channel->started)
            join_channel(channel);
        channel->started = false;
        if (result == 0)
            result = channel->result;
    }
    return result;
}

/* ---- the session itself ---------------------------------------------------------------------------------------- */

int fsp_session_init(struct fsp_session *session, const struct linfsp_operations *operations, void *context,
                     const int *fds, unsigned n_fds, uint32_t max_write) {
    if (n_fds == 0 || n_fds > FSP_CHANNELS_MAX)
        return -EINVAL;
    memset(session, 0, sizeof *session);
    size_t known = operations->size < sizeof *operations ? operations->size : sizeof *operations;
    memcpy(&session->operations, operations, known);
    session->context = context;
    session->loop = &fsp_loop_dev;
    size_t data = max_write > XATTR_SIZE_MAX_KERNEL ? max_write : XATTR_SIZE_MAX_KERNEL;
    session->input_data_size = page_align(data) + FSP_PAGE_SIZE; /* and the names that go with it */
    session->scratch_size = session->input_data_size;
    session->ended_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (session->ended_event < 0)
        return -errno;
    int pair[2];
    session->activity_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (session->activity_event < 0 || pipe2(pair, O_CLOEXEC) < 0) {
        int error = errno;
        close_fd(&session->ended_event);
        close_fd(&session->activity_event);
        return -error;
    }
    close(pair[1]);
    session->empty_pipe = pair[0];
    pthread_mutex_init(&session->lock, NULL);
    pthread_mutex_init(&session->gate_lock, NULL);
    pthread_cond_init(&session->gate, NULL);
    memcpy(session->fds, fds, n_fds * sizeof *fds);
    session->n_fds = n_fds;
    return 0;
}

/* Those of a ring are freed with it. */
static void free_list(struct linfsp_request *request) {
    while (request) {
        struct linfsp_request *next = request->next;
        if (!request->ring_header)
            munmap(request, request->mapping_size);
        request = next;
    }
}

void fsp_session_destroy(struct fsp_session *session) {
    if (session->n_fds == 0)
        return;
    fsp_channels_free(session);
    fsp_meters_close(session);
    for (unsigned i = 0; i < FSP_DETACHED_BUCKETS; i++)
        free_list(session->detached[i]);
    free_list(session->free_requests);
    fsp_uring_close(session->uring);
    for (unsigned i = 0; i < session->n_fds; i++)
        close_fd(&session->fds[i]);
    close_fd(&session->ended_event);
    close_fd(&session->empty_pipe);
    close_fd(&session->activity_event);
    pthread_mutex_destroy(&session->gate_lock);
    pthread_cond_destroy(&session->gate);
    pthread_mutex_destroy(&session->lock);
    memset(session, 0, sizeof *session);
}
