/* SPDX-License-Identifier: MIT */
/*
 * How much memory there is for files: the machine's, or what this process's control group may use of it where that is
 * less. A volume that promised more would not say ENOSPC when it is full but be killed.
 */
#ifndef MEMFS_MEMORY_H
#define MEMFS_MEMORY_H

#include <stdint.h>

uint64_t memory_available(void);

#endif
