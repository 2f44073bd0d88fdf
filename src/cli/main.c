/* SPDX-License-Identifier: MIT */
/* `linfsp VERB ...`: finds the verb and runs it. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const struct verb *const verbs[] = {
    &verb_start,  &verb_stop,    &verb_restart, &verb_status, &verb_silos,  &verb_volumes,    &verb_umount,
    &verb_share,  &verb_unshare, &verb_path,    &verb_run,    &verb_wine,   &verb_wine_setup, &verb_events,
    &verb_top,    &verb_trace,   &verb_metrics, &verb_policy, &verb_reload, &verb_bench,      &verb_cdi,
    &verb_doctor, &verb_version, &verb_help,    &verb_await,  &verb_hook,
};

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static void show_overview(FILE *to) {
    fprintf(to, "usage: linfsp VERB [OPTION...] [ARGUMENT...]\n\n"
                "File systems that are ordinary programs, in any container.\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (verbs[i]->summary)
            fprintf(to, "  %-10s %s\n", verbs[i]->name, verbs[i]->summary);
    fprintf(to, "\nOn the host, as root:\n"
                "  linfsp start\n"
                "Then in any container:\n"
                "  memfs -i -F NTFS -m Z:                      a disk at /mnt/z, seen in this container only\n"
                "  memfs -i -F NTFS -m Y: -u '\\memfs\\share'    and everywhere at /unc/memfs/share\n"
                "\n`linfsp VERB --help` tells about one verb, `linfsp doctor` what a machine lacks.\n");
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
    if (!about)
        return verb_fail(verb, "there is no verb '%s'; `linfsp help` lists them", argv[1]);
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
    fputs(verb->help, stdout);
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

void verb_note(const struct verb *verb, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(verb, format, arguments);
    va_end(arguments);
}

int verb_simple_options(const struct verb *verb, int argc, char **argv, bool *ret_json) {
    static const struct option with_json[] = {{"help", no_argument, NULL, 'h'}, {"json", no_argument, NULL, 'j'}, {0}};
    static const struct option without[] = {{"help", no_argument, NULL, 'h'}, {0}};
    bool json = false;
    for (int c; (c = getopt_long(argc, argv, "h", ret_json ? with_json : without, NULL)) != -1;) {
        if (c == 'h')
            return verb_show_help(verb);
        if (c != 'j')
            return verb_usage(verb);
        json = true;
    }
    if (optind < argc) {
        verb_fail(verb, "unexpected argument '%s'", argv[optind]);
        return verb_usage(verb);
    }
    if (ret_json)
        *ret_json = json;
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
    if (!verb) {
        fprintf(stderr, "linfsp: there is no %s '%s'; `linfsp help` lists the verbs\n",
                argv[1][0] == '-' ? "option" : "verb", argv[1]);
        return EXIT_USAGE;
    }
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
