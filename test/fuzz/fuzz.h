/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target is one file that defines LLVMFuzzerTestOneInput. It is built twice: with libFuzzer (clang,
 * -Dfuzzers=true), to search; and with standalone.c by any compiler, to run the inputs of seeds/ as a test. A target
 * checks properties, not just that nothing crashes.
 */
#ifndef LINFSP_TEST_FUZZ_H
#define LINFSP_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): must hold in every build. */
#define PROPERTY(condition)                                                                                            \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
