/* SPDX-License-Identifier: MIT */
#include "cli/users.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/open-at.h"

#define USERS_MAX 3

/* The kernel knows the device by itself: the volume's server is not asked. */
static bool is_on(int folder, const char *name, uint32_t fuse_device) {
    struct statx status;
    return statx(folder, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, 0, &status) == 0 && status.stx_dev_major == 0 &&
           status.stx_dev_minor == fuse_device;
}

static bool has_open(int process, uint32_t fuse_device) {
    _cleanup_closedir_ DIR *descriptors = open_directory_at(process, "fd");
    struct dirent *entry;
    while (descriptors && (entry = readdir(descriptors)))
        if (entry->d_name[0] != '.' && is_on(dirfd(descriptors), entry->d_name, fuse_device))
            return true;
    return false;
}

static const char *use_of(int process, uint32_t fuse_device) {
    if (is_on(process, "cwd", fuse_device) || is_on(process, "root", fuse_device))
        return "works in it";
    if (is_on(process, "exe", fuse_device))
        return "runs from it";
    return has_open(process, fuse_device) ? "has a file open" : NULL;
}

static void name_of(int process, char ret_name[32]) {
    _cleanup_close_ int file = openat(process, "comm", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? 0 : read(file, ret_name, 31);
    ret_name[length > 0 ? length : 0] = 0;
    ret_name[strcspn(ret_name, "\n")] = 0;
}

void users_text(uint32_t fuse_device, char *ret_text, size_t size) {
    unsigned found = 0;
    size_t used = 0;
    ret_text[0] = 0;
    _cleanup_closedir_ DIR *processes = opendir("/proc");
    struct dirent *entry;
    while (processes && (entry = readdir(processes)) && found < USERS_MAX && used < size) {
        char *end, name[32];
        (void)strtoul(entry->d_name, &end, 10);
        _cleanup_close_ int process = *end ? -1 : openat(dirfd(processes), entry->d_name, O_PATH | O_CLOEXEC);
        const char *use = process < 0 ? NULL : use_of(process, fuse_device);
        if (!use)
            continue;
        name_of(process, name);
        int length =
            snprintf(ret_text + used, size - used, "%spid %s (%s) %s", found++ ? ", " : "", entry->d_name, name, use);
        used += length > 0 ? (size_t)length : 0;
    }
}
