/* SPDX-License-Identifier: MIT */
/*
 * A silo's topmost process has ended, and the silo may live on: a process that is in its mount namespace. The worker
 * reads the list of all processes, however long that is, and the mount tables that prove a namespace without an id.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/open-at.h"
#include "util/process.h"
#include "worker/enter.h"
#include "worker/jobs.h"

#define PROOFS_MAX 16 /* processes that are asked for a proof */

/* The service's own: a worker is there only for a moment. */
static bool is_own(pid_t pid) {
    pid_t parent;
    uint64_t device, inode, own_device, own_inode;
    return (process_parent(pid, &parent) == 0 && parent == getppid()) ||
           (process_program(getpid(), &own_device, &own_inode) == 0 && process_program(pid, &device, &inode) == 0 &&
            device == own_device && inode == own_inode);
}

/* 0: it is in the silo's mount namespace. -ESRCH: it is not. Any other error: it may be. */
static int prove(const struct job_base *base, const struct job *job, pid_t pid) {
    const struct mount_namespace *wanted = &job->target.mount_namespace;
    struct mount_namespace found;
    uint32_t major, minor;
    int r = mount_namespace_of(pid, &found);
    if (r < 0)
        return r == -ENOMEM || r == -EMFILE || r == -ENFILE ? r : -ESRCH;
    if (found.inode != wanted->inode || (wanted->id && found.id != wanted->id))
        return -ESRCH;
    if (wanted->id)
        return 0;
    if (!job->survivor.is_injected || (r = fd_device(base->run_dir, &major, &minor)) < 0)
        return job->survivor.is_injected ? r : -ESRCH;
    return mount_namespace_has_folder(pid, major, minor, job->target.silo) ? 0 : -ESRCH;
}

void job_survivor(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_closedir_ DIR *processes = open_directory_at(base->proc_self, "..");
    struct dirent *entry;
    unsigned proofs = 0;
    int lacking = 0;
    if (!processes)
        job_fail(result, -errno, "cannot look at processes: %s", strerror(errno));
    while (processes && (entry = readdir(processes)) && proofs < PROOFS_MAX) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        uint64_t inode, start;
        if (pid <= 0 || process_start(pid, &start) < 0 || process_namespace(pid, "mnt", &inode) < 0 ||
            inode != job->target.mount_namespace.inode || is_own(pid))
            continue;
        int r = prove(base, job, pid);
        if (r == 0) {
            result->survivor.pid = pid;
            result->survivor.start = start;
            return;
        }
        lacking = r == -ESRCH ? lacking : r;
        result->survivor.stranger = pid;
        proofs++;
    }
    if (lacking)
        job_fail(result, lacking, "cannot look at a process: %s", strerror(-lacking));
}
