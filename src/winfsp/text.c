/* SPDX-License-Identifier: MIT */
#include "winfsp/text.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* Simple upper-case mappings of the Unicode standard: each step-th character from first to last is moved by delta. */
static const struct {
    uint16_t first, last, step;
    int32_t delta;
} upper_ranges[] = {
    {0x00e0, 0x00f6, 1, -32},    {0x00f8, 0x00fe, 1, -32},    {0x00ff, 0x00ff, 1, 121},   {0x0101, 0x012f, 2, -1},
    {0x0133, 0x0137, 2, -1},     {0x013a, 0x0148, 2, -1},     {0x014b, 0x0177, 2, -1},    {0x017a, 0x017e, 2, -1},
    {0x0180, 0x0180, 1, 195},    {0x0183, 0x0185, 2, -1},     {0x0188, 0x0188, 1, -1},    {0x018c, 0x018c, 1, -1},
    {0x0192, 0x0192, 1, -1},     {0x0195, 0x0195, 1, 97},     {0x0199, 0x0199, 1, -1},    {0x019a, 0x019a, 1, 163},
    {0x019e, 0x019e, 1, 130},    {0x01a1, 0x01a5, 2, -1},     {0x01a8, 0x01a8, 1, -1},    {0x01ad, 0x01ad, 1, -1},
    {0x01b0, 0x01b0, 1, -1},     {0x01b4, 0x01b6, 2, -1},     {0x01b9, 0x01b9, 1, -1},    {0x01bd, 0x01bd, 1, -1},
    {0x01bf, 0x01bf, 1, 56},     {0x01c5, 0x01c5, 1, -1},     {0x01c6, 0x01c6, 1, -2},    {0x01c8, 0x01c8, 1, -1},
    {0x01c9, 0x01c9, 1, -2},     {0x01cb, 0x01cb, 1, -1},     {0x01cc, 0x01cc, 1, -2},    {0x01ce, 0x01dc, 2, -1},
    {0x01dd, 0x01dd, 1, -79},    {0x01df, 0x01ef, 2, -1},     {0x01f2, 0x01f2, 1, -1},    {0x01f3, 0x01f3, 1, -2},
    {0x01f5, 0x01f5, 1, -1},     {0x01f9, 0x021f, 2, -1},     {0x0223, 0x0233, 2, -1},    {0x023c, 0x023c, 1, -1},
    {0x023f, 0x0240, 1, 10815},  {0x0242, 0x0242, 1, -1},     {0x0247, 0x024f, 2, -1},    {0x0250, 0x0250, 1, 10783},
    {0x0251, 0x0251, 1, 10780},  {0x0252, 0x0252, 1, 10782},  {0x0253, 0x0253, 1, -210},  {0x0254, 0x0254, 1, -206},
    {0x0256, 0x0257, 1, -205},   {0x0259, 0x0259, 1, -202},   {0x025b, 0x025b, 1, -203},  {0x025c, 0x025c, 1, 42319},
    {0x0260, 0x0260, 1, -205},   {0x0261, 0x0261, 1, 42315},  {0x0263, 0x0263, 1, -207},  {0x0265, 0x0265, 1, 42280},
    {0x0266, 0x0266, 1, 42308},  {0x0268, 0x0268, 1, -209},   {0x0269, 0x0269, 1, -211},  {0x026a, 0x026a, 1, 42308},
    {0x026b, 0x026b, 1, 10743},  {0x026c, 0x026c, 1, 42305},  {0x026f, 0x026f, 1, -211},  {0x0271, 0x0271, 1, 10749},
    {0x0272, 0x0272, 1, -213},   {0x0275, 0x0275, 1, -214},   {0x027d, 0x027d, 1, 10727}, {0x0280, 0x0280, 1, -218},
    {0x0282, 0x0282, 1, 42307},  {0x0283, 0x0283, 1, -218},   {0x0287, 0x0287, 1, 42282}, {0x0288, 0x0288, 1, -218},
    {0x0289, 0x0289, 1, -69},    {0x028a, 0x028b, 1, -217},   {0x028c, 0x028c, 1, -71},   {0x0292, 0x0292, 1, -219},
    {0x029d, 0x029d, 1, 42261},  {0x029e, 0x029e, 1, 42258},  {0x0371, 0x0373, 2, -1},    {0x0377, 0x0377, 1, -1},
    {0x037b, 0x037d, 1, 130},    {0x03ac, 0x03ac, 1, -38},    {0x03ad, 0x03af, 1, -37},   {0x03b1, 0x03c1, 1, -32},
    {0x03c2, 0x03c2, 1, -31},    {0x03c3, 0x03cb, 1, -32},    {0x03cc, 0x03cc, 1, -64},   {0x03cd, 0x03ce, 1, -63},
    {0x03d0, 0x03d0, 1, -62},    {0x03d1, 0x03d1, 1, -57},    {0x03d5, 0x03d5, 1, -47},   {0x03d6, 0x03d6, 1, -54},
    {0x03d7, 0x03d7, 1, -8},     {0x03d9, 0x03ef, 2, -1},     {0x03f0, 0x03f0, 1, -86},   {0x03f1, 0x03f1, 1, -80},
    {0x03f2, 0x03f2, 1, 7},      {0x03f3, 0x03f3, 1, -116},   {0x03f5, 0x03f5, 1, -96},   {0x03f8, 0x03f8, 1, -1},
    {0x03fb, 0x03fb, 1, -1},     {0x0430, 0x044f, 1, -32},    {0x0450, 0x045f, 1, -80},   {0x0461, 0x0481, 2, -1},
    {0x048b, 0x04bf, 2, -1},     {0x04c2, 0x04ce, 2, -1},     {0x04cf, 0x04cf, 1, -15},   {0x04d1, 0x052f, 2, -1},
    {0x0561, 0x0586, 1, -48},    {0x10d0, 0x10fa, 1, 3008},   {0x10fd, 0x10ff, 1, 3008},  {0x13f8, 0x13fd, 1, -8},
    {0x1c80, 0x1c80, 1, -6254},  {0x1c81, 0x1c81, 1, -6253},  {0x1c82, 0x1c82, 1, -6244}, {0x1c83, 0x1c84, 1, -6242},
    {0x1c85, 0x1c85, 1, -6243},  {0x1c86, 0x1c86, 1, -6236},  {0x1c87, 0x1c87, 1, -6181}, {0x1c88, 0x1c88, 1, 35266},
    {0x1d79, 0x1d79, 1, 35332},  {0x1d7d, 0x1d7d, 1, 3814},   {0x1d8e, 0x1d8e, 1, 35384}, {0x1e01, 0x1e95, 2, -1},
    {0x1ea1, 0x1eff, 2, -1},     {0x1f00, 0x1f07, 1, 8},      {0x1f10, 0x1f15, 1, 8},     {0x1f20, 0x1f27, 1, 8},
    {0x1f30, 0x1f37, 1, 8},      {0x1f40, 0x1f45, 1, 8},      {0x1f51, 0x1f57, 2, 8},     {0x1f60, 0x1f67, 1, 8},
    {0x1f70, 0x1f71, 1, 74},     {0x1f72, 0x1f75, 1, 86},     {0x1f76, 0x1f77, 1, 100},   {0x1f78, 0x1f79, 1, 128},
    {0x1f7a, 0x1f7b, 1, 112},    {0x1f7c, 0x1f7d, 1, 126},    {0x1fb0, 0x1fb1, 1, 8},     {0x1fd0, 0x1fd1, 1, 8},
    {0x1fe0, 0x1fe1, 1, 8},      {0x1fe5, 0x1fe5, 1, 7},      {0x214e, 0x214e, 1, -28},   {0x2170, 0x217f, 1, -16},
    {0x2184, 0x2184, 1, -1},     {0x24d0, 0x24e9, 1, -26},    {0x2c30, 0x2c5f, 1, -48},   {0x2c61, 0x2c61, 1, -1},
    {0x2c65, 0x2c65, 1, -10795}, {0x2c66, 0x2c66, 1, -10792}, {0x2c68, 0x2c6c, 2, -1},    {0x2c73, 0x2c73, 1, -1},
    {0x2c76, 0x2c76, 1, -1},     {0x2c81, 0x2ce3, 2, -1},     {0x2cec, 0x2cee, 2, -1},    {0x2cf3, 0x2cf3, 1, -1},
    {0x2d00, 0x2d25, 1, -7264},  {0x2d27, 0x2d27, 1, -7264},  {0x2d2d, 0x2d2d, 1, -7264}, {0xa641, 0xa66d, 2, -1},
    {0xa681, 0xa69b, 2, -1},     {0xa723, 0xa72f, 2, -1},     {0xa733, 0xa76f, 2, -1},    {0xa77a, 0xa77c, 2, -1},
    {0xa77f, 0xa787, 2, -1},     {0xa78c, 0xa78c, 1, -1},     {0xa791, 0xa793, 2, -1},    {0xa794, 0xa794, 1, 48},
    {0xa797, 0xa7a9, 2, -1},     {0xa7b5, 0xa7c3, 2, -1},     {0xa7c8, 0xa7ca, 2, -1},    {0xa7d1, 0xa7d1, 1, -1},
    {0xa7d7, 0xa7d9, 2, -1},     {0xa7f6, 0xa7f6, 1, -1},     {0xab53, 0xab53, 1, -928},  {0xab70, 0xabbf, 1, -38864},
    {0xff41, 0xff5a, 1, -32},
};

