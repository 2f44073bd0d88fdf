/* SPDX-License-Identifier: MIT */
/*
 * A session: a FUSE connection being served.
 *
 * Model. Each channel is a thread with an fd of the connection (a clone of its own where there is one) and a request
 * object. A request object is one mapping: this struct and, right behind it, the room that the kernel's message is read
 * into, so that the data of a write begins on a page; then scratch memory for the answer. The thread fetches,
 * dispatches to the operation, and normally finds the request answered when the operation returns: the object is used
 * again, nothing is allocated or locked.
 *
 * When an operation returns without an answer the request is detached: it stands in session->detached until whichever
 * thread answers it, and the channel goes on with another object. Which of the two, operation's return and answer,
 * comes last is settled by request->state alone.
 *
 * A session that has rings (loop-uring.c) gets its requests by them, and by one channel more, over /dev/fuse, what the
 * kernel does not send by rings. Its request objects are the rings' entries: the kernel copies into them.
 */
#ifndef LINFSP_LIB_SESSION_H
#define LINFSP_LIB_SESSION_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse/fuse-abi.h"
#include "lib/ledger.h"
#include "lib/loop.h"
#include "lib/placement.h"
#include "linfsp/linfsp.h"
#include "wire/meters.h"

#define FSP_PAGE_SIZE ((size_t)4096)
/* What stands before the data of a write. */
#define FSP_HEADROOM (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))
#define FSP_CHANNELS_MAX 17
#define FSP_DETACHED_BUCKETS 64
#define FSP_NAME_MAX 255
#define FSP_EARLY_INTERRUPTS 32

enum {
    FSP_REQUEST_ANSWERED = 1,
    FSP_REQUEST_RETURNED = 2, /* the operation has returned, the channel uses another object */
};

/* A small answer, header and all: one write of one piece of memory. */
struct fsp_answer {
    struct fuse_out_header header;
    union {
        struct fuse_entry_out entry;
        struct {
            struct fuse_entry_out entry;
            struct fuse_open_out open;
        } create;
        struct fuse_attr_out attributes;
        struct fuse_statx_out statx;
        struct fuse_open_out open;
        struct fuse_write_out written;
        struct fuse_copy_file_range_out copied;
        struct fuse_getxattr_out size;
        struct fuse_lseek_out offset;
        struct fuse_statfs_out statfs;
        struct fuse_ioctl_out ioctl;
        unsigned char bytes[512];
    };
};

struct linfsp_request {
    struct fsp_session *session;
    struct fsp_channel *channel; /* which fetched it: answered on its fd */
    int64_t begun_at; /* ns; where there are meters */
    uint64_t unique;
    uint64_t inode;
    uint32_t opcode;
    uid_t uid;
    gid_t gid;
    pid_t pid;
    mode_t umask;
    bool kill_suidgid; /* of open and create */
    bool may_be_done; /* by a server that died (ledger.h) */
    struct fsp_ledger_slot *slot; /* NULL: it is in no ledger */
    uint32_t answer_max; /* bytes that the kernel has room for, behind the header */
    _Atomic int state; /* FSP_REQUEST_* */
    atomic_bool interrupted; /* once detached */
    struct linfsp_request *next; /* in session->detached or session->free_requests */
    size_t mapping_size;

    /* of a ring's entry */
    struct fuse_uring_req_header *ring_header; /* NULL: is none */
    struct iovec ring_buffers[2];
    uint64_t commit_id;
    struct linfsp_request *next_entry; /* of its ring */
    struct linfsp_request *next_answered; /* by another thread than the ring's */
    size_t touched; /* bytes of the input that hold memory */
    uint16_t queue;
    bool fetching; /* the kernel has it */

    unsigned char *input; /* where a message is read to */
    size_t input_size;
    unsigned char *scratch;
    size_t scratch_size;
    size_t scratch_used;
    unsigned char *entries; /* of a directory, at the start of scratch */
    size_t entries_size;
    size_t entries_used;

    struct fsp_answer answer;
};

struct fsp_channel {
    struct fsp_session *session;
    const struct fsp_loop *loop;
    struct linfsp_request *request; /* fetched into next */
    int fd;
    struct fsp_ring_channel *ring; /* loop-uring.c's */
    bool nonblocking; /* loop-dev.c's, as the next */
    int64_t linger_after; /* ns */
    unsigned index;
    pthread_t thread;
    void *lent; /* what the program calls its thread, where session->threads is used; the next two too */
    sem_t lent_ready; /* thread is known */
    sem_t lent_free; /* the session uses thread no longer */
    bool started;
    atomic_bool ended;
    atomic_bool parked; /* it stands at the gate */
    int result;
    _Atomic uint64_t serving; /* the unique under way, or 0 */
    _Atomic uint64_t interrupted; /* a unique */
    _Atomic uint64_t begun; /* requests */
    _Atomic uint64_t turns; /* of these, whose caller was another than before */
    _Atomic pid_t caller; /* the last one that has a number here; 0: none since the last tick */
    uint64_t seen_begun; /* by the gate's keeper, as the next two */
    uint64_t seen_turns;
    int64_t seen_cpu; /* ns */
};

