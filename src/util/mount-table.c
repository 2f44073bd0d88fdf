/* SPDX-License-Identifier: MIT */
#include "util/mount-table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_octal(char digit) {
    return digit >= '0' && digit <= '7';
}

void mount_line_unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = 0;
}

/* The next word of the line, which may be empty. NULL: there is none. */
static char *next_word(char **rest) {
    return strsep(rest, " ");
}

static bool read_number(char **rest, char end, uint64_t *ret_number) {
    char *behind;
    if (!isdigit((unsigned char)**rest))
        return false;
    *ret_number = strtoull(*rest, &behind, 10);
    *rest = behind + 1;
    return *behind == end;
}

static bool read_numbers(char **rest, struct mount_line *line) {
    uint64_t parent, major, minor;
    if (!read_number(rest, ' ', &line->id) || !read_number(rest, ' ', &parent) || !read_number(rest, ':', &major) ||
        !read_number(rest, ' ', &minor))
        return false;
    line->major = (uint32_t)major;
    line->minor = (uint32_t)minor;
    return true;
}

/* Passes over the options of the mount and the fields that may follow, up to the "-" that ends them. */
static bool skip_fields(char **rest) {
    const char *word = next_word(rest);
    while (word && strcmp(word, "-") != 0)
        word = next_word(rest);
    return word;
}

bool mount_line_parse(char *text, struct mount_line *ret_line) {
    struct mount_line line = {0};
    char *rest = text;
    text[strcspn(text, "\n")] = 0;
    if (!read_numbers(&rest, &line))
        return false;
    line.root = next_word(&rest);
    line.point = next_word(&rest);
    if (!line.point || !skip_fields(&rest))
        return false;
    line.type = next_word(&rest);
    line.source = next_word(&rest);
    line.options = rest;
    if (!line.source || !line.options)
        return false;
    mount_line_unescape(line.root);
    mount_line_unescape(line.point);
    mount_line_unescape(line.type);
    mount_line_unescape(line.source);
    *ret_line = line;
    return true;
}

bool mount_table_next(FILE *table, char **line, size_t *size, struct mount_line *ret_line) {
    while (getline(line, size, table) > 0)
        if (mount_line_parse(*line, ret_line))
            return true;
    return false;
}

bool mount_type_is_fuse(const char *type) {
    return strcmp(type, "fuse") == 0 || strcmp(type, "fuseblk") == 0 || strncmp(type, "fuse.", 5) == 0 ||
           strncmp(type, "fuseblk.", 8) == 0;
}
