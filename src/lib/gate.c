/* SPDX-License-Identifier: MIT */
/*
 * How many channels fetch requests at a time.
 *
 * Model. The kernel hands requests to its waiting readers in turn. With two readers and one caller each request goes to
 * another thread, mostly on another core, and waking a core costs more than the request does: one reader answers a lone
 * caller twice as fast as two. So the channels beyond session->active stand at a gate, and the thread that runs the
 * volume opens and closes it: one more channel when those that fetch use up their cores, or when one is held up in an
 * operation; one fewer when they have little to do. It looks every TICK_MS while there are requests and sleeps when
 * there are none: begin_request() wakes it.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>

#include "lib/session.h"

#define TICK_NS INT64_C(5000000)
#define IDLE_TICKS 4
#define SHRINK_TICKS 10

/* In thousandths of a core. */
#define BUSY 850
#define SPARE 600

int64_t fsp_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void fsp_gate_wait(struct fsp_channel *channel) {
    struct fsp_session *session = channel->session;
    pthread_mutex_lock(&session->gate_lock);
    while (channel->index >= atomic_load(&session->active) && !atomic_load(&session->cut) && !session->gate_open)
        pthread_cond_wait(&session->gate, &session->gate_lock);
    pthread_mutex_unlock(&session->gate_lock);
}

static void set_active(struct fsp_session *session, unsigned active) {
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
    struct timespec used;
    if (!channel->started || pthread_getcpuclockid(channel->thread, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return 0;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

struct load {
    unsigned used;  /* thousandths of a core */
    unsigned stuck; /* channels in the same operation as a tick ago */
    bool any;       /* requests came */
};

static struct load measure(struct fsp_session *session, int64_t elapsed) {
    struct load load = {0};
    int64_t used = 0;
    for (unsigned i = 0; i < session->n_channels; i++) {
        struct fsp_channel *channel = &session->channels[i];
        uint64_t serving = atomic_load_explicit(&channel->serving, memory_order_relaxed);
        uint64_t begun = atomic_load_explicit(&channel->begun, memory_order_relaxed);
        int64_t cpu = cpu_time(channel);
        if (begun != channel->seen_begun)
            load.any = true;
        else if (serving)
            load.stuck++;
        used += cpu - channel->seen_cpu;
        channel->seen_begun = begun;
        channel->seen_cpu = cpu;
    }
    load.used = elapsed > 0 ? (unsigned)(used * 1000 / elapsed) : 0;
    return load;
}

static void adjust(struct fsp_session *session, struct load load) {
    unsigned active = atomic_load(&session->active);
    unsigned running = active > load.stuck ? active - load.stuck : 0;
    if (running == 0 || (load.used > BUSY * running && running < session->cpus)) {
        session->shrink_ticks = 0;
        set_active(session, active + 1);
    } else if (running > 1 && load.used < SPARE * (running - 1)) {
        if (++session->shrink_ticks >= SHRINK_TICKS) {
            session->shrink_ticks = 0;
            set_active(session, active - 1);
        }
    } else
        session->shrink_ticks = 0;
}

/* Whether the keeper may sleep until it is woken. It says so first and looks once more a tick later: a request that
 * began in between, and did not see that it had to wake anyone, is not overlooked. */
static bool falls_asleep(struct fsp_session *session, struct load load) {
    if (load.any || load.stuck) {
        session->idle_ticks = 0;
        atomic_store(&session->asleep, false);
    } else if (++session->idle_ticks == IDLE_TICKS)
        atomic_store(&session->asleep, true);
    return session->idle_ticks > IDLE_TICKS;
}

int64_t fsp_gate_tick(struct fsp_session *session) {
    if (session->n_channels < 2 || session->uring)
        return -1;
    int64_t now = fsp_now_ns(), elapsed = now - session->last_tick;
    if (session->idle_ticks > IDLE_TICKS) {
        if (atomic_load(&session->asleep))
            return -1;
        session->idle_ticks = 0;
    }
    if (elapsed < TICK_NS)
        return session->last_tick + TICK_NS;
    struct load load = measure(session, elapsed);
    session->last_tick = now;
    if (elapsed < 4 * TICK_NS) /* else it slept: the figures say nothing */
        adjust(session, load);
    return falls_asleep(session, load) ? -1 : now + TICK_NS;
}
