/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "wire/prefix.h"

static void takes_every_spelling(void **state) {
    static const char *const spellings[] = {
        "\\memfs\\share",   "\\\\memfs\\share", "//memfs/share",  "/memfs/share",
        "\\memfs\\share\\", "//memfs/share/",   "\\/memfs/share",
    };
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        char canonical[PREFIX_MAX];
        assert_int_equal(prefix_parse(spellings[i], canonical, NULL), 0);
        assert_string_equal(canonical, "memfs/share");
    }
    char canonical[PREFIX_MAX];
    assert_int_equal(prefix_parse("\\Gr\xc3\xb6\xc3\x9f"
                                  "e\\A B\\...\\.x",
                                  canonical, NULL),
                     0);
    assert_string_equal(canonical, "Gr\xc3\xb6\xc3\x9f"
                                   "e/A B/.../.x");
}

static void a_leading_dot_is_the_scope_of_a_group(void **state) {
    static const char *const spellings[] = {"\\\\.\\data\\a", "//./data/a", "\\.\\data\\a\\"};
    char canonical[PREFIX_MAX], text[64];
    for (size_t i = 0; i < ARRAY_SIZE(spellings); i++) {
        assert_int_equal(prefix_parse(spellings[i], canonical, NULL), 0);
        assert_string_equal(canonical, "./data/a");
    }
    assert_int_equal(prefix_to_unc("./data/a", text, sizeof text), 0);
    assert_string_equal(text, "\\\\.\\data\\a");
    assert_int_equal(prefix_parse("\\\\.\\.\\a", canonical, NULL), -EINVAL);
    assert_int_equal(prefix_parse("\\\\.", canonical, NULL), -EINVAL);
    assert_int_equal(prefix_parse("\\\\.\\", canonical, NULL), -EINVAL);
    assert_int_equal(prefix_parse_path("/unc/./a", "/unc", canonical, sizeof canonical, NULL), -EINVAL);
}

static void refuses_each_with_a_reason(void **state) {
    static const struct {
        const char *text, *word;
        int result;
    } cases[] = {
        {"", "begin with a backslash", -EINVAL},
        {"memfs\\share", "begin with a backslash", -EINVAL},
        {"\\\\\\memfs\\share", "more than two", -EINVAL},
        {"\\", "empty", -EINVAL},
        {"\\\\", "empty", -EINVAL},
        {"\\memfs", "two components", -EINVAL},
        {"\\memfs\\", "two components", -EINVAL},
        {"\\memfs\\\\share", "empty", -EINVAL},
        {"\\memfs\\share\\\\", "empty", -EINVAL},
        {"\\..\\share", "\"..\"", -EINVAL},
        {"\\memfs\\.", "\".\"", -EINVAL},
        {"\\memfs\\sh\nare", "control", -EINVAL},
        {"\\memfs\\sh\x7f", "control", -EINVAL},
        {"\\memfs\\\xc2\x85", "control", -EINVAL},
        {"\\memfs\\\xff", "UTF-8", -EINVAL},
        {"\\memfs\\\xc0\xaf", "UTF-8", -EINVAL},
        {"\\1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16\\17", "16 components", -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char canonical[PREFIX_MAX] = "untouched";
        const char *why = NULL;
        assert_int_equal(prefix_parse(cases[i].text, canonical, &why), cases[i].result);
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].word));
        assert_string_equal(canonical, "untouched");
    }
}

static void knows_its_limits(void **state) {
    char text[1024], canonical[PREFIX_MAX];
    const char *why = NULL;
    /* a component of 255 bytes, and of 256 */
    memset(text, 'a', sizeof text);
    memcpy(text, "\\s\\", 3);
    text[3 + 255] = '\0';
    assert_int_equal(prefix_parse(text, canonical, NULL), 0);
    text[3 + 255] = 'a';
    text[3 + 256] = '\0';
    assert_int_equal(prefix_parse(text, canonical, &why), -ENAMETOOLONG);
    assert_non_null(strstr(why, "255"));
    /* the whole of PREFIX_MAX - 1 bytes, and of one more */
    memset(text, 'a', sizeof text);
    text[0] = text[1 + 240] = '\\';
    text[1 + PREFIX_MAX - 1] = '\0';
    assert_int_equal(prefix_parse(text, canonical, NULL), 0);
    assert_int_equal(strlen(canonical), PREFIX_MAX - 1);
    text[1 + PREFIX_MAX - 1] = 'a';
    text[1 + PREFIX_MAX] = '\0';
    assert_int_equal(prefix_parse(text, canonical, &why), -ENAMETOOLONG);
    assert_non_null(strstr(why, "too long"));
    assert_int_equal(prefix_parse("\\1\\2\\3\\4\\5\\6\\7\\8\\9\\10\\11\\12\\13\\14\\15\\16", canonical, NULL), 0);
}

static void assert_folds(const char *text, const char *expected) {
    char folded[PREFIX_MAX];
    assert_int_equal(prefix_fold(text, folded), 0);
    assert_string_equal(folded, expected);
}

