/* SPDX-License-Identifier: MIT */
/*
 * Text: UTF-16 as Windows has it, UTF-8 as Linux has it.
 *
 * Model. A WCHAR is one UTF-16 unit. A unit that is half of a surrogate pair alone becomes three bytes, as WTF-8 has
 * it, so that every sequence of units goes to Linux and comes back. Bytes that are not UTF-8 cannot be said: -EILSEQ.
 *
 * Linux allows characters in names that Windows forbids: 1 to 31 and < > : " \ | ? *. They go to Windows as U+F000 +
 * code and come back from there (fsp_to_windows_name, fsp_from_windows_name).
 */
#ifndef WINFSP_TEXT_H
#define WINFSP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <winfsp/winfsp.h>

size_t fsp_wide_length(const WCHAR *text);
int fsp_wide_compare(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length);
/* Without regard to case, as Windows compares names. */
int fsp_wide_compare_folded(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length);
/* NULL: out of memory. */
PWSTR fsp_wide_copy(const WCHAR *text, size_t length);
/* Upper and lower case, one unit to one unit. */
WCHAR fsp_upper(WCHAR unit);
WCHAR fsp_lower(WCHAR unit);

/* UTF-8 of size bytes to at most capacity units; ret_text is not NUL-terminated. Returns the units, or -EILSEQ,
 * -ENAMETOOLONG. */
int fsp_utf8_to_wide(const char *text, size_t size, WCHAR *ret_text, size_t capacity);
/* The other way, NUL-terminated; capacity counts the NUL. Returns the bytes without it, or -ENAMETOOLONG. */
int fsp_wide_to_utf8(const WCHAR *text, size_t length, char *ret_text, size_t capacity);
/* Of a whole text; freed by free(). NULL: out of memory, or not UTF-8. */
char *fsp_wide_to_utf8_new(const WCHAR *text);
PWSTR fsp_utf8_to_wide_new(const char *text);

/* One component of a path. colon: a colon is left as it is (it names a stream). Both: as above, and -EILSEQ for what
 * the other side cannot say. */
int fsp_to_windows_name(const char *name, size_t size, bool colon, WCHAR *ret_name, size_t capacity);
int fsp_from_windows_name(const WCHAR *name, size_t length, char *ret_name, size_t capacity);

#endif
