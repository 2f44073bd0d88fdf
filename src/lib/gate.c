/* SPDX-License-Identifier: MIT */
/*
 * How many channels fetch requests at a time.
 *
 * Model. The kernel hands requests to its waiting readers in turn. With two readers and one caller each request goes to
 * another thread, mostly on another core, and waking a core costs more than the request does: one reader answers a lone
 * caller twice as fast as two. So the channels beyond session->active stand at a gate, and the thread that runs the
 * volume opens and closes it: one more channel when those that fetch use up their cores, or when one is held up in an
 * operation; one fewer when they have little to do. Where requests come fast, placement.h finds out how many do best,
 * and on which CPUs. It looks every few milliseconds while there are requests and sleeps when there are none:
 * begin_request() wakes it.
 */
#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <time.h>

#include "lib/session.h"
#include "util/clock.h"

#define IDLE_TICKS 4
#define SHRINK_TICKS 10

/* In thousandths of a core. */
#define BUSY 850
#define SPARE 600

void fsp_gate_wait(struct fsp_channel *channel) {
    struct fsp_session *session = channel->session;
    pthread_mutex_lock(&session->gate_lock);
    while (channel->index >= atomic_load(&session->active) && !atomic_load(&session->cut) && !session->gate_open) {
        atomic_store(&channel->parked, true);
        pthread_cond_wait(&session->gate, &session->gate_lock);
        atomic_store(&channel->parked, false);
    }
    pthread_mutex_unlock(&session->gate_lock);
}

void fsp_gate_set(struct fsp_session *session, unsigned active) {
    if (active < 1)
        active = 1;
    if (active > session->n_channels)
        active = session->n_channels;
    unsigned before = atomic_exchange(&session->active, active);
    if (before >= active)
        return;
    pthread_mutex_lock(&session->gate_lock);
    pthread_cond_broadcast(&session->gate);
    pthread_mutex_unlock(&session->gate_lock);
}

void fsp_gate_open(struct fsp_session *session) {
    pthread_mutex_lock(&session->gate_lock);
    session->gate_open = true;
    atomic_store(&session->active, FSP_CHANNELS_MAX);
    pthread_cond_broadcast(&session->gate);
    pthread_mutex_unlock(&session->gate_lock);
}

void fsp_gate_activity(struct fsp_session *session) {
    if (atomic_exchange(&session->asleep, false))
        eventfd_write(session->activity_event, 1);
}

static int64_t cpu_time(const struct fsp_channel *channel) {
    clockid_t clock;
    return channel->started && pthread_getcpuclockid(channel->thread, &clock) == 0 ? clock_read(clock) : 0;
}

struct load {
    unsigned used; /* thousandths of a core */
    unsigned stuck; /* channels in the same operation as a tick ago */
    uint64_t requests; /* that came */
    uint64_t turns; /* that were another caller's than the one before */
    pid_t caller; /* one of those who asked; 0: no one that can be told from others */
    bool several; /* callers, or it cannot be told */
};

#define TURNS_OF_SEVERAL 16 /* one in so many */

/* FORGETs are nobody's, nor are the RELEASEs that come between one caller's requests. */
static void count_callers(struct fsp_channel *channel, struct load *load) {
    uint64_t turns = atomic_load_explicit(&channel->turns, memory_order_relaxed);
    pid_t caller = atomic_exchange_explicit(&channel->caller, 0, memory_order_relaxed);
    load->turns += turns - channel->seen_turns;
    channel->seen_turns = turns;
    if (caller == 0)
        return;
    if (load->caller != 0 && load->caller != caller)
        load->several = true;
    load->caller = caller;
}

static struct load measure(struct fsp_session *session, int64_t elapsed) {
    struct load load = {0};
    int64_t used = 0;
    for (unsigned i = 0; i < session->n_channels; i++) {
        struct fsp_channel *channel = &session->channels[i];
        uint64_t serving = atomic_load_explicit(&channel->serving, memory_order_relaxed);
        uint64_t begun = atomic_load_explicit(&channel->begun, memory_order_relaxed);
        int64_t cpu = cpu_time(channel);
        load.requests += begun - channel->seen_begun;
        if (begun != channel->seen_begun)
            count_callers(channel, &load);
        if (begun == channel->seen_begun && serving)
            load.stuck++;
        used += cpu - channel->seen_cpu;
        channel->seen_begun = begun;
        channel->seen_cpu = cpu;
    }
    load.several |= load.caller == 0 || load.turns * TURNS_OF_SEVERAL > load.requests;
    load.used = elapsed > 0 ? (unsigned)(used * 1000 / elapsed) : 0;
    return load;
}

