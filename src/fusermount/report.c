/* SPDX-License-Identifier: MIT */
#include "fusermount/report.h"

#include <stdarg.h>

const char *report_name = "fusermount3";

void report(const char *format, ...) {
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n", report_name, line); /* one write: several helpers may share a terminal */
}
