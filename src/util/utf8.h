/* SPDX-License-Identifier: MIT */
/* UTF-8 as the Unicode standard has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef LINFSP_UTIL_UTF8_H
#define LINFSP_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes the character at text, of which size bytes may be read. Returns how many bytes it takes (1 to 4), or 0 where
 * there is no valid one (also for size 0). NUL is a character here. */
size_t utf8_decode(const char *text, size_t size, uint32_t *ret_character);

/* C0, DEL and C1: what a terminal or a log may take for a command. */
static inline bool utf8_is_control(uint32_t character) {
    return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

/* What is not seen, ends a line, or changes the order in which other characters are shown. Not the joiners U+200C and
 * U+200D, which names in some scripts need. */
static inline bool utf8_misleads(uint32_t character) {
    return character == 0x61c || character == 0x200b || character == 0x200e || character == 0x200f ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2060 && character <= 0x2069) ||
           character == 0xfeff;
}

/* The greatest length <= size at which text (size bytes of UTF-8, or more of it) can be cut without splitting a
 * character. */
size_t utf8_boundary(const char *text, size_t size);

/* Copies text into ret (size bytes, at least 1) for showing it: controls, what misleads, and invalid bytes become '?'.
 * Truncates on a boundary. */
void utf8_printable(const char *text, char *ret, size_t size);

/* The same, but each such byte becomes \ooo (octal), as in /proc/self/mountinfo: different texts stay different. */
void utf8_escape(const char *text, char *ret, size_t size);

#endif
