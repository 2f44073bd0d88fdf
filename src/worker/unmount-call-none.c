/* SPDX-License-Identifier: MIT */
/* Any other machine: umount2(2) stays as it is. */
#include <elf.h>
#include <errno.h>

#include "worker/unmount-call.h"

const void *unmount_call_code(size_t *ret_size) {
    return NULL;
}

int unmount_call_find(const uint8_t function[UNMOUNT_CALL_SIZE]) {
    return -ENOSYS;
}

int unmount_call_make(uint64_t from, uint64_t to, uint8_t ret_instructions[UNMOUNT_CALL_SIZE]) {
    return -ENOSYS;
}

uint16_t unmount_call_machine(void) {
    return EM_NONE;
}
