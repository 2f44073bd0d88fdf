/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "util/utf8.h"

static void decodes_each_length(void **state) {
    static const struct {
        const char *text;
        uint32_t character;
    } cases[] = {
        {"A", 0x41},
        {"\x7f", 0x7f},
        {"\xc2\x80", 0x80},
        {"\xdf\xbf", 0x7ff},
        {"\xe0\xa0\x80", 0x800},
        {"\xed\x9f\xbf", 0xd7ff},
        {"\xee\x80\x80", 0xe000},
        {"\xef\xbf\xbf", 0xffff},
        {"\xf0\x90\x80\x80", 0x10000},
        {"\xf4\x8f\xbf\xbf", 0x10ffff},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t character = 0;
        size_t length = strlen(cases[i].text);
        assert_int_equal(utf8_decode(cases[i].text, length, &character), length);
        assert_int_equal(character, cases[i].character);
        if (length > 1)
            assert_int_equal(utf8_decode(cases[i].text, length - 1, &character), 0);
    }
}

static void refuses_what_is_not_utf8(void **state) {
    static const char *const cases[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xe2\x82\x41",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
    };
    uint32_t character = 7;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(utf8_decode(cases[i], strlen(cases[i]), &character), 0);
    assert_int_equal(utf8_decode("A", 0, &character), 0);
    assert_int_equal(character, 7); /* not touched on failure */
}

static void cuts_between_characters(void **state) {
    const char *text = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"; /* 1, 2, 3, 4 and 1 bytes */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t size = 0; size < ARRAY_SIZE(expected); size++)
        assert_int_equal(utf8_boundary(text, size), expected[size]);
}

static void shows_what_is_harmless(void **state) {
    char shown[16];
    utf8_printable("a\x1b[31m\xff\xc3\xa4", shown, sizeof shown);
    assert_string_equal(shown, "a?[31m?\xc3\xa4");
    utf8_printable("abc\xe2\x82\xac", shown, 6); /* 3 + 3 + NUL does not fit */
    assert_string_equal(shown, "abc");
    utf8_printable("\xc2\x9b"
                   "x",
                   shown, sizeof shown); /* C1: CSI */
    assert_string_equal(shown, "?x");
}

static void does_not_show_what_misleads(void **state) {
    char shown[64];
    utf8_printable("a\xe2\x80\xae"
                   "b\xe2\x80\xa8\xef\xbb\xbf",
                   shown, sizeof shown);
    assert_string_equal(shown, "a?b??");
    utf8_escape("a\xe2\x80\xae", shown, sizeof shown);
    assert_string_equal(shown, "a\\342\\200\\256");
    utf8_printable("\xd9\x85\xe2\x80\x8c\xd9\x85", shown, sizeof shown); /* a joiner, as Persian has it */
    assert_string_equal(shown, "\xd9\x85\xe2\x80\x8c\xd9\x85");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_each_length),         cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(cuts_between_characters),     cmocka_unit_test(shows_what_is_harmless),
        cmocka_unit_test(does_not_show_what_misleads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
