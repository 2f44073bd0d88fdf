/* SPDX-License-Identifier: MIT */
#include "catcher/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "util/cleanup.h"
#include "util/proc.h"

#define AUXILIARY_MAX 4096

size_t memory_read_some(pid_t pid, uint64_t address, void *data, size_t size) {
    struct iovec here = {data, size}, there = {(void *)address, size};
    ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);
    return n < 0 ? 0 : (size_t)n;
}

bool memory_read(pid_t pid, uint64_t address, void *data, size_t size) {
    return memory_read_some(pid, address, data, size) == size;
}

static uint64_t word_at(const uint8_t *data, unsigned word) {
    uint32_t small;
    uint64_t large;
    memcpy(&small, data, sizeof small);
    if (word == sizeof small)
        return small;
    memcpy(&large, data, sizeof large);
    return large;
}

int memory_auxiliary(pid_t pid, unsigned word, uint64_t type, uint64_t *ret_value) {
    uint8_t data[AUXILIARY_MAX];
    _cleanup_close_ int file = proc_open(O_RDONLY, "%d/auxv", (int)pid);
    ssize_t size = file < 0 ? -1 : read(file, data, sizeof data);
    if (size < 0)
        return -errno;
    for (size_t at = 0; at + 2 * sizeof(uint64_t) <= (size_t)size; at += 2 * (size_t)word)
        if (word_at(data + at, word) == type) {
            *ret_value = word_at(data + at + word, word);
            return 0;
        }
    return -ENOENT;
}
