/* SPDX-License-Identifier: MIT */
#include "service/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "service/lane.h"
#include "service/patience.h"
#include "service/reaper.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/list.h"
#include "util/log.h"
#include "util/proc.h"
#include "util/sockets.h"

#define WORKERS_MAX 32
#define SPARE_WORKERS 2
#define IDLE_WORKERS_MAX 4
/* More than those are kept if they were all at work at some time within so long: to make a worker takes as long as many
 * jobs do, and on a machine without a CPU to spare it is everybody who waits for that. */
#define RETIRE_USEC (5 * 1000000ull)
#define REFILL_USEC 50000ull /* after a worker could not be made */
#define CHILD_STACK (64 * 1024)
#define JOBS_PER_LANE 2
/* User namespaces any user of the host can make, by the thousand: those of one user, and all of them together, are left
 * so much. */
#define JOBS_PER_OWNER (WORKERS_MAX / 4)
#define JOBS_OF_OWNERS (WORKERS_MAX * 3 / 4)
#define LANE_LOST_MAX 4

struct queued {
    struct list_node node;
    struct job job;
    int fds[JOB_FDS_MAX];
    size_t n_fds;
    struct lane lane;
    int unreached; /* the worker that was to have it could not be reached: why */
    job_done done;
    void *context;
    uint64_t key;
};

struct worker {
    struct list_node node;
    struct workers *owner;
    pid_t pid; /* 0 once it was waited for (on_child): until then the number is no other process's */
    int socket;
    bool ready; /* it has said so: until then a job for it would wait, and be lost if it dies on its way back */
    sd_event_source *io, *timer;
    struct patience patience; /* with its job */
    struct queued *at_work; /* NULL: idle */
};

/* A lane that lost workers; kept so that it is not given more. */
struct lost_lane {
    struct lane lane;
    unsigned count;
};

struct workers {
    sd_event *event;
    struct reaper *reaper;
    int run_dir, fuse_device, programs, stage, catcher; /* borrowed */
    int program; /* linfspd-worker, of our own version whatever is installed meanwhile */
    struct list_node all; /* struct worker */
    struct list_node queue; /* struct queued */
    sd_event_source *refill, *refill_again, *retire;
    unsigned count, idle, ready, lost;
    unsigned least_idle; /* since the timer `retire` was set */
    bool dispatching, again, cannot_fork;
    struct lost_lane lost_lanes[64];
    uint64_t next_ticket;
    void (*overdue)(void *context);
    void *overdue_context;
};

static void close_all(int *fds, size_t n_fds) {
    for (size_t i = 0; i < n_fds; i++)
        close_fd(&fds[i]);
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata);
static int on_look(sd_event_source *source, uint64_t usec, void *userdata);
static void dispatch(struct workers *workers);
static void fail_unreached(struct workers *workers);

/* The last may be a client's socket, or a folder in a container, and ours the last descriptor of it by now: that close
 * blocks. */
static void close_queued(struct workers *workers, struct queued *queued) {
    const struct job *job = &queued->job;
    if (queued->n_fds && (job->client_fds || job->type == JOB_DISCARD || job->type == JOB_UNMOUNT ||
                          (job->type == JOB_PHANTOM && job->target.host)))
        reaper_close(workers->reaper, queued->fds[--queued->n_fds]);
    close_all(queued->fds, queued->n_fds);
    queued->n_fds = 0;
}

static void queued_free(struct workers *workers, struct queued *queued) {
    if (!queued)
        return;
    close_queued(workers, queued);
    free(queued);
}

static void worker_kill(struct worker *worker) {
    if (worker->pid > 0)
        (void)kill(worker->pid, SIGKILL);
}

static void worker_free(struct worker *worker) {
    struct workers *workers = worker->owner;
    sd_event_source_disable_unref(worker->io);
    sd_event_source_disable_unref(worker->timer);
    close_fd(&worker->socket);
    list_remove(&worker->node);
    workers->count--;
    workers->ready -= worker->ready;
    if (!worker->at_work)
        workers->idle--;
    queued_free(workers, worker->at_work);
    free(worker);
}

struct child {
    int socket, program;
};

/* In the child, which has the service's memory until it executes its program. Nothing of the service's, other clients'
 * sockets above all, must live on in the worker. */
