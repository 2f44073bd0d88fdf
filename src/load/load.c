/* SPDX-License-Identifier: MIT */
/*
 * Runs one operation against a folder. load.h has the model.
 *
 * Times are from the clock that user space reads without a system call. One reading ends a step and begins the next, so
 * the rate is that of the steps alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/clock.h"

#include "load/load.h"

#define WARM_UP 0.1 /* of the time, before it counts */

/* Latencies to 1/32: 32 buckets for each power of two of nanoseconds. */
#define SUB_BITS 5
#define SUB (1u << SUB_BITS)
#define BUCKETS ((64 - SUB_BITS) * SUB)

struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t total, longest;
};

struct runner {
    struct worker worker;
    const struct operation *operation;
    struct run *run;
    pthread_t thread;
    struct histogram *histogram;
    uint64_t index, units, steps, busy_ns;
    int error;
};

/* What the runners of a run share. */
struct run {
    struct load load;
    pthread_barrier_t barrier;
    atomic_bool phase_over;
    atomic_int error;
    bool counting, last; /* set by runner 0 between two barriers */
    uint64_t spent_ns, phase_ns;
    clockid_t server_clock;
    uint64_t cpu_ns, server_cpu_ns; /* in the phases that count; by runner 0 */
};

/* What the server of the load has used of the CPUs so far, all its threads together. */
static uint64_t server_cpu_ns(const struct run *run) {
    return run->load.server ? clock_read(run->server_clock) : 0;
}

/* ---- latencies ------------------------------------------------------------------------------------------------- */

static unsigned bucket_of(uint64_t ns) {
    if (ns < SUB)
        return (unsigned)ns;
    unsigned power = 63 - (unsigned)__builtin_clzll(ns);
    return (power - SUB_BITS + 1) * SUB + (unsigned)(ns >> (power - SUB_BITS) & (SUB - 1));
}

/* The middle of a bucket. */
static double bucket_ns(unsigned bucket) {
    unsigned shift = bucket / SUB;
    if (shift == 0)
        return bucket;
    double width = (double)(1ull << (shift - 1));
    return (double)(SUB + bucket % SUB) * width + width / 2;
}

static void histogram_add(struct histogram *histogram, uint64_t ns) {
    histogram->counts[bucket_of(ns)]++;
    histogram->total++;
    if (ns > histogram->longest)
        histogram->longest = ns;
}

static void histogram_merge(struct histogram *to, const struct histogram *from) {
    for (unsigned i = 0; i < BUCKETS; i++)
        to->counts[i] += from->counts[i];
    to->total += from->total;
    if (from->longest > to->longest)
        to->longest = from->longest;
}

static double percentile_us(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)((double)histogram->total * share), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > wanted)
            return bucket_ns(i) / 1000;
    }
    return (double)histogram->longest / 1000;
}

/* ---- a run ----------------------------------------------------------------------------------------------------- */

/* The timed steps of one phase. limit: at most so many. */
static int run_steps(struct runner *runner, unsigned limit, uint64_t end_ns) {
    struct run *run = runner->run;
    const struct operation *operation = runner->operation;
    uint64_t begin = clock_ns(), before = begin;
    int64_t done = 0;
    struct worker *worker = &runner->worker;
    for (worker->done = 0; worker->done < limit; worker->done++) {
        done = operation->step(worker, runner->index++);
        uint64_t after = clock_ns();
        if (done < 0)
            break;
        if (run->counting) {
            histogram_add(runner->histogram, after - before);
            runner->units += (uint64_t)done;
            runner->steps++;
        }
        before = after;
        if (after >= end_ns || atomic_load_explicit(&run->phase_over, memory_order_relaxed)) {
            worker->done++;
            break;
        }
    }
    atomic_store(&run->phase_over, true);
    if (run->counting)
        runner->busy_ns += before - begin;
    return done < 0 ? (int)done : 0;
}

