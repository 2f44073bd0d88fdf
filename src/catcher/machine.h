/* SPDX-License-Identifier: MIT */
/*
 * What differs between machines: a stopped process makes an execve of our choice.
 *
 * The process has just executed a program and stands at its first instruction (a syscall-exit stop), or a little later:
 * its stack begins with argc, argv and envp, as the kernel left them. The new program's path is written below the
 * stack, where nothing is. Then the registers are set, all at once, so that the process goes on at a system call
 * instruction of its vDSO. The program itself is not written to. So the tracer may die between any two steps: before
 * the registers are set the process goes on with its own program, afterwards with the new one.
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
    uint64_t stack; /* where argc, argv and envp begin */
    uint64_t below; /* the stack's end now */
    uint8_t registers[MACHINE_REGISTERS_MAX]; /* as they were */
    size_t registers_size;
    uint64_t call; /* where a system call instruction stands */
};

/* Looks at a process that is stopped. Returns 0, or a negative errno: -ENOSYS where this kind of process is not known
 * here, or has no vDSO. */
int machine_look(pid_t pid, struct machine *ret_machine);
/* After machine_look: its program has run already, so that its stack begins elsewhere than it ends. */
int machine_find_stack(struct machine *machine);
/* Makes it execute path, with the arguments that it has less the first skip ones, and its environment. */
int machine_execute(const struct machine *machine, const char *path, unsigned skip);
/* At the end of that call: whether it failed. Then the process is as it was before. */
int machine_undo_failed(const struct machine *machine);

/* The process stands at the end of a system call: makes that fail with this negative errno. */
int machine_fail_call(pid_t pid, int error);

/* ---- each machine's part --------------------------------------------------------------------------------------- */

/* Fills in word and stack from registers. */
int machine_registers_read(struct machine *machine);
/* Changes a copy of the registers, so that the process calls execve(path, argv, envp) next. */
void machine_registers_execve(const struct machine *machine, uint8_t *registers, uint64_t path, uint64_t argv,
                              uint64_t envp);
/* Changes a copy of the registers: the system call that has just ended has this result. */
void machine_registers_set_result(const struct machine *machine, uint8_t *registers, int64_t result);
/* The result of the system call that has just ended. */
int64_t machine_registers_result(const struct machine *machine, const uint8_t *registers);
/* The bytes of a system call instruction, and what its address is a multiple of. Returns their number; 0: there is
 * none.
 */
size_t machine_call_code(const struct machine *machine, const uint8_t **ret_code, size_t *ret_alignment);
/* Whether a system call's number is that of execve or execveat, of any kind of process here; which of its arguments
 * argv is, and the size of a pointer. */
bool machine_is_execve(long number, unsigned *ret_argv, unsigned *ret_word);
/* After the registers were set: that no system call is under way. */
int machine_settle(const struct machine *machine);

#endif
