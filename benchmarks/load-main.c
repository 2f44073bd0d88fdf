/* SPDX-License-Identifier: MIT */
/*
 * load: runs one operation against a folder and prints what it saw as a line of JSON.
 *
 *     load [--threads=N] [--seconds=S | --count=N] [--size=BYTES] [--entries=N] [--pin] [--server=PID] OPERATION FOLDER
 *     --server=PID      what this process uses of the CPUs meanwhile is counted, too
 *     load --serve      the same, one command line after the other from standard input
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/load.h"

static void print_result(const struct load *load, const struct load_result *result) {
    printf("{\"operation\": \"%s\", \"threads\": %u, \"unit\": \"%s\", \"seconds\": %.4f, \"steps\": %llu, "
           "\"per_second\": %.1f, \"bytes_per_second\": %.0f, \"p50_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, "
           "\"p999_us\": %.2f, \"max_us\": %.2f, \"cpu_us\": %.3f, \"server_cpu_us\": %.3f}\n",
           result->operation->name, load->threads, result->operation->unit, result->seconds,
           (unsigned long long)result->steps, result->per_second, result->bytes_per_second, result->p50_us,
           result->p90_us, result->p99_us, result->p999_us, result->max_us, result->cpu_us, result->server_cpu_us);
}

static void print_error(const struct load *load, int error) {
    printf("{\"operation\": \"%s\", \"threads\": %u, \"error\": \"%s\"}\n", load->operation ? load->operation : "",
           load->threads, strerror(-error));
}

/* ---- command lines --------------------------------------------------------------------------------------------- */

static void usage(void) {
    fputs("usage: load [--threads=N] [--seconds=S | --count=N] [--size=BYTES] [--entries=N] [--pin] [--server=PID] "
          "OPERATION FOLDER\n"
          "       load --serve\noperations:",
          stderr);
    for (size_t i = 0; i < n_operations; i++)
        fprintf(stderr, " %s", operations[i].name);
    fputs("\n", stderr);
}

/* 0, or 2 after having said what is wrong; *ret_serve: command lines come from standard input. */
static int parse(int argc, char **argv, struct load *ret_load, bool *ret_serve) {
    static const struct option known[] = {{"threads", required_argument, NULL, 't'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"count", required_argument, NULL, 'c'},
                                          {"size", required_argument, NULL, 'z'},
                                          {"entries", required_argument, NULL, 'e'},
                                          {"pin", no_argument, NULL, 'p'},
                                          {"server", required_argument, NULL, 'v'},
                                          {"serve", no_argument, NULL, 'S'},
                                          {0}};
    struct load load = {.threads = 1, .seconds = 0.5, .size = 64 << 20, .entries = 10000};
    bool serve = false;
    optind = 0; /* also starts getopt anew */
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 't':
            load.threads = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 's':
            load.seconds = strtod(optarg, NULL);
            break;
        case 'c':
            load.count = strtoull(optarg, NULL, 10);
            break;
        case 'z':
            load.size = strtoull(optarg, NULL, 10) / CHUNK * CHUNK;
            break;
        case 'e':
            load.entries = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'p':
            load.pin = 1;
            break;
        case 'v':
            load.server = (pid_t)strtol(optarg, NULL, 10);
            break;
        case 'S':
            serve = true;
            break;
        default:
            return usage(), 2;
        }
    }
    load.operation = optind < argc ? argv[optind] : NULL;
    load.folder = optind + 1 < argc ? argv[optind + 1] : NULL;
    bool complete = load.folder && optind + 2 == argc;
    if (load.threads < 1 || load.threads > LOAD_THREADS_MAX || load.size < CHUNK || load.entries < 1 ||
        load.seconds <= 0 || complete == serve)
        return usage(), 2;
    *ret_load = load;
    *ret_serve = serve;
    return 0;
}

static int run_command(const struct load *load) {
    struct load_result result;
    int r = load_run(load, &result);
    if (r < 0)
        print_error(load, r);
    else
        print_result(load, &result);
    return r < 0 ? 1 : 0;
}

static int serve(void) {
    char line[4096], *arguments[32] = {(char *)(uintptr_t) "load"};
    while (fgets(line, sizeof line, stdin)) {
        int count = 1;
        for (char *word = strtok(line, " \n"); word && count < 31; word = strtok(NULL, " \n"))
            arguments[count++] = word;
        arguments[count] = NULL;
        struct load load = {0};
        bool nested = false;
        if (parse(count, arguments, &load, &nested) != 0 || nested)
            puts("{\"error\": \"a command line that load does not know\"}");
        else
            run_command(&load);
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv) {
    struct load load = {0};
    bool from_input = false;
    int r = parse(argc, argv, &load, &from_input);
    if (r != 0)
        return r;
    return from_input ? serve() : run_command(&load);
}
