/* SPDX-License-Identifier: MIT */
/* Help texts, as wide as the terminal. */
#ifndef LINFSP_UTIL_HELP_H
#define LINFSP_UTIL_HELP_H

#include <stddef.h>
#include <stdio.h>

/* Characters in a line of the terminal that standard output is, or as COLUMNS says; 0: no terminal, no limit. */
size_t terminal_width(void);

/* Writes a help text, filled anew where one of its lines is longer than width; 0: no limit. Paragraphs and the
 * right-hand sides of lists are filled; commands stay as they are, so that they can be copied. */
void help_print(FILE *to, const char *text, size_t width);

#endif