/* Between two phases, by runner 0 alone: what the next one is. */
static void plan_phase(struct runner *runner) {
    struct run *run = runner->run;
    const struct load *load = &run->load;
    uint64_t wanted = (uint64_t)(load->seconds * 1e9);
    bool warm = run->counting || run->spent_ns >= (uint64_t)(load->seconds * WARM_UP * 1e9) || load->count > 0;
    if (warm && !run->counting)
        run->spent_ns = 0;
    run->counting = warm;
    run->phase_ns = warm ? wanted - (run->spent_ns < wanted ? run->spent_ns : wanted)
                         : (uint64_t)((double)wanted * WARM_UP) - run->spent_ns;
    run->last = load->count > 0 ? runner->steps >= load->count : warm && run->spent_ns >= wanted;
    run->last |= atomic_load(&run->error) != 0;
    if (load->count > 0)
        run->phase_ns = UINT64_MAX / 4;
    atomic_store(&run->phase_over, false);
}

static void fail(struct runner *runner, int error) {
    int none = 0;
    runner->error = error;
    atomic_compare_exchange_strong(&runner->run->error, &none, error);
}

static void run_phase(struct runner *runner) {
    struct run *run = runner->run;
    const struct operation *operation = runner->operation;
    unsigned batch = operation_batch(operation, &run->load), limit = batch ? batch : UINT32_MAX;
    uint64_t left = run->load.count - runner->steps;
    if (run->load.count > 0 && left < limit)
        limit = (unsigned)left;
    if (batch)
        runner->index = 0;
    runner->worker.filled = limit;
    runner->worker.done = 0;
    int r = operation->fill ? operation->fill(&runner->worker, limit) : 0;
    uint64_t cpu = clock_read(CLOCK_PROCESS_CPUTIME_ID), server_cpu = server_cpu_ns(run);
    pthread_barrier_wait(&run->barrier);
    uint64_t begin = clock_ns();
    if (r == 0)
        r = run_steps(runner, limit, begin + run->phase_ns);
    uint64_t took = clock_ns() - begin;
    pthread_barrier_wait(&run->barrier);
    if (runner->worker.number == 0) {
        run->spent_ns += took > 0 ? took : 1;
        run->cpu_ns += run->counting ? clock_read(CLOCK_PROCESS_CPUTIME_ID) - cpu : 0;
        run->server_cpu_ns += run->counting ? server_cpu_ns(run) - server_cpu : 0;
    }
    if (r == 0 && operation->drain)
        r = operation->drain(&runner->worker, runner->worker.done);
    if (r < 0)
        fail(runner, r);
}

static void pin_to(unsigned number) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(number % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
    (void)sched_setaffinity(0, sizeof cpus, &cpus);
}

