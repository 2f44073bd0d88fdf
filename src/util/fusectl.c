/* SPDX-License-Identifier: MIT */
#include "util/fusectl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "util/cleanup.h"

#define MISSES_MAX 30
#define MISSES_MAX_BUSY 300 /* while mounts are seen to change */
#define TURNS_MAX 100000 /* a tenth of a second: nobody changes mounts for so long without a pause */

int fusectl_open(void) {
    _cleanup_close_ int context = fsopen("fusectl", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int open_cached(int folder, const char *path, int flags) {
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_CACHED};
    int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

/* The kernel says EAGAIN both of a name that it does not know and while mounts change anywhere on the machine. Then it
 * says so, though less often, of the folder itself, too. */
int fusectl_open_file(int fusectl, uint32_t connection, const char *name, int flags) {
    char path[64];
    int misses = 0, misses_max = MISSES_MAX;
    snprintf(path, sizeof path, "%u/%s", connection, name);
    for (int turn = 0; turn < TURNS_MAX && misses < misses_max; turn++) {
        int fd = open_cached(fusectl, path, flags);
        if (fd != -EAGAIN)
            return fd;
        int folder = open_cached(fusectl, ".", O_PATH);
        if (folder == -EAGAIN)
            misses_max = MISSES_MAX_BUSY;
        else
            misses++;
        close_fd(&folder);
    }
    return -ENOENT;
}
