/* SPDX-License-Identifier: MIT */
/* `linfsp top`: volumes and what they do just now, again and again. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "cli/meters.h"

struct settings {
    double seconds;
    unsigned long turns; /* 0: for ever */
    bool json;
};

static double rate(uint64_t now, uint64_t before, double seconds) {
    return seconds > 0 && now >= before ? (double)(now - before) / seconds : 0;
}

static double seconds_between(const struct metered *row) {
    return row->before.time > 0 ? (double)(row->now.time - row->before.time) / 1000 : 0;
}

static void format_latency(uint64_t ns, char *text, size_t size) {
    if (ns == 0)
        snprintf(text, size, "-");
    else if (ns == UINT64_MAX)
        snprintf(text, size, "> 8 s");
    else if (ns < 1000000)
        snprintf(text, size, "%.0f µs", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(text, size, "%.1f ms", (double)ns / 1e6);
    else
        snprintf(text, size, "%.1f s", (double)ns / 1e9);
}

static void format_rate(uint64_t now, uint64_t before, double seconds, char *text, size_t size) {
    char bytes[32];
    format_bytes((uint64_t)rate(now, before, seconds), bytes, sizeof bytes);
    snprintf(text, size, "%s/s", bytes);
}

static void add_row(struct table *table, const struct metered *row) {
    char id[24], waiting[16], requests[24] = "", errors[24] = "", read[40] = "", written[40] = "", p50[24] = "",
                              p99[24] = "", silo[80];
    double seconds = seconds_between(row);
    snprintf(id, sizeof id, "%" PRIu64, row->volume.id);
    snprintf(silo, sizeof silo, "%.60s", row->name[0] ? row->name : row->volume.silo);
    snprintf(waiting, sizeof waiting, "%" PRIu32, row->waiting);
    if (row->fd >= 0 && seconds > 0) {
        snprintf(requests, sizeof requests, "%.0f", rate(row->now.requests, row->before.requests, seconds));
        snprintf(errors, sizeof errors, "%.0f", rate(row->now.errors, row->before.errors, seconds));
        format_rate(row->now.bytes_read, row->before.bytes_read, seconds, read, sizeof read);
        format_rate(row->now.bytes_written, row->before.bytes_written, seconds, written, sizeof written);
        format_latency(meters_percentile(&row->before, &row->now, 50), p50, sizeof p50);
        format_latency(meters_percentile(&row->before, &row->now, 99), p99, sizeof p99);
    }
    table_add(table,
              (const char *[]){id, silo, row->volume.unc_path[0] ? row->volume.unc_path : row->volume.mount_point,
                               requests, errors, row->waiting == UINT32_MAX ? "" : waiting, read, written, p50, p99});
}

static int by_requests(const void *a, const void *b) {
    const struct metered *one = a, *other = b;
    uint64_t first = one->now.requests - one->before.requests, second = other->now.requests - other->before.requests;
    if (first != second)
        return first < second ? 1 : -1;
    return one->volume.id < other->volume.id ? -1 : 1;
}

static void show_table(const struct meter_table *meters) {
    static const char *const head[] = {"VOLUME",  "CONTAINER", "WHERE", "REQUESTS/s", "ERRORS/s",
                                       "WAITING", "READ",      "WRITE", "P50",        "P99"};
    struct table table;
    if (isatty(STDOUT_FILENO))
        fputs(CLEAR, stdout);
    table_begin(&table, ARRAY_SIZE(head), head);
    for (size_t i = 0; i < meters->count; i++)
        add_row(&table, &meters->rows[i]);
    table_print(&table);
    table_end(&table);
    if (meters->count == 0)
        puts("there is no volume");
    putchar('\n');
}

static void add_known(json_object *object, const char *key, double value, bool known) {
    json_object_object_add(object, key, known ? json_object_new_double(value) : NULL);
}

static json_object *object_of(const struct metered *row) {
    json_object *object = json_object_new_object();
    double seconds = seconds_between(row);
    bool known = row->fd >= 0 && seconds > 0;
    json_add_number(object, "volume", row->volume.id);
    json_add_text(object, "silo", row->volume.silo);
    json_add_text(object, "name", row->name);
    json_add_text(object, "mount_point", row->volume.mount_point);
    json_add_text(object, "unc_path", row->volume.unc_path);
    json_object_object_add(object, "waiting", row->waiting == UINT32_MAX ? NULL : json_object_new_uint64(row->waiting));
    add_known(object, "requests_per_second", rate(row->now.requests, row->before.requests, seconds), known);
    add_known(object, "errors_per_second", rate(row->now.errors, row->before.errors, seconds), known);
    add_known(object, "bytes_read_per_second", rate(row->now.bytes_read, row->before.bytes_read, seconds), known);
    add_known(object, "bytes_written_per_second", rate(row->now.bytes_written, row->before.bytes_written, seconds),
              known);
    static const unsigned percents[] = {50, 90, 99};
    for (size_t i = 0; i < ARRAY_SIZE(percents); i++) {
        char key[32];
        uint64_t ns = meters_percentile(&row->before, &row->now, percents[i]);
        snprintf(key, sizeof key, "latency_p%u_ns", percents[i]);
        json_object_object_add(object, key, known && ns > 0 && ns < UINT64_MAX ? json_object_new_uint64(ns) : NULL);
    }
    return object;
}

static void show_json(const struct meter_table *meters) {
    json_object *array = json_object_new_array();
    for (size_t i = 0; i < meters->count; i++)
        json_object_array_add(array, object_of(&meters->rows[i]));
    puts(json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(array);
}

/* One sample is no rate: the first turn only takes it. */
static int show_turns(const struct verb *verb, const struct settings *settings) {
    struct meter_table meters = {0};
    int status = meters_refresh(verb, &meters);
    for (unsigned long turn = 0; status == 0 && (settings->turns == 0 || turn < settings->turns); turn++) {
        (void)poll(NULL, 0, (int)(settings->seconds * 1000));
        status = meters_refresh(verb, &meters);
        if (status != 0)
            break;
        if (meters.count > 1)
            qsort(meters.rows, meters.count, sizeof *meters.rows, by_requests);
        if (settings->json)
            show_json(&meters);
        else
            show_table(&meters);
        if (fflush(stdout) != 0)
            status = EXIT_FAILURE;
    }
    meters_free(&meters);
    return status;
}

static int take_options(const struct verb *verb, int argc, char **argv, struct settings *settings) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"turns", required_argument, NULL, 'n'},
                                            {0}};
    for (int c; (c = getopt_long(argc, argv, "hs:n:", options, NULL)) != -1;) {
        char *end = "";
        if (c == 'h')
            return verb_show_help(verb);
        if (c == 'j')
            settings->json = true;
        else if (c == 's')
            settings->seconds = strtod(optarg, &end);
        else if (c == 'n')
            settings->turns = strtoul(optarg, &end, 10);
        else
            return verb_usage(verb);
        if (*end || !(settings->seconds >= 0.1 && settings->seconds <= 3600)) {
            verb_fail(verb, "-%c takes a number%s, not '%s'", c, c == 's' ? " from 0.1 to 3600" : "", optarg);
            return verb_usage(verb);
        }
    }
    if (optind < argc) {
        verb_fail(verb, "unexpected argument '%s'", argv[optind]);
        return verb_usage(verb);
    }
    return -1;
}

static int run(const struct verb *verb, int argc, char **argv) {
    struct settings settings = {.seconds = 1};
    int done = take_options(verb, argc, argv, &settings);
    return done >= 0 ? done : show_turns(verb, &settings);
}

const struct verb verb_top = {
    .name = "top",
    .summary = "show what each volume does just now",
    .help = "usage: linfsp top [-s SECONDS] [-n TURNS] [--json]\n\n"
            "Shows each volume, the busiest first: requests and errors a second, how many\n"
            "requests wait for an answer, bytes read and written a second, and the latency\n"
            "that half of the requests, and 99 of 100, stay below. Servers built on liblinfsp\n"
            "count by themselves; of others only WAITING is known. Root of the host sees all\n"
            "volumes, a container its own.\n\n"
            "  -s, --seconds=SECONDS  between two turns; 1 unless given\n"
            "  -n, --turns=TURNS      so many, then end; for ever unless given\n"
            "      --json             an array a line\n\n"
            "examples:\n"
            "  sudo linfsp top\n"
            "  sudo linfsp top -s 10 -n 1 --json | jq '.[] | select(.waiting > 100)'\n",
    .run = run,
};