/* Lower case, where more than one unit has the same upper case and the nearest is not the one. */
static const struct {
    WCHAR upper, lower;
} lower_exceptions[] = {
    {0x01c4, 0x01c6}, {0x01c5, 0x01c6}, {0x01c7, 0x01c9}, {0x01c8, 0x01c9}, {0x01ca, 0x01cc},
    {0x01cb, 0x01cc}, {0x01f1, 0x01f3}, {0x01f2, 0x01f3}, {0x03a3, 0x03c3},
};

static WCHAR upper_table[0x10000], lower_table[0x10000];

/* Of the units that have this upper case the nearest. */
static void fill_lower_table(void) {
    for (unsigned unit = 0; unit < ARRAY_SIZE(lower_table); unit++)
        lower_table[unit] = (WCHAR)unit;
    for (unsigned unit = 0; unit < ARRAY_SIZE(upper_table); unit++) {
        int upper = upper_table[unit], before = lower_table[upper];
        if (upper != (int)unit && (before == upper || abs((int)unit - upper) < abs(before - upper)))
            lower_table[upper] = (WCHAR)unit;
    }
    for (size_t i = 0; i < ARRAY_SIZE(lower_exceptions); i++)
        lower_table[lower_exceptions[i].upper] = lower_exceptions[i].lower;
}