static int become_worker(void *argument) {
    const struct child *child = argument;
    char *const arguments[] = {"linfspd-worker", NULL}, *const environment[] = {NULL};
    /* above the numbers that they are given */
    int from = fcntl(child->socket, F_DUPFD, 16), file = fcntl(child->program, F_DUPFD, 16);
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(from, 3) == 3 && dup3(file, 4, O_CLOEXEC) == 4 &&
        close_range(5, ~0u, 0) == 0)
        (void)execveat(4, "", arguments, environment, AT_EMPTY_PATH);
    _exit(127);
}

/* Not fork(2): that copies the tables of the service's memory, which takes the longer the more volumes there are. */
static pid_t make_child(struct child *child) {
    static _Alignas(16) char stack[CHILD_STACK];
    return clone(become_worker, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, child);
}

static int welcome(const struct workers *workers, int socket) {
    struct job_welcome message = {.size = sizeof(struct job), .service = getpid()};
    int fds[JOB_WELCOME_FDS] = {workers->run_dir, workers->fuse_device, workers->programs,
                                workers->stage,   workers->catcher,     proc_folder()};
    return socket_send(socket, &message, sizeof message, fds, JOB_WELCOME_FDS);
}

static int spawn(struct workers *workers) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    struct worker *worker = calloc(1, sizeof *worker);
    pid_t pid = worker ? make_child(&(struct child){.socket = pair[1], .program = workers->program}) : -1;
    if (pid < 0) {
        int error = -errno;
        close(pair[0]);
        close(pair[1]);
        free(worker);
        return error;
    }
    close(pair[1]);
    worker->owner = workers;
    worker->pid = pid;
    worker->socket = pair[0];
    int r = welcome(workers, worker->socket);
    if (r >= 0)
        r = sd_event_add_io(workers->event, &worker->io, worker->socket, EPOLLIN, on_worker, worker);
    if (r < 0) {
        close_fd(&worker->socket); /* the worker sees the end and goes */
        free(worker);
        return r;
    }
    list_append(&workers->all, &worker->node);
    workers->count++;
    workers->idle++;
    return 0;
}

static int on_refill_again(sd_event_source *source, uint64_t usec, void *userdata) {
    struct workers *workers = userdata;
    workers->refill_again = sd_event_source_disable_unref(source);
    return sd_event_source_set_enabled(workers->refill, SD_EVENT_ONESHOT);
}

/* What is queued waits for a worker, and perhaps nothing else happens. */
static void refill_later(struct workers *workers) {
    if (!workers->refill_again)
        (void)sd_event_add_time_relative(workers->event, &workers->refill_again, CLOCK_MONOTONIC, REFILL_USEC, 10000,
                                         on_refill_again, workers);
}

static int on_refill(sd_event_source *source, void *userdata) {
    struct workers *workers = userdata;
    sd_event_source_set_enabled(source, SD_EVENT_OFF);
    fail_unreached(workers);
    while (workers->idle < SPARE_WORKERS && workers->count < WORKERS_MAX) {
        int r = spawn(workers);
        if (r < 0) {
            if (!workers->cannot_fork)
                log_error("cannot fork a worker: %s", strerror(-r));
            workers->cannot_fork = true;
            refill_later(workers);
            break;
        }
        workers->cannot_fork = false;
    }
    dispatch(workers);
    return 0;
}

static struct lost_lane *lost_lane_of(struct workers *workers, const struct lane *lane) {
    for (size_t i = 0; i < ARRAY_SIZE(workers->lost_lanes); i++)
        if (workers->lost_lanes[i].count && lane_equal(&workers->lost_lanes[i].lane, lane))
            return &workers->lost_lanes[i];
    return NULL;
}

static void count_lost(struct workers *workers, const struct lane *lane) {
    struct lost_lane *slot = lost_lane_of(workers, lane);
    if (!slot) {
        slot = &workers->lost_lanes[workers->lost % ARRAY_SIZE(workers->lost_lanes)];
        *slot = (struct lost_lane){.lane = *lane};
    }
    slot->count++;
    workers->lost++;
}

