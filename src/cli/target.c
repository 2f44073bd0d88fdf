/* SPDX-License-Identifier: MIT */
#include "cli/target.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/paths.h"
#include "wire/codec.h"
#include "wire/prefix.h"

#define DIGITS_MAX 18 /* fit 64 bits */

/* Adds the components of text to path, of which *used bytes are there. */
static int append(const char *text, char *path, size_t size, size_t *used) {
    while (*text) {
        size_t length = strcspn(text, "/");
        if (length == 2 && memcmp(text, "..", 2) == 0) {
            while (*used > 0 && path[--*used] != '/')
                ;
        } else if (length > 1 || (length == 1 && *text != '.')) {
            if (*used + 1 + length >= size)
                return -ENAMETOOLONG;
            path[(*used)++] = '/';
            memcpy(path + *used, text, length);
            *used += length;
        }
        text += length + (text[length] == '/');
    }
    return 0;
}

static int make_absolute(const char *text, const char *folder, char *ret_path, size_t size) {
    size_t used = 0;
    int result = text[0] == '/' ? 0 : append(folder, ret_path, size, &used);
    if (result == 0)
        result = append(text, ret_path, size, &used);
    if (result < 0)
        return result;
    if (used == 0)
        ret_path[used++] = '/';
    ret_path[used] = '\0';
    return 0;
}

static int parse_path(const char *text, const char *folder, struct wire_unmount *request) {
    char canonical[WIRE_PATH_MAX], target[WIRE_PATH_MAX], unc[WIRE_PATH_MAX];
    int result = make_absolute(text, folder, target, sizeof target);
    if (result < 0)
        return result;
    bool below_unc = strncmp(target, LINFSP_UNC_ROOT "/", strlen(LINFSP_UNC_ROOT "/")) == 0;
    if (below_unc && prefix_parse_path(target, LINFSP_UNC_ROOT, canonical, sizeof canonical, NULL) == 0 &&
        prefix_to_unc(canonical, unc, sizeof unc) == 0)
        return WIRE_SET(request->target, unc);
    return WIRE_SET(request->target, target);
}

int target_parse(const char *text, const char *folder, struct wire_unmount *request) {
    size_t length = strlen(text);
    if (length > 0 && length <= DIGITS_MAX && strspn(text, "0123456789") == length) {
        request->volume = strtoull(text, NULL, 10);
        return 0;
    }
    bool letter = isalpha((unsigned char)text[0]) && text[1] == ':';
    if (letter && (length == 2 || (length == 3 && strchr("/\\", text[2])))) {
        char target[] = LINFSP_LETTER_ROOT "/?";
        target[sizeof target - 2] = (char)tolower((unsigned char)text[0]);
        return WIRE_SET(request->target, target);
    }
    if (text[0] == '\\' || strncmp(text, "//", 2) == 0)
        return WIRE_SET(request->target, text);
    return parse_path(text, folder, request);
}

bool target_lacks_colon(const char *text) {
    return isalpha((unsigned char)text[0]) && !text[1];
}

bool target_follow_links(char path[WIRE_PATH_MAX]) {
    char folder[PATH_MAX], real[PATH_MAX], whole[PATH_MAX + NAME_MAX + 2], link[2];
    char *slash = strrchr(path, '/');
    if (path[0] != '/' || !slash[1])
        return false;
    /* the last component may be a file system that hangs: it is followed only if it is a link itself */
    if (readlink(path, link, sizeof link) > 0) {
        if (!realpath(path, whole))
            return false;
    } else {
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
        if (!realpath(folder, real) ||
            snprintf(whole, sizeof whole, "%s/%s", strcmp(real, "/") == 0 ? "" : real, slash + 1) >= (int)sizeof whole)
            return false;
    }
    if (strcmp(whole, path) == 0 || strlen(whole) >= WIRE_PATH_MAX)
        return false;
    memset(path, 0, WIRE_PATH_MAX); /* messages hold nothing behind a string */
    memcpy(path, whole, strlen(whole));
    return true;
}
