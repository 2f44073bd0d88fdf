/* SPDX-License-Identifier: MIT */
/*
 * `linfsp bench`: how fast a volume is, in a few seconds, with the load that ./bench runs.
 *
 * Model. In a new directory on the volume, and in one beside it where --against says so, each operation runs for a
 * short time, the two taking turns, in rounds; a figure is the median of its rounds, a ratio the median of the rounds'
 * ratios. The directories are gone afterwards.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "load/load.h"
#include "util/clock.h"

#define ROUNDS 3
#define SECONDS 0.1
#define QUIET_NS 2000000000 /* in a pipe or a log: no more than one line in that time */
/* Within what memfs has room for when nothing is said. */
#define FILE_SIZE (8u << 20)
#define NAMES 200

static const char *const measured[] = {
    "stat",           "fstat",           "open",    "create",   "rename",         "unlink",          "mkdir", "rmdir",
    "read-4k-direct", "write-4k-direct", "read-1m", "write-1m", "read-1m-direct", "write-1m-direct",
};

struct settings {
    const char *folder, *against; /* NULL: nothing */
    unsigned threads;
    double seconds;
    bool json;
};

/* A place that is measured. */
struct place {
    char work[4096];
    struct load_result results[ROUNDS];
    int error;
};

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double values[ROUNDS]) {
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

#define MEDIAN(place, member)                                                                                          \
    ({                                                                                                                 \
        double values_[ROUNDS];                                                                                        \
        for (unsigned i_ = 0; i_ < ROUNDS; i_++)                                                                       \
            values_[i_] = (place)->results[i_].member;                                                                 \
        median(values_);                                                                                               \
    })

static double ratio_of(const struct place *ours, const struct place *other) {
    double values[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++)
        values[i] = other->results[i].per_second > 0 ? ours->results[i].per_second / other->results[i].per_second : 0;
    return median(values);
}

static void measure(const struct settings *settings, const char *operation, struct place *places, unsigned count) {
    struct load load = {.operation = operation,
                        .threads = settings->threads,
                        .seconds = settings->seconds,
                        .size = FILE_SIZE,
                        .entries = 1,
                        .batch = NAMES};
    for (unsigned i = 0; i < count; i++)
        places[i].error = 0;
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < count; i++) {
            struct place *place = &places[(i + round) % count];
            load.folder = place->work;
            if (place->error == 0)
                place->error = load_run(&load, &place->results[round]);
        }
}

/* ---- output ---------------------------------------------------------------------------------------------------- */

static void format_rate(const struct place *place, char *ret, size_t size) {
    double rate = MEDIAN(place, per_second), bytes = MEDIAN(place, bytes_per_second);
    if (place->error < 0)
        snprintf(ret, size, "%s", strerror(-place->error));
    else if (place->results[0].operation->bytes >= CHUNK)
        snprintf(ret, size, "%.2f GB/s", bytes / 1e9);
    else
        snprintf(ret, size, "%.1f k/s", rate / 1e3);
}

static void add_row(struct table *table, const char *operation, const struct place *places, unsigned count) {
    char rate[128], other[128] = "", ratio[32] = "", p50[32] = "", p99[32] = "";
    format_rate(&places[0], rate, sizeof rate);
    if (places[0].error == 0) {
        snprintf(p50, sizeof p50, "%.1f", MEDIAN(&places[0], p50_us));
        snprintf(p99, sizeof p99, "%.1f", MEDIAN(&places[0], p99_us));
    }
    if (count > 1)
        format_rate(&places[1], other, sizeof other);
    if (count > 1 && places[0].error == 0 && places[1].error == 0)
        snprintf(ratio, sizeof ratio, "%.2f", ratio_of(&places[0], &places[1]));
    table_add(table, (const char *[]){operation, rate, p50, p99, other, ratio});
}

static void add_double(json_object *object, const char *key, double value) {
    json_object_object_add(object, key, json_object_new_double(value));
}

static json_object *describe(const struct place *place) {
    json_object *object = json_object_new_object();
    if (place->error < 0) {
        json_add_text(object, "error", strerror(-place->error));
        return object;
    }
    add_double(object, "per_second", MEDIAN(place, per_second));
    add_double(object, "bytes_per_second", MEDIAN(place, bytes_per_second));
    add_double(object, "p50_us", MEDIAN(place, p50_us));
    add_double(object, "p99_us", MEDIAN(place, p99_us));
    return object;
}

static void add_object(json_object *array, const char *operation, const struct place *places, unsigned count) {
    json_object *object = describe(&places[0]);
    json_add_text(object, "operation", operation);
    if (count > 1)
        json_object_object_add(object, "against", describe(&places[1]));
    if (count > 1 && places[0].error == 0 && places[1].error == 0)
        add_double(object, "ratio", ratio_of(&places[0], &places[1]));
    json_object_array_add(array, object);
}

/* Says on standard error which operation is measured: on a terminal in one line, which the next one replaces. */
static void tell_progress(size_t number, int64_t *told_at) {
    bool terminal = isatty(STDERR_FILENO);
    if (!terminal && clock_ns() - *told_at < QUIET_NS)
        return;
    fprintf(stderr, terminal ? "\r%zu of %zu: %-16s" : "linfsp bench: %zu of %zu: %s\n", number + 1,
            ARRAY_SIZE(measured), measured[number]);
    *told_at = clock_ns();
}

