/* SPDX-License-Identifier: MIT */
/* Facts of a process, as /proc tells them. None of these touches a file of the process's own. */
#ifndef LINFSP_UTIL_PROCESS_H
#define LINFSP_UTIL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int process_namespace(pid_t pid, const char *name, uint64_t *ret_inode); /* name: "mnt", "user", "pid" */
int process_root(pid_t pid, uint64_t *ret_device, uint64_t *ret_inode);
int process_parent(pid_t pid, pid_t *ret_parent);
int process_start(pid_t pid, uint64_t *ret_start);
/* Where the stack began when its program did: with argc. */
int process_start_of_stack(pid_t pid, uint64_t *ret_address);
/* The number behind name, colon included, in /proc/PID/status, however long that is; -ENOENT: there is no such line. */
int process_status_number(pid_t pid, const char *name, int base, uint64_t *ret_number);
/* The CPU time that all its threads have used, in clock ticks. */
int process_cpu_ticks(pid_t pid, uint64_t *ret_ticks);
/* Its first thread: R, S, D, T or another of /proc/PID/stat; the time that it has run, and the time that it wanted to
 * run and had no CPU. Where the kernel does not tell times precisely they are those of /proc/PID/stat, and 0. */
struct process_schedule {
    char state;
    uint64_t cpu_ns, delay_ns;
};
int process_schedule(pid_t pid, struct process_schedule *ret_schedule);
/* What it calls itself, at most 15 bytes. */
int process_name(pid_t pid, char ret_name[16]);
/* The file that it runs. */
int process_program(pid_t pid, uint64_t *ret_device, uint64_t *ret_inode);
/* A number for the program that it runs, from its name and the size of its code; -ENOENT: that is so little that the
 * program can be neither written in Go nor have libfuse in it. */
int process_code(pid_t pid, uint64_t *ret_program);
/* Its pid in the innermost pid namespace, and how deep that is (1: the initial one). */
int process_inner_pid(pid_t pid, pid_t *ret_pid, unsigned *ret_depth);
/* The user namespace that its mount namespace belongs to, and the host's user who owns that or, where they are nested,
 * the outermost around it but the host's own. */
int process_mount_owner(pid_t pid, uint64_t host_user_namespace, uint64_t *ret_inode, uid_t *ret_owner);
/* The host's ids behind the root of its user namespace; where that has no 0, behind its first id. */
int process_root_ids(pid_t pid, uid_t *ret_uid, gid_t *ret_gid);
/* Whether it is root's in every way: real, effective, saved and file system's user id, as the reader counts; no
 * set-user-ID program that somebody else has started. */
bool process_is_roots(pid_t pid);
/* Whether it is on its way out: all its threads are exiting, or it was killed. It may take long, and cannot do anything
 * else any more. Of a process whose first thread alone has ended: false. */
bool process_is_ending(pid_t pid);
/* Whether it has ended, and only waits for its parent; also where there is no such process. */
bool process_has_ended(pid_t pid);
/* Whether it, or what it executes, may have CAP_SYS_ADMIN: by its bounding set or, for root with no_new_privs, by what
 * it or a child of it is permitted. */
bool process_may_mount(pid_t pid);

#endif
