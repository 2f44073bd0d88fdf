/* SPDX-License-Identifier: MIT */
/* `linfsp launchctl`: WinFsp's launchctl, with its verbs. It asks the launcher of this container or host. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <winfsp/launch.h>

#include "cli/cli.h"
#include "winfsp/text.h"

#define WORDS_MAX (2 + FSP_LAUNCH_ARGUMENTS_MAX + 1)
#define ANSWER_UNITS 8192

static const struct {
    const char *name;
    WCHAR command;
    int least, most; /* words behind it */
} commands[] = {
    {"start", FspLaunchCmdStart, 2, 2 + FSP_LAUNCH_ARGUMENTS_MAX},
    {"startWithSecret", FspLaunchCmdStartWithSecret, 3, WORDS_MAX},
    {"stop", FspLaunchCmdStop, 2, 2},
    {"info", FspLaunchCmdGetInfo, 2, 2},
    {"list", FspLaunchCmdGetNameList, 0, 0},
    {"quit", FspLaunchCmdQuit, 0, 0},
};

/* Each word a line, or for the list of names two of them. */
static int show(const WCHAR *text, size_t units, unsigned words_a_line) {
    unsigned word = 0;
    for (size_t at = 0; at < units; at += fsp_wide_length(text + at) + 1) {
        _cleanup_free_ char *line = fsp_wide_to_utf8_new(text + at);
        if (!line)
            return EXIT_FAILURE;
        printf("%s%c", line, ++word % words_a_line ? ' ' : '\n');
    }
    return 0;
}

static int ask(const struct verb *verb, WCHAR command, int argc, char **argv) {
    PWSTR words[WORDS_MAX] = {0};
    static WCHAR answer[ANSWER_UNITS + 1];
    ULONG size = ANSWER_UNITS * sizeof *answer, error = 0;
    NTSTATUS status = STATUS_SUCCESS;
    for (int i = 0; i < argc; i++)
        if (!(words[i] = fsp_utf8_to_wide_new(argv[i])))
            status = STATUS_INVALID_PARAMETER;
    if (NT_SUCCESS(status))
        status = FspLaunchCallLauncherPipe(command, (ULONG)argc, words, NULL, answer, &size, &error);
    for (int i = 0; i < argc; i++)
        free(words[i]);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND)
        return verb_fail(verb, "no launcher runs here: start `linfsp launcher`");
    if (!NT_SUCCESS(status))
        return verb_fail(verb, "the launcher was not reached (status 0x%08" PRIx32 ")", (uint32_t)status);
    if (error != ERROR_SUCCESS) {
        printf("KO %" PRIu32 "\n", (uint32_t)error);
        return EXIT_FAILURE;
    }
    printf("OK\n");
    return show(answer, size / sizeof *answer, command == FspLaunchCmdGetNameList ? 2 : 1);
}

/* The last word of startWithSecret is read from standard input where it is "-": it would stand in /proc otherwise. */
static int read_secret(const struct verb *verb, char **argv, int last) {
    static char secret[4096];
    if (strcmp(argv[last], "-") != 0)
        return 0;
    if (!fgets(secret, sizeof secret, stdin))
        return verb_fail(verb, "standard input has no secret");
    secret[strcspn(secret, "\n")] = 0;
    argv[last] = secret;
    return 0;
}

static int run(const struct verb *verb, int argc, char **argv) {
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return verb_show_help(verb);
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (argc - 2 < commands[i].least || argc - 2 > commands[i].most)
            return verb_usage(verb);
        int r = commands[i].command == FspLaunchCmdStartWithSecret ? read_secret(verb, argv, argc - 1) : 0;
        return r ? r : ask(verb, commands[i].command, argc - 2, argv + 2);
    }
    return verb_usage(verb);
}

const struct verb verb_launchctl = {
    .name = "launchctl",
    .summary = "start and stop registered file systems, as WinFsp's tool does",
    .help = "usage: linfsp launchctl start CLASS INSTANCE [ARGUMENT...]\n"
            "       linfsp launchctl startWithSecret CLASS INSTANCE [ARGUMENT...] SECRET|-\n"
            "       linfsp launchctl stop|info CLASS INSTANCE\n"
            "       linfsp launchctl list|quit\n\n"
            "Asks the launcher (`linfsp launcher`) of this container or host, this user's\n"
            "or root's, and prints OK and the answer, or KO and a Win32 error: 2 no such\n"
            "class or instance, 5 not allowed, 87 wrong arguments, 183 it runs already.\n"
            "A secret goes to the program's standard input; the program answers OK or KO.\n"
            "With - the secret is a line of this command's standard input.\n\n"
            "examples:\n"
            "  linfsp launchctl start mem scratch '\\mem\\scratch'\n"
            "  linfsp launchctl list\n"
            "  linfsp launchctl stop mem scratch\n",
    .run = run,
};
