/* SPDX-License-Identifier: MIT */
#include "catcher/machine.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "catcher/memory.h"
#include "util/cleanup.h"
#include "util/process.h"

#define BELOW_STACK 512 /* farther than any red zone */
#define VDSO_MAX 16384

static int get_registers(pid_t pid, void *registers, size_t *ret_size) {
    struct iovec vector = {registers, MACHINE_REGISTERS_MAX};
    if (ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &vector) < 0)
        return -errno;
    *ret_size = vector.iov_len;
    return 0;
}

static int set_registers(pid_t pid, const uint8_t *registers, size_t size) {
    struct iovec vector = {(void *)registers, size};
    return ptrace(PTRACE_SETREGSET, pid, (void *)NT_PRSTATUS, &vector) < 0 ? -errno : 0;
}

static int peek(pid_t pid, uint64_t address, long *ret_word) {
    errno = 0;
    *ret_word = ptrace(PTRACE_PEEKTEXT, pid, (void *)address, NULL);
    return errno ? -errno : 0;
}

static int poke(pid_t pid, uint64_t address, long word) {
    return ptrace(PTRACE_POKETEXT, pid, (void *)address, (void *)word) < 0 ? -errno : 0;
}

static int write_text(pid_t pid, uint64_t address, const char *text) {
    size_t size = strlen(text) + 1;
    for (size_t at = 0; at < size; at += sizeof(long)) {
        long word = 0;
        memcpy(&word, text + at, size - at < sizeof word ? size - at : sizeof word);
        int r = poke(pid, address + at, word);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The vDSO has fallbacks that make system calls. */
static int find_call(struct machine *machine) {
    const uint8_t *code = NULL;
    uint8_t text[VDSO_MAX];
    uint64_t start;
    size_t alignment = 1, code_size = machine_call_code(machine, &code, &alignment);
    int r = memory_auxiliary(machine->pid, machine->word, AT_SYSINFO_EHDR, &start);
    if (r < 0 || code_size == 0)
        return r < 0 && r != -ENOENT ? r : -ENOSYS;
    size_t size = memory_read_some(machine->pid, start, text, sizeof text);
    for (size_t at = 0; at + code_size <= size; at += alignment)
        if (memcmp(text + at, code, code_size) == 0) {
            machine->call = start + at;
            return 0;
        }
    return -ENOSYS;
}

int machine_look(pid_t pid, struct machine *ret_machine) {
    struct machine machine = {.pid = pid};
    int r = get_registers(pid, machine.registers, &machine.registers_size);
    if (r == 0)
        r = machine_registers_read(&machine);
    machine.below = machine.stack;
    if (r == 0)
        r = find_call(&machine);
    if (r == 0)
        *ret_machine = machine;
    return r;
}

int machine_find_stack(struct machine *machine) {
    return process_start_of_stack(machine->pid, &machine->stack);
}

/* argc, as the kernel put it on the stack. */
static int read_count(const struct machine *machine, uint64_t *ret_count) {
    long word;
    int r = peek(machine->pid, machine->stack, &word);
    if (r < 0)
        return r;
    *ret_count = machine->word == 4 ? (uint32_t)word : (uint64_t)word;
    return *ret_count < 1 << 20 ? 0 : -E2BIG;
}

int machine_execute(const struct machine *machine, const char *path, unsigned skip) {
    uint8_t registers[MACHINE_REGISTERS_MAX];
    uint64_t count, address = (machine->below - BELOW_STACK - strlen(path)) & ~UINT64_C(15);
    int r = read_count(machine, &count);
    if (r == 0 && count <= skip)
        r = -EINVAL;
    if (r == 0)
        r = write_text(machine->pid, address, path);
    if (r < 0)
        return r;
    memcpy(registers, machine->registers, sizeof registers);
    machine_registers_execve(machine, registers, address, machine->stack + machine->word * (1 + skip),
                             machine->stack + machine->word * (2 + count));
    r = set_registers(machine->pid, registers, machine->registers_size);
    return r < 0 ? r : machine_settle(machine);
}

int machine_undo_failed(const struct machine *machine) {
    uint8_t registers[MACHINE_REGISTERS_MAX];
    size_t size;
    int r = get_registers(machine->pid, registers, &size);
    if (r < 0)
        return r;
    int64_t result = machine_registers_result(machine, registers);
    if (result >= 0 || result < -4095)
        return 0;
    r = set_registers(machine->pid, machine->registers, machine->registers_size);
    if (r == 0)
        r = machine_settle(machine);
    return r < 0 ? r : (int)result;
}

int machine_fail_call(pid_t pid, int error) {
    struct machine machine = {.pid = pid};
    uint8_t registers[MACHINE_REGISTERS_MAX];
    int r = get_registers(pid, machine.registers, &machine.registers_size);
    if (r == 0)
        r = machine_registers_read(&machine);
    if (r < 0)
        return r;
    memcpy(registers, machine.registers, sizeof registers);
    machine_registers_set_result(&machine, registers, error);
    return set_registers(pid, registers, machine.registers_size);
}
