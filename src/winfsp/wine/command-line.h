/* SPDX-License-Identifier: MIT */
#ifndef LINFSP_WINFSP_WINE_COMMAND_LINE_H
#define LINFSP_WINFSP_WINE_COMMAND_LINE_H

#include <stddef.h>
#include <stdint.h>

/* Takes a command line apart as Microsoft's C library does. The array, NULL at its end, and each argument are to be
 * freed. 0 or -ENOMEM. */
int wine_split_command_line(const uint16_t *line, size_t *ret_count, uint16_t ***ret_arguments);

#endif
