/* SPDX-License-Identifier: MIT */
/* The counters of volumes' servers (wire/meters.h), found and read. What stands in them is the server's word. */
#ifndef LINFSP_CLI_METERS_H
#define LINFSP_CLI_METERS_H

#include "cli/cli.h"
#include "wire/meters.h"

/* The sum of all channels, at a moment. */
struct sample {
    int64_t time; /* ms, monotonic */
    uint64_t requests, errors, bytes_read, bytes_written, latency_sum;
    uint64_t latency[METERS_BUCKETS];
};

/* A volume with what the service says of it. */
struct metered {
    struct wire_volume volume;
    char name[WIRE_COMPONENT_MAX]; /* of its container; "": not known */
    int fd; /* of its meters; -1: it has none that we may read */
    uint32_t waiting; /* requests that the kernel has no answer to yet; UINT32_MAX: not known */
    struct sample now, before; /* before: of the last turn; time 0: there was none */
};

struct meter_table {
    struct metered *rows;
    size_t count;
};

/* Asks the service for its volumes and reads the meters of each. Rows that were there already keep what they have. On
 * failure the reason was printed, and an exit status is returned; else 0. */
int meters_refresh(const struct verb *verb, struct meter_table *table);
void meters_free(struct meter_table *table);
/* Opens a volume's meters, for writing too. -errno. */
int meters_open(const struct wire_volume *volume, int flags);
int meters_read(int fd, struct sample *ret_sample);

/* The latency in ns below which so many percent of those between two samples lie; 0: there are none. */
uint64_t meters_percentile(const struct sample *before, const struct sample *now, unsigned percent);

#endif
