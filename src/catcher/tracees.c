/* SPDX-License-Identifier: MIT */
#include "catcher/tracees.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "catcher/arguments.h"
#include "catcher/seize.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/list.h"
#include "util/paths.h"
#include "util/proc.h"

#ifndef CATCHER_STAND_IN /* a test has another */
#define CATCHER_STAND_IN LINFSP_DEVICE_DIR "/bin/fusermount3"
#endif
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define FOLLOWED_MAX 64
#define NOT_A_NEW_MOUNT (MS_REMOUNT | MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)

struct tracee {
    struct list_node node;
    pid_t pid; /* of the thread; once it has executed, of the process */
    enum catcher_kind kind;
    enum {
        TRACEE_EXECUTES, /* the image's program is being loaded */
        TRACEE_RETURNS, /* it is loaded; the system call is about to end */
        TRACEE_CALLS, /* it is about to make the call that we put there */
        TRACEE_EXECUTES_OURS,
        TRACEE_LEAVES, /* it was asked to stop, to be let go */
        TRACEE_HELD, /* it was asked to stop, and stays so until its ticket is released */
        TRACEE_FOLLOWED, /* its system calls are looked at until it mounts */
    } state;
    bool late; /* taken when the kernel had let it go on */
    bool runs; /* and its program ran already */
    struct file_key program; /* late: its program's */
    bool executes_ours; /* what it executes next must be the stand-in */
    bool condemned; /* and it was not */
    unsigned calls; /* FOLLOWED: so many were seen */
    bool mounts; /* FOLLOWED: it is in mount(2) */
    uint64_t ticket; /* HELD */
    bool stopped; /* HELD */
    int64_t since; /* ms */
    struct machine machine;
};

static struct list_node tracees = {&tracees, &tracees};
static tracees_tell *tell_of_chroot;
static tracees_umount *look_at_umount = arguments_are_unmount;

void tracees_tell_of_chroots(tracees_tell *tell) {
    tell_of_chroot = tell;
}

void tracees_look_at_umount(tracees_umount *look) {
    look_at_umount = look;
}

static struct tracee *tracee_find(pid_t pid) {
    struct tracee *tracee;
    list_for_each (tracee, &tracees, node)
        if (tracee->pid == pid)
            return tracee;
    return NULL;
}

static void tracee_free(struct tracee *tracee) {
    list_remove(&tracee->node);
    free(tracee);
}

static void let_go(struct tracee *tracee, int signal) {
    if (tracee->condemned)
        signal = SIGKILL;
    (void)ptrace(PTRACE_DETACH, tracee->pid, NULL, (void *)(intptr_t)signal);
    tracee_free(tracee);
}

int tracee_take(pid_t thread, enum catcher_kind kind) {
    struct tracee *tracee = calloc(1, sizeof *tracee);
    if (!tracee)
        return -ENOMEM;
    int r = seize(thread, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
    if (r < 0) {
        free(tracee);
        return r;
    }
    tracee->pid = thread;
    tracee->kind = kind;
    tracee->since = clock_ms();
    list_append(&tracees, &tracee->node);
    return 0;
}

int tracee_take_late(pid_t thread, pid_t process, enum catcher_kind kind, const struct file_key *program) {
    int r = tracee_take(thread, kind);
    if (r == -ESRCH && process != thread) { /* a thread that has executed has its process's number */
        thread = process;
        r = tracee_take(thread, kind);
    }
    struct tracee *tracee = r < 0 ? NULL : tracee_find(thread);
    if (!tracee)
        return r;
    tracee->late = true;
    tracee->program = *program;
    if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0) {
        tracee->pid = process;
        (void)ptrace(PTRACE_INTERRUPT, process, NULL, NULL);
    }
    return 0;
}

int tracee_follow(pid_t thread) {
    unsigned followed = 0;
    struct tracee *other;
    list_for_each (other, &tracees, node)
        followed += other->state == TRACEE_FOLLOWED;
    struct tracee *tracee = followed < FOLLOWED_MAX && !tracee_find(thread) ? calloc(1, sizeof *tracee) : NULL;
    if (!tracee)
        return -EBUSY;
    int r = seize(thread, PTRACE_O_TRACESYSGOOD);
    if (r < 0) {
        free(tracee);
        return r;
    }
    *tracee = (struct tracee){.pid = thread, .state = TRACEE_FOLLOWED, .since = clock_ms()};
    list_append(&tracees, &tracee->node);
    (void)ptrace(PTRACE_INTERRUPT, thread, NULL, NULL); /* it stops at the end of that open */
    return 0;
}

