/* SPDX-License-Identifier: MIT */
/*
 * Fault points, in builds with -Dfault-points=true only: there this header stands before each file of service, workers
 * and catcher, and makes each place where they call the kernel or ask for memory a point at which the process can be
 * killed, or the call be made to fail. The source has no trace of that. The world sees nothing of a process between two
 * system calls, so these points are all the steps there are.
 *
 * A point is known as "PROGRAM FILE:LINE CALL". `PROGRAM --fault-points` lists those of a program. Which one strikes
 * is said in FAULT_FILE (struct fault_table, shared by all processes; test/reliability/points writes it), where each
 * process counts how often it came by. Without that file nothing is different.
 */
#ifndef LINFSP_UTIL_FAULT_H
#define LINFSP_UTIL_FAULT_H

/* The headers that declare what is renamed below have to be read before. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define FAULT_FILE "/run/linfspd.faults"
#define FAULT_NAME_MAX 112
#define FAULT_POINTS_MAX 1024

enum fault_action {
    FAULT_NONE,
    FAULT_KILL_BEFORE,
    FAULT_KILL_AFTER,
    FAULT_FAIL,
};

enum fault_kind {
    FAULT_EFFECT = 'E', /* changes something that others see */
    FAULT_LOOK = 'L',
    FAULT_MEMORY = 'M',
};

struct fault_table {
    uint32_t magic;
    uint32_t n_points;
    uint32_t action; /* enum fault_action */
    uint32_t point; /* its index */
    int32_t countdown; /* it strikes when this becomes 0 */
    uint32_t fired;
    uint32_t unused[2];
    struct {
        char name[FAULT_NAME_MAX];
        uint32_t kind;
        uint32_t hits;
        int32_t error; /* that it fails with */
        uint32_t ready;
    } points[FAULT_POINTS_MAX];
};

#define FAULT_MAGIC 0x46415531u

struct fault_point {
    const char *file;
    const char *call;
    int line;
    int error;
    int kind;
    int index; /* in the table; -1: it has none */
};

/* Comes by a point. Returns whether the call is to fail, with errno set; with *ret_kill the process is to be killed
 * after it. */
bool fault_strikes(struct fault_point *point, bool *ret_kill);
_Noreturn void fault_kill(void);

