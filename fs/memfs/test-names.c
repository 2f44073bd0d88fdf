/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "names.h"

static struct names names;

static void check(const char *a, const char *b, bool equal) {
    if (names_equal(&names, a, strlen(a), b, strlen(b)) != equal)
        fail_msg("'%s' and '%s' should be %s", a, b, equal ? "the same" : "different");
    assert_int_equal(names_equal(&names, b, strlen(b), a, strlen(a)), equal);
    if (equal)
        assert_int_equal(names_hash(&names, a, strlen(a)), names_hash(&names, b, strlen(b)));
    else
        assert_int_not_equal(names_hash(&names, a, strlen(a)), names_hash(&names, b, strlen(b)));
}

static void test_plain(void **state) {
    assert_int_equal(names_init(&names, false), 0);
    check("foo", "foo", true);
    check("foo", "FOO", false);
    check("foo", "fooo", false);
}

static void test_folding(void **state) {
    assert_int_equal(names_init(&names, true), 0);
    check("foo", "FOO", true);
    check("foo.TXT", "FOO.txt", true);
    check("foo", "fop", false);
    check("foo", "foo ", false);
    check("Ärger", "äRGER", true);
    check("ΣΊΣΥΦΟΣ", "σίσυφος", true); /* both small sigmas are one */
    check("МОСКВА", "москва", true);
    check("ԱԲԳ", "աբգ", true);
    check("\U00010400", "\U00010428", true); /* Deseret, four bytes */
    check("\u1e9e", "ß", true); /* capital sharp s: the S row */
    check("ß", "ss", false); /* full folding, not simple */
    check("\u0130", "i", false); /* Turkic folding, not simple */
    check("\u0131", "I", false);
    check("\u212a", "k", true); /* Kelvin sign: one byte against three */
    check("\u023a", "\u2c65", true); /* two bytes against three */
    check("\ufb01", "fi", false);
    check("e\u0301", "\u00e9", false); /* no normalization */
}

static void test_invalid_utf8(void **state) {
    assert_int_equal(names_init(&names, true), 0);
    check("\xff", "\xff", true);
    check("A\xff", "a\xff", false); /* not valid: its own bytes only */
    check("A\xc3", "a\xc3", false);
    check("A\xed\xa0\x80", "a\xed\xa0\x80", false); /* a surrogate */
    check("A\xc0\x80", "a\xc0\x80", false); /* overlong */
}

static void test_long(void **state) {
    char lower[256], upper[256];
    assert_int_equal(names_init(&names, true), 0);
    for (int i = 0; i < 127; i++) { /* each grows from two bytes to three when folded */
        memcpy(upper + 2 * i, "\xc8\xba", 2); // NOLINT(bugprone-not-null-terminated-result)
        memcpy(lower + 2 * i, "\xc8\xba", 2); // NOLINT(bugprone-not-null-terminated-result)
    }
    upper[254] = lower[254] = '\0';
    check(upper, lower, true);
    memset(lower, 'x', 255);
    memset(upper, 'X', 255);
    upper[255] = lower[255] = '\0';
    check(upper, lower, true);
}

static void test_keys_differ(void **state) {
    struct names other;
    assert_int_equal(names_init(&names, false), 0);
    assert_int_equal(names_init(&other, false), 0);
    int same = 0;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    for (const char *name = letters; *name; name++)
        same += names_hash(&names, name, 1) == names_hash(&other, name, 1);
    assert_true(same < 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_folding),     cmocka_unit_test(test_invalid_utf8),
        cmocka_unit_test(test_long),  cmocka_unit_test(test_keys_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