/* Returns 1 if it is held now, and was not before; 0 or a negative errno. */
static int hold_thread(pid_t thread, uint64_t ticket) {
    struct tracee *tracee = tracee_find(thread) ? NULL : calloc(1, sizeof *tracee);
    if (!tracee)
        return 0;
    int r = seize(thread, PTRACE_O_TRACESYSGOOD);
    if (r < 0) {
        free(tracee);
        return r;
    }
    *tracee = (struct tracee){.pid = thread, .state = TRACEE_HELD, .ticket = ticket, .since = clock_ms()};
    list_append(&tracees, &tracee->node);
    (void)ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
    return 1;
}

void tracees_hold(pid_t process, uint64_t ticket) {
    bool more = true;
    /* a thread that is not held yet may make another */
    for (int i = 0; i < 8 && more; i++) {
        _cleanup_closedir_ DIR *directory = proc_open_folder("%d/task", (int)process);
        struct dirent *entry;
        more = false;
        while (directory && (entry = readdir(directory))) {
            int r = entry->d_name[0] == '.' ? 0 : hold_thread((pid_t)strtol(entry->d_name, NULL, 10), ticket);
            if (r == -ETIMEDOUT)
                return; /* as it would be of its other threads */
            more |= r > 0;
        }
    }
}

void tracees_release(uint64_t ticket) {
    struct tracee *tracee, *next;
    list_for_each_safe (tracee, next, &tracees, node) {
        if (tracee->state != TRACEE_HELD || tracee->ticket != ticket)
            continue;
        tracee->state = TRACEE_LEAVES;
        if (tracee->stopped)
            let_go(tracee, 0);
    }
}

/* At the end of the call that loaded the image's program. */
static void turn(struct tracee *tracee) {
    unsigned skip = 0;
    int r = machine_look(tracee->pid, &tracee->machine);
    if (r == 0 && tracee->runs)
        r = machine_find_stack(&tracee->machine);
    if (r == 0 && tracee->kind == CATCHER_UNMOUNTER)
        r = look_at_umount(&tracee->machine, &skip);
    if (r == 0)
        r = machine_execute(&tracee->machine, CATCHER_STAND_IN, skip);
    tracee->executes_ours = r == 0;
    if (r < 0 || ptrace(PTRACE_SYSCALL, tracee->pid, NULL, NULL) < 0) {
        let_go(tracee, 0);
        return;
    }
    tracee->state = TRACEE_CALLS;
}

/* It stays where it is until the service has looked at where it goes. */
static void wait_for_service(struct tracee *tracee) {
    if (!tell_of_chroot || !tell_of_chroot(tracee->pid, &tracee->ticket)) {
        let_go(tracee, 0);
        return;
    }
    tracee->state = TRACEE_HELD;
    tracee->stopped = true;
    tracee->since = clock_ms();
}

static void resume(struct tracee *tracee, int signal) {
    int how = tracee->state == TRACEE_EXECUTES ? PTRACE_CONT : PTRACE_SYSCALL;
    if (ptrace(how, tracee->pid, NULL, (void *)(intptr_t)signal) < 0)
        let_go(tracee, signal);
}

/* Whether what it has just executed is on the service's file system. In a namespace or a chroot of its own its path may
 * lead elsewhere. */
static bool executed_ours(const struct tracee *tracee) {
    _cleanup_close_ int program = proc_open(O_PATH, "%d/exe", (int)tracee->pid);
    return program >= 0 && table_is_ours(program);
}

static void on_executed(struct tracee *tracee) {
    /* with the rights of the image's program it must execute nothing else: it is killed at the end of this call, which
     * is before its first instruction */
    tracee->condemned = tracee->executes_ours && !executed_ours(tracee);
    if (tracee->condemned && ptrace(PTRACE_SYSCALL, tracee->pid, NULL, NULL) == 0)
        return;
    if (tracee->state != TRACEE_EXECUTES) {
        let_go(tracee, 0);
        return;
    }
    tracee->state = TRACEE_RETURNS;
    resume(tracee, 0);
}

/* At a system call's beginning or end. */
static void look_at_call(struct tracee *tracee) {
    struct __ptrace_syscall_info info;
    long size = ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, (void *)sizeof info, &info);
    if (size <= 0 || tracee->calls++ > 2 * FOLLOW_CALLS_MAX) {
        let_go(tracee, 0);
        return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
        tracee->mounts = info.entry.nr == SYS_mount && !(info.entry.args[3] & NOT_A_NEW_MOUNT);
    if (info.op != PTRACE_SYSCALL_INFO_EXIT || !tracee->mounts) {
        resume(tracee, 0);
        return;
    }
    if (info.exit.is_error && (info.exit.rval == -EINVAL || info.exit.rval == -EACCES))
        (void)machine_fail_call(tracee->pid, -EPERM);
    let_go(tracee, 0);
}

/* The image's program is loaded. */
static void on_loaded(struct tracee *tracee) {
    if (tracee->kind == CATCHER_CHROOT)
        wait_for_service(tracee);
    else
        turn(tracee);
}

