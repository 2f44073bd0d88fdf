/* SPDX-License-Identifier: MIT */
/*
 * What runc's and crun's command lines say, as far as it concerns us:
 *
 *     RUNTIME [OPTION...] create|run [--bundle FOLDER] [--config FILE] [OPTION...] ID
 */
#ifndef LINFSP_RUNTIME_COMMAND_LINE_H
#define LINFSP_RUNTIME_COMMAND_LINE_H

struct command_line {
    const char *bundle; /* "." unless it is named */
    const char *config; /* crun: another file than the bundle's config.json; else NULL */
};

/* Returns 1 where a container is to be made, 0 for every other command line, also one that is not understood. The texts
 * are argv's. */
int command_line_parse(int argc, char *const argv[], struct command_line *ret);

#endif
