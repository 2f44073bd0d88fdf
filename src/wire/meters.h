/* SPDX-License-Identifier: MIT */
/*
 * What a server counts, where others can read it: a memory file (memfd) that the library makes for each volume.
 *
 * `linfsp top`, `linfsp trace` and `linfsp metrics` find it among the server's descriptors (/proc/PID/fd) by its name
 * and its mount, and read it with pread(2). So the service takes no part in it, a server of any version can be looked
 * into while it runs, and nothing is asked of the server. Who may open it is the kernel's word: root of the host, and
 * whoever may trace that process.
 *
 * Counters only grow. A reader believes nothing it finds: a hostile server may put anything there.
 */
#ifndef LINFSP_WIRE_METERS_H
#define LINFSP_WIRE_METERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* The memfd's name; /proc/PID/fd shows "/memfd:linfsp-meters (deleted)". */
#define METERS_NAME "linfsp-meters"
#define METERS_MAGIC UINT64_C(0x31524554454d464c) /* "LFMETER1" */
#define METERS_CHANNELS 17
/* Latencies: bucket i counts those of up to meters_bucket_end(i) ns; two for each power of two, from 1 µs. */
#define METERS_BUCKETS 48

struct meters_channel {
    _Atomic uint64_t requests, errors;
    _Atomic uint64_t bytes_read, bytes_written;
    _Atomic uint64_t latency_sum; /* ns */
    _Atomic uint64_t latency[METERS_BUCKETS];
    uint64_t reserved[11];
};

/* A line of the trace. sequence: the line's number, from 1; 0 while it is written. */
struct meters_line {
    _Atomic uint64_t sequence;
    char text[248];
};
#define METERS_LINES 256

struct meters {
    uint64_t magic;
    uint32_t size; /* of this struct */
    uint32_t pid; /* of the process that made the volume, as its own pid namespace counts */
    uint64_t volume; /* its number */
    /* How many more lines a reader wants traced. Readers set it again and again; when the last has gone it runs out. */
    _Atomic int64_t trace_credit;
    _Atomic uint64_t trace_next; /* lines so far */
    uint64_t reserved[3];
    struct meters_channel channels[METERS_CHANNELS];
    struct meters_line lines[METERS_LINES];
};

_Static_assert(sizeof(struct meters_channel) == 512, "a channel's counters fill cache lines of their own");

static inline unsigned meters_bucket(uint64_t ns) {
    uint64_t units = ns >> 10;
    if (units == 0)
        return 0;
    unsigned power = 63 - (unsigned)__builtin_clzll(units);
    unsigned half = power > 0 ? (unsigned)(units >> (power - 1)) & 1 : 0;
    unsigned bucket = 1 + 2 * power + half;
    return bucket < METERS_BUCKETS ? bucket : METERS_BUCKETS - 1;
}

/* The first ns that is too much for this bucket; UINT64_MAX for the last one. */
static inline uint64_t meters_bucket_end(unsigned bucket) {
    if (bucket == 0)
        return 1024;
    if (bucket >= METERS_BUCKETS - 1)
        return UINT64_MAX;
    unsigned power = (bucket - 1) / 2, half = (bucket - 1) % 2;
    uint64_t base = UINT64_C(1024) << power;
    return half || power == 0 ? base * 2 : base + base / 2;
}

#endif
