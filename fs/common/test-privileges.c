/* SPDX-License-Identifier: MIT */
/* Which bits of a mode are left, for whom; and what is read of callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "privileges.h"

static const char status[] =
    "Name:\tGroups:\nUmask:\t0022\nUid:\t5\t6\t7\t8\nGid:\t9\t10\t11\t12\nGroups:\t4 24 200000 \n"
    "CapInh:\t0000000000000010\nCapEff:\t0000000000000010\nSeccomp:\t0\n";

static void test_groups(void **state) {
    assert_true(privileges_status_has_group(status, 4));
    assert_true(privileges_status_has_group(status, 24));
    assert_true(privileges_status_has_group(status, 200000));
    assert_false(privileges_status_has_group(status, 2));
    assert_false(privileges_status_has_group(status, 0));
    assert_false(privileges_status_has_group(status, 10));
    assert_false(privileges_status_has_group("", 0));
    assert_false(privileges_status_has_group("Groups:", 0));
    assert_false(privileges_status_has_group("Groups:\t\nCapEff: 4\n", 4));
    assert_false(privileges_status_has_group("Groups:\tx", 0));
}

static void test_capability(void **state) {
    assert_true(privileges_status_has_fsetid(status));
    assert_true(privileges_status_has_fsetid("CapEff:\t000001ffffffffff"));
    assert_false(privileges_status_has_fsetid("CapInh:\t0000000000000010\nCapEff:\t000001ffffffffef\n"));
    assert_false(privileges_status_has_fsetid(""));
}

static const struct linfsp_caller stranger = {.uid = 77777, .gid = 77777, .pid = 0};

static void test_what_is_left(void **state) {
    struct linfsp_caller member = stranger;
    member.gid = 5;
    assert_int_equal(privileges_left(06777, 5, &member), 0777);
    assert_int_equal(privileges_left(06777, 5, &stranger), 0777);
    assert_int_equal(privileges_left(06767, 5, &member), 02767); /* a mark for locking, not for executing */
    assert_int_equal(privileges_left(06767, 5, &stranger), 0767);
    assert_int_equal(privileges_left(01755, 5, &stranger), 01755);
}

static struct linfsp_caller ourselves(void) {
    return (struct linfsp_caller){.uid = geteuid(), .gid = getegid(), .pid = getpid()};
}

static void test_further_groups(void **state) {
    gid_t groups[256];
    int n = getgroups(256, groups);
    struct linfsp_caller self = ourselves(), another = ourselves();
    another.uid = self.uid + 1; /* the number of another process */
    for (int i = 0; i < n; i++) {
        assert_int_equal(privileges_left(02666, groups[i], &self), 02666);
        if (groups[i] != self.gid)
            assert_int_equal(privileges_left(02666, groups[i], &another), 0666);
    }
    if (geteuid() != 0)
        assert_int_equal(privileges_left(02666, 54321, &self), 0666);
    assert_int_equal(privileges_left(02666, 54321, &another), 0666);
}

static const struct stat program = {.st_mode = S_IFREG | 06755, .st_uid = 3, .st_gid = 5};

static void test_nothing_set(void **state) {
    struct privileges privileges = {0};
    struct linfsp_caller owner = stranger, root = stranger, other = stranger;
    owner.uid = 3, root.uid = 0, other.pid = 99;
    assert_int_equal(privileges_judge(&privileges, 7, &program, PRIVILEGES_UNKNOWN, &owner), PRIVILEGES_GO);
    assert_int_equal(privileges_judge(&privileges, 7, &program, PRIVILEGES_NOBODY_WRITES, &root), PRIVILEGES_GO);
    assert_int_equal(privileges_judge(&privileges, 7, &program, PRIVILEGES_NOBODY_WRITES, &other), PRIVILEGES_REFUSED);
    assert_int_equal(privileges_judge(&privileges, 7, &program, PRIVILEGES_PASSED_THROUGH, &other), PRIVILEGES_GO);
    const struct stat plain = {.st_mode = S_IFREG | 0755, .st_uid = 3},
                      folder = {.st_mode = S_IFDIR | 02755, .st_uid = 3};
    assert_int_equal(privileges_judge(&privileges, 7, &plain, PRIVILEGES_NOBODY_WRITES, &other), PRIVILEGES_STAY);
    assert_int_equal(privileges_judge(&privileges, 7, &folder, PRIVILEGES_NOBODY_WRITES, &other), PRIVILEGES_STAY);
    assert_false(privileges_are_due(&privileges, 7, &other));
}

static void test_put_off(void **state) {
    struct privileges privileges = {0};
    struct linfsp_caller writer = stranger, other = stranger;
    writer.pid = 98, other.pid = 99;
    assert_int_equal(privileges_judge(&privileges, 7, &program, PRIVILEGES_UNKNOWN, &writer), PRIVILEGES_LATER);
    assert_false(privileges_are_due(&privileges, 8, &writer));
    assert_false(privileges_are_due(&privileges, 7, &other));
    assert_true(privileges_are_due(&privileges, 7, &writer));
    assert_false(privileges_are_due(&privileges, 7, &writer));
}

static void test_removed_capabilities(void **state) {
    struct privileges privileges = {0};
    struct linfsp_caller self = ourselves();
    const struct stat mine = {.st_mode = S_IFREG | 06755, .st_uid = self.uid};
    enum privileges_verdict once = geteuid() == 0 ? PRIVILEGES_STAY : PRIVILEGES_GO;
    privileges_note_removal(&privileges, 7, &self);
    assert_int_equal(privileges_judge(&privileges, 8, &mine, PRIVILEGES_UNKNOWN, &self), PRIVILEGES_GO);
    assert_int_equal(privileges_judge(&privileges, 7, &mine, PRIVILEGES_UNKNOWN, &self), once);
    assert_int_equal(privileges_judge(&privileges, 7, &mine, PRIVILEGES_UNKNOWN, &self), PRIVILEGES_GO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_capability),
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_put_off),
        cmocka_unit_test(test_nothing_set),
        cmocka_unit_test(test_further_groups),
        cmocka_unit_test(test_removed_capabilities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
