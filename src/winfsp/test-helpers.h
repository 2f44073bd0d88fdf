/* SPDX-License-Identifier: MIT */
#ifndef WINFSP_TEST_HELPERS_H
#define WINFSP_TEST_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "winfsp/text.h"

#define assert_status(call, status) assert_int_equal((uint32_t)(call), (uint32_t)(status))

static _unused_ void assert_wide(const WCHAR *is, const char *should) {
    _cleanup_free_ char *text = fsp_wide_to_utf8_new(is);
    assert_string_equal(text, should);
}

#endif
