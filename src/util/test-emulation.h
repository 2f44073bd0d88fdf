/* SPDX-License-Identifier: MIT */
/* A cross build's tests run under QEMU's user emulation, which lacks much of the kernel: what asks for that is skipped
 * there. */
#ifndef LINFSP_UTIL_TEST_EMULATION_H
#define LINFSP_UTIL_TEST_EMULATION_H

#include <stdbool.h>
#include <stdlib.h>

#define TEST_SKIPPED 77 /* the exit status by which meson counts a whole program as skipped */

/* meson sets this variable where it runs tests by a wrapper. */
static inline bool test_is_emulated(void) {
    return getenv("MESON_EXE_WRAPPER") != NULL;
}

#endif