#define FAULT_CALL(what, error_, failed, function, ...)                                                                \
    ({                                                                                                                 \
        static struct fault_point fault_point_ __attribute__((section("fault_points"), used)) = {                      \
            .file = __FILE__, .call = #function, .line = __LINE__, .error = (error_), .kind = (what), .index = -1};    \
        bool fault_kill_;                                                                                              \
        __auto_type fault_result_ = fault_strikes(&fault_point_, &fault_kill_) ? (failed) : function(__VA_ARGS__);     \
        if (fault_kill_)                                                                                               \
            fault_kill();                                                                                              \
        fault_result_;                                                                                                 \
    })

#define FAULT_EFFECT_CALL(error, ...) FAULT_CALL(FAULT_EFFECT, error, -1, __VA_ARGS__)
#define FAULT_LOOK_CALL(error, ...) FAULT_CALL(FAULT_LOOK, error, -1, __VA_ARGS__)
#define FAULT_POINTER_CALL(kind, error, ...) FAULT_CALL(kind, error, NULL, __VA_ARGS__)

#define malloc(...) FAULT_POINTER_CALL(FAULT_MEMORY, ENOMEM, malloc, __VA_ARGS__)
#define calloc(...) FAULT_POINTER_CALL(FAULT_MEMORY, ENOMEM, calloc, __VA_ARGS__)
#define realloc(...) FAULT_POINTER_CALL(FAULT_MEMORY, ENOMEM, realloc, __VA_ARGS__)
#define strdup(...) FAULT_POINTER_CALL(FAULT_MEMORY, ENOMEM, strdup, __VA_ARGS__)
#define sd_event_add_io(...) FAULT_CALL(FAULT_MEMORY, ENOMEM, -ENOMEM, sd_event_add_io, __VA_ARGS__)
#define sd_event_add_time(...) FAULT_CALL(FAULT_MEMORY, ENOMEM, -ENOMEM, sd_event_add_time, __VA_ARGS__)
#define sd_event_add_time_relative(...)                                                                                \
    FAULT_CALL(FAULT_MEMORY, ENOMEM, -ENOMEM, sd_event_add_time_relative, __VA_ARGS__)
#define sd_event_add_defer(...) FAULT_CALL(FAULT_MEMORY, ENOMEM, -ENOMEM, sd_event_add_defer, __VA_ARGS__)
#define sd_event_add_signal(...) FAULT_CALL(FAULT_MEMORY, ENOMEM, -ENOMEM, sd_event_add_signal, __VA_ARGS__)
#define opendir(...) FAULT_POINTER_CALL(FAULT_LOOK, EMFILE, opendir, __VA_ARGS__)
#define fdopendir(...) FAULT_POINTER_CALL(FAULT_LOOK, ENOMEM, fdopendir, __VA_ARGS__)
#define fopen(...) FAULT_POINTER_CALL(FAULT_EFFECT, EMFILE, fopen, __VA_ARGS__)
#define fdopen(...) FAULT_POINTER_CALL(FAULT_LOOK, ENOMEM, fdopen, __VA_ARGS__)
#define fflush(...) FAULT_EFFECT_CALL(ENOSPC, fflush, __VA_ARGS__)

#define open(...) FAULT_LOOK_CALL(EMFILE, open, __VA_ARGS__)
#define openat(...) FAULT_LOOK_CALL(EMFILE, openat, __VA_ARGS__)
#define fstat(...) FAULT_LOOK_CALL(EIO, fstat, __VA_ARGS__)
#define readlink(...) FAULT_LOOK_CALL(ENOMEM, readlink, __VA_ARGS__)
#define readlinkat(...) FAULT_LOOK_CALL(ENOMEM, readlinkat, __VA_ARGS__)
#define statx(...) FAULT_LOOK_CALL(EIO, statx, __VA_ARGS__)
#define fcntl(...) FAULT_LOOK_CALL(EMFILE, fcntl, __VA_ARGS__)
#define getsockopt(...) FAULT_LOOK_CALL(ENOMEM, getsockopt, __VA_ARGS__)
#define getrandom(...) FAULT_LOOK_CALL(EIO, getrandom, __VA_ARGS__)
#define socket(...) FAULT_LOOK_CALL(EMFILE, socket, __VA_ARGS__)
#define socketpair(...) FAULT_LOOK_CALL(EMFILE, socketpair, __VA_ARGS__)
#define inotify_init1(...) FAULT_LOOK_CALL(EMFILE, inotify_init1, __VA_ARGS__)
#define inotify_add_watch(...) FAULT_LOOK_CALL(ENOSPC, inotify_add_watch, __VA_ARGS__)
#define fsopen(...) FAULT_LOOK_CALL(EMFILE, fsopen, __VA_ARGS__)
#define open_tree(...) FAULT_LOOK_CALL(ENOSPC, open_tree, __VA_ARGS__)

#define rename(...) FAULT_EFFECT_CALL(ENOMEM, rename, __VA_ARGS__)
#define renameat(...) FAULT_EFFECT_CALL(ENOMEM, renameat, __VA_ARGS__)
#define unlink(...) FAULT_EFFECT_CALL(ENOMEM, unlink, __VA_ARGS__)
#define unlinkat(...) FAULT_EFFECT_CALL(ENOMEM, unlinkat, __VA_ARGS__)
#define rmdir(...) FAULT_EFFECT_CALL(ENOMEM, rmdir, __VA_ARGS__)
#define mkdir(...) FAULT_EFFECT_CALL(ENOSPC, mkdir, __VA_ARGS__)
#define mkdirat(...) FAULT_EFFECT_CALL(ENOSPC, mkdirat, __VA_ARGS__)
#define mknod(...) FAULT_EFFECT_CALL(ENOSPC, mknod, __VA_ARGS__)
#define mknodat(...) FAULT_EFFECT_CALL(ENOSPC, mknodat, __VA_ARGS__)
#define symlinkat(...) FAULT_EFFECT_CALL(ENOSPC, symlinkat, __VA_ARGS__)
#define linkat(...) FAULT_EFFECT_CALL(ENOSPC, linkat, __VA_ARGS__)
#define chmod(...) FAULT_EFFECT_CALL(ENOMEM, chmod, __VA_ARGS__)
#define fchmod(...) FAULT_EFFECT_CALL(ENOMEM, fchmod, __VA_ARGS__)
#define bind(...) FAULT_EFFECT_CALL(ENOMEM, bind, __VA_ARGS__)
#define listen(...) FAULT_EFFECT_CALL(ENOMEM, listen, __VA_ARGS__)
#define connect(...) FAULT_EFFECT_CALL(ENOMEM, connect, __VA_ARGS__)
#define accept4(...) FAULT_EFFECT_CALL(ENOMEM, accept4, __VA_ARGS__)
#define sendmsg(...) FAULT_EFFECT_CALL(ENOMEM, sendmsg, __VA_ARGS__)
#define send(...) FAULT_EFFECT_CALL(ENOMEM, send, __VA_ARGS__)
#define recvmsg(...) FAULT_EFFECT_CALL(ENOMEM, recvmsg, __VA_ARGS__)
#define recv(...) FAULT_EFFECT_CALL(ENOMEM, recv, __VA_ARGS__)
#define read(...) FAULT_EFFECT_CALL(EIO, read, __VA_ARGS__)
#define write(...) FAULT_EFFECT_CALL(ENOSPC, write, __VA_ARGS__)
#define ioctl(...) FAULT_EFFECT_CALL(ENOMEM, ioctl, __VA_ARGS__)
#define fork(...) FAULT_EFFECT_CALL(EAGAIN, fork, __VA_ARGS__)
#define execveat(...) FAULT_EFFECT_CALL(ENOMEM, execveat, __VA_ARGS__)
#define setns(...) FAULT_EFFECT_CALL(ENOMEM, setns, __VA_ARGS__)
#define unshare(...) FAULT_EFFECT_CALL(ENOSPC, unshare, __VA_ARGS__)
#define chroot(...) FAULT_EFFECT_CALL(ENOMEM, chroot, __VA_ARGS__)
#define mount(...) FAULT_EFFECT_CALL(ENOSPC, mount, __VA_ARGS__)
#define umount2(...) FAULT_EFFECT_CALL(ENOMEM, umount2, __VA_ARGS__)
#define fsconfig(...) FAULT_EFFECT_CALL(ENOMEM, fsconfig, __VA_ARGS__)
#define fsmount(...) FAULT_EFFECT_CALL(ENOSPC, fsmount, __VA_ARGS__)
#define move_mount(...) FAULT_EFFECT_CALL(ENOSPC, move_mount, __VA_ARGS__)
#define mount_setattr(...) FAULT_EFFECT_CALL(ENOMEM, mount_setattr, __VA_ARGS__)

#endif
