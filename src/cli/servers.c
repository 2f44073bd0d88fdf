/* SPDX-License-Identifier: MIT */
#include "cli/servers.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/open-at.h"

#define FUSE_MAJOR 10
#define FUSE_MINOR 229

struct servers {
    size_t count;
    struct server {
        uint32_t connection;
        pid_t pid;
    } * entries;
};

/* The connection that this descriptor belongs to; 0: it tells of none. */
static uint32_t connection_of(int process, const char *fd) {
    char path[300], line[128];
    unsigned connection;
    snprintf(path, sizeof path, "fdinfo/%.255s", fd);
    _cleanup_fclose_ FILE *file = open_file_at(process, path);
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "fuse_connection: %u", &connection) == 1)
            return connection;
    return 0;
}

static void add(struct servers *servers, uint32_t connection, pid_t pid) {
    servers->entries = reallocarray(servers->entries, servers->count + 1, sizeof *servers->entries);
    if (!servers->entries)
        errx(EXIT_FAILURE, "out of memory");
    servers->entries[servers->count++] = (struct server){connection, pid};
}

static void look_into(struct servers *servers, int proc, const char *pid) {
    _cleanup_close_ int process = openat(proc, pid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_closedir_ DIR *fds = process < 0 ? NULL : open_directory_at(process, "fd");
    struct dirent *entry;
    while (fds && (entry = readdir(fds))) {
        struct statx status; /* as the kernel remembers it: nobody's server is asked, which may hang */
        uint32_t connection;
        if (entry->d_name[0] != '.' && statx(dirfd(fds), entry->d_name, AT_STATX_DONT_SYNC, STATX_TYPE, &status) == 0 &&
            S_ISCHR(status.stx_mode) && status.stx_rdev_major == FUSE_MAJOR && status.stx_rdev_minor == FUSE_MINOR &&
            (connection = connection_of(process, entry->d_name)))
            add(servers, connection, (pid_t)atoi(pid));
    }
}

struct servers *servers_find(void) {
    struct servers *servers = calloc(1, sizeof *servers);
    if (!servers)
        errx(EXIT_FAILURE, "out of memory");
    _cleanup_closedir_ DIR *proc = opendir("/proc");
    struct dirent *entry;
    while (proc && (entry = readdir(proc)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            look_into(servers, dirfd(proc), entry->d_name);
    return servers;
}

void servers_free(struct servers *servers) {
    if (servers)
        free(servers->entries);
    free(servers);
}

pid_t servers_of(const struct servers *servers, uint32_t fuse_device, pid_t asked) {
    pid_t found = 0;
    char path[32];
    for (size_t i = 0; i < servers->count; i++) {
        if (servers->entries[i].connection != fuse_device)
            continue;
        if (servers->entries[i].pid == asked)
            return asked;
        if (!found)
            found = servers->entries[i].pid;
    }
    snprintf(path, sizeof path, "/proc/%d", (int)asked);
    return found ? found : asked > 0 && access(path, F_OK) == 0 ? asked : 0;
}
