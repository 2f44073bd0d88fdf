/* SPDX-License-Identifier: MIT */
/* Another process's memory, and what the kernel told it at its start. */
#ifndef LINFSP_CATCHER_MEMORY_H
#define LINFSP_CATCHER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Returns how many bytes were read: fewer than size where the memory ends; 0 where there is none. */
size_t memory_read_some(pid_t pid, uint64_t address, void *data, size_t size);
/* Returns whether all of it was read. */
bool memory_read(pid_t pid, uint64_t address, void *data, size_t size);
/* Looks an entry of the auxiliary vector up, of type AT_... word: size of a pointer. Returns 0 or a negative errno;
 * -ENOENT: there is no such entry. */
int memory_auxiliary(pid_t pid, unsigned word, uint64_t type, uint64_t *ret_value);

#endif
