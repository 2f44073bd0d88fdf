/* SPDX-License-Identifier: MIT */
#include "winfsp/wine/command-line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static bool is_space(uint16_t unit) {
    return unit == ' ' || unit == '\t';
}

/* The first argument, the program: what stands in quotes, or up to a space. Backslashes mean nothing there. */
static const uint16_t *take_program(const uint16_t *line, uint16_t *to) {
    bool quoted = false;
    for (; *line && (quoted || !is_space(*line)); line++)
        if (*line == '"')
            quoted = !quoted;
        else
            *to++ = *line;
    *to = 0;
    return line;
}

/* Backslashes in front of a quote: two stand for one; one takes the quote's meaning. Returns whether the quote is left
 * to be looked at. */
static bool take_backslashes(const uint16_t **line, uint16_t **to) {
    size_t n = 0;
    while (**line == '\\')
        n++, (*line)++;
    bool before_quote = **line == '"';
    for (size_t i = 0; i < (before_quote ? n / 2 : n); i++)
        *(*to)++ = '\\';
    if (before_quote && n % 2) {
        *(*to)++ = '"';
        (*line)++;
        return false;
    }
    return before_quote;
}

static const uint16_t *take_argument(const uint16_t *line, uint16_t *to) {
    bool quoted = false;
    while (*line && (quoted || !is_space(*line))) {
        if (*line == '\\') {
            take_backslashes(&line, &to);
            continue;
        }
        if (*line != '"') {
            *to++ = *line++;
            continue;
        }
        line++;
        if (quoted && *line == '"')
            *to++ = *line++; /* two in quotes are one */
        else
            quoted = !quoted;
    }
    *to = 0;
    return line;
}

static void free_all(uint16_t **arguments, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(arguments[i]);
    free(arguments);
}

static size_t length_of(const uint16_t *line) {
    size_t length = 0;
    while (line[length])
        length++;
    return length;
}

static int add(uint16_t ***arguments, size_t *count, uint16_t *argument) {
    uint16_t **grown = realloc(*arguments, (*count + 2) * sizeof *grown);
    if (!grown) {
        free(argument);
        return -ENOMEM;
    }
    grown[(*count)++] = argument;
    grown[*count] = NULL;
    *arguments = grown;
    return 0;
}

int wine_split_command_line(const uint16_t *line, size_t *ret_count, uint16_t ***ret_arguments) {
    uint16_t **arguments = NULL;
    size_t count = 0;
    int r = 0;
    while (r == 0) {
        while (count > 0 && is_space(*line))
            line++;
        if (count > 0 && !*line)
            break;
        uint16_t *argument = calloc(length_of(line) + 1, sizeof *argument);
        if (argument)
            line = count == 0 ? take_program(line, argument) : take_argument(line, argument);
        r = argument ? add(&arguments, &count, argument) : -ENOMEM;
    }
    if (r < 0) {
        free_all(arguments, count);
        return r;
    }
    *ret_count = count;
    *ret_arguments = arguments;
    return 0;
}
