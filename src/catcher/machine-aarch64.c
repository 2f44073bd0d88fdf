/* SPDX-License-Identifier: MIT */
/* arm64. 32-bit processes are not known here: their helpers run as they are. */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "catcher/machine.h"

#define EXECVE 221
#define EXECVEAT 281

int machine_registers_read(struct machine *machine) {
    struct user_regs_struct registers;
    if (machine->registers_size != sizeof registers)
        return -ENOSYS;
    memcpy(&registers, machine->registers, sizeof registers);
    machine->word = 8;
    machine->stack = registers.sp;
    return 0;
}

void machine_registers_execve(const struct machine *machine, uint8_t *registers, uint64_t path, uint64_t argv,
                              uint64_t envp) {
    struct user_regs_struct changed;
    memcpy(&changed, registers, sizeof changed);
    changed.pc = machine->call;
    changed.regs[8] = EXECVE;
    changed.regs[0] = path;
    changed.regs[1] = argv;
    changed.regs[2] = envp;
    memcpy(registers, &changed, sizeof changed);
}

void machine_registers_set_result(const struct machine *machine, uint8_t *registers, int64_t result) {
    struct user_regs_struct changed;
    memcpy(&changed, registers, sizeof changed);
    changed.regs[0] = (unsigned long long)result;
    memcpy(registers, &changed, sizeof changed);
}

int64_t machine_registers_result(const struct machine *machine, const uint8_t *registers) {
    struct user_regs_struct now;
    memcpy(&now, registers, sizeof now);
    return (int64_t)now.regs[0];
}

size_t machine_call_code(const struct machine *machine, const uint8_t **ret_code, size_t *ret_alignment) {
    static const uint8_t svc_0[] = {0x01, 0x00, 0x00, 0xd4};
    *ret_alignment = 4;
    *ret_code = svc_0;
    return sizeof svc_0;
}

bool machine_is_execve(long number, unsigned *ret_argv, unsigned *ret_word) {
    *ret_argv = number == EXECVE ? 1 : 2;
    *ret_word = 8;
    return number == EXECVE || number == EXECVEAT;
}

int machine_settle(const struct machine *machine) {
    int none = -1;
    struct iovec vector = {&none, sizeof none};
    return ptrace(PTRACE_SETREGSET, machine->pid, (void *)NT_ARM_SYSTEM_CALL, &vector) < 0 ? -errno : 0;
}
