/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "service/served.h"
#include "service/service.h"
#include "service/volume.h"

static struct service service;

static struct volume volume_of(uint64_t silo, const char *prefix) {
    struct volume volume = {.service = &service, .silo = silo};
    snprintf(volume.prefix, sizeof volume.prefix, "%s", prefix);
    return volume;
}

static void a_path_is_served_as_long_as_something_below_it_is(void **state) {
    struct volume one = volume_of(1, "nas/a/x"), two = volume_of(1, "nas/ab");
    served_add(&one);
    served_add(&two);
    static const char *const served[] = {"nas", "nas/a", "nas/a/x", "nas/ab"}, *const not [] = {"", "na", "nas/",
                                                                                                "nas/a/x/y", "b"};
    for (size_t i = 0; i < sizeof served / sizeof *served; i++)
        assert_true(served_below(&service, 1, served[i]));
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        assert_false(served_below(&service, 1, not [i]));
    served_remove(&one);
    assert_false(served_below(&service, 1, "nas/a"));
    assert_true(served_below(&service, 1, "nas"));
    served_remove(&two);
    assert_false(served_below(&service, 1, "nas"));
    assert_null(service.served);
}

static void each_silo_has_its_own(void **state) {
    struct volume one = volume_of(1, "nas/a"), two = volume_of(11, "nas/a");
    served_add(&one);
    assert_false(served_below(&service, 11, "nas"));
    served_add(&two);
    served_remove(&one);
    assert_false(served_below(&service, 1, "nas"));
    assert_true(served_below(&service, 11, "nas"));
    served_remove(&two);
    assert_null(service.served);
}

static void a_volume_is_counted_once(void **state) {
    struct volume one = volume_of(1, "nas/a");
    served_add(&one);
    served_add(&one);
    served_remove(&one);
    assert_null(service.served);
    served_remove(&one);
    assert_null(service.served);
}

static void the_longest_prefix_is_counted(void **state) {
    char prefix[PREFIX_MAX];
    memset(prefix, 'x', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = 0;
    prefix[200] = prefix[400] = '/';
    struct volume one = volume_of(UINT64_MAX, prefix);
    served_add(&one);
    assert_true(served_below(&service, UINT64_MAX, prefix));
    prefix[200] = 0;
    assert_true(served_below(&service, UINT64_MAX, prefix));
    served_remove(&one);
    assert_null(service.served);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_served_as_long_as_something_below_it_is),
        cmocka_unit_test(each_silo_has_its_own),
        cmocka_unit_test(a_volume_is_counted_once),
        cmocka_unit_test(the_longest_prefix_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