/* Whether its lane, and whoever owns the user namespace it is for, have room for one more. */
static bool has_room(const struct workers *workers, const struct queued *queued) {
    unsigned lane = 0, owner = 0, owners = 0;
    const struct job_target *target = &queued->job.target;
    const struct worker *worker;
    list_for_each (worker, &workers->all, node) { // NOLINT(clang-analyzer-unix.Malloc)
        const struct queued *other = worker->at_work;
        if (!other)
            continue;
        lane += lane_equal(&other->lane, &queued->lane);
        owners += other->job.target.user_namespace;
        owner += other->job.target.user_namespace && other->job.target.owner_uid == target->owner_uid;
    }
    return lane < JOBS_PER_LANE && (!target->user_namespace || (owner < JOBS_PER_OWNER && owners < JOBS_OF_OWNERS));
}

/* One that can begin at once; where there is no such worker at all, also one that is just being made. */
static struct worker *idle_worker(struct workers *workers) {
    struct worker *worker;
    list_for_each (worker, &workers->all, node)
        if (!worker->at_work && (worker->ready || !workers->ready))
            return worker; // NOLINT(clang-analyzer-unix.Malloc)
    return NULL;
}

static void worker_begins(struct worker *worker, struct queued *queued) {
    struct workers *workers = worker->owner;
    worker->at_work = queued;
    workers->idle--;
    if (workers->idle < workers->least_idle)
        workers->least_idle = workers->idle;
}

static void finish(struct workers *workers, struct queued *queued, const struct job_result *result, int *fds,
                   size_t n_fds) {
    queued->done(queued->context, queued->key, result, fds, n_fds);
    close_all(fds, n_fds);
    queued_free(workers, queued);
}

static void fail_queued(struct workers *workers, struct queued *queued, int error, const char *message) {
    struct job_result result = {.ticket = queued->job.ticket, .error = error, .unanswered = true};
    snprintf(result.message, sizeof result.message, "%s", message);
    finish(workers, queued, &result, NULL, 0);
}

/* Its owner is told later, never from within. */
static void fail_later(struct workers *workers, struct queued *queued, int error) {
    queued->unreached = error;
    list_append(&workers->queue, &queued->node);
    sd_event_source_set_enabled(workers->refill, SD_EVENT_ONESHOT);
}

/* Keeps the submitter's own descriptors with the job. On failure it has those that it had before. */
static int keep_descriptors(struct workers *workers, struct queued *queued, const int *fds, size_t n_fds) {
    for (size_t i = 0; i < n_fds; i++) {
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (fd < 0) {
            int error = -errno;
            close_queued(workers, queued);
            return error;
        }
        queued->fds[queued->n_fds++] = fd;
    }
    return 0;
}

/* The worker had died, and never saw the job: another worker is to have it. */
static int wait_for_another(struct workers *workers, struct queued *queued, const int *fds, size_t n_fds) {
    int r = fds == queued->fds ? 0 : keep_descriptors(workers, queued, fds, n_fds);
    if (r < 0)
        return r;
    list_append(&workers->queue, &queued->node);
    sd_event_source_set_enabled(workers->refill, SD_EVENT_ONESHOT);
    return 0;
}

/* fds: those kept with the job, which are closed then, or its submitter's own. */
static void start_job(struct workers *workers, struct worker *worker, struct queued *queued, const int *fds,
                      size_t n_fds) {
    list_remove(&queued->node);
    worker_begins(worker, queued);
    int r = socket_send(worker->socket, &queued->job, sizeof queued->job, fds, n_fds);
    if (r == -EPIPE || r == -ECONNRESET) {
        worker->at_work = NULL;
        workers->idle++;
        worker_free(worker);
        r = wait_for_another(workers, queued, fds, n_fds);
        if (r < 0)
            fail_later(workers, queued, r);
        return;
    }
    close_queued(workers, queued);
    if (r >= 0)
        r = sd_event_add_time_relative(workers->event, &worker->timer, CLOCK_MONOTONIC, PATIENCE_LOOK_USEC, 10000,
                                       on_look, worker);
    patience_begin(&worker->patience, clock_ns() / 1000);
    if (r < 0) {
        worker->at_work = NULL;
        workers->idle++;
        worker_kill(worker);
        worker_free(worker);
        fail_later(workers, queued, r);
    }
}

static struct queued *first_unreached(const struct workers *workers) {
    struct queued *queued;
    list_for_each (queued, &workers->queue, node)
        if (queued->unreached)
            return queued;
    return NULL;
}

static void fail_unreached(struct workers *workers) {
    /* looked for anew each time: who is told may submit more */
    for (struct queued *queued; (queued = first_unreached(workers));) {
        list_remove(&queued->node);
        fail_queued(workers, queued, queued->unreached, "a worker could not be reached");
    }
}

