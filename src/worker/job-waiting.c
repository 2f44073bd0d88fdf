/* SPDX-License-Identifier: MIT */
/*
 * Who waits in the kernel, and for what: asked when a container that was killed does not end, or a worker hangs.
 *
 * A task that waits uninterruptibly is a *blocker* where its kernel stack shows a page fault inside a system call: it
 * handed the call memory that does not come, and waits with the call's locks held. Other tasks that wait in FUSE are
 * the blocked. The kernel tells the stack where it is built to (CONFIG_STACKTRACE); where it does not, each waiting
 * task may be a blocker.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/open-at.h"
#include "util/process.h"
#include "worker/jobs.h"

static ssize_t read_at(int folder, const char *name, char *buffer, size_t size) {
    _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, buffer, size - 1);
    if (length >= 0)
        buffer[length] = 0;
    return length;
}

static bool waits(int task) {
    char text[512];
    if (read_at(task, "stat", text, sizeof text) <= 0)
        return false;
    const char *end = strrchr(text, ')');
    return end && end[1] && end[2] == 'D';
}

static bool is_killed(int task) {
    char text[4096];
    unsigned long long signals = 0;
    const char *pending = read_at(task, "status", text, sizeof text) > 0 ? strstr(text, "\nSigPnd:") : NULL;
    return pending && sscanf(pending, "\nSigPnd: %llx", &signals) == 1 && (signals & (1u << (SIGKILL - 1)));
}

/* The innermost function comes first. */
static enum job_waiting_kind kind_of(int task) {
    static const char *const faults[] = {"handle_mm_fault", "filemap_fault", "__get_user_pages",
                                         "exc_page_fault",  "do_page_fault", "el1_abort"};
    static const char *const calls[] = {"do_syscall_64", "entry_SYSCALL", "el0_svc", "invoke_syscall", "system_call"};
    char stack[8192];
    if (read_at(task, "stack", stack, sizeof stack) <= 0)
        return WAITS_FOR_MEMORY;
    for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
        const char *fault = strstr(stack, faults[i]);
        for (size_t j = 0; fault && j < ARRAY_SIZE(calls); j++)
            if (strstr(fault, calls[j]))
                return WAITS_FOR_MEMORY;
    }
    if (strstr(stack, "fuse_") || strstr(stack, "request_wait_answer"))
        return WAITS_IN_FUSE;
    return WAITS_ELSEWHERE;
}

static void note(struct job_waiting *list, pid_t pid, uid_t uid, enum job_waiting_kind kind, bool killed) {
    uint64_t inode;
    if (process_namespace(pid, "mnt", &inode) < 0)
        inode = 0; /* its namespaces are gone already: it is ending */
    for (uint32_t i = 0; i < list->n; i++)
        if (list->tasks[i].mount_namespace == inode && list->tasks[i].uid == uid && list->tasks[i].kind == kind &&
            list->tasks[i].killed == killed)
            return;
    if (list->n < ARRAY_SIZE(list->tasks))
        list->tasks[list->n++] =
            (struct job_waiting_task){.mount_namespace = inode, .uid = uid, .kind = kind, .killed = killed};
}

static void look_at_process(int proc, const char *name, struct job_waiting *list) {
    char path[64];
    snprintf(path, sizeof path, "%.16s/task", name);
    _cleanup_closedir_ DIR *tasks = open_directory_at(proc, path);
    struct stat status;
    if (!tasks || fstat(dirfd(tasks), &status) < 0)
        return;
    struct dirent *entry;
    while ((entry = readdir(tasks))) {
        _cleanup_close_ int task =
            entry->d_name[0] == '.' ? -1 : openat(dirfd(tasks), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (task >= 0 && waits(task))
            note(list, atoi(name), status.st_uid, kind_of(task), is_killed(task));
    }
}

void job_waiting(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    _cleanup_closedir_ DIR *processes = open_directory_at(base->proc_self, "..");
    if (!processes) {
        job_fail(result, -errno, "/proc: %s", strerror(errno));
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(processes)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && strspn(entry->d_name, "0123456789") < 12)
            look_at_process(dirfd(processes), entry->d_name, &result->waiting);
}
