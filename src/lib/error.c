/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>

#include "lib/volume.h"

int fsp_fail(struct linfsp_error *ret_error, int code, const char *format, ...) {
    va_list arguments;
    if (!ret_error)
        return -code;
    va_start(arguments, format);
    vsnprintf(ret_error->message, sizeof ret_error->message, format, arguments);
    va_end(arguments);
    ret_error->code = code;
    return -code;
}
