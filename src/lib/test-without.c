/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/volume.h"

static int apply(const char *with, const char *without, struct linfsp_volume_options *options,
                 struct fsp_without *ret_without) {
    struct linfsp_error error;
    *options = (struct linfsp_volume_options){
        .want = LINFSP_WANT_NO_OPEN | LINFSP_WANT_READDIRPLUS, .max_write = 1u << 20, .max_background = 128};
    *ret_without = (struct fsp_without){0};
    setenv("LINFSP_WITH", with, 1);
    setenv("LINFSP_WITHOUT", without, 1);
    return fsp_do_without(options, ret_without, &error);
}

static void test_nothing_named(void **state) {
    struct linfsp_volume_options options;
    struct fsp_without without;
    assert_int_equal(apply("", "", &options, &without), 0);
    assert_int_equal(options.want, LINFSP_WANT_NO_OPEN | LINFSP_WANT_READDIRPLUS);
    assert_int_equal(options.max_write, 1u << 20);
    assert_int_equal(without.open_flags, 0);
}

static void test_each_kind(void **state) {
    struct linfsp_volume_options options;
    struct fsp_without without;
    assert_int_equal(apply("writeback",
                           "no-open,kept-pages,no-flush,negative-entries,background,large-requests,"
                           "answers-in-place",
                           &options, &without),
                     0);
    assert_int_equal(options.want, LINFSP_WANT_READDIRPLUS | LINFSP_WANT_WRITEBACK);
    assert_int_equal(without.open_flags, LINFSP_OPEN_KEEP_CACHE | LINFSP_OPEN_NOFLUSH);
    assert_true(without.absent_names);
    assert_true(without.answers_in_place);
    assert_int_equal(options.max_background, 12);
    assert_int_equal(options.max_write, 128 << 10);
}

static void test_unknown(void **state) {
    struct linfsp_volume_options options;
    struct fsp_without without;
    assert_int_equal(apply("", "no-opening", &options, &without), -EINVAL);
    assert_int_equal(apply("", "no-open,,killpriv", &options, &without), -EINVAL);
    assert_int_equal(apply("no-open", "", &options, &without), -EINVAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_named),
        cmocka_unit_test(test_each_kind),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
