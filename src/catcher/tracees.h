/* SPDX-License-Identifier: MIT */
/*
 * Processes that are about to execute a program of an image, and execute ours instead.
 *
 * A process is taken while the kernel holds it in execve, and is followed through the end of that call: the program of
 * the image is loaded, with the rights that its file gives it, and stands at its first instruction. There it makes
 * another execve, of ours, with the same arguments and environment, and is let go. Where anything is not as expected it
 * is let go at once, and the image's own program runs. Nobody is held longer than TRACEE_LIMIT_MS.
 *
 * If the catcher dies the kernel lets all of them go, unharmed: PTRACE_O_EXITKILL is not set, and machine.h leaves none
 * half changed.
 */
#ifndef LINFSP_CATCHER_TRACEES_H
#define LINFSP_CATCHER_TRACEES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "catcher/machine.h"
#include "catcher/protocol.h"
#include "catcher/tables.h"

#define TRACEE_LIMIT_MS 2000
#define HOLD_LIMIT_MS 500
#define FOLLOW_LIMIT_MS 30000
#define FOLLOW_CALLS_MAX 1000

/*
 * Tells of a process that stands at the first instruction of chroot(8), which it was taken for (CATCHER_CHROOT). It is
 * held until tracees_release with that ticket, for TRACEE_LIMIT_MS at most. Returns false: it need not wait.
 */
typedef bool tracees_tell(pid_t process, uint64_t *ret_ticket);
void tracees_tell_of_chroots(tracees_tell *tell);
/* What is asked, instead of arguments_are_unmount, whether an unmounter is called for a FUSE mount: its arguments lead
 * through file systems of its own. */
typedef int tracees_umount(const struct machine *machine, unsigned *ret_skip);
void tracees_look_at_umount(tracees_umount *look);
/* Takes a thread that waits in execve. The kernel must let it go on afterwards. Returns 0, or a negative errno: it runs
 * as it is. */
int tracee_take(pid_t thread, enum catcher_kind kind);
/*
 * The same after the kernel was told to let it go on. Before Linux 6.8 a thread that waits in execve holds a lock that
 * taking it needs, so this is how it is taken there: as soon as its execve gives the lock back, which is before its
 * end. If its program has begun to run all the same it is turned from where it stands.
 */
int tracee_take_late(pid_t thread, pid_t process, enum catcher_kind kind, const struct file_key *program);
/*
 * Follows a thread that waits in open(2) of libfuse, until it has mounted. It has CAP_SYS_ADMIN (in a user namespace of
 * its own, or given to it alone by an exec), so the kernel does not refuse its mount(2): it says that /dev/fuse is no
 * FUSE device. libfuse gives up then. Only where the kernel refuses (EPERM) does libfuse turn to its helper: so that is
 * what it is told. Its memory is not looked at.
 */
int tracee_follow(pid_t thread);
/* Stops a process that has just started, all its threads, until tracees_release. */
void tracees_hold(pid_t process, uint64_t ticket);
void tracees_release(uint64_t ticket);
/* After SIGCHLD. */
void tracees_wait(void);
/* Lets go whoever is held for too long. Returns the milliseconds after which this must be called again; -1: never. */
int tracees_check_time(void);

#endif