static bool executed_program(const struct tracee *tracee) {
    struct file_key key;
    _cleanup_close_ int program = proc_open(O_PATH, "%d/exe", (int)tracee->pid);
    return program >= 0 && file_key_of(program, &key) && key.device == tracee->program.device &&
           key.inode == tracee->program.inode;
}

/* One that was taken late has stopped, as it was asked to: on its way to its program's first instruction, or behind it.
 */
static void on_late_stop(struct tracee *tracee) {
    bool fresh = tracee->state == TRACEE_EXECUTES; /* its execve has ended, and nothing was seen of that */
    if (tracee->condemned || tracee->state == TRACEE_LEAVES || (fresh && !executed_program(tracee))) {
        let_go(tracee, 0);
        return;
    }
    tracee->runs = fresh;
    if (fresh)
        on_loaded(tracee);
    else
        resume(tracee, 0);
}

static void on_system_call(struct tracee *tracee) {
    switch (tracee->state) {
    case TRACEE_RETURNS:
        on_loaded(tracee);
        return;
    case TRACEE_CALLS:
        tracee->state = TRACEE_EXECUTES_OURS;
        resume(tracee, 0);
        return;
    case TRACEE_FOLLOWED:
        look_at_call(tracee);
        return;
    case TRACEE_EXECUTES_OURS:
        (void)machine_undo_failed(&tracee->machine); /* there is no stand-in here: the image's own program runs */
        let_go(tracee, 0);
        return;
    default:
        let_go(tracee, 0);
    }
}

/* A thread that executes takes the number of its process: it is known by the one that it had. */
static struct tracee *find_executed(pid_t pid) {
    unsigned long former = 0;
    if (ptrace(PTRACE_GETEVENTMSG, pid, NULL, &former) < 0)
        return NULL;
    struct tracee *tracee = tracee_find((pid_t)former);
    if (!tracee)
        tracee = tracee_find(pid); /* taken late, under the number that it has now */
    if (tracee)
        tracee->pid = pid;
    return tracee;
}

static void on_status(pid_t pid, int status) {
    int event = status >> 16, signal = WSTOPSIG(status);
    bool executed = WIFSTOPPED(status) && event == PTRACE_EVENT_EXEC;
    struct tracee *tracee = executed ? find_executed(pid) : tracee_find(pid);
    if (!tracee) {
        if (WIFSTOPPED(status))
            (void)ptrace(PTRACE_DETACH, pid, NULL, (void *)(intptr_t)(event ? 0 : signal));
        return;
    }
    if (!WIFSTOPPED(status))
        tracee_free(tracee); /* it ended */
    else if (executed)
        on_executed(tracee);
    else if (tracee->state == TRACEE_HELD && event)
        tracee->stopped = true;
    else if (tracee->state == TRACEE_HELD)
        (void)ptrace(PTRACE_CONT, pid, NULL, (void *)(intptr_t)signal); /* and stops at once, as it was asked to */
    else if (tracee->state == TRACEE_FOLLOWED && event == PTRACE_EVENT_STOP && signal == SIGTRAP)
        resume(tracee, 0); /* it stopped as it was asked to */
    else if (tracee->late && event == PTRACE_EVENT_STOP && signal == SIGTRAP)
        on_late_stop(tracee);
    else if (event)
        let_go(tracee, 0); /* it was stopped, by us or by somebody else, and stays so in the second case */
    else if (signal == SYSCALL_STOP)
        on_system_call(tracee);
    else
        resume(tracee, signal);
}

void tracees_wait(void) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
        on_status(pid, status);
}

static int64_t limit_of(const struct tracee *tracee) {
    return tracee->kind == CATCHER_CHROOT     ? TRACEE_LIMIT_MS
           : tracee->state == TRACEE_HELD     ? HOLD_LIMIT_MS
           : tracee->state == TRACEE_FOLLOWED ? FOLLOW_LIMIT_MS
                                              : TRACEE_LIMIT_MS;
}

int tracees_check_time(void) {
    int64_t now = clock_ms(), next = -1;
    struct tracee *tracee, *following;
    list_for_each_safe (tracee, following, &tracees, node) {
        int64_t left = tracee->since + limit_of(tracee) - now;
        if (left <= 0 && tracee->state == TRACEE_HELD && tracee->stopped) {
            let_go(tracee, 0);
            continue;
        }
        if (left <= 0) {
            /* an execve that failed: it runs, and must be stopped for being let go */
            tracee->state = TRACEE_LEAVES;
            tracee->since = now;
            if (ptrace(PTRACE_INTERRUPT, tracee->pid, NULL, NULL) < 0) {
                tracee_free(tracee);
                continue;
            }
            left = TRACEE_LIMIT_MS;
        }
        if (next < 0 || left < next)
            next = left;
    }
    return (int)next;
}
