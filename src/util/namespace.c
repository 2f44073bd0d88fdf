/* SPDX-License-Identifier: MIT */
#include "util/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "util/proc.h"

#ifndef NS_GET_MNTNS_ID
#define NS_GET_MNTNS_ID _IOR(NSIO, 0x5, __u64)
#endif

/* Kernels without ids do not know the request. Any other error is one: a namespace without its id would be taken for
 * another. */
int mount_namespace_id(int fd, uint64_t *ret_id) {
    __u64 id = 0;
    if (ioctl(fd, NS_GET_MNTNS_ID, &id) < 0 && errno != ENOTTY && errno != EINVAL)
        return -errno;
    *ret_id = id;
    return 0;
}

int mount_namespace_of(pid_t pid, struct mount_namespace *ret_namespace) {
    struct stat status;
    _cleanup_close_ int fd = proc_open(O_RDONLY, "%d/ns/mnt", (int)pid);
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    uint64_t id = 0;
    int r = mount_namespace_id(fd, &id);
    if (r < 0)
        return r;
    *ret_namespace = (struct mount_namespace){.inode = status.st_ino, .id = id};
    return 0;
}

/* The number of the folder that is mounted there; 0: the line is of no folder. */
static uint64_t folder_in_line(const char *line, unsigned major, unsigned minor) {
    unsigned found_major, found_minor;
    unsigned long long number;
    int root_end = 0, end = 0;
    if (sscanf(line, "%*u %*u %u:%u /silos/%llu%n " LINFSP_DEVICE_DIR "%n", &found_major, &found_minor, &number,
               &root_end, &end) != 3 ||
        !end || line[root_end] != ' ' || line[end] != ' ' || found_major != major || found_minor != minor)
        return 0;
    return number;
}

bool mountinfo_line_is_folder(const char *line, unsigned major, unsigned minor, uint64_t folder) {
    return folder && folder_in_line(line, major, minor) == folder;
}

bool mount_namespace_has_folder(pid_t pid, unsigned major, unsigned minor, uint64_t folder) {
    _cleanup_fclose_ FILE *file = proc_open_text("%d/mountinfo", (int)pid);
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (file && getline(&line, &size, file) > 0)
        if (mountinfo_line_is_folder(line, major, minor, folder))
            return true;
    return false;
}

uint64_t mount_namespace_find_folder(pid_t pid, unsigned major, unsigned minor) {
    _cleanup_fclose_ FILE *file = proc_open_text("%d/mountinfo", (int)pid);
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    uint64_t folder = 0;
    while (file && !folder && getline(&line, &size, file) > 0)
        if (strstr(line, " " LINFSP_DEVICE_DIR " "))
            folder = folder_in_line(line, major, minor);
    return folder;
}