static void folds_simply(void **state) {
    assert_folds("MemFS/Share", "memfs/share");
    assert_folds("\xc3\x84\xc3\x96", "\xc3\xa4\xc3\xb6"); /* AE OE umlauts */
    assert_folds("\xce\xa3\xcf\x82\xcf\x83", "\xcf\x83\xcf\x83\xcf\x83"); /* all three sigmas */
    assert_folds("\xe1\xba\x9e", "\xc3\x9f"); /* capital sharp s, to the small one */
    assert_folds("\xc3\x9f", "\xc3\x9f"); /* which is not "ss": that is full folding */
    assert_folds("\xe2\x84\xaa", "k"); /* the Kelvin sign */
    assert_folds("\xc4\xb0", "\xc4\xb0"); /* I with a dot folds in Turkish only */
    assert_folds("I", "i");
    assert_folds("\xe1\xbe\x88", "\xe1\xbe\x80"); /* an S row: Greek with prosgegrammeni */
    assert_folds("\xef\xac\x80", "\xef\xac\x80"); /* the ff ligature */
    assert_folds("\xf0\x90\x90\x80", "\xf0\x90\x90\xa8"); /* Deseret, beyond 16 bits */
}

static void folding_can_grow(void **state) {
    char text[PREFIX_MAX], folded[PREFIX_MAX] = "untouched";
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc8\xba\0", 3); /* U+023A, two bytes, folds to three */
    assert_int_equal(prefix_fold(text, folded), -ENAMETOOLONG);
    assert_string_equal(folded, "untouched");
}

static void overlaps_on_component_boundaries(void **state) {
    assert_true(prefix_overlaps("a/b", "a/b"));
    assert_true(prefix_overlaps("a/b", "a/b/c"));
    assert_true(prefix_overlaps("a/b/c", "a/b"));
    assert_false(prefix_overlaps("a/b", "a/bc"));
    assert_false(prefix_overlaps("a/bc", "a/b"));
    assert_false(prefix_overlaps("a/b", "a/c"));
    assert_false(prefix_overlaps("a/b/c", "a/b/d"));
}

static void converts_paths_both_ways(void **state) {
    char canonical[256], text[256];
    assert_int_equal(prefix_parse_path("\\\\memfs\\share\\a\\b", "/unc", canonical, sizeof canonical, NULL), 0);
    assert_string_equal(canonical, "memfs/share/a/b");
    assert_int_equal(prefix_to_path(canonical, "/unc", text, sizeof text), 0);
    assert_string_equal(text, "/unc/memfs/share/a/b");
    assert_int_equal(prefix_parse_path(text, "/unc", canonical, sizeof canonical, NULL), 0);
    assert_string_equal(canonical, "memfs/share/a/b");
    assert_int_equal(prefix_to_unc(canonical, text, sizeof text), 0);
    assert_string_equal(text, "\\\\memfs\\share\\a\\b");
    /* only a whole component is the root */
    assert_int_equal(prefix_parse_path("/uncle/share", "/unc", canonical, sizeof canonical, NULL), 0);
    assert_string_equal(canonical, "uncle/share");
    assert_int_equal(prefix_parse_path("/dev/linfsp/unc/a/b", "/dev/linfsp/unc", canonical, sizeof canonical, NULL), 0);
    assert_string_equal(canonical, "a/b");
}

static void refuses_paths(void **state) {
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"/unc", "no share"},
        {"/unc/", "no share"},
        {"/unc/memfs", "two components"},
        {"/unc//share", "empty"},
        {"/unc/memfs/../x", "\"..\""},
        {"/unc/memfs/share/a\\b", "backslash"},
        {"memfs/share", "begin"},
        {"\\\\memfs\\share\\\x01", "control"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char canonical[256] = "untouched";
        const char *why = NULL;
        assert_int_equal(prefix_parse_path(cases[i].text, "/unc", canonical, sizeof canonical, &why), -EINVAL);
        assert_non_null(strstr(why, cases[i].word));
    }
}

static void conversions_fit_exactly(void **state) {
    char text[17], canonical[9];
    assert_int_equal(prefix_to_unc("abc/defg", text, 11), 0);
    assert_int_equal(prefix_to_unc("abc/defg", text, 10), -ENAMETOOLONG);
    assert_int_equal(prefix_to_path("abc/defg", "/unc", text, 14), 0);
    assert_int_equal(prefix_to_path("abc/defg", "/unc", text, 13), -ENAMETOOLONG);
    assert_int_equal(prefix_parse_path("/unc/abc/defg", "/unc", canonical, 9, NULL), 0);
    assert_int_equal(prefix_parse_path("/unc/abc/defg", "/unc", canonical, 8, NULL), -ENAMETOOLONG);
}

static void test_misleading(void **state) {
    static const char *const refused[] = {
        "\\server\\-rf",         "\\-server\\share",      "\\server\\ share",      "\\server\\share ",
        "\\server\\two  spaces", "\\server\\\u202eerahs", "\\server\\share\u200b", "\\server\\\ufeffshare",
    };
    char canonical[PREFIX_MAX];
    const char *why;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(prefix_parse(refused[i], canonical, &why), -EINVAL);
    assert_int_equal(prefix_parse("\\server\\one space-and-hyphens", canonical, &why), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_misleading),
        cmocka_unit_test(takes_every_spelling),
        cmocka_unit_test(a_leading_dot_is_the_scope_of_a_group),
        cmocka_unit_test(refuses_each_with_a_reason),
        cmocka_unit_test(knows_its_limits),
        cmocka_unit_test(folds_simply),
        cmocka_unit_test(folding_can_grow),
        cmocka_unit_test(overlaps_on_component_boundaries),
        cmocka_unit_test(converts_paths_both_ways),
        cmocka_unit_test(refuses_paths),
        cmocka_unit_test(conversions_fit_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
