/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "acl.h"

#define NONE UINT32_MAX

/* u::, u:ID:, g::, g:ID:, m::, o:: as the kernel writes them */
struct wire_entry {
    uint16_t tag, permissions;
    uint32_t id;
};
struct wire {
    uint32_t version;
    struct wire_entry entries[8];
};

static size_t size_of(size_t count) {
    return sizeof(uint32_t) + count * sizeof(struct wire_entry);
}

static const struct wire minimal = {2, {{1, 6, NONE}, {4, 4, NONE}, {0x20, 0, NONE}}};
static const struct wire named = {2, {{1, 7, NONE}, {2, 6, 1000}, {4, 5, NONE}, {0x10, 6, NONE}, {0x20, 1, NONE}}};

static void test_check(void **state) {
    assert_int_equal(acl_check(&minimal, size_of(3)), 0);
    assert_int_equal(acl_check(&named, size_of(5)), 0);
    assert_int_equal(acl_check(&named, size_of(4)), -EINVAL); /* no other */
    assert_int_equal(acl_check(&named, size_of(5) - 1), -EINVAL);
    assert_int_equal(acl_check(&named, 3), -EINVAL);
    assert_int_equal(acl_check(&named, size_of(0)), -EINVAL);
    struct wire bad = named;
    bad.version = 1;
    assert_int_equal(acl_check(&bad, size_of(5)), -EINVAL);
    bad = named;
    bad.entries[1].permissions = 8;
    assert_int_equal(acl_check(&bad, size_of(5)), -EINVAL);
    bad = named;
    bad.entries[1].tag = 3;
    assert_int_equal(acl_check(&bad, size_of(5)), -EINVAL);
    bad = named;
    bad.entries[1].id = NONE;
    assert_int_equal(acl_check(&bad, size_of(5)), -EINVAL);
    bad = named;
    bad.entries[3] = bad.entries[4]; /* a named user without a mask */
    assert_int_equal(acl_check(&bad, size_of(4)), -EINVAL);
    bad = minimal;
    bad.entries[0] = bad.entries[1]; /* two groups, no user */
    assert_int_equal(acl_check(&bad, size_of(3)), -EINVAL);
    bad = minimal;
    bad.entries[0] = minimal.entries[2];
    bad.entries[2] = minimal.entries[0]; /* out of order */
    assert_int_equal(acl_check(&bad, size_of(3)), -EINVAL);
}

static void test_mode(void **state) {
    mode_t mode;
    bool more;
    acl_to_mode(&minimal, size_of(3), &mode, &more);
    assert_int_equal(mode, 0640);
    assert_false(more);
    acl_to_mode(&named, size_of(5), &mode, &more);
    assert_int_equal(mode, 0761); /* the mask stands where the group's bits do */
    assert_true(more);
    struct wire acl = named;
    acl_set_mode(&acl, size_of(5), 0604);
    assert_int_equal(acl.entries[0].permissions, 6);
    assert_int_equal(acl.entries[1].permissions, 6);
    assert_int_equal(acl.entries[2].permissions, 5);
    assert_int_equal(acl.entries[3].permissions, 0);
    assert_int_equal(acl.entries[4].permissions, 4);
}

static void test_inherit(void **state) {
    struct wire acl = named;
    mode_t mode = 02666;
    assert_true(acl_inherit(&acl, size_of(5), &mode));
    assert_int_equal(mode, 02660);
    assert_int_equal(acl.entries[0].permissions, 6);
    assert_int_equal(acl.entries[1].permissions, 6);
    assert_int_equal(acl.entries[2].permissions, 5);
    assert_int_equal(acl.entries[3].permissions, 6);
    assert_int_equal(acl.entries[4].permissions, 0);
    acl = minimal;
    mode = 0777;
    assert_false(acl_inherit(&acl, size_of(3), &mode));
    assert_int_equal(mode, 0640);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_check), cmocka_unit_test(test_mode),
                                       cmocka_unit_test(test_inherit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
