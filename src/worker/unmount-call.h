/* SPDX-License-Identifier: MIT */
/*
 * umount2(2) of a FUSE program.
 *
 * When libfuse ends a file system of root's, libfuse calls umount2(2). A container refuses that call. libfuse then
 * complains and exits, and the mount goes a moment later than its server: a folder that is removed right then is busy.
 *
 * So the worker changes one function in the memory of such a program, when the program mounts: umount2 in its copy of
 * the C library, or in the program itself, if it is linked statically. The call is still made. Where the kernel refuses
 * the call, the function runs the stand-in, as libfuse does for everybody but root, and waits for it. The mount has
 * gone when umount2 returns.
 *
 * The change is in the memory of that process and of its children, not in a file. An exec drops the change.
 */
#ifndef LINFSP_WORKER_UNMOUNT_CALL_H
#define LINFSP_WORKER_UNMOUNT_CALL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/jobs.h"

/* Changes umount2 in the process `server`. `helper` is its child, which asked for the mount and waits for us. The
 * worker must not have entered the container. Returns 0: umount2 is changed, or was before; -ENOSYS: this machine, or
 * this program's C library, is not known here; -ESRCH: the process is not the one that was meant; or another negative
 * errno. The program is as it was then. */
int unmount_call_change(const struct job_base *base, const struct job_target *target, pid_t server, pid_t helper);

/* ---- each machine's part --------------------------------------------------------------------------------------- */

#define UNMOUNT_CALL_MAX 16
#define UNMOUNT_ANY (-1)

/* A kind of program that the machine runs. */
struct unmount_abi {
    uint8_t class; /* ELFCLASS64, ELFCLASS32 */
    uint16_t machine; /* EM_... */
    const uint8_t *code, *code_end; /* the function that is put in, which can stand at any address */
    const int16_t *pattern; /* what umount2 consists of, up to its system call. UNMOUNT_ANY: any byte */
    size_t pattern_size;
    size_t call_at; /* where in the pattern the system call is */
};

/* Where in that code the pattern is first; size: nowhere. */
size_t unmount_call_find(const struct unmount_abi *abi, const uint8_t *code, size_t size);

/* NULL: programs of this kind are not known here. */
const struct unmount_abi *unmount_abi_find(uint8_t class, uint16_t machine);
/* What is to stand in the place of the system call, at address `from`, to have the function at `to` called: fills in
 * the instructions, which are as long as the system call, and returns their size; or a negative errno. */
int unmount_abi_make_call(uint64_t from, uint64_t to, uint8_t ret_instructions[UNMOUNT_CALL_MAX]);

#endif
