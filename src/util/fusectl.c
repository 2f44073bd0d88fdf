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

#define TURNS 100 /* what changes elsewhere may have the kernel look twice */

int fusectl_open(void) {
    _cleanup_close_ int context = fsopen("fusectl", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int fusectl_open_file(int fusectl, uint32_t connection, const char *name, int flags) {
    char path[64];
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_CACHED};
    snprintf(path, sizeof path, "%u/%s", connection, name);
    for (int turn = 0; turn < TURNS; turn++) {
        int fd = (int)syscall(SYS_openat2, fusectl, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN)
            return fd < 0 ? -errno : fd;
    }
    return -ENOENT;
}
