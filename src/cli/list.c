/* SPDX-License-Identifier: MIT */
#include "cli/list.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/format.h"

#define TURN_MS 1000 /* between two looks of who watches */

static int show_table(const struct verb *verb, int socket, const struct listing *listing, union wire_message *last) {
    struct wire_plain request;
    struct table table;
    wire_begin(&request, listing->request, 1);
    table_begin(&table, listing->columns, listing->head);
    int r = client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, listing->add_row, &table, last);
    if (r == 0 && table.rows > 1)
        table_print(&table);
    else if (r == 0)
        verb_note(verb, "%s", listing->nothing);
    table_end(&table);
    return r;
}

static int ask_array(int socket, const struct listing *listing, json_object *array, union wire_message *last) {
    struct wire_plain request;
    wire_begin(&request, listing->request, 1);
    return client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, listing->add_object, array, last);
}

static int show_json(int socket, const struct listing *listing, union wire_message *last) {
    json_object *array = json_object_new_array();
    int r = ask_array(socket, listing, array, last);
    if (r == 0)
        json_print(array);
    else
        json_object_put(array);
    return r;
}

/* The list, when it is not as it was shown last: its text is kept in *shown. */
static int show_change(const struct verb *verb, const struct listing *listing, bool json, char **shown,
                       union wire_message *last) {
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return -ENOTCONN;
    if (listing->prepare)
        listing->prepare(socket);
    json_object *array = json_object_new_array();
    int r = ask_array(socket, listing, array, last);
    const char *text = json_object_to_json_string_ext(array, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (r == 0 && (!*shown || strcmp(*shown, text) != 0)) {
        free(*shown);
        *shown = strdup(text);
        if (!json && isatty(STDOUT_FILENO))
            fputs(CLEAR, stdout);
        if (json)
            puts(text);
        else
            r = show_table(verb, socket, listing, last);
        if (!json)
            putchar('\n');
    }
    json_object_put(array);
    return r;
}

static int watch(const struct verb *verb, const struct listing *listing, bool json) {
    static union wire_message last;
    char *shown = NULL;
    int r;
    while ((r = show_change(verb, listing, json, &shown, &last)) == 0 && fflush(stdout) == 0)
        (void)poll(NULL, 0, TURN_MS);
    free(shown);
    if (r == 0)
        return EXIT_FAILURE; /* nobody reads any more: main says so */
    return r == -ENOTCONN ? EXIT_NOT_RUNNING : verb_fail(verb, "%s", last.error.message);
}

int list_run(const struct verb *verb, int argc, char **argv, const struct listing *listing) {
    bool json = false, again = false;
    int done = verb_list_options(verb, argc, argv, &json, listing->is_watched ? &again : NULL);
    if (done >= 0)
        return done;
    if (again)
        return watch(verb, listing, json);
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    if (listing->prepare)
        listing->prepare(socket);
    static union wire_message last;
    int r = json ? show_json(socket, listing, &last) : show_table(verb, socket, listing, &last);
    return r < 0 ? verb_fail(verb, "%s", last.error.message) : 0;
}
