/* SPDX-License-Identifier: MIT */
/* Output: tables for people, JSON for programs. */
#ifndef LINFSP_CLI_FORMAT_H
#define LINFSP_CLI_FORMAT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_COLUMNS_MAX 10
#define TABLE_CELL_MIN 6 /* no cell is cut shorter */

#define CLEAR "\033[H\033[2J" /* an empty terminal */

enum colour { COLOUR_NONE, COLOUR_GREEN, COLOUR_YELLOW, COLOUR_RED, COLOUR_BOLD };

/* What switches it on, and COLOUR_NONE off; "" where output is no terminal, or NO_COLOR is set. */
const char *colour(enum colour which);
/* The text and a newline; broken at blanks where the terminal is narrower, with indent blanks in front. The first line
 * stands at column indent already. */
void print_wrapped(size_t indent, const char *text);

/* Cells are kept until the table is printed, so that each column is as wide as its widest. */
struct table {
    size_t columns;
    size_t rows;
    char **cells; /* rows * columns; NULL-able entries mean "-" */
};

/* The first row is the head. Each adds a row of table->columns texts, copied; NULL or "" is shown as "-". Aborts
 * without memory. */
void table_begin(struct table *table, size_t columns, const char *const *head);
void table_add(struct table *table, const char *const *row);
/* Cells are cut where the terminal is narrower; what goes into a pipe or a file is whole. */
void table_print(const struct table *table);
void table_end(struct table *table);

/* ns since the epoch as "2026-11-22 17:29:46" in local time, and as RFC 3339 in UTC. */
void format_time(uint64_t ns, char *ret, size_t size);
void format_time_utc(uint64_t ns, char *ret, size_t size);
/* "3 d 4 h", "5 min 6 s" */
void format_duration(uint64_t seconds, char *ret, size_t size);
/* "12.3 MiB" */
void format_bytes(uint64_t bytes, char *ret, size_t size);

/* Prints it, and frees it. */
void json_print(json_object *object);
void json_add_text(json_object *object, const char *key, const char *text); /* "" becomes null */
/* null for 0 */
void json_add_positive(json_object *object, const char *key, uint64_t number);
void json_add_number(json_object *object, const char *key, uint64_t number);
void json_add_time(json_object *object, const char *key, uint64_t ns);

#endif
