/* SPDX-License-Identifier: MIT */
#include "fusermount/report.h"

#include <stdarg.h>

const char *report_name = "fusermount3";

void report(const char *format, ...) {
    char text[8192];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length >= 0)
        fprintf(stderr, "%s: %s\n", report_name, text); /* one write: several helpers may share a terminal */
}
