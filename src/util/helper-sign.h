/* SPDX-License-Identifier: MIT */
/* Telling copies of libfuse's helper, fusermount3, from other programs. */
#ifndef LINFSP_UTIL_HELPER_SIGN_H
#define LINFSP_UTIL_HELPER_SIGN_H

#include <stdbool.h>

/* Whether a file, open for reading, is a program that speaks to its caller as the helper does. Reads 4 MiB at most. */
bool helper_sign_is_in(int file);

#endif
