/* SPDX-License-Identifier: MIT */
#include "worker/device-group.h"

#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/proc.h"

#define FUSE_MAJOR 10
#define FUSE_MINOR 229
#define GROUPS_ROOT "/sys/fs/cgroup/devices"

static bool is_number(const char *text, unsigned number) {
    char *end;
    return strcmp(text, "*") == 0 || (strtoul(text, &end, 10) == number && end != text && !*end);
}

bool device_list_allows(FILE *list, unsigned major, unsigned minor) {
    char kind, of_major[16], of_minor[16], may[8];
    while (fscanf(list, " %c %15[^:]:%15s %7s", &kind, of_major, of_minor, may) == 4)
        if ((kind == 'a' || kind == 'c') && is_number(of_major, major) && is_number(of_minor, minor) &&
            strchr(may, 'r') && strchr(may, 'w'))
            return true;
    return false;
}

/* A line is "5:devices:/docker/..."; several controllers may share a tree. */
static bool read_group(FILE *file, char *ret_path, size_t size) {
    _cleanup_free_ char *line = NULL;
    size_t length = 0;
    while (getline(&line, &length, file) > 0) {
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        path[strcspn(path, "\n")] = 0;
        if (strcmp(controllers, ":devices") == 0)
            return (size_t)snprintf(ret_path, size, GROUPS_ROOT "%s/devices.list", path) < size;
    }
    return false;
}

bool device_group_allows(pid_t pid, unsigned major, unsigned minor) {
    char path[4096];
    _cleanup_fclose_ FILE *groups = proc_open_text("%d/cgroup", (int)pid);
    if (!groups || !read_group(groups, path, sizeof path))
        return true;
    _cleanup_fclose_ FILE *list = fopen(path, "re");
    return !list || device_list_allows(list, major, minor);
}

bool device_group_allows_fuse(pid_t pid) {
    return device_group_allows(pid, FUSE_MAJOR, FUSE_MINOR);
}