/* What is left out of answers whatever the program wants (without.c). */
struct fsp_without {
    uint32_t open_flags; /* LINFSP_OPEN_* */
    bool absent_names; /* are not remembered */
    bool answers_in_place; /* they are copied together first */
};

struct fsp_session {
    struct linfsp_volume *volume; /* NULL in unit tests */
    struct linfsp_operations operations;
    void *context;
    void (*trace)(void *context, const char *line);
    struct fsp_ledger *ledger; /* NULL: the volume does not outlive its server */
    struct meters *meters; /* NULL: none */
    int meters_fd;
    struct linfsp_threads threads; /* start NULL: our own */
    uint64_t flags; /* FUSE_INIT's, in force */
    uint64_t granted; /* LINFSP_WANT_* */
    struct fsp_without without;
    size_t input_data_size; /* room for what follows FSP_HEADROOM */
    size_t scratch_size;

    const struct fsp_loop *loop;
    struct fsp_uring *uring; /* NULL: over /dev/fuse */
    struct fsp_channel *channels;
    unsigned n_channels;
    int fds[FSP_CHANNELS_MAX]; /* the connection's, the first is not a clone */
    unsigned n_fds;
    int ended_event; /* eventfd: a channel has ended */
    int empty_pipe; /* the read end of a pipe that nobody writes to: what the fds become when cut */
    atomic_bool cut;
    atomic_bool broken; /* a channel that others cannot stand in for has ended: to be cut */

    /* gate.c */
    _Atomic unsigned active; /* channels with a lower index fetch; 0: the session is paused */
    unsigned active_before; /* it was paused */
    atomic_bool asleep; /* the keeper of the gate: to be woken by a request */
    int activity_event; /* eventfd, to wake it by */
    pthread_mutex_t gate_lock;
    pthread_cond_t gate;
    bool gate_open; /* for good */
    cpu_set_t allowed; /* the CPUs of this process when the session started, */
    unsigned cpus; /* and how many they are */
    atomic_bool lingering; /* readers do not go to sleep at once */
    int placed; /* where the channels are, as struct fsp_arrangement has it */
    struct fsp_placement placement;
    unsigned idle_ticks, shrink_ticks;
    int64_t last_tick; /* ns */

    pthread_mutex_t lock; /* all below */
    struct linfsp_request *detached[FSP_DETACHED_BUCKETS];
    struct linfsp_request *free_requests;
    unsigned n_free;
    /* Interrupts of requests that nobody knows (yet). Of use with rings only, where the kernel cannot be told to ask
     * again. */
    struct {
        uint64_t unique;
        int64_t until; /* ns */
    } early[FSP_EARLY_INTERRUPTS];
    unsigned next_early;
    _Atomic unsigned n_early;
};

/* ---- session.c ------------------------------------------------------------------------------------------------- */

/* Takes fds over (1 to FSP_CHANNELS_MAX). operations may come from an older program: its size member counts. On failure
 * fds are the caller's still. */
int fsp_session_init(struct fsp_session *session, const struct linfsp_operations *operations, void *context,
                     const int *fds, unsigned n_fds, uint32_t max_write);
/* No channel may run. Takes a zeroed session. */
void fsp_session_destroy(struct fsp_session *session);
/* How many channels there are when n are asked for; 0: as many as suit this machine. */
unsigned fsp_channel_count(unsigned n);
/* Has the session's requests come by rings, from its start on; takes uring over. */
void fsp_session_use_uring(struct fsp_session *session, struct fsp_uring *uring);
/* Starts the channels' threads. adaptive: as many of them fetch as fsp_gate_tick finds right, which then must be
 * called. */
int fsp_session_start(struct fsp_session *session, unsigned n, bool adaptive);
/* Lets no more requests in: returns 0 once all that were taken are answered, and no channel fetches. Returns -EBUSY if
 * one is not answered within that time, and the session then goes on. For the gate's keeper. */
int fsp_session_pause(struct fsp_session *session, int timeout_ms);
void fsp_session_resume(struct fsp_session *session);
/* True once every channel has ended. */
bool fsp_session_ended(struct fsp_session *session);
/* Takes the fds from under the channels: the kernel aborts the connection once the last copy is gone. */
void fsp_session_cut(struct fsp_session *session);
/* Waits for the channels. The first error among them, or 0. */
int fsp_session_join(struct fsp_session *session);

/* Serves the message that stands in channel->request->input. For loops that get it in one piece. */
void fsp_session_serve_message(struct fsp_channel *channel, size_t size);
/* Serves a request in channel->request: head is the operation's argument struct, rest what follows. */
void fsp_session_serve(struct fsp_channel *channel, const struct fuse_in_header *header, const void *head,
                       const char *rest, size_t rest_size);
