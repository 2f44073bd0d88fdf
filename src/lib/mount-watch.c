/* SPDX-License-Identifier: MIT */
/*
 * Noticing that somebody unmounted a network volume where it was mounted: umount(8), or the end of the mount above it.
 * A disk's end the kernel tells by itself; a network volume is mounted under /unc still, and would go on for ever. The
 * kernel makes a mount table readable out of band when it changes (proc_pid_mountinfo(5)), which costs nothing until it
 * does.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/descriptor-flags.h"
#include "lib/volume.h"
#include "util/cleanup.h"

/* Mount points stand in mount tables with blanks, line ends and backslashes as three octal digits. */
static void escape(const char *path, char *ret_escaped, size_t size) {
    size_t n = 0;
    for (; *path && n + 5 < size; path++)
        if (strchr(" \t\n\\", *path))
            n += (size_t)snprintf(ret_escaped + n, size - n, "\\%03o", (unsigned char)*path);
        else
            ret_escaped[n++] = *path;
    ret_escaped[n] = 0;
}

/* The id of the topmost mount at that (escaped) path, or whether there is one with that id. 0: none. */
static unsigned long long find_mount(int table, const char *path, unsigned long long id) {
    _cleanup_free_ char *line = NULL;
    size_t size = 0, length = path ? strlen(path) : 0;
    unsigned long long found = 0, candidate;
    int copy = lseek(table, 0, SEEK_SET) < 0 ? -1 : fsp_fcntl(table, F_DUPFD_CLOEXEC, 3);
    FILE *file = copy < 0 ? NULL : fdopen(copy, "r");
    if (!file)
        return id; /* not known: as it was */
    while (getline(&line, &size, file) > 0) {
        int at = 0;
        if (sscanf(line, "%llu %*u %*s %*s %n", &candidate, &at) != 1 || at == 0)
            continue;
        if (path ? strncmp(line + at, path, length) == 0 && line[at + (int)length] == ' ' : candidate == id)
            found = candidate;
    }
    fclose(file);
    return found;
}

void fsp_mount_watch_open(struct fsp_mount_watch *watch, const char *mount_point) {
    char path[4 * WIRE_PATH_MAX];
    watch->table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (watch->table < 0)
        return;
    escape(mount_point, path, sizeof path);
    watch->id = find_mount(watch->table, path, 0);
    if (watch->id == 0)
        close_fd(&watch->table);
}

bool fsp_mount_watch_gone(struct fsp_mount_watch *watch) {
    if (find_mount(watch->table, NULL, watch->id) != 0)
        return false;
    close_fd(&watch->table);
    return true;
}

void fsp_mount_watch_close(struct fsp_mount_watch *watch) {
    close_fd(&watch->table);
}
