/* SPDX-License-Identifier: MIT */
/*
 * The load: one operation, again and again, by one thread or more, each step of it timed.
 *
 * An operation runs in phases. Before each, `fill` makes what the steps use up (files to unlink), and after it `drain`
 * removes what they left; neither is timed. All threads run their steps of a phase at the same time: it ends for all as
 * soon as one has done its batch, so nobody is ever measured alone.
 */
#ifndef LINFSP_LOAD_H
#define LINFSP_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FILES 100 /* that stat, open and such go round */
#define BLOCK 4096u
#define CHUNK (1u << 20)

struct load {
    const char *operation;
    const char *folder;
    unsigned threads;
    double seconds;
    uint64_t count; /* steps of each thread, 0: as many as the time allows */
    size_t size; /* of data files */
    unsigned entries; /* of listed directories */
    unsigned batch; /* of operations on names; 0: a thousand */
    int pin;
    pid_t server; /* whose time on a CPU is counted, 0: nobody's */
};

struct worker {
    const struct load *load;
    unsigned number;
    int directory; /* this worker's own */
    int file;
    char *buffer; /* CHUNK bytes, page-aligned */
    void *map;
    uint64_t random;
    uint64_t queue; /* of asynchronous I/O */
    unsigned under_way; /* in it */
    unsigned filled; /* steps that fill has provided for; drain goes by it, too */
    unsigned done; /* steps of this phase */
};

struct operation {
    const char *name;
    const char *unit; /* what is counted */
    unsigned bytes; /* each step moves, 0: none */
    unsigned batch; /* steps in a phase; 0: no phases */
    int (*setup)(struct worker *worker); /* once */
    int (*fill)(struct worker *worker, unsigned steps);
    int64_t (*step)(struct worker *worker, uint64_t index); /* returns how many units it did, or a negative errno */
    int (*drain)(struct worker *worker, unsigned steps);
    int bare; /* on the folder itself, in which nothing is made: its server need not know how */
};

struct load_result {
    const struct operation *operation;
    uint64_t steps;
    double seconds, per_second, bytes_per_second; /* of each thread; of all; of all */
    double p50_us, p90_us, p99_us, p999_us, max_us;
    double cpu_us,
        server_cpu_us; /* of the load itself and of its server, for a step; of the latter 0 where nobody asked */
};

#define LOAD_THREADS_MAX 64

/* 0, or a negative errno: what the operation failed with; -ENOSYS: there is none of that name. Not from two threads at
 * a time. */
int load_run(const struct load *load, struct load_result *ret_result);

extern const struct operation operations[];
extern const size_t n_operations;

/* The steps of a batch: data operations go once through the file. */
unsigned operation_batch(const struct operation *operation, const struct load *load);

#endif
