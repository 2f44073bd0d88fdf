/* SPDX-License-Identifier: MIT */
/*
 * For the thread sanitizer: what a thread did before it answered a request comes before what a thread does for a
 * request that the kernel sends afterwards. The sanitizer does not see that order, since it goes through the kernel.
 * In other builds this is nothing.
 */
#ifndef LINFSP_LIB_KERNEL_ORDER_H
#define LINFSP_LIB_KERNEL_ORDER_H

#include "lib/loop.h"

#ifdef __SANITIZE_THREAD__

void __tsan_acquire(void *address);
void __tsan_release(void *address);

static inline void fsp_kernel_answered(void) {
    __tsan_release((void *)&fsp_loop_dev); /* stands for it */
}

static inline void fsp_kernel_asked(void) {
    __tsan_acquire((void *)&fsp_loop_dev); /* stands for it */
}

#else

static inline void fsp_kernel_answered(void) {
}

static inline void fsp_kernel_asked(void) {
}

#endif
#endif
