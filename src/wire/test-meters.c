/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/meters.h"

static void each_latency_is_below_its_buckets_end(void **state) {
    for (uint64_t ns = 1; ns < UINT64_C(1) << 36; ns += ns / 7 + 1) {
        unsigned bucket = meters_bucket(ns);
        assert_true(bucket < METERS_BUCKETS);
        assert_true(ns < meters_bucket_end(bucket));
        assert_true(bucket == 0 || ns >= meters_bucket_end(bucket - 1) || meters_bucket_end(bucket - 1) == 0);
    }
}

static void buckets_only_grow(void **state) {
    for (unsigned i = 1; i < METERS_BUCKETS; i++)
        assert_true(meters_bucket_end(i) >= meters_bucket_end(i - 1));
    assert_int_equal(meters_bucket(0), 0);
    assert_int_equal(meters_bucket(UINT64_MAX), METERS_BUCKETS - 1);
    assert_true(meters_bucket_end(METERS_BUCKETS - 1) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_latency_is_below_its_buckets_end),
        cmocka_unit_test(buckets_only_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
