/* SPDX-License-Identifier: MIT */
/*
 * Fills its mount namespace (fs.mount-max), with CAP_SYS_ADMIN: `many FOLDER`. Copying trees is much quicker than one
 * mount after the other: each of the first steps copies all that there is, and those after it copies half as large.
 * Ends when there is no room for a single mount.
 */
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define STEPS 24

static void make(const char *folder, const char *name, int number) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s%d", folder, name, number);
    if (mkdir(path, 0755) < 0)
        err(1, "%s", path);
}

static bool copy(const char *from, const char *folder, const char *name, int number) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s%d", folder, name, number);
    if (mount(from, path, NULL, MS_BIND | MS_REC, NULL) == 0)
        return true;
    if (errno != ENOSPC)
        err(1, "%s", path);
    return false;
}

int main(int argc, char **argv) {
    char path[256];
    if (argc != 2 || mount("many", argv[1], "tmpfs", 0, NULL) < 0)
        err(1, "a folder that can be mounted on is wanted");
    for (int i = 0; i < STEPS; i++) {
        make(argv[1], "all", i);
        make(argv[1], "part", i);
    }
    int step = 0;
    while (step < STEPS && copy(argv[1], argv[1], "all", step))
        step++;
    while (step-- > 0) { /* all0 is one mount */
        snprintf(path, sizeof path, "%s/all%d", argv[1], step);
        (void)copy(path, argv[1], "part", step);
    }
    return 0;
}
