/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/namespace.h"
#include "util/test-emulation.h"

static void test_own(void **state) {
    struct mount_namespace one, two;
    if (test_is_emulated())
        skip(); /* no ioctl of namespaces */
    assert_int_equal(mount_namespace_of(getpid(), &one), 0);
    assert_int_equal(mount_namespace_of(getpid(), &two), 0);
    assert_true(one.inode > 0);
    assert_int_equal(one.inode, two.inode);
    assert_int_equal(one.id, two.id);
}

static void test_no_process(void **state) {
    struct mount_namespace found = {.inode = 7};
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    assert_true(mount_namespace_of(child, &found) < 0);
    assert_int_equal(found.inode, 7); /* outputs are not touched on failure */
}

static void test_folder(void **state) {
    static const char line[] =
        "1234 56 0:42 /silos/987654321 /dev/linfsp ro,nosuid,nodev - tmpfs linfsp-run rw,size=262144k\n";
    assert_true(mountinfo_line_is_folder(line, 0, 42, 987654321));
    assert_false(mountinfo_line_is_folder(line, 0, 43, 987654321)); /* somebody else's tmpfs */
    assert_false(mountinfo_line_is_folder(line, 0, 42, 98765432));
    assert_false(mountinfo_line_is_folder(line, 0, 42, 9876543210));
}

static void test_not_the_folder(void **state) {
    static const char *const lines[] = {
        "1234 56 0:42 /silos/7 /dev/linfsp/bin ro - tmpfs linfsp-run rw\n",
        "1234 56 0:42 /silos/7 /dev/linfspx ro - tmpfs linfsp-run rw\n",
        "1234 56 0:42 /silos/7/bin /dev/linfsp ro - tmpfs linfsp-run rw\n",
        "1234 56 0:42 /silos/7x /dev/linfsp ro - tmpfs linfsp-run rw\n",
        "1234 56 0:42 / /silos/7 ro - tmpfs linfsp-run rw\n",
        "1234 56 0:42 /silos/ /dev/linfsp ro - tmpfs linfsp-run rw\n",
        "",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_false(mountinfo_line_is_folder(lines[i], 0, 42, 7));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_no_process),
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_not_the_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
