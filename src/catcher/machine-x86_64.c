/* SPDX-License-Identifier: MIT */
/* x86-64, and its 32-bit processes. */
#include <errno.h>
#include <string.h>
#include <sys/user.h>

#include "catcher/machine.h"

#define EXECVE_64 59
#define EXECVE_32 11
#define EXECVEAT_64 322
#define EXECVEAT_32 358

/* user_regs_struct32 of the kernel. */
struct registers_32 {
    uint32_t ebx, ecx, edx, esi, edi, ebp, eax, ds, es, fs, gs, orig_eax, eip, cs, eflags, esp, ss;
};

int machine_registers_read(struct machine *machine) {
    if (machine->registers_size == sizeof(struct user_regs_struct)) {
        struct user_regs_struct registers;
        memcpy(&registers, machine->registers, sizeof registers);
        machine->word = 8;
        machine->stack = registers.rsp;
        return 0;
    }
    if (machine->registers_size == sizeof(struct registers_32)) {
        struct registers_32 registers;
        memcpy(&registers, machine->registers, sizeof registers);
        machine->word = 4;
        machine->stack = registers.esp;
        return 0;
    }
    return -ENOSYS;
}

__attribute__((nonnull)) static void change_64(uint8_t *registers, uint64_t call, uint64_t path, uint64_t argv,
                                               uint64_t envp) {
    struct user_regs_struct changed;
    memcpy(&changed, registers, sizeof changed);
    changed.rip = call;
    changed.rax = EXECVE_64;
    changed.orig_rax = (unsigned long long)-1;
    changed.rdi = path;
    changed.rsi = argv;
    changed.rdx = envp;
    memcpy(registers, &changed, sizeof changed);
}

__attribute__((nonnull)) static void change_32(uint8_t *registers, uint64_t call, uint64_t path, uint64_t argv,
                                               uint64_t envp) {
    struct registers_32 changed;
    memcpy(&changed, registers, sizeof changed);
    changed.eip = (uint32_t)call;
    changed.eax = EXECVE_32;
    changed.orig_eax = (uint32_t)-1;
    changed.ebx = (uint32_t)path;
    changed.ecx = (uint32_t)argv;
    changed.edx = (uint32_t)envp;
    memcpy(registers, &changed, sizeof changed);
}

void machine_registers_execve(const struct machine *machine, uint8_t *registers, uint64_t path, uint64_t argv,
                              uint64_t envp) {
    if (machine->word == 8)
        change_64(registers, machine->call, path, argv, envp);
    else
        change_32(registers, machine->call, path, argv, envp);
}

void machine_registers_set_result(const struct machine *machine, uint8_t *registers, int64_t result) {
    if (machine->word == 8) {
        struct user_regs_struct changed;
        memcpy(&changed, registers, sizeof changed);
        changed.rax = (unsigned long long)result;
        memcpy(registers, &changed, sizeof changed);
        return;
    }
    struct registers_32 changed;
    memcpy(&changed, registers, sizeof changed);
    changed.eax = (uint32_t)result;
    memcpy(registers, &changed, sizeof changed);
}

int64_t machine_registers_result(const struct machine *machine, const uint8_t *registers) {
    if (machine->word == 8) {
        struct user_regs_struct now;
        memcpy(&now, registers, sizeof now);
        return (int64_t)now.rax;
    }
    struct registers_32 now;
    memcpy(&now, registers, sizeof now);
    return (int32_t)now.eax;
}

size_t machine_call_code(const struct machine *machine, const uint8_t **ret_code, size_t *ret_alignment) {
    static const uint8_t syscall[] = {0x0f, 0x05}, int_80[] = {0xcd, 0x80};
    *ret_alignment = 1;
    *ret_code = machine->word == 8 ? syscall : int_80;
    return 2;
}

bool machine_is_execve(long number, unsigned *ret_argv, unsigned *ret_word) {
    bool small = number == EXECVE_32 || number == EXECVEAT_32;
    if (!small && number != EXECVE_64 && number != EXECVEAT_64)
        return false;
    *ret_argv = number == EXECVE_32 || number == EXECVE_64 ? 1 : 2;
    *ret_word = small ? 4 : 8;
    return true;
}

int machine_settle(const struct machine *machine) {
    return 0;
}