/* What came as channel->request makes no sense. */
void fsp_session_refuse(struct fsp_channel *channel, const struct fuse_in_header *header);
void fsp_session_interrupt(struct fsp_channel *channel, uint64_t unique);
/* The next object for a channel, or NULL. */
struct linfsp_request *fsp_session_new_request(struct fsp_session *session);
/* An object that no other can get at, or NULL. */
struct linfsp_request *fsp_request_map(struct fsp_session *session);
/* The request is answered. True: its operation has returned and the channel goes on with another object. */
bool fsp_request_settle(struct linfsp_request *request);
void fsp_request_release(struct linfsp_request *request);

/* For those who start channels. */
int fsp_channels_allocate(struct fsp_session *session, unsigned n);
void fsp_channels_free(struct fsp_session *session);
int fsp_channel_start(struct fsp_channel *channel);
/* Signals the channels until all have ended. They must know that they are to end. */
void fsp_channels_wake(struct fsp_session *session);

/* ---- loop-dev.c ------------------------------------------------------------------------------------------------ */

/* 1: a message of *ret_size bytes in channel->request->input; 0: the connection has ended; -errno: -EAGAIN, -EINTR,
 * -ENOENT and -ENOMEM pass. */
int fsp_dev_read(struct fsp_channel *channel, size_t *ret_size);
int fsp_dev_send(struct linfsp_request *request, const struct iovec *vector, int count, size_t size);
void fsp_dev_leave(struct fsp_channel *channel);

/* ---- loop-uring.c ---------------------------------------------------------------------------------------------- */

/* Rings for as many threads (0: as suit this machine), so far nobody's; or why there can be none. */
int fsp_uring_open(unsigned threads, struct fsp_uring **ret_uring);
/* Takes NULL. No channel of it may run. */
void fsp_uring_close(struct fsp_uring *uring);
/* Starts the session's channels on its rings. On failure none runs, and the kernel sends all over /dev/fuse. */
int fsp_uring_start(struct fsp_session *session);
/* Sends what this thread's operation has answered and the ring still keeps. */
void fsp_uring_flush(void);

/* ---- gate.c ---------------------------------------------------------------------------------------------------- */

/* A channel whose turn it is not waits here. */
void fsp_gate_wait(struct fsp_channel *channel);
/* Lets as many channels through. */
void fsp_gate_set(struct fsp_session *session, unsigned active);
/* Lets all channels through, for good: they are to find out that it is over. */
void fsp_gate_open(struct fsp_session *session);
/* A request came while the keeper slept. */
void fsp_gate_activity(struct fsp_session *session);
/* The keeper's work. Returns when it wants to be called again (ns, as clock_ns), or -1:
 * when activity_event says so. */
int64_t fsp_gate_tick(struct fsp_session *session);

static inline bool fsp_gate_closed(const struct fsp_channel *channel) {
    return channel->index >= atomic_load_explicit(&channel->session->active, memory_order_relaxed);
}

/* ---- dispatch.c ------------------------------------------------------------------------------------------------ */

/* The argument struct's size of an opcode as this session gets it; -ENOSYS for an opcode that is not known. */
int fsp_head_size(const struct fsp_session *session, uint32_t opcode);
/* Never NULL. */
const char *fsp_opcode_name(uint32_t opcode);
/* Calls the operation. 0: answered, or will be; else the negative errno to answer. *ret_silent: the protocol has no
 * answer. */
int fsp_dispatch(struct linfsp_request *request, const void *head, const char *rest, size_t rest_size,
                 bool *ret_silent);

/* ---- answer.c -------------------------------------------------------------------------------------------------- */

/* Sends request->answer, whose body has that many bytes, as an earlier server made it. */
void fsp_answer_again(struct linfsp_request *request, size_t body);

/* ---- meters.c -------------------------------------------------------------------------------------------------- */

/* Makes the counters of that volume, if they can be had: nothing depends on them. */
void fsp_meters_open(struct fsp_session *session, uint64_t volume);
void fsp_meters_close(struct fsp_session *session);
/* An answer of body bytes is about to be sent. Only where there are meters, as the next. */
void fsp_meters_count(const struct linfsp_request *request, int error, size_t body);
void fsp_meters_trace(struct fsp_session *session, const char *line);

/* Whether somebody wants lines: the program, or `linfsp trace`. */
static inline bool fsp_is_traced(const struct fsp_session *session) {
    return session->trace ||
           (session->meters && atomic_load_explicit(&session->meters->trace_credit, memory_order_relaxed) > 0);
}

/* ---- trace.c: only where fsp_is_traced --------------------------------------------------------------- */
void fsp_trace_request(const struct linfsp_request *request, const void *head, const char *rest, size_t rest_size);
void fsp_trace_answer(const struct linfsp_request *request, int error, size_t size);
/* The program has made a mistake with an answer: on standard error, for the first few of them, and in the trace. */
void fsp_misuse(const struct linfsp_request *request, const char *what);

#endif
