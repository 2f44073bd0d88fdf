/* SPDX-License-Identifier: MIT */
/*
 * Simple case folding: one character to one, the C and S rows of Unicode's CaseFolding.txt. utf8proc gives the full
 * folding (C and F); where that is a single character it is the simple one too, and where it is several the S row, if
 * there is one, is the lower case. The one exception is U+0130 (I with a dot above), whose lower case is a row of
 * Turkic folding only.
 */
#include <errno.h>
#include <string.h>
#include <utf8proc.h>

#include "wire/prefix.h"

static utf8proc_int32_t fold_character(utf8proc_int32_t character) {
    utf8proc_int32_t folded[8];
    int boundary = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(character, folded, sizeof folded / sizeof *folded, UTF8PROC_CASEFOLD, &boundary);
    if (count == 1)
        return folded[0];
    return character == 0x130 ? character : utf8proc_tolower(character);
}

int prefix_fold(const char *canonical, char ret_folded[PREFIX_MAX]) {
    char folded[PREFIX_MAX];
    size_t used = 0;
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)canonical;
    while (*at) {
        utf8proc_int32_t character;
        utf8proc_ssize_t step = utf8proc_iterate(at, -1, &character);
        if (step <= 0)
            return -EINVAL;
        utf8proc_uint8_t bytes[4];
        size_t length = (size_t)utf8proc_encode_char(fold_character(character), bytes);
        if (used + length >= sizeof folded)
            return -ENAMETOOLONG;
        memcpy(folded + used, bytes, length);
        used += length;
        at += step;
    }
    memcpy(ret_folded, folded, used);
    ret_folded[used] = '\0';
    return 0;
}

static bool is_below_or_equal(const char *folded, const char *above) {
    size_t length = strlen(above);
    return strncmp(folded, above, length) == 0 && (folded[length] == '/' || folded[length] == '\0');
}

bool prefix_overlaps(const char *folded_a, const char *folded_b) {
    return is_below_or_equal(folded_a, folded_b) || is_below_or_equal(folded_b, folded_a);
}
