/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/connect.h"

static void the_message_names_the_command(void **state) {
    char text[256];
    wire_no_service_message(text, sizeof text);
    assert_non_null(strstr(text, "linfsp start"));
}

static void a_container_is_told_of_its_host(void **state) {
    char text[256];
    setenv("container", "test", 1);
    assert_true(wire_in_container());
    wire_no_service_message(text, sizeof text);
    unsetenv("container");
    assert_non_null(strstr(text, "on the host"));
    assert_non_null(strstr(text, "linfsp start"));
}

static void a_small_buffer_is_kept_to(void **state) {
    char text[16];
    memset(text, 'x', sizeof text);
    wire_no_service_message(text, 8);
    assert_int_equal(strlen(text), 7);
    assert_int_equal(text[8], 'x');
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_message_names_the_command),
        cmocka_unit_test(a_container_is_told_of_its_host),
        cmocka_unit_test(a_small_buffer_is_kept_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
