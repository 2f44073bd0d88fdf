/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "util/cleanup.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define PATH_SIZE 4096

/* The number in a file; UINT64_MAX where there is none ("max", no such file). */
static uint64_t read_limit(const char *path) {
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    unsigned long long limit;
    return file && fscanf(file, "%llu", &limit) == 1 ? limit : UINT64_MAX;
}

/* A limit holds for all groups below: the least from path ("/a/b") up to the root. The part that is not visible here
 * has no files. */
static uint64_t least_limit(const char *controller, char *path, const char *name) {
    uint64_t least = UINT64_MAX;
    char file[PATH_SIZE + 64];
    for (;;) {
        snprintf(file, sizeof file, CGROUP_ROOT "%s%s/%s", controller, path, name);
        uint64_t limit = read_limit(file);
        if (limit < least)
            least = limit;
        char *slash = strrchr(path, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* /proc/self/cgroup has lines of number, controllers and path; no controllers: version 2. */
static uint64_t group_limit(void) {
    _cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
    char line[PATH_SIZE], controllers[256], path[PATH_SIZE];
    uint64_t least = UINT64_MAX;
    while (file && fgets(line, sizeof line, file)) {
        uint64_t limit = UINT64_MAX;
        if (sscanf(line, "0::%4095s", path) == 1)
            limit = least_limit("", path, "memory.max");
        else if (sscanf(line, "%*d:%255[^:]:%4095s", controllers, path) == 2 && !strcmp(controllers, "memory"))
            limit = least_limit("/memory", path, "memory.limit_in_bytes");
        if (limit < least)
            least = limit;
    }
    return least;
}

uint64_t memory_available(void) {
    struct sysinfo info;
    uint64_t machine = sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : UINT64_C(1) << 30;
    uint64_t group = group_limit();
    return group < machine ? group : machine;
}
