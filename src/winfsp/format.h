/* SPDX-License-Identifier: MIT */
/*
 * Formats as wsprintf of Windows has them: %s is text of the format's own width, %S of the other, %hs bytes, %ls
 * UTF-16, %c, %d %i %u %o %x %X with l (32 bits), I64 and ll (64 bits), %p; flags, width and precision, also as
 * arguments. Besides, as swprintf has them, the conversions of floating-point numbers.
 */
#ifndef WINFSP_FORMAT_H
#define WINFSP_FORMAT_H

#include <stddef.h>

#include <winfsp/winfsp.h>

#define FSP_FORMAT_MAX 1024

#if defined(__WINE__)
#define FSP_VA_START __builtin_ms_va_start
#define FSP_VA_END __builtin_ms_va_end
#else
#define FSP_VA_START va_start
#define FSP_VA_END va_end
#endif

/* Both write UTF-8, at most FSP_FORMAT_MAX characters, cut to size, with a NUL. */
void fsp_format_wide(char *ret_text, size_t size, const WCHAR *format, FSP_VA_LIST arguments);
void fsp_format_bytes(char *ret_text, size_t size, const char *format, FSP_VA_LIST arguments);
/* UTF-8 of any length, freed by free(). NULL: out of memory. */
char *fsp_format_wide_new(const WCHAR *format, FSP_VA_LIST arguments);

#endif
