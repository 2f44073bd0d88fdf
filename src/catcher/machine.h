/* SPDX-License-Identifier: MIT */
/*
 * What differs between machines: a stopped process makes an execve of our choice.
 *
 * The process has just executed a program and stands at its first instruction (a syscall-exit stop): its stack holds
 * argc, argv and envp, as the kernel left them. A system call instruction is written over that first instruction, the
 * new program's path below the stack, and the registers are set.
 */
#ifndef LINFSP_CATCHER_MACHINE_H
#define LINFSP_CATCHER_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MACHINE_REGISTERS_MAX 512

struct machine {
    pid_t pid;
    unsigned word; /* size of a pointer: 4 or 8 */
    uint64_t stack, entry;
    uint8_t registers[MACHINE_REGISTERS_MAX]; /* as they were */
    size_t registers_size;
    long code; /* what stood at entry */
};

/* Looks at a process that is stopped. Returns 0, or a negative errno: -ENOSYS where this kind of process is not known
 * here. */
int machine_look(pid_t pid, struct machine *ret_machine);
/* Makes it execute path, with the arguments that it has less the first skip ones, and its environment. */
int machine_execute(const struct machine *machine, const char *path, unsigned skip);
/* At the end of that call: whether it failed. Then the process is as it was before. */
int machine_undo_failed(const struct machine *machine);

/* ---- each machine's part --------------------------------------------------------------------------------------- */

/* Fills in word, stack and entry from registers. */
int machine_registers_read(struct machine *machine);
/* Changes a copy of the registers, so that the instruction at entry calls execve(path, argv, envp). */
void machine_registers_execve(const struct machine *machine, uint8_t *registers, uint64_t path, uint64_t argv,
                              uint64_t envp);
/* The result of the system call that has just ended. */
int64_t machine_registers_result(const struct machine *machine, const uint8_t *registers);
/* What a word of code at entry becomes. */
long machine_call_code(const struct machine *machine, long code);
/* After the registers were set: that no system call is under way. */
int machine_settle(const struct machine *machine);

#endif
