/* SPDX-License-Identifier: MIT */
/*
 * For test programs that run on Linux and in Wine, where cmocka is not: what does not hold is said and counted, and the
 * program goes on. Each ends with `return failures != 0`.
 */
#ifndef TEST_CHECK_H
#define TEST_CHECK_H

#include <stdio.h>

static int failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

#endif
