/* SPDX-License-Identifier: MIT */
#include "winfsp/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/text.h"

struct output {
    char *text;
    size_t used, size, characters, most;
    bool grows, failed; /* grows: text is the output's own memory, which had no room at some point if it failed */
};

static void make_room(struct output *output, size_t size) {
    size_t wanted = (output->used + size + 1) * 2;
    char *text = wanted > output->size ? realloc(output->text, wanted) : output->text;
    if (text && wanted > output->size)
        output->size = wanted;
    output->failed |= !text;
    output->text = text ? text : output->text;
}

static void put(struct output *output, const char *text, size_t size) {
    if (output->grows && output->size - output->used <= size)
        make_room(output, size);
    for (size_t i = 0; i < size && output->used + 1 < output->size; i++) {
        bool begins = ((unsigned char)text[i] & 0xc0) != 0x80;
        if (begins && output->characters == output->most)
            return;
        output->characters += begins;
        output->text[output->used++] = text[i];
    }
}

/* One conversion of a format: what stands between '%' and its letter. */
struct conversion {
    char flags[8];
    int width, precision; /* -1: none */
    bool width_follows, precision_follows; /* as arguments: an asterisk stands for them */
    enum { IS_PLAIN, IS_SHORT, IS_LONG, IS_HUGE } size;
    char letter;
};

static bool take(const char **format, char letter) {
    bool there = **format == letter;
    *format += there;
    return there;
}

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
    conversion.width_follows = take(format, '*');
    conversion.width = parse_number(format);
    if (take(format, '.')) {
        conversion.precision_follows = take(format, '*');
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
    bool cuts = text && conversion->precision >= 0;
    _cleanup_free_ char *cut = cuts ? strndup(text, (size_t)conversion->precision) : NULL;
    const char *shown = cuts ? cut : text;
    put_padded(output, conversion, shown ? shown : "(null)");
}

/* The C library's format for one number: "%", what stands before the letter, its size, the letter. */
static void number_format(const struct conversion *conversion, const char *size, char *ret_format, size_t capacity) {
    int width = conversion->width < 1000 ? conversion->width : 1000;
    int precision = conversion->precision < 1000 ? conversion->precision : 1000;
    int used = snprintf(ret_format, capacity, "%%%s", conversion->flags);
    if (width > 0)
        used += snprintf(ret_format + used, capacity - (size_t)used, "%d", width);
    if (precision >= 0)
        used += snprintf(ret_format + used, capacity - (size_t)used, ".%d", precision);
    snprintf(ret_format + used, capacity - (size_t)used, "%s%c", size, conversion->letter);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"

/* value has been extended to 64 bits, or not, as the conversion says. */
static void put_number(struct output *output, const struct conversion *conversion, long long value) {
    char format[48], text[2048];
    number_format(conversion, "ll", format, sizeof format);
    snprintf(text, sizeof text, format, value);
    put(output, text, strlen(text));
}

static void put_real(struct output *output, const struct conversion *conversion, double value) {
    char format[48], text[2048];
    number_format(conversion, "", format, sizeof format);
    snprintf(text, sizeof text, format, value);
    put(output, text, strlen(text));
}

#pragma GCC diagnostic pop

/* Those that stand in the arguments. A width below 0 is a flag, a precision below 0 is none. */
static void set_width(struct conversion *conversion, int width) {
    size_t flags = strlen(conversion->flags);
    if (width < 0 && flags + 1 < sizeof conversion->flags)
        conversion->flags[flags] = '-';
    conversion->width = width == INT_MIN ? INT_MAX : width < 0 ? -width : width;
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
        if (conversion.width_follows)
            set_width(&conversion, __builtin_va_arg(arguments, int));
        if (conversion.precision_follows)
            conversion.precision = __builtin_va_arg(arguments, int);
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
        case 'o':
        case 'x':
        case 'X':
            put_number(output, &conversion,
                       conversion.size == IS_HUGE ? __builtin_va_arg(arguments, long long)
                                                  : (long long)__builtin_va_arg(arguments, unsigned));
            break;
        case 'e':
        case 'E':
        case 'f':
        case 'F':
        case 'g':
        case 'G':
        case 'a':
        case 'A':
            put_real(output, &conversion, __builtin_va_arg(arguments, double));
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
    struct output output = {.text = ret_text, .size = size, .most = FSP_FORMAT_MAX};
    convert_all(&output, format, false, arguments);
    ret_text[output.used] = 0;
}

void fsp_format_wide(char *ret_text, size_t size, const WCHAR *format, FSP_VA_LIST arguments) {
    struct output output = {.text = ret_text, .size = size, .most = FSP_FORMAT_MAX};
    _cleanup_free_ char *bytes = fsp_wide_to_utf8_new(format);
    if (bytes)
        convert_all(&output, bytes, true, arguments);
    ret_text[output.used] = 0;
}

char *fsp_format_wide_new(const WCHAR *format, FSP_VA_LIST arguments) {
    struct output output = {.grows = true, .most = SIZE_MAX};
    _cleanup_free_ char *bytes = fsp_wide_to_utf8_new(format);
    if (!bytes)
        return NULL;
    make_room(&output, strlen(bytes));
    convert_all(&output, bytes, true, arguments);
    if (output.failed) {
        free(output.text);
        return NULL;
    }
    output.text[output.used] = 0;
    return output.text;
}
