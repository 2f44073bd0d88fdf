/* SPDX-License-Identifier: MIT */
#include "winfsp/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/text.h"

struct output {
    char *text;
    size_t used, size, characters;
};

static void put(struct output *output, const char *text, size_t size) {
    for (size_t i = 0; i < size && output->used + 1 < output->size; i++) {
        bool begins = ((unsigned char)text[i] & 0xc0) != 0x80;
        if (begins && output->characters == FSP_FORMAT_MAX)
            return;
        output->characters += begins;
        output->text[output->used++] = text[i];
    }
}

/* One conversion of a format: what stands between '%' and its letter. */
struct conversion {
    char flags[8];
    int width, precision; /* -1: none */
    enum { IS_PLAIN, IS_SHORT, IS_LONG, IS_HUGE } size;
    char letter;
};

static int parse_number(const char **format) {
    int number = 0;
    while (**format >= '0' && **format <= '9' && number < 100000)
        number = number * 10 + (*(*format)++ - '0');
    return number;
}

static void parse_size(const char **format, struct conversion *conversion) {
    conversion->size = IS_PLAIN;
    if (!strncmp(*format, "I64", 3) || !strncmp(*format, "ll", 2)) {
        *format += **format == 'I' ? 3 : 2;
        conversion->size = IS_HUGE;
    } else if (!strncmp(*format, "I32", 3))
        *format += 3;
    else if (**format == 'l' || **format == 'w' || **format == 'h') {
        conversion->size = **format == 'h' ? IS_SHORT : IS_LONG;
        ++*format;
    } else if (**format == 'z' || **format == 'j' || **format == 't' || **format == 'I') {
        conversion->size = IS_HUGE;
        ++*format;
    }
}

static void parse(const char **format, struct conversion *ret_conversion) {
    struct conversion conversion = {.precision = -1};
    size_t flags = 0;
    while (**format && strchr("-+ #0", **format)) {
        if (flags + 1 < sizeof conversion.flags)
            conversion.flags[flags++] = **format;
        ++*format;
    }
    conversion.width = parse_number(format);
    if (**format == '.') {
        ++*format;
        conversion.precision = parse_number(format);
    }
    parse_size(format, &conversion);
    conversion.letter = **format;
    if (**format)
        ++*format;
    *ret_conversion = conversion;
}

static void put_padded(struct output *output, const struct conversion *conversion, const char *text) {
    size_t length = strlen(text), width = conversion->width < 1024 ? (size_t)conversion->width : 1024;
    bool left = strchr(conversion->flags, '-') != NULL;
    size_t padding = width > length ? width - length : 0;
    for (size_t i = 0; !left && i < padding; i++)
        put(output, " ", 1);
    put(output, text, length);
    for (size_t i = 0; left && i < padding; i++)
        put(output, " ", 1);
}

static void put_wide(struct output *output, const struct conversion *conversion, const WCHAR *text) {
    _cleanup_free_ char *copy = NULL;
    if (text && conversion->precision >= 0) {
        size_t length = 0, most = (size_t)conversion->precision;
        while (length < most && text[length])
            length++;
        _cleanup_free_ PWSTR cut = fsp_wide_copy(text, length);
        copy = cut ? fsp_wide_to_utf8_new(cut) : NULL;
    } else if (text)
        copy = fsp_wide_to_utf8_new(text);
    put_padded(output, conversion, copy ? copy : "(null)");
}

static void put_bytes(struct output *output, const struct conversion *conversion, const char *text) {
    char cut[FSP_FORMAT_MAX + 1];
    if (text && conversion->precision >= 0) {
        snprintf(cut, sizeof cut, "%.*s", conversion->precision, text);
        text = cut;
    }
    put_padded(output, conversion, text ? text : "(null)");
}

/* value has been extended to 64 bits, or not, as the conversion says. */
static void put_number(struct output *output, const struct conversion *conversion, long long value) {
    char format[48], text[2048];
    int width = conversion->width < 1000 ? conversion->width : 1000;
    int precision = conversion->precision < 1000 ? conversion->precision : 1000;
    char letter = conversion->letter == 'i' ? 'd' : conversion->letter;
    if (precision >= 0)
        snprintf(format, sizeof format, "%%%s%d.%dll%c", conversion->flags, width, precision, letter);
    else if (width > 0)
        snprintf(format, sizeof format, "%%%s%dll%c", conversion->flags, width, letter);
    else
        snprintf(format, sizeof format, "%%%sll%c", conversion->flags, letter);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, format, value);
#pragma GCC diagnostic pop
    put(output, text, strlen(text));
}

static void put_character(struct output *output, const struct conversion *conversion, WCHAR unit) {
    WCHAR text[2] = {unit, 0};
    struct conversion whole = *conversion;
    whole.precision = -1;
    put_wide(output, &whole, text);
}

static bool is_wide(const struct conversion *conversion, bool wide_format) {
    bool other = conversion->letter == 'S' || conversion->letter == 'C';
    if (conversion->size == IS_SHORT)
        return false;
    if (conversion->size == IS_LONG)
        return true;
    return other ? !wide_format : wide_format;
}

/* Arguments are taken here, in one place: a va_list that goes through functions is not portable.
 * NOLINTBEGIN(readability-non-const-parameter, bugprone-branch-clone): the branches take other types */
static void convert_all(struct output *output, const char *format, bool wide, FSP_VA_LIST arguments) {
    while (*format) {
        size_t plain = strcspn(format, "%");
        put(output, format, plain);
        format += plain;
        if (!*format)
            break;
        struct conversion conversion;
        format++;
        parse(&format, &conversion);
        switch (conversion.letter) {
        case 's':
        case 'S':
            if (is_wide(&conversion, wide))
                put_wide(output, &conversion, __builtin_va_arg(arguments, const WCHAR *));
            else
                put_bytes(output, &conversion, __builtin_va_arg(arguments, const char *));
            break;
        case 'c':
        case 'C':
            put_character(output, &conversion, (WCHAR) __builtin_va_arg(arguments, int));
            break;
        case 'd':
        case 'i':
            put_number(output, &conversion,
                       conversion.size == IS_HUGE ? __builtin_va_arg(arguments, long long)
                                                  : (long long)__builtin_va_arg(arguments, int));
            break;
        case 'u':
        case 'x':
        case 'X':
            put_number(output, &conversion,
                       conversion.size == IS_HUGE ? __builtin_va_arg(arguments, long long)
                                                  : (long long)__builtin_va_arg(arguments, unsigned));
            break;
        case 'p':
            conversion = (struct conversion){.flags = "0", .width = 16, .precision = -1, .letter = 'X'};
            put_number(output, &conversion, (long long)(intptr_t) __builtin_va_arg(arguments, void *));
            break;
        case '%':
            put(output, "%", 1);
            break;
        default:
            return;
        }
    }
}

/* NOLINTEND(readability-non-const-parameter, bugprone-branch-clone) */

void fsp_format_bytes(char *ret_text, size_t size, const char *format, FSP_VA_LIST arguments) {
    struct output output = {.text = ret_text, .size = size};
    convert_all(&output, format, false, arguments);
    ret_text[output.used] = 0;
}

void fsp_format_wide(char *ret_text, size_t size, const WCHAR *format, FSP_VA_LIST arguments) {
    struct output output = {.text = ret_text, .size = size};
    _cleanup_free_ char *bytes = fsp_wide_to_utf8_new(format);
    if (bytes)
        convert_all(&output, bytes, true, arguments);
    ret_text[output.used] = 0;
}
