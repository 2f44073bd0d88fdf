/* SPDX-License-Identifier: MIT */
/* `linfsp VERB ...`: finds the verb and runs it. */
#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/format.h"
#include "util/help.h"

static const struct verb *const verbs[] = {
    &verb_start,      &verb_stop,    &verb_restart,  &verb_status,    &verb_silos,  &verb_volumes,
    &verb_umount,     &verb_share,   &verb_unshare,  &verb_path,      &verb_run,    &verb_wine,
    &verb_wine_setup, &verb_fsptool, &verb_launcher, &verb_launchctl, &verb_events, &verb_top,
    &verb_trace,      &verb_metrics, &verb_policy,   &verb_reload,    &verb_bench,  &verb_cdi,
    &verb_doctor,     &verb_version, &verb_help,     &verb_await,     &verb_hook,
};

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

/* How many letters have to be put in, left out, changed or swapped: for names shorter than 32 bytes. */
static unsigned distance(const char *a, const char *b) {
    unsigned rows[3][33];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *higher = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= width; j++) {
            unsigned best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = above[j] + 1 < best ? above[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && higher[j - 2] + 1 < best)
                best = higher[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[strlen(a) % 3][width];
}

/* What other commands call a verb of ours. */
static const char *other_name(const char *name) {
    static const char *const names[][2] = {{"unmount", "umount"},  {"list", "volumes"}, {"ls", "volumes"},
                                           {"mounts", "volumes"},  {"ps", "silos"},     {"containers", "silos"},
                                           {"container", "silos"}, {"check", "doctor"}, {"info", "status"},
                                           {"exec", "run"},        {"wait", "await"},   {"benchmark", "bench"},
                                           {"up", "start"},        {"down", "stop"},    {"unload", "stop"}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i][0], name) == 0)
            return names[i][1];
    return NULL;
}

/* The verb that is most like it, or NULL. */
static const char *similar_verb(const char *name) {
    const char *best = other_name(name);
    unsigned least = strlen(name) < 5 ? 2 : 3;
    if (best || strlen(name) > 20)
        return best;
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
        unsigned far = distance(name, verbs[i]->name);
        if (verbs[i]->summary && far < least) {
            least = far;
            best = verbs[i]->name;
        }
    }
    return best;
}

static void complain_of_verb(const char *name) {
    const char *similar = similar_verb(name);
    fprintf(stderr, "linfsp: there is no verb '%s'; ", name);
    if (similar)
        fprintf(stderr, "did you mean `linfsp %s`? ", similar);
    fprintf(stderr, "`linfsp help` lists the verbs\n");
}

static void show_overview(FILE *shown) {
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        errx(EXIT_FAILURE, "out of memory");
    fprintf(to, "usage: linfsp VERB [OPTION...] [ARGUMENT...]\n\n"
                "File systems that are ordinary programs, in any container.\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (verbs[i]->summary)
            fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(to, "\nOn the host, as root:\n"
                "  linfsp start\n"
                "Then in any container:\n"
                "  memfs -i -F NTFS -m Z:                    a disk at /mnt/z, here only\n"
                "  memfs -i -F NTFS -m Y: -u '\\memfs\\share'  and everywhere at /unc/memfs/share\n"
                "\n`linfsp VERB --help` tells about one verb, `linfsp doctor` what a machine lacks.\n");
    if (fclose(to) != 0)
        errx(EXIT_FAILURE, "out of memory");
    help_print(shown, text, terminal_width());
    free(text);
}

static int run_help(const struct verb *verb, int argc, char **argv) {
    int done = verb_simple_options(verb, argc > 1 && argv[1][0] != '-' ? 1 : argc, argv, NULL);
    if (done >= 0)
        return done;
    if (argc < 2) {
        show_overview(stdout);
        return 0;
    }
    const struct verb *about = find_verb(argv[1]);
    if (!about) {
        complain_of_verb(argv[1]);
        return EXIT_FAILURE;
    }
    return verb_show_help(about);
}

const struct verb verb_help = {
    .name = "help",
    .summary = "tell about linfsp or one of its verbs",
    .help = "usage: linfsp help [VERB]\n\n"
            "examples:\n"
            "  linfsp help\n"
            "  linfsp help run\n",
    .run = run_help,
};

int verb_show_help(const struct verb *verb) {
    help_print(stdout, verb->help, terminal_width());
    return 0;
}

int verb_usage(const struct verb *verb) {
    fprintf(stderr, "`linfsp %s --help` tells how to use it.\n", verb->name);
    return EXIT_USAGE;
}

static void _printf_(2, 0) say(const struct verb *verb, const char *format, va_list arguments) {
    fflush(stdout);
    fprintf(stderr, "linfsp %s: ", verb->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int verb_fail(const struct verb *verb, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(verb, format, arguments);
    va_end(arguments);
    return EXIT_FAILURE;
}

int verb_fail_about(const struct verb *verb, const char *target, const char *message) {
    size_t length = strlen(target);
    if (strncmp(message, target, length) == 0 && strchr(" :", message[length]))
        return verb_fail(verb, "%s", message);
    bool ends = length && target[length - 1] == ':'; /* Z: */
    return verb_fail(verb, "%s%s %s", target, ends ? "" : ":", message);
}

void verb_note(const struct verb *verb, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(verb, format, arguments);
    va_end(arguments);
}

int verb_simple_options(const struct verb *verb, int argc, char **argv, bool *ret_json) {
    return verb_list_options(verb, argc, argv, ret_json, NULL);
}

int verb_list_options(const struct verb *verb, int argc, char **argv, bool *ret_json, bool *ret_watch) {
    struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}, {0}, {0}}, *next = &options[1];
    bool json = false, watch = false;
    if (ret_json)
        *next++ = (struct option){"json", no_argument, NULL, 'j'};
    if (ret_watch)
        *next = (struct option){"watch", no_argument, NULL, 'w'};
    for (int c; (c = getopt_long(argc, argv, ret_watch ? "hw" : "h", options, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        if (c != 'j' && c != 'w')
            return verb_usage(verb);
        *(c == 'j' ? &json : &watch) = true;
    }
    if (optind < argc) {
        verb_fail(verb, "unexpected argument '%s'", argv[optind]);
        return verb_usage(verb);
    }
    if (ret_json)
        *ret_json = json;
    if (ret_watch)
        *ret_watch = watch;
    return -1;
}

static const struct verb *verb_of_option(const char *option) {
    if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)
        return &verb_help;
    if (strcmp(option, "--version") == 0 || strcmp(option, "-V") == 0)
        return &verb_version;
    return NULL;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        show_overview(stderr);
        return EXIT_USAGE;
    }
    const struct verb *verb = argv[1][0] == '-' ? verb_of_option(argv[1]) : find_verb(argv[1]);
    if (!verb && argv[1][0] == '-')
        fprintf(stderr, "linfsp: there is no option '%s'; `linfsp help` lists the verbs\n", argv[1]);
    else if (!verb)
        complain_of_verb(argv[1]);
    if (!verb)
        return EXIT_USAGE;
    char name[64]; /* what getopt puts in front of its complaints */
    snprintf(name, sizeof name, "linfsp %s", verb->name);
    argv[1] = name;
    int status = verb->run(verb, argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "linfsp %s: cannot write the output: %s\n", verb->name, strerror(errno));
        return status ? status : EXIT_FAILURE;
    }
    return status;
}
