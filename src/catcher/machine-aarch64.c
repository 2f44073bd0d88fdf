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
#define SVC_0 0xd4000001L

int machine_registers_read(struct machine *machine) {
    struct user_regs_struct registers;
    if (machine->registers_size != sizeof registers)
        return -ENOSYS;
    memcpy(&registers, machine->registers, sizeof registers);
    machine->word = 8;
    machine->stack = registers.sp;
    machine->entry = registers.pc;
    return 0;
}

void machine_registers_execve(const struct machine *machine, uint8_t *registers, uint64_t path, uint64_t argv,
                              uint64_t envp) {
    struct user_regs_struct changed;
    memcpy(&changed, registers, sizeof changed);
    changed.regs[8] = EXECVE;
    changed.regs[0] = path;
    changed.regs[1] = argv;
    changed.regs[2] = envp;
    memcpy(registers, &changed, sizeof changed);
}

int64_t machine_registers_result(const struct machine *machine, const uint8_t *registers) {
    struct user_regs_struct now;
    memcpy(&now, registers, sizeof now);
    return (int64_t)now.regs[0];
}

long machine_call_code(const struct machine *machine, long code) {
    return (long)(((uint64_t)code & ~UINT64_C(0xffffffff)) | SVC_0);
}

int machine_settle(const struct machine *machine) {
    int none = -1;
    struct iovec vector = {&none, sizeof none};
    return ptrace(PTRACE_SETREGSET, machine->pid, (void *)NT_ARM_SYSTEM_CALL, &vector) < 0 ? -errno : 0;
}
