/* SPDX-License-Identifier: MIT */
/* A lead byte says the length and, by the range of the second byte, excludes overlong forms, surrogates and what is too
 * large (table 3-7 of the Unicode standard). */
#include "util/utf8.h"

#include <stdio.h>
#include <string.h>

static bool is_continuation(unsigned char byte) {
    return (byte & 0xc0) == 0x80;
}

size_t utf8_decode(const char *text, size_t size, uint32_t *ret_character) {
    const unsigned char *bytes = (const unsigned char *)text;
    if (size == 0)
        return 0;
    unsigned char lead = bytes[0];
    if (lead < 0x80) {
        *ret_character = lead;
        return 1;
    }
    size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                    : lead >= 0xe0 && lead <= 0xef ? 3
                    : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                   : 0;
    if (length == 0 || size < length)
        return 0;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    uint32_t character = lead & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(bytes[i]))
            return 0;
        character = character << 6 | (bytes[i] & 0x3f);
    }
    *ret_character = character;
    return length;
}

size_t utf8_boundary(const char *text, size_t size) {
    size_t start = size;
    /* the last character begins at most three bytes before */
    for (int back = 0; back < 3 && start > 0 && is_continuation((unsigned char)text[start - 1]); back++)
        start--;
    if (start == 0)
        return size;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return start - 1 + length > size ? start - 1 : size;
}

static bool is_shown(uint32_t character) {
    return !utf8_is_control(character) && !utf8_misleads(character);
}

void utf8_printable(const char *text, char *ret, size_t size) {
    size_t left = strlen(text), used = 0;
    while (left > 0 && used + 1 < size) {
        uint32_t character;
        size_t length = utf8_decode(text, left, &character);
        if (length == 0 || !is_shown(character)) {
            ret[used++] = '?';
            length = length ? length : 1;
        } else if (used + length < size) {
            memcpy(ret + used, text, length);
            used += length;
        } else
            break;
        text += length;
        left -= length;
    }
    ret[used] = '\0';
}

void utf8_escape(const char *text, char *ret, size_t size) {
    size_t left = strlen(text), used = 0;
    while (left > 0) {
        uint32_t character;
        size_t length = utf8_decode(text, left, &character), width = length;
        bool shown = length > 0 && is_shown(character);
        if (!shown) {
            length = length ? length : 1;
            width = 4 * length;
        }
        if (used + width >= size)
            break;
        if (shown)
            memcpy(ret + used, text, length);
        for (size_t i = 0; i < length && !shown; i++)
            snprintf(ret + used + 4 * i, 5, "\\%03o", (unsigned char)text[i]);
        used += width;
        text += length;
        left -= length;
    }
    ret[used] = '\0';
}
