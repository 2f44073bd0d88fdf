/* SPDX-License-Identifier: MIT */
/* Any other machine: helpers run as they are. */
#include <errno.h>

#include "catcher/machine.h"

int machine_registers_read(struct machine *machine) {
    return -ENOSYS;
}

void machine_registers_execve(const struct machine *machine, uint8_t *registers, uint64_t path, uint64_t argv,
                              uint64_t envp) {
}

void machine_registers_set_result(const struct machine *machine, uint8_t *registers, int64_t result) {
}

int64_t machine_registers_result(const struct machine *machine, const uint8_t *registers) {
    return 0;
}

size_t machine_call_code(const struct machine *machine, const uint8_t **ret_code, size_t *ret_alignment) {
    return 0;
}

bool machine_is_execve(long number, unsigned *ret_argv, unsigned *ret_word) {
    return false;
}

int machine_settle(const struct machine *machine) {
    return -ENOSYS;
}
