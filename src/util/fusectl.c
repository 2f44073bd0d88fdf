/* SPDX-License-Identifier: MIT */
#include "util/fusectl.h"

#include <errno.h>
#include <sys/mount.h>

#include "util/cleanup.h"

int fusectl_open(void) {
    _cleanup_close_ int context = fsopen("fusectl", FSOPEN_CLOEXEC);
    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    int fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}
