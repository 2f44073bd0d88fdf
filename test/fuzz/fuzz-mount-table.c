/* SPDX-License-Identifier: MIT */
/* A line of a mount table. Any text is taken apart or refused; and what the kernel writes comes back as it was. */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "util/mount-table.h"

#define TEXT_MAX 4096

/* As the kernel does it (mangle, in fs/namespace.c). */
static size_t escape(const char *text, char *line) {
    size_t n = 0;
    for (; *text; text++) {
        if (strchr(" \t\n\\#", *text))
            n += (size_t)sprintf(line + n, "\\%03o", (unsigned char)*text);
        else
            line[n++] = *text;
    }
    line[n] = 0;
    return n;
}

static bool is_within(const char *text, const char *line, size_t size) {
    return text >= line && text + strlen(text) <= line + size;
}

static void any_line(const uint8_t *data, size_t size) {
    char line[TEXT_MAX + 1];
    struct mount_line found;
    memcpy(line, data, size);
    line[size] = 0;
    if (!mount_line_parse(line, &found))
        return;
    PROPERTY(is_within(found.root, line, size) && is_within(found.point, line, size) &&
             is_within(found.type, line, size) && is_within(found.source, line, size) &&
             is_within(found.options, line, size));
    PROPERTY(found.root < found.point && found.point < found.type && found.type < found.source &&
             found.source < found.options);
}

/* data: three texts that end with NUL: root, mount point and source. */
static void kernels_line(const uint8_t *data, size_t size) {
    static char line[TEXT_MAX * 5 + 256];
    char texts[3][TEXT_MAX + 1] = {"", "", ""};
    for (size_t i = 0, at = 0; i < 3 && at < size; i++) {
        size_t length = strnlen((const char *)data + at, size - at);
        memcpy(texts[i], data + at, length);
        at += length + 1;
    }
    size_t n = (size_t)sprintf(line, "42 1 0:%zu ", size);
    n += escape(texts[0], line + n);
    line[n++] = ' ';
    n += escape(texts[1], line + n);
    n += (size_t)sprintf(line + n, " rw,nosuid shared:5 master:7 - fuse.test ");
    n += escape(texts[2], line + n);
    sprintf(line + n, " rw,user_id=0\n");
    struct mount_line found;
    PROPERTY(mount_line_parse(line, &found));
    PROPERTY(found.id == 42 && found.major == 0 && found.minor == size);
    PROPERTY(strcmp(found.root, texts[0]) == 0 && strcmp(found.point, texts[1]) == 0);
    PROPERTY(strcmp(found.type, "fuse.test") == 0 && strcmp(found.source, texts[2]) == 0);
    PROPERTY(strcmp(found.options, "rw,user_id=0") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > TEXT_MAX)
        return 0;
    if (data[0] & 1)
        any_line(data + 1, size - 1);
    else
        kernels_line(data + 1, size - 1);
    return 0;
}
