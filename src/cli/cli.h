/* SPDX-License-Identifier: MIT */
/*
 * The `linfsp` command: one file per verb, each with a struct verb that main.c lists. What verbs share is here: talking
 * to the service, and saying what went wrong, which is said once, by the verb, with what mends it.
 */
#ifndef LINFSP_CLI_CLI_H
#define LINFSP_CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "util/cleanup.h"
#include "wire/codec.h"

enum {
    EXIT_USAGE = 2,
    EXIT_NOT_RUNNING = 3, /* as systemctl status says it */
};

struct verb {
    const char *name;
    const char *summary; /* for `linfsp help`; NULL: not listed there */
    const char *help; /* usage, meaning, examples */
    int (*run)(const struct verb *verb, int argc, char **argv); /* returns the exit status; argv[0] is "linfsp VERB" */
};

extern const struct verb verb_start, verb_stop, verb_status, verb_silos, verb_volumes, verb_umount, verb_path, verb_run,
    verb_share, verb_unshare, verb_await, verb_bench, verb_cdi, verb_doctor, verb_hook, verb_policy, verb_reload,
    verb_events, verb_top, verb_trace, verb_metrics, verb_wine, verb_wine_setup, verb_fsptool, verb_launcher,
    verb_launchctl, verb_restart, verb_version, verb_help;

/* Prints the verb's help to standard output; returns 0. */
int verb_show_help(const struct verb *verb);
/* After a complaint of getopt's or of ours: where the help is. Returns EXIT_USAGE. */
int verb_usage(const struct verb *verb);
/* "linfsp VERB: text" to standard error. Returns EXIT_FAILURE. */
int verb_fail(const struct verb *verb, const char *format, ...) _printf_(2, 3);
/* The same of a message about target, which is named once. */
int verb_fail_about(const struct verb *verb, const char *target, const char *message);
void verb_note(const struct verb *verb, const char *format, ...) _printf_(2, 3);

/* For verbs without arguments, whose only options are --help and, if ret_json is not NULL, --json. Returns < 0 to go
 * on, else the exit status. */
int verb_simple_options(const struct verb *verb, int argc, char **argv, bool *ret_json);
/* The same, and --watch; NULL: the verb does not take it. */
int verb_list_options(const struct verb *verb, int argc, char **argv, bool *ret_json, bool *ret_watch);

/* ---- the service ---- */

/* Connects to the service. On failure the reason was printed, and -errno is returned (-ENODEV: it does not run). */
int client_open(const struct verb *verb, int *ret_socket);
/* The same without a word about a service that does not run. */
int client_open_quietly(int *ret_socket);

/*
 * Sends request and receives what comes back. each (may be NULL) is called for each WIRE_VOLUME and WIRE_SILO; the last
 * reply goes to ret_last. Returns 0, or a negative errno: what the service refused with (its message is in
 * ret_last->error.message), or what broke (ret_last is then a WIRE_ERROR made here, so that it can be printed all the
 * same).
 */
int client_call(int socket, const void *request, const int *fds, size_t n_fds, int timeout_ms,
                void (*each)(const union wire_message *reply, void *userdata), void *userdata,
                union wire_message *ret_last);

/* Asks for the status. 0 or a negative errno, as client_call. */
int client_status(int socket, union wire_message *ret_status);

#define CLIENT_TIMEOUT_MS 5000

#endif
