/* SPDX-License-Identifier: MIT */
#include "cli/format.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"

void table_begin(struct table *table, size_t columns, const char *const *head) {
    *table = (struct table){.columns = columns};
    table_add(table, head);
}

void table_add(struct table *table, const char *const *row) {
    table->cells = reallocarray(table->cells, (table->rows + 1) * table->columns, sizeof *table->cells);
    if (!table->cells)
        errx(EXIT_FAILURE, "out of memory");
    for (size_t i = 0; i < table->columns; i++) {
        char *cell = strdup(row[i] && row[i][0] ? row[i] : "-");
        if (!cell)
            errx(EXIT_FAILURE, "out of memory");
        table->cells[table->rows * table->columns + i] = cell;
    }
    table->rows++;
}

/* Columns that a terminal needs for it: characters, not bytes. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void table_print(const struct table *table) {
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        size_t width = width_of(table->cells[i]);
        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
    }
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns;
        fputs(table->cells[i], stdout);
        if (last)
            putchar('\n');
        else
            printf("%*s", (int)(widths[column] - width_of(table->cells[i]) + 2), "");
    }
}

void table_end(struct table *table) {
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}

void format_time(uint64_t ns, char *ret, size_t size) {
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm local;
    if (ns == 0 || !localtime_r(&seconds, &local) || strftime(ret, size, "%F %T", &local) == 0)
        snprintf(ret, size, "-");
}

void format_time_utc(uint64_t ns, char *ret, size_t size) {
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm utc;
    char whole[32] = "";
    if (gmtime_r(&seconds, &utc))
        strftime(whole, sizeof whole, "%FT%T", &utc);
    snprintf(ret, size, "%s.%09" PRIu64 "Z", whole, ns % 1000000000);
}

void format_duration(uint64_t seconds, char *ret, size_t size) {
    if (seconds >= 86400)
        snprintf(ret, size, "%" PRIu64 " d %" PRIu64 " h", seconds / 86400, seconds % 86400 / 3600);
    else if (seconds >= 3600)
        snprintf(ret, size, "%" PRIu64 " h %" PRIu64 " min", seconds / 3600, seconds % 3600 / 60);
    else if (seconds >= 60)
        snprintf(ret, size, "%" PRIu64 " min %" PRIu64 " s", seconds / 60, seconds % 60);
    else
        snprintf(ret, size, "%" PRIu64 " s", seconds);
}

void format_bytes(uint64_t bytes, char *ret, size_t size) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < ARRAY_SIZE(units); unit++)
        value /= 1024;
    snprintf(ret, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void json_print(json_object *object) {
    puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                    JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(object);
}

void json_add_text(json_object *object, const char *key, const char *text) {
    json_object_object_add(object, key, text && text[0] ? json_object_new_string(text) : NULL);
}

void json_add_number(json_object *object, const char *key, uint64_t number) {
    json_object_object_add(object, key, json_object_new_uint64(number));
}

void json_add_time(json_object *object, const char *key, uint64_t ns) {
    char text[64];
    format_time_utc(ns, text, sizeof text);
    json_add_text(object, key, ns ? text : NULL);
}