static void end_progress(void) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%*s\r", 32, "");
}

static int measure_all(const struct verb *verb, const struct settings *settings, struct place *places, unsigned count) {
    static const char *const head[] = {"OPERATION", "RATE", "P50 us", "P99 us", "AGAINST", "RATIO"};
    struct table table;
    json_object *array = json_object_new_array();
    unsigned good = 0, rounds = ARRAY_SIZE(measured) * ROUNDS * count;
    fprintf(stderr,
            "linfsp bench: %zu operations, three rounds of %g s each%s: %.0f s, and up to a minute to prepare them\n",
            ARRAY_SIZE(measured), settings->seconds, count > 1 ? " in both folders" : "", rounds * settings->seconds);
    int64_t told_at = clock_ns();
    table_begin(&table, count > 1 ? 6 : 4, head);
    for (size_t i = 0; i < ARRAY_SIZE(measured); i++) {
        tell_progress(i, &told_at);
        measure(settings, measured[i], places, count);
        good += places[0].error == 0;
        add_row(&table, measured[i], places, count);
        add_object(array, measured[i], places, count);
    }
    end_progress();
    if (settings->json)
        json_print(json_object_get(array));
    else
        table_print(&table);
    table_end(&table);
    json_object_put(array);
    return good > 0 ? 0 : verb_fail(verb, "nothing could be measured in %s", settings->folder);
}

/* ---- the verb -------------------------------------------------------------------------------------------------- */

/* < 0 to go on, else the exit status. */
static int take_options(const struct verb *verb, int argc, char **argv, struct settings *ret_settings) {
    static const struct option options[] = {
        {"against", required_argument, NULL, 'a'}, {"seconds", required_argument, NULL, 's'},
        {"threads", required_argument, NULL, 't'}, {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {0}};
    struct settings settings = {.threads = 1, .seconds = SECONDS};
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        else if (c == 'a')
            settings.against = optarg;
        else if (c == 's')
            settings.seconds = strtod(optarg, NULL);
        else if (c == 't')
            settings.threads = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'j')
            settings.json = true;
        else
            return verb_usage(verb);
    }
    if (optind + 1 != argc)
        verb_fail(verb, optind == argc ? "which mount point?" : "one mount point, please");
    else if (!(settings.seconds >= 0.01 && settings.seconds <= 60))
        verb_fail(verb, "--seconds must be 0.01 to 60");
    else if (settings.threads < 1 || settings.threads > LOAD_THREADS_MAX)
        verb_fail(verb, "--threads must be 1 to %d", LOAD_THREADS_MAX);
    else {
        settings.folder = argv[optind];
        *ret_settings = settings;
        return -1;
    }
    return verb_usage(verb);
}

static int make_work(const struct verb *verb, const char *folder, struct place *ret_place) {
    int length = snprintf(ret_place->work, sizeof ret_place->work, "%s/linfsp-bench.XXXXXX", folder);
    if (length >= (int)sizeof ret_place->work)
        return verb_fail(verb, "%s: %s", folder, strerror(ENAMETOOLONG));
    if (!mkdtemp(ret_place->work)) {
        int error = errno;
        ret_place->work[0] = 0;
        return verb_fail(verb, "%s: %s", folder, strerror(error));
    }
    return 0;
}

static int run(const struct verb *verb, int argc, char **argv) {
    static struct place places[2];
    struct settings settings = {0};
    int status = take_options(verb, argc, argv, &settings);
    if (status >= 0)
        return status;
    unsigned count = settings.against ? 2 : 1;
    status = make_work(verb, settings.folder, &places[0]);
    if (status == 0 && count > 1)
        status = make_work(verb, settings.against, &places[1]);
    if (status == 0)
        status = measure_all(verb, &settings, places, count);
    for (unsigned i = 0; i < count; i++)
        if (places[i].work[0] && rmdir(places[i].work) < 0)
            status = verb_fail(verb, "%s: %s", places[i].work, strerror(errno));
    return status;
}

const struct verb verb_bench = {
    .name = "bench",
    .summary = "measure how fast a volume is",
    .help = "usage: linfsp bench [--against DIR] [--threads N] [--seconds S] [--json] MOUNTPOINT\n\n"
            "Runs the usual operations on a volume for a moment each and says how many a\n"
            "second there were and how long one took. It works in a directory of its own,\n"
            "which is gone afterwards, and needs room for 200 files, and for 8 MiB for each\n"
            "thread. 4k and 1m are reads and writes of 4 KiB and 1 MiB, \"direct\" past the\n"
            "page cache.\n\n"
            "  --against DIR   measure another file system at the same time, and compare\n"
            "  --threads N     that many threads at a time; default 1\n"
            "  --seconds S     for each of three rounds of an operation; default 0.1\n"
            "  --json          for programs\n\n"
            "examples:\n"
            "  linfsp bench /mnt/z\n"
            "  linfsp bench --against /tmp --threads 2 /mnt/z\n"
            "  linfsp bench --json /unc/memfs/share | jq -r '.[] | [.operation, .p50_us] | @tsv'\n",
    .run = run,
};