static void *runner_main(void *argument) {
    struct runner *runner = argument;
    struct run *run = runner->run;
    if (run->load.pin)
        pin_to(runner->worker.number);
    int r = runner->operation->setup ? runner->operation->setup(&runner->worker) : 0;
    if (r < 0)
        fail(runner, r);
    for (;;) {
        pthread_barrier_wait(&run->barrier);
        if (runner->worker.number == 0)
            plan_phase(runner);
        pthread_barrier_wait(&run->barrier);
        if (run->last)
            return NULL;
        run_phase(runner);
    }
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

static int open_worker(struct worker *worker, int parent, int bare) {
    char name[32];
    snprintf(name, sizeof name, "load.%u", worker->number);
    worker->file = worker->directory = -1;
    worker->random = 88172645463325252ull + worker->number;
    if (!bare && mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
        return -errno;
    worker->directory =
        bare ? fcntl(parent, F_DUPFD_CLOEXEC, 3) : openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (worker->directory < 0)
        return -errno;
    if (posix_memalign((void **)&worker->buffer, 4096, CHUNK) != 0)
        return -ENOMEM;
    memset(worker->buffer, 0, CHUNK);
    return 0;
}

static void close_worker(struct worker *worker, int parent, int bare) {
    char name[32];
    snprintf(name, sizeof name, "load.%u", worker->number);
    if (worker->file >= 0)
        close(worker->file);
    if (bare && worker->directory >= 0) {
        close(worker->directory);
    } else if (worker->directory >= 0) {
        unlinkat(worker->directory, "one", 0);
        for (unsigned i = 0; i < FILES; i++) {
            snprintf(name, sizeof name, "f%06u", i);
            unlinkat(worker->directory, name, 0);
            name[0] = 'g';
            unlinkat(worker->directory, name, 0);
            name[0] = 'l';
            unlinkat(worker->directory, name, 0);
        }
        close(worker->directory);
        snprintf(name, sizeof name, "load.%u", worker->number);
        unlinkat(parent, name, AT_REMOVEDIR);
    }
    free(worker->buffer);
}

/* ---- the result ------------------------------------------------------------------------------------------------ */

static void sum_up(const struct runner *runners, unsigned threads, struct load_result *ret_result) {
    const struct run *run = runners->run;
    static struct histogram all;
    struct load_result result = {.operation = runners->operation};
    double steps = 0;
    memset(&all, 0, sizeof all);
    for (unsigned i = 0; i < threads; i++) {
        double seconds = (double)runners[i].busy_ns / 1e9;
        histogram_merge(&all, runners[i].histogram);
        result.steps += runners[i].steps;
        result.seconds += seconds / threads;
        result.per_second += seconds > 0 ? (double)runners[i].units / seconds : 0;
        steps += seconds > 0 ? (double)runners[i].steps / seconds : 0;
    }
    if (result.steps > 0) {
        result.cpu_us = (double)run->cpu_ns / 1000 / (double)result.steps;
        result.server_cpu_us = (double)run->server_cpu_ns / 1000 / (double)result.steps;
    }
    result.bytes_per_second = steps * result.operation->bytes;
    result.p50_us = percentile_us(&all, 0.5);
    result.p90_us = percentile_us(&all, 0.9);
    result.p99_us = percentile_us(&all, 0.99);
    result.p999_us = percentile_us(&all, 0.999);
    result.max_us = (double)all.longest / 1000;
    *ret_result = result;
}

static int perform(const struct operation *operation, const struct load *load, struct load_result *ret_result) {
    static struct runner runners[LOAD_THREADS_MAX];
    static struct run run;
    run = (struct run){.load = *load};
    int parent = open(load->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = parent < 0 ? -errno : 0;
    if (r == 0 && load->server)
        r = -clock_getcpuclockid(load->server, &run.server_clock);
    for (unsigned i = 0; i < load->threads; i++) {
        runners[i] = (struct runner){.operation = operation, .run = &run};
        runners[i].worker = (struct worker){.load = &run.load, .number = i, .directory = -1, .file = -1};
        runners[i].histogram = calloc(1, sizeof *runners[i].histogram);
        if (r == 0)
            r = runners[i].histogram ? open_worker(&runners[i].worker, parent, operation->bare) : -ENOMEM;
    }
    pthread_barrier_init(&run.barrier, NULL, load->threads);
    if (r == 0) {
        for (unsigned i = 1; i < load->threads; i++)
            if (pthread_create(&runners[i].thread, NULL, runner_main, &runners[i]) != 0)
                abort(); /* the others would wait for it */
        cpu_set_t cpus;
        sched_getaffinity(0, sizeof cpus, &cpus);
        runner_main(&runners[0]);
        sched_setaffinity(0, sizeof cpus, &cpus);
        for (unsigned i = 1; i < load->threads; i++)
            pthread_join(runners[i].thread, NULL);
        r = atomic_load(&run.error);
    }
    for (unsigned i = 0; i < load->threads; i++)
        close_worker(&runners[i].worker, parent, operation->bare);
    if (parent >= 0)
        close(parent);
    if (r == 0)
        sum_up(runners, load->threads, ret_result);
    for (unsigned i = 0; i < load->threads; i++)
        free(runners[i].histogram);
    pthread_barrier_destroy(&run.barrier);
    return r;
}

int load_run(const struct load *load, struct load_result *ret_result) {
    if (load->threads < 1 || load->threads > LOAD_THREADS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n_operations; i++)
        if (strcmp(operations[i].name, load->operation) == 0)
            return perform(&operations[i], load, ret_result);
    return -ENOSYS;
}
