/* SPDX-License-Identifier: MIT */
/*
 * `linfsp doctor`: findings. Each says what was found, and unless it is all right what it costs and what mends it, as a
 * command where there is one. doctor.c runs the checks and prints; each doctor-*.c holds the checks of one area. A
 * check that it may not make (for want of privilege) is a note that says so; a check never hangs.
 */
#ifndef LINFSP_CLI_DOCTOR_H
#define LINFSP_CLI_DOCTOR_H

#include <json-c/json.h>
#include <stdbool.h>

#include "util/cleanup.h"

enum level {
    LEVEL_OK,
    LEVEL_NOTE, /* something is slower, missing or not to be found out */
    LEVEL_PROBLEM, /* the main job does not work */
};

struct doctor {
    bool json, root, in_container;
    json_object *findings;
    unsigned counts[3];
    unsigned service_pid; /* 0: none runs, or it is not visible */
    bool service_runs;
    char self_folder[4096]; /* where this program is */
};

/* costs and mend are for LEVEL_NOTE and LEVEL_PROBLEM, else NULL. */
void finding(struct doctor *doctor, enum level level, const char *area, const char *costs, const char *mend,
             const char *format, ...) _printf_(6, 7);

void doctor_kernel(struct doctor *doctor);
void doctor_host(struct doctor *doctor);
void doctor_service(struct doctor *doctor);
/* named: on the command line; then the file must be there */
void doctor_config(struct doctor *doctor, const char *path, bool named);
void doctor_mounts(struct doctor *doctor);
void doctor_engines(struct doctor *doctor);
void doctor_container(struct doctor *doctor);

/* The first line of a file without its newline, or "" where it cannot be read. */
void read_line(const char *path, char *ret_text, size_t size);

#endif
