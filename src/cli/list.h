/* SPDX-License-Identifier: MIT */
/* Verbs that show what the service lists, as a table or as JSON. */
#ifndef LINFSP_CLI_LIST_H
#define LINFSP_CLI_LIST_H

#include "cli/cli.h"

struct listing {
    uint16_t request; /* WIRE_LIST_... */
    size_t columns;
    const char *const *head; /* the table's first row */
    void (*prepare)(int socket); /* what rows need besides; NULL: nothing */
    void (*add_row)(const union wire_message *reply, void *table); /* to a struct table */
    void (*add_object)(const union wire_message *reply, void *array); /* to a json_object */
    const char *nothing; /* said, to people, of an empty list */
    bool is_watched; /* takes --watch: prepare is called for each turn then */
};

/* The whole of such a verb. Returns the exit status. */
int list_run(const struct verb *verb, int argc, char **argv, const struct listing *listing);

#endif
