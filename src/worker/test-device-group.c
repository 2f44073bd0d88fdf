/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "worker/device-group.h"

static bool allows(const char *text) {
    _cleanup_fclose_ FILE *list = fmemopen((void *)text, strlen(text), "r");
    return device_list_allows(list, 10, 229);
}

static void lists(void **state) {
    assert_true(allows("a *:* rwm\n"));
    assert_true(allows("c 1:3 rwm\nc 10:229 rwm\n"));
    assert_true(allows("c 10:* rw\n"));
    /* Docker's own */
    assert_false(allows("c 136:* rwm\nc 5:2 rwm\nc 5:1 rwm\nc 10:200 rwm\nc *:* m\nb *:* m\nc 1:3 rwm\n"));
    assert_false(allows("b 10:229 rwm\n"));
    assert_false(allows("c 10:229 r\nc 10:2290 rwm\nc 110:229 rwm\n"));
    assert_false(allows("c 10:x rwm\nc\n"));
}

static void own_group(void **state) {
    assert_true(device_group_allows(getpid(), 1, 3)); /* null, which everybody has */
    assert_true(device_group_allows(-1, 10, 229));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists), cmocka_unit_test(own_group)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
