/* SPDX-License-Identifier: MIT */
#include "cli/list.h"

#include "cli/format.h"

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

static int show_json(int socket, const struct listing *listing, union wire_message *last) {
    struct wire_plain request;
    json_object *array = json_object_new_array();
    wire_begin(&request, listing->request, 1);
    int r = client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, listing->add_object, array, last);
    if (r == 0)
        json_print(array);
    else
        json_object_put(array);
    return r;
}

int list_run(const struct verb *verb, int argc, char **argv, const struct listing *listing) {
    bool json;
    int done = verb_simple_options(verb, argc, argv, &json);
    if (done >= 0)
        return done;
    _cleanup_close_ int socket = -1;
    if (client_open(verb, &socket) < 0)
        return EXIT_NOT_RUNNING;
    if (listing->prepare)
        listing->prepare(socket);
    static union wire_message last;
    int r = json ? show_json(socket, listing, &last) : show_table(verb, socket, listing, &last);
    return r < 0 ? verb_fail(verb, "%s", last.error.message) : 0;
}
