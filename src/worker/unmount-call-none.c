/* SPDX-License-Identifier: MIT */
/* Any other machine: umount2(2) stays as it is. */
#include <errno.h>
#include <stddef.h>

#include "worker/unmount-call.h"

const struct unmount_abi *unmount_abi_find(uint8_t class, uint16_t machine) {
    return NULL;
}

int unmount_abi_make_call(uint64_t from, uint64_t to, uint8_t ret_instructions[UNMOUNT_CALL_MAX]) {
    return -ENOSYS;
}
