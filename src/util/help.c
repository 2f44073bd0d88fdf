/* SPDX-License-Identifier: MIT */
/*
 * A help text has blocks of lines: paragraphs, which begin at the margin; items, which are indented and have their text
 * behind two blanks or more, and go on in lines that are indented as far as that text; and commands, which are
 * indented. A block is printed as it is, or its words are filled into lines, with as many blanks in front of each as
 * the block's text has.
 */
#include "util/help.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LEAST_TEXT 20 /* columns: where less is left for an item's text it stays as it is */
#define USAGE "usage: "

static size_t length_of(const char *line) {
    return strcspn(line, "\n");
}

static const char *next_line(const char *line) {
    line += length_of(line);
    return *line ? line + 1 : line;
}

static size_t longest_line(const char *text) {
    size_t longest = 0;
    for (; *text; text = next_line(text))
        if (length_of(text) > longest)
            longest = length_of(text);
    return longest;
}

/* "usage: linfsp ...", or a further line of that kind, below it. */
static bool is_usage(const char *line) {
    return strncmp(line, USAGE, strlen(USAGE)) == 0 || strspn(line, " ") == strlen(USAGE);
}

/* Where the text begins that is to be filled; SIZE_MAX: this line is a command. */
static size_t text_column(const char *line) {
    size_t indent = strspn(line, " "), length = length_of(line);
    if (is_usage(line))
        return strlen(USAGE);
    if (indent == 0 || indent > strlen(USAGE)) /* a paragraph, or more of an item whose name is long */
        return indent;
    for (size_t i = indent; i + 1 < length; i++)
        if (line[i] == ' ' && line[i + 1] == ' ')
            return i + strspn(line + i, " ");
    return SIZE_MAX;
}

static bool goes_on(const char *line, size_t column) {
    return *line && *line != '\n' && strspn(line, " ") == column && strncmp(line, USAGE, strlen(USAGE)) != 0;
}

/* Words of one line; *used is the column that the next one is written at. */
static void fill(FILE *to, const char *line, size_t column, size_t width, size_t *used) {
    const char *end = line + length_of(line);
    for (line += strspn(line, " "); line < end; line += strspn(line, " ")) {
        size_t word = strcspn(line, " \n");
        if (*used > column && *used + 1 + word > width) {
            fprintf(to, "\n%*s", (int)column, "");
            *used = column;
        } else if (*used > column) {
            fputc(' ', to);
            ++*used;
        }
        fwrite(line, 1, word, to);
        *used += word;
        line += word;
    }
}

/* Returns the line behind the block. */
static const char *print_block(FILE *to, const char *line, size_t width) {
    size_t column = text_column(line), used = column;
    if (column == SIZE_MAX || column + LEAST_TEXT > width || *line == '\n') {
        fwrite(line, 1, length_of(line), to);
        fputc('\n', to);
        return next_line(line);
    }
    fwrite(line, 1, column, to);
    fill(to, line + column, column, width, &used);
    bool usage = is_usage(line);
    for (line = next_line(line); !usage && goes_on(line, column); line = next_line(line))
        fill(to, line, column, width, &used);
    fputc('\n', to);
    return line;
}

size_t terminal_width(void) {
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (columns && atoi(columns) > 0)
        return (size_t)atoi(columns);
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void help_print(FILE *to, const char *text, size_t width) {
    if (width == 0 || width >= longest_line(text)) {
        fputs(text, to);
        return;
    }
    while (*text)
        text = print_block(to, text, width);
}