static void fill_case_tables(void) {
    for (unsigned unit = 0; unit < ARRAY_SIZE(upper_table); unit++)
        upper_table[unit] = (WCHAR)(unit >= 'a' && unit <= 'z' ? unit - 'a' + 'A' : unit);
    for (size_t i = 0; i < ARRAY_SIZE(upper_ranges); i++)
        for (unsigned unit = upper_ranges[i].first; unit <= upper_ranges[i].last; unit += upper_ranges[i].step)
            upper_table[unit] = (WCHAR)((int32_t)unit + upper_ranges[i].delta);
    fill_lower_table();
}

static pthread_once_t case_once = PTHREAD_ONCE_INIT;

WCHAR fsp_upper(WCHAR unit) {
    if (unit < 0x80)
        return (WCHAR)(unit >= 'a' && unit <= 'z' ? unit - 'a' + 'A' : unit);
    pthread_once(&case_once, fill_case_tables);
    return upper_table[unit & 0xffff];
}

WCHAR fsp_lower(WCHAR unit) {
    pthread_once(&case_once, fill_case_tables);
    return lower_table[unit & 0xffff];
}

size_t fsp_wide_length(const WCHAR *text) {
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int fsp_wide_compare(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length) {
    size_t length = a_length < b_length ? a_length : b_length;
    for (size_t i = 0; i < length; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

int fsp_wide_compare_folded(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length) {
    size_t length = a_length < b_length ? a_length : b_length;
    for (size_t i = 0; i < length; i++) {
        WCHAR left = fsp_upper(a[i]), right = fsp_upper(b[i]);
        if (left != right)
            return left < right ? -1 : 1;
    }
    return a_length == b_length ? 0 : a_length < b_length ? -1 : 1;
}

PWSTR fsp_wide_copy(const WCHAR *text, size_t length) {
    PWSTR copy = malloc((length + 1) * sizeof *copy);
    if (!copy)
        return NULL;
    memcpy(copy, text, length * sizeof *copy);
    copy[length] = 0;
    return copy;
}

/* ---- UTF-8 ----------------------------------------------------------------------------------------------------- */

/* One character. Returns its bytes, or -EILSEQ. The halves of surrogate pairs are accepted (WTF-8). */
static int decode(const unsigned char *at, size_t size, uint32_t *ret_code) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = at[0];
    int bytes = first < 0x80                    ? 1
                : first >= 0xc2 && first < 0xe0 ? 2
                : (first & 0xf0) == 0xe0        ? 3
                : first >= 0xf0 && first < 0xf5 ? 4
                                                : 0;
    if (bytes == 0 || (size_t)bytes > size)
        return -EILSEQ;
    uint32_t code = bytes == 1 ? first : first & (0x7fu >> bytes);
    for (int i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return -EILSEQ;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < smallest[bytes] || code > 0x10ffff)
        return -EILSEQ;
    *ret_code = code;
    return bytes;
}

static size_t encode(uint32_t code, char *ret_bytes) {
    unsigned char *bytes = (unsigned char *)ret_bytes;
    if (code < 0x80) {
        bytes[0] = (unsigned char)code;
        return 1;
    }
    size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = count - 1; i > 0; i--, code >>= 6)
        bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
    bytes[0] = (unsigned char)((0xf00 >> count & 0xff) | code);
    return count;
}

static bool is_high(WCHAR unit) {
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(WCHAR unit) {
    return unit >= 0xdc00 && unit < 0xe000;
}

/* ASCII's letters, digits and such as every text has them: nothing becomes of these on their way. */
static bool is_plain(unsigned char byte) {
    static const uint32_t plain[8] = {0, 0x2bff7bfb, 0xefffffff, 0x6fffffff};
    return plain[byte >> 5] >> (byte & 31) & 1;
}

/* map: what becomes of each unit on its way; NULL: nothing. A result of 0 cannot be said. */
static int to_wide(const char *text, size_t size, WCHAR (*map)(WCHAR, bool), bool colon, WCHAR *ret_text,
                   size_t capacity) {
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        if (used < capacity && is_plain((unsigned char)text[at])) {
            ret_text[used++] = (unsigned char)text[at++];
            continue;
        }
        int bytes = decode((const unsigned char *)text + at, size - at, &code);
        if (bytes < 0)
            return bytes;
        if (capacity - used < (code >= 0x10000 ? 2 : 1))
            return -ENAMETOOLONG;
        if (code >= 0x10000) {
            ret_text[used++] = (WCHAR)(0xd800 + ((code - 0x10000) >> 10));
            ret_text[used++] = (WCHAR)(0xdc00 + ((code - 0x10000) & 0x3ff));
        } else {
            WCHAR unit = map ? map((WCHAR)code, colon) : (WCHAR)code;
            if (map && !unit)
                return -EILSEQ;
            ret_text[used++] = unit;
        }
        at += (size_t)bytes;
    }
    return (int)used;
}

static int from_wide(const WCHAR *text, size_t length, WCHAR (*map)(WCHAR), char *ret_text, size_t capacity) {
    size_t used = 0;
    for (size_t at = 0; at < length; at++) {
        if (used + 1 < capacity && text[at] < 0x80 && is_plain((unsigned char)text[at])) {
            ret_text[used++] = (char)text[at];
            continue;
        }
        uint32_t code = map ? map(text[at]) : text[at];
        char bytes[4];
        if (map && !code)
            return -EILSEQ;
        if (is_high(text[at]) && at + 1 < length && is_low(text[at + 1])) {
            code = 0x10000 + ((uint32_t)(text[at] - 0xd800) << 10 | (uint32_t)(text[at + 1] - 0xdc00));
            at++;
        }
        size_t count = encode(code, bytes);
        if (count >= capacity - used)
            return -ENAMETOOLONG;
        memcpy(ret_text + used, bytes, count);
        used += count;
    }
    ret_text[used] = 0;
    return (int)used;
}

int fsp_utf8_to_wide(const char *text, size_t size, WCHAR *ret_text, size_t capacity) {
    return to_wide(text, size, NULL, false, ret_text, capacity);
}

int fsp_wide_to_utf8(const WCHAR *text, size_t length, char *ret_text, size_t capacity) {
    return capacity == 0 ? -ENAMETOOLONG : from_wide(text, length, NULL, ret_text, capacity);
}

char *fsp_wide_to_utf8_new(const WCHAR *text) {
    size_t length = fsp_wide_length(text), capacity = length * 3 + 1;
    char *copy = malloc(capacity);
    if (copy)
        fsp_wide_to_utf8(text, length, copy, capacity);
    return copy;
}

PWSTR fsp_utf8_to_wide_new(const char *text) {
    size_t size = strlen(text);
    PWSTR copy = malloc((size + 1) * sizeof *copy);
    int length = copy ? fsp_utf8_to_wide(text, size, copy, size) : -ENOMEM;
    if (length < 0) {
        free(copy);
        return NULL;
    }
    copy[length] = 0;
    return copy;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static bool is_forbidden(WCHAR unit, bool colon) {
    return (unit > 0 && unit < 0x20) || (unit < 0x80 && unit && strchr("<>\"\\|?*", unit)) || (unit == ':' && !colon);
}

static WCHAR to_windows(WCHAR unit, bool colon) {
    if (unit == '/')
        return 0;
    return is_forbidden(unit, colon) ? (WCHAR)(0xf000 + unit) : unit;
}

static WCHAR from_windows(WCHAR unit) {
    if (unit == '/' || unit == '\\')
        return 0;
    return unit > 0xf000 && unit < 0xf080 && is_forbidden((WCHAR)(unit - 0xf000), false) ? (WCHAR)(unit - 0xf000)
                                                                                         : unit;
}

int fsp_to_windows_name(const char *name, size_t size, bool colon, WCHAR *ret_name, size_t capacity) {
    return to_wide(name, size, to_windows, colon, ret_name, capacity);
}

int fsp_from_windows_name(const WCHAR *name, size_t length, char *ret_name, size_t capacity) {
    return capacity == 0 ? -ENAMETOOLONG : from_wide(name, length, from_windows, ret_name, capacity);
}
