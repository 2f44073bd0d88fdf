/* SPDX-License-Identifier: MIT */
/* What is said to whoever called: "NAME: TEXT" on standard error, where NAME is what the helper was called as. Programs
 * show these lines to their users and some look into them, so the words are fusermount's wherever it has any. */
#ifndef LINFSP_FUSERMOUNT_REPORT_H
#define LINFSP_FUSERMOUNT_REPORT_H

#include "util/cleanup.h"

extern const char *report_name;

void report(const char *format, ...) _printf_(1, 2);

#endif
