/* SPDX-License-Identifier: MIT */
/*
 * The parts of `linfsp launcher`: which program an instance is (launcher-spawn.c), and the instances that run
 * (launcher.c).
 */
#ifndef LINFSP_CLI_LAUNCHER_H
#define LINFSP_CLI_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <winfsp/launch.h>

#define LAUNCHER_WORDS_MAX 256

/* The words of a program's command line, NULL-terminated; each is to be freed. */
struct command {
    char *words[LAUNCHER_WORDS_MAX + 1];
    size_t count;
};

/*
 * Splits a record's command line into words, and puts arguments in: blanks separate words, double quotes hold them
 * together, %1 to %9 stand for an argument, %% for a percent sign. An argument never becomes more than one word,
 * whatever is in it. The program itself is word 0. Returns 0, -EINVAL (an argument that is not given, a quote that is
 * not closed, too many words), -ENOMEM.
 */
int command_make(const char *program, const char *line, const char *const *arguments, size_t n_arguments,
                 struct command *ret_command);
void command_free(struct command *command);
/* The words in one line, for a person. To be freed; NULL: out of memory. */
char *command_text(const struct command *command);

/*
 * Starts the program as the record has it, in a process group of its own. secret: goes to its standard input, then its
 * end; NULL: standard input is /dev/null. ret_output: its standard output, where there is a secret; else it is ours.
 * Returns its pid, or a negative errno, also of what fails before the program runs.
 */
pid_t launcher_spawn(const FSP_LAUNCH_REG_RECORD *record, const struct command *command, const char *secret,
                     int *ret_output);

/* Whether that user may do this: SERVICE_START 0x10, SERVICE_STOP 0x20 or SERVICE_QUERY_STATUS 0x4 of the record's
 * Security (SDDL). Root and the launcher's own user may do everything; without Security nobody else may do anything. */
bool launcher_may(const FSP_LAUNCH_REG_RECORD *record, uid_t uid, gid_t gid, unsigned wanted);

#endif
