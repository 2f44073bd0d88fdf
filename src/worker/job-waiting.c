/* SPDX-License-Identifier: MIT */
/*
 * Who waits in the kernel, and for what: asked when a container that was killed does not end, or a worker hangs.
 *
 * A task that waits uninterruptibly is a *blocker* where its kernel stack shows a page fault inside a system call: it
 * handed the call memory that does not come, and waits with the call's locks held. Other tasks that wait in FUSE are
 * the blocked. The kernel tells the stack where it is built to (CONFIG_STACKTRACE); where it does not, each waiting
 * task may be a blocker.
 *
 * To wait is no fault: each task that reads a file waits now and then. So all are looked at twice, STEADY_USEC apart. A
 * task that has not run between, by the kernel's count of its context switches, is in one and the same wait.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/open-at.h"
#include "util/process.h"
#include "worker/jobs.h"

#define WAITERS_MAX 256
#define STEADY_USEC 500000

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

static uint64_t number_after(const char *text, const char *name, int base) {
    const char *at = strstr(text, name);
    return at ? strtoull(at + strlen(name), NULL, base) : 0;
}

/* How often it has been taken off its CPU; ret_killed: whether it has been sent SIGKILL. */
static uint64_t switches_of(int task, bool *ret_killed) {
    char text[4096];
    if (read_at(task, "status", text, sizeof text) <= 0)
        text[0] = 0;
    *ret_killed = number_after(text, "\nSigPnd:", 16) & (1u << (SIGKILL - 1));
    return number_after(text, "\nvoluntary_ctxt_switches:", 10) +
           number_after(text, "\nnonvoluntary_ctxt_switches:", 10);
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

struct waiter {
    int task; /* its folder in /proc */
    uint64_t switches;
    struct job_waiting_task what;
};

struct waiters {
    unsigned n;
    struct waiter list[WAITERS_MAX];
};

static void note(struct job_waiting *list, const struct job_waiting_task *task) {
    for (uint32_t i = 0; i < list->n; i++)
        if (list->tasks[i].mount_namespace == task->mount_namespace && list->tasks[i].uid == task->uid &&
            list->tasks[i].kind == task->kind && list->tasks[i].killed == task->killed &&
            list->tasks[i].steady == task->steady)
            return;
    if (list->n < ARRAY_SIZE(list->tasks))
        list->tasks[list->n++] = *task;
}

/* Takes task over. Who comes beyond the limit is not looked at twice, but counts: nobody is to hide in a crowd. */
static void remember(struct waiters *waiters, int task, pid_t pid, uid_t uid, struct job_waiting *list) {
    struct waiter waiter = {.task = task, .what = {.uid = uid, .kind = kind_of(task)}};
    waiter.switches = switches_of(task, &waiter.what.killed);
    if (process_namespace(pid, "mnt", &waiter.what.mount_namespace) < 0)
        waiter.what.mount_namespace = 0; /* its namespaces are gone already: it is ending */
    if (waiters->n < WAITERS_MAX) {
        waiters->list[waiters->n++] = waiter;
        return;
    }
    waiter.what.steady = true;
    note(list, &waiter.what);
    close(task);
}

static void look_at_process(int proc, const char *name, struct waiters *waiters, struct job_waiting *list) {
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
            remember(waiters, steal_fd(&task), atoi(name), status.st_uid, list);
    }
}

/* A task that has ended meanwhile waits no more. */
static void look_again(struct waiters *waiters, struct job_waiting *list) {
    bool killed;
    for (unsigned i = 0; i < waiters->n; i++) {
        struct waiter *waiter = &waiters->list[i];
        waiter->what.steady = waits(waiter->task) && switches_of(waiter->task, &killed) == waiter->switches;
        close(waiter->task);
        note(list, &waiter->what);
    }
}

void job_waiting(const struct job_base *base, const struct job *job, struct job_fds *fds, struct job_result *result) {
    static struct waiters waiters;
    _cleanup_closedir_ DIR *processes = open_directory_at(base->proc_self, "..");
    if (!processes) {
        job_fail(result, -errno, "/proc: %s", strerror(errno));
        return;
    }
    struct dirent *entry;
    waiters.n = 0;
    while ((entry = readdir(processes)))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && strspn(entry->d_name, "0123456789") < 12)
            look_at_process(dirfd(processes), entry->d_name, &waiters, &result->waiting);
    if (waiters.n)
        usleep(STEADY_USEC);
    look_again(&waiters, &result->waiting);
}