static void adjust(struct fsp_session *session, struct load load) {
    unsigned active = atomic_load(&session->active);
    unsigned running = active > load.stuck ? active - load.stuck : 0;
    if (running == 0 || (load.used > BUSY * running && running < session->cpus)) {
        session->shrink_ticks = 0;
        fsp_gate_set(session, active + 1);
    } else if (running > 1 && load.used < SPARE * (running - 1)) {
        if (++session->shrink_ticks >= SHRINK_TICKS) {
            session->shrink_ticks = 0;
            fsp_gate_set(session, active - 1);
        }
    } else
        session->shrink_ticks = 0;
}

/* The CPUs of a channel under an arrangement. */
static void choose_cpus(const struct fsp_session *session, unsigned index, int cpu, cpu_set_t *ret_set) {
    if (cpu == FSP_ANY_CPU) {
        *ret_set = session->allowed;
        return;
    }
    unsigned wanted = cpu == FSP_A_CPU_EACH ? index % session->cpus : (unsigned)cpu, seen = 0;
    CPU_ZERO(ret_set);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &session->allowed) && seen++ == wanted)
            CPU_SET(i, ret_set);
}

/* A channel that cannot be moved stays where it may be: that is slower, but right. */
static void place(struct fsp_session *session, int cpu) {
    if (session->placed == cpu)
        return;
    session->placed = cpu;
    for (unsigned i = 0; i < session->n_channels; i++) {
        cpu_set_t set;
        choose_cpus(session, i, cpu, &set);
        if (session->channels[i].started && !atomic_load(&session->channels[i].ended))
            pthread_setaffinity_np(session->channels[i].thread, sizeof set, &set);
    }
}

static void arrange(struct fsp_session *session, struct load load, int64_t elapsed, int64_t now) {
    bool fast = fsp_placement_tick(&session->placement, load.requests, load.several, elapsed, now);
    bool linger = fast && session->n_fds >= session->n_channels && session->cpus > 1;
    atomic_store_explicit(&session->lingering, linger, memory_order_relaxed);
    if (!fast) {
        place(session, FSP_ANY_CPU);
        adjust(session, load);
        return;
    }
    struct fsp_arrangement wanted = fsp_placement_current(&session->placement);
    place(session, wanted.cpu);
    fsp_gate_set(session, wanted.readers + load.stuck);
}

/* Whether the keeper may sleep until it is woken. It says so first and looks once more a tick later: a request that
 * began in between, and did not see that it had to wake anyone, is not overlooked. */
static bool falls_asleep(struct fsp_session *session, struct load load) {
    if (load.requests || load.stuck) {
        session->idle_ticks = 0;
        atomic_store(&session->asleep, false);
    } else if (++session->idle_ticks == IDLE_TICKS)
        atomic_store(&session->asleep, true);
    return session->idle_ticks > IDLE_TICKS;
}

int64_t fsp_gate_tick(struct fsp_session *session) {
    if (session->n_channels < 2 || session->uring)
        return -1;
    int64_t now = clock_ns(), elapsed = now - session->last_tick;
    if (session->idle_ticks > IDLE_TICKS) {
        if (atomic_load(&session->asleep))
            return -1;
        session->idle_ticks = 0;
    }
    int64_t pause = fsp_placement_pause(&session->placement);
    if (elapsed < pause)
        return session->last_tick + pause;
    struct load load = measure(session, elapsed);
    session->last_tick = now;
    if (elapsed < 4 * pause) /* else it slept: the figures say nothing */
        arrange(session, load, elapsed, now);
    return falls_asleep(session, load) ? -1 : now + fsp_placement_pause(&session->placement);
}
