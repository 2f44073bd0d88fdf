/* SPDX-License-Identifier: MIT */
#include "cli/format.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/help.h"

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

const char *colour(enum colour which) {
    static const char *const codes[] = {"\033[0m", "\033[32m", "\033[33m", "\033[31m", "\033[1m"};
    const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool wanted = isatty(STDOUT_FILENO) && !(none && *none) && terminal && strcmp(terminal, "dumb") != 0;
    return wanted ? codes[which] : "";
}

static size_t sum_of(const size_t *widths, size_t columns) {
    size_t sum = 2 * (columns - 1);
    for (size_t i = 0; i < columns; i++)
        sum += widths[i];
    return sum;
}

/* Takes characters from the widest column until all fit. */
static void fit(size_t *widths, size_t columns, size_t width) {
    for (;;) {
        size_t widest = 0;
        for (size_t i = 0; i < columns; i++)
            widest = widths[i] > widths[widest] ? i : widest;
        if (width == 0 || sum_of(widths, columns) <= width || widths[widest] <= TABLE_CELL_MIN)
            return;
        widths[widest]--;
    }
}

static bool says_nothing(const struct table *table, size_t column) {
    for (size_t row = 1; row < table->rows; row++)
        if (strcmp(table->cells[row * table->columns + column], "-") != 0)
            return false;
    return table->rows > 1;
}

/* Which columns are shown, and how wide each is: where not all have room, those that say nothing give way first. */
static size_t choose_columns(const struct table *table, size_t width, size_t *ret_columns, size_t *ret_widths) {
    size_t widths[TABLE_COLUMNS_MAX] = {0}, shown = 0;
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        size_t cell = width_of(table->cells[i]);
        if (cell > widths[i % table->columns])
            widths[i % table->columns] = cell;
    }
    bool all = width == 0 || sum_of(widths, table->columns) <= width;
    for (size_t column = 0; column < table->columns; column++)
        if (all || column == 0 || !says_nothing(table, column)) {
            ret_columns[shown] = column;
            ret_widths[shown++] = widths[column];
        }
    fit(ret_widths, shown, width);
    return shown;
}

/* Its first characters, with a sign for those that are left out. */
static void print_cell(const char *text, size_t width, bool last) {
    size_t wide = width_of(text);
    if (wide <= width) {
        printf("%s%*s", text, last ? 0 : (int)(width - wide + 2), "");
        return;
    }
    size_t bytes = 0;
    for (size_t seen = 0; text[bytes]; bytes++)
        if (((unsigned char)text[bytes] & 0xc0) != 0x80 && seen++ == width - 1)
            break;
    printf("%.*s\u2026%s", (int)bytes, text, last ? "" : "  ");
}

void table_print(const struct table *table) {
    size_t columns[TABLE_COLUMNS_MAX] = {0}, widths[TABLE_COLUMNS_MAX] = {0};
    size_t shown = choose_columns(table, terminal_width(), columns, widths);
    for (size_t row = 0; row < table->rows; row++) {
        for (size_t i = 0; i < shown; i++)
            print_cell(table->cells[row * table->columns + columns[i]], widths[i], i + 1 == shown);
        putchar('\n');
    }
}

void print_wrapped(size_t indent, const char *text) {
    size_t width = terminal_width(), used = indent;
    if (width < indent + 20)
        width = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (width && used > indent && used + 1 + word > width) {
            printf("\n%*s", (int)indent, "");
            used = indent;
        } else if (used > indent) {
            putchar(' ');
            used++;
        }
        fwrite(text, 1, word, stdout);
        used += word;
        text += word + strspn(text + word, " ");
    }
    putchar('\n');
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

void json_add_positive(json_object *object, const char *key, uint64_t number) {
    json_object_object_add(object, key, number ? json_object_new_uint64(number) : NULL);
}

void json_add_time(json_object *object, const char *key, uint64_t ns) {
    char text[64];
    format_time_utc(ns, text, sizeof text);
    json_add_text(object, key, ns ? text : NULL);
}