static void start_what_can(struct workers *workers) {
    struct queued *queued, *next;
    list_for_each_safe (queued, next, &workers->queue, node) {
        if (queued->unreached || !has_room(workers, queued))
            continue;
        struct worker *worker = idle_worker(workers);
        if (!worker)
            break;
        start_job(workers, worker, queued, queued->fds, queued->n_fds);
    }
}

/* After a rush there are more than are wanted. */
static int on_retire(sd_event_source *source, uint64_t usec, void *userdata) {
    struct workers *workers = userdata;
    struct worker *worker;
    for (unsigned unused = workers->least_idle; unused > IDLE_WORKERS_MAX && (worker = idle_worker(workers)); unused--)
        worker_free(worker);
    workers->least_idle = workers->idle;
    if (workers->idle <= IDLE_WORKERS_MAX)
        return 0;
    (void)sd_event_source_set_time_relative(source, RETIRE_USEC);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void retire_later(struct workers *workers) {
    int enabled = SD_EVENT_OFF;
    if (workers->idle <= IDLE_WORKERS_MAX || sd_event_source_get_enabled(workers->retire, &enabled) < 0 ||
        enabled != SD_EVENT_OFF)
        return;
    workers->least_idle = workers->idle;
    (void)sd_event_source_set_time_relative(workers->retire, RETIRE_USEC);
    (void)sd_event_source_set_enabled(workers->retire, SD_EVENT_ONESHOT);
}

static void dispatch(struct workers *workers) {
    /* a job that fails at once tells its owner, who may submit another while the queue is being walked */
    if (workers->dispatching) {
        workers->again = true;
        return;
    }
    workers->dispatching = true;
    do {
        workers->again = false;
        start_what_can(workers);
    } while (workers->again);
    workers->dispatching = false;
    retire_later(workers);
    if (workers->idle < SPARE_WORKERS && workers->count < WORKERS_MAX && !workers->refill_again)
        sd_event_source_set_enabled(workers->refill, SD_EVENT_ONESHOT);
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata) {
    struct worker *worker = userdata;
    struct workers *workers = worker->owner;
    static struct job_result result;
    int fds[JOB_FDS_MAX];
    size_t n_fds = 0;
    ssize_t size = socket_receive(fd, &result, sizeof result, fds, JOB_FDS_MAX, &n_fds);
    if (!worker->ready && size == sizeof result && result.ticket == 0) {
        worker->ready = true;
        workers->ready++;
        dispatch(workers);
        return 0;
    }
    struct queued *queued = steal_pointer(worker->at_work);
    if (queued)
        workers->idle++;
    worker->timer = sd_event_source_disable_unref(worker->timer);
    workers->ready -= worker->ready;
    worker->ready = false;
    bool answered = size == sizeof result && queued && result.ticket == queued->job.ticket;
    if (!answered || result.spent)
        worker_free(worker);
    if (answered)
        finish(workers, queued, &result, fds, n_fds);
    else if (queued)
        fail_queued(workers, queued, -EIO, "a worker died");
    if (!answered)
        close_all(fds, n_fds);
    dispatch(workers);
    return 0;
}

static void give_up(struct worker *worker) {
    struct workers *workers = worker->owner;
    struct queued *queued = steal_pointer(worker->at_work);
    workers->idle++;
    log_warning("a worker (pid %d) does not answer and is given up: the container's file system hangs", worker->pid);
    worker_kill(worker);
    count_lost(workers, &queued->lane);
    worker_free(worker);
    if (workers->overdue)
        workers->overdue(workers->overdue_context);
    fail_queued(workers, queued, -ETIMEDOUT, "the container's file system does not answer");
    dispatch(workers);
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata) {
    struct worker *worker = userdata;
    struct pollfd answer = {.fd = worker->socket, .events = POLLIN};
    struct process_schedule schedule;
    bool known = worker->pid > 0 && process_schedule(worker->pid, &schedule) == 0;
    /* after a standstill of the service the answer may be there as well as the timer */
    if (poll(&answer, 1, 0) != 1 && patience_is_over(&worker->patience, clock_ns() / 1000, known ? &schedule : NULL)) {
        give_up(worker);
        return 0;
    }
    (void)sd_event_source_set_time_relative(source, PATIENCE_LOOK_USEC);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_child(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
    /* what workers were doing is known from their sockets */
    struct workers *workers = userdata;
    struct worker *worker;
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;) {
        reaper_waited_for(workers->reaper, pid);
        list_for_each (worker, &workers->all, node)
            if (worker->pid == pid)
                worker->pid = 0;
    }
    return 0;
}

int workers_new(sd_event *event, struct reaper *reaper, int program, int run_dir, int fuse_device, int programs,
                int stage, int catcher, struct workers **ret_workers) {
    struct workers *workers = calloc(1, sizeof *workers);
    if (!workers)
        return -ENOMEM;
    workers->program = program;
    workers->event = event;
    workers->reaper = reaper;
    workers->run_dir = run_dir;
    workers->fuse_device = fuse_device;
    workers->programs = programs;
    workers->stage = stage;
    workers->catcher = catcher;
    list_init(&workers->all);
    list_init(&workers->queue);
    int r = sd_event_add_defer(event, &workers->refill, on_refill, workers);
    if (r >= 0)
        r = sd_event_source_set_priority(workers->refill, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_add_time_relative(event, &workers->retire, CLOCK_MONOTONIC, RETIRE_USEC, 500000, on_retire,
                                       workers);
    if (r >= 0)
        r = sd_event_source_set_enabled(workers->retire, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_add_signal(event, NULL, SIGCHLD | SD_EVENT_SIGNAL_PROCMASK, on_child, workers);
    if (r < 0) {
        workers_free(workers);
        return r;
    }
    *ret_workers = workers;
    return 0;
}

void workers_free(struct workers *workers) {
    if (!workers)
        return;
    struct worker *worker, *next;
    list_for_each_safe (worker, next, &workers->all, node) {
        if (worker->at_work)
            worker_kill(worker);
        worker_free(worker);
    }
    struct queued *queued, *next_queued;
    list_for_each_safe (queued, next_queued, &workers->queue, node) {
        list_remove(&queued->node);
        queued_free(workers, queued);
    }
    sd_event_source_disable_unref(workers->refill);
    sd_event_source_disable_unref(workers->refill_again);
    sd_event_source_disable_unref(workers->retire);
    free(workers);
}

/* The usual case, and quicker: nobody waits, and the descriptors need not be kept. */
static bool start_at_once(struct workers *workers, struct queued *queued, const int *fds, size_t n_fds) {
    struct worker *worker = workers->dispatching || !list_empty(&workers->queue) || !has_room(workers, queued)
                                ? NULL
                                : idle_worker(workers);
    if (!worker)
        return false;
    start_job(workers, worker, queued, fds, n_fds);
    dispatch(workers);
    return true;
}

int workers_submit(struct workers *workers, const struct job *job, const int *fds, size_t n_fds, struct lane lane,
                   job_done done, void *context, uint64_t key) {
    const struct lost_lane *lost = lost_lane_of(workers, &lane);
    bool exempt = lane.kind == LANE_UNMOUNTS || lane.kind == LANE_ANCHORS;
    if (lost && lost->count >= LANE_LOST_MAX && !exempt)
        return -ETIMEDOUT;
    struct queued *queued = calloc(1, sizeof *queued);
    if (!queued)
        return -ENOMEM;
    queued->job = *job;
    queued->job.ticket = ++workers->next_ticket;
    queued->lane = lane;
    queued->done = done;
    queued->context = context;
    queued->key = key;
    if (start_at_once(workers, queued, fds, n_fds))
        return 0;
    int r = keep_descriptors(workers, queued, fds, n_fds);
    if (r < 0) {
        queued_free(workers, queued);
        return r;
    }
    list_append(&workers->queue, &queued->node);
    dispatch(workers);
    return 0;
}

void workers_when_overdue(struct workers *workers, void (*overdue)(void *context), void *context) {
    workers->overdue = overdue;
    workers->overdue_context = context;
}

void workers_forget_silo(struct workers *workers, uint64_t silo) {
    for (size_t i = 0; i < ARRAY_SIZE(workers->lost_lanes); i++)
        if (workers->lost_lanes[i].lane.silo == silo)
            workers->lost_lanes[i] = (struct lost_lane){0};
}

int workers_idle(const struct workers *workers) {
    if (!list_empty(&workers->queue))
        return 0;
    struct worker *worker;
    list_for_each (worker, &workers->all, node)
        if (worker->at_work)
            return 0;
    return 1;
}
