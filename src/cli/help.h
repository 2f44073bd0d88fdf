/* SPDX-License-Identifier: MIT */
/* Help texts on narrow terminals. */
#ifndef LINFSP_CLI_HELP_H
#define LINFSP_CLI_HELP_H

#include <stddef.h>
#include <stdio.h>

#define HELP_WIDTH 80 /* of the texts as they are written */

/* Writes a help text, filled anew where width is less than HELP_WIDTH; 0: no limit. Paragraphs and the right-hand sides
 * of lists are filled; commands stay as they are, so that they can be copied. */
void help_print(FILE *to, const char *text, size_t width);

#endif
