/* SPDX-License-Identifier: MIT */
/* Messages about what is wrong with what was given, as parsers that print nothing hand them back. */
#ifndef MEMFS_MESSAGE_H
#define MEMFS_MESSAGE_H

#include <errno.h>
#include <stddef.h>

#include "util/cleanup.h"

/* Fills ret (size bytes) in: one line that a terminal can show, whatever was given. */
void message_set(char *ret, size_t size, const char *format, ...) _printf_(3, 4);

/* Says why in error->message, and is -EINVAL. */
#define REFUSE(error, ...) (message_set((error)->message, sizeof(error)->message, __VA_ARGS__), -EINVAL)

#endif
