/* SPDX-License-Identifier: MIT */
#include "winfsp/wine/drive.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the prefix has its link for the drive. False: it is no drive. */
static bool link_of(const char *mount_point, char *ret_path) {
    const char *prefix = getenv("WINEPREFIX"), *home = getenv("HOME");
    if (!mount_point || strncmp(mount_point, "/mnt/", 5) != 0 || !mount_point[5] || mount_point[6])
        return false;
    if ((!prefix || !*prefix) && !home)
        return false;
    bool named = prefix && *prefix;
    return snprintf(ret_path, PATH_MAX, "%s%s/dosdevices/%c:", named ? prefix : home, named ? "" : "/.wine",
                    mount_point[5]) < PATH_MAX;
}

void wine_drive_hide(const char *mount_point) {
    char path[PATH_MAX], target[PATH_MAX];
    ssize_t length = link_of(mount_point, path) ? readlink(path, target, sizeof target - 1) : -1;
    if (length < 0)
        return;
    target[length] = 0;
    if (strcmp(target, mount_point) == 0)
        (void)unlink(path);
}

void wine_drive_show(const char *mount_point) {
    char path[PATH_MAX];
    if (link_of(mount_point, path) && symlink(mount_point, path) < 0)
        return; /* another has taken the letter, or the prefix is gone */
}
