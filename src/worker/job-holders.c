/* SPDX-License-Identifier: MIT */
/*
 * Who holds the FUSE descriptors of a silo's raw volumes: asked after a restart of the service, and when a volume seems
 * to hang. One look at the descriptors of all processes of the silo, whatever number of volumes it has.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/open-at.h"
#include "util/process.h"
#include "worker/jobs.h"

#define NAME_START "/volume-"

struct nodes {
    uint32_t device_major, device_minor;
    uint64_t inodes[JOB_HOLDERS_MAX]; /* of the volumes' nodes; 0: it has none any more */
};

static void find_nodes(const struct job_base *base, const struct job *job, struct nodes *nodes) {
    for (uint32_t i = 0; i < job->holders.n; i++) {
        char name[64];
        struct statx status;
        snprintf(name, sizeof name, "private/volume-%llu", (unsigned long long)job->holders.volumes[i]);
        nodes->inodes[i] = 0;
        if (statx(base->run_dir, name, AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC, STATX_INO, &status) < 0)
            continue;
        nodes->inodes[i] = status.stx_ino;
        nodes->device_major = status.stx_dev_major;
        nodes->device_minor = status.stx_dev_minor;
    }
}

/* The silo's own, or one of a namespace that was made in it. */
static bool is_of_silo(const struct job_target *target, pid_t pid) {
    for (int i = 0; i < 8 && pid > 1; i++) {
        uint64_t inode;
        pid_t parent = 0;
        if (process_namespace(pid, "mnt", &inode) == 0 && inode == target->mount_namespace.inode)
            return true;
        if (process_parent(pid, &parent) < 0)
            return false;
        pid = parent;
    }
    return false;
}

/* The link's text is looked at first: it asks nothing of the file system that the file is on. */
static void look_at_descriptor(int folder, const char *name, pid_t pid, const struct nodes *nodes,
                               struct job_holders *holders) {
    char target[128];
    struct statx status;
    ssize_t length = readlinkat(folder, name, target, sizeof target - 1);
    if (length <= 0)
        return;
    target[length] = 0;
    if (!strstr(target, NAME_START) || statx(folder, name, AT_STATX_DONT_SYNC, STATX_INO, &status) < 0 ||
        status.stx_dev_major != nodes->device_major || status.stx_dev_minor != nodes->device_minor)
        return;
    for (uint32_t i = 0; i < holders->n; i++)
        if (nodes->inodes[i] == status.stx_ino)
            holders->of[i].pid = pid;
}

static void look_at_process(int proc, pid_t pid, const struct nodes *nodes, struct job_holders *holders) {
    char path[64];
    snprintf(path, sizeof path, "%d/fd", (int)pid);
    _cleanup_closedir_ DIR *directory = open_directory_at(proc, path);
    struct dirent *entry;
    while (directory && (entry = readdir(directory)))
        if (entry->d_name[0] != '.')
            look_at_descriptor(dirfd(directory), entry->d_name, pid, nodes, holders);
}

void job_holders(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    struct nodes nodes = {0};
    _cleanup_closedir_ DIR *processes = open_directory_at(base->proc_self, "..");
    if (!processes || job->holders.n > JOB_HOLDERS_MAX) {
        job_fail(result, -EINVAL, "cannot look at processes");
        return;
    }
    result->holders.n = job->holders.n;
    for (uint32_t i = 0; i < job->holders.n; i++)
        result->holders.of[i].volume = job->holders.volumes[i];
    find_nodes(base, job, &nodes);
    struct dirent *entry;
    while ((entry = readdir(processes))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && (job->holders.anywhere || is_of_silo(&job->target, pid)))
            look_at_process(dirfd(processes), pid, &nodes, &result->holders);
    }
}
