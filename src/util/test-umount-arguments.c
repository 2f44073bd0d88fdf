/* SPDX-License-Identifier: MIT */
#include "util/umount-arguments.h"

#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PARSE(...) parse((char *[]){"umount", __VA_ARGS__, NULL})

static struct umount_arguments parse(char **argv) {
    int argc = 0;
    while (argv[argc])
        argc++;
    opterr = 0;
    return umount_arguments_parse(argc, argv);
}

static void options_are_short_long_and_joined(void **state) {
    (void)state;
    struct umount_arguments arguments = PARSE("-lq", "/a");
    assert_true(arguments.lazy && arguments.quiet && !arguments.all && !arguments.unknown);
    assert_true(PARSE("--force", "/a").lazy);
    assert_true(PARSE("--laz", "/a").lazy); /* the beginning of a long option serves, as with getopt_long's callers */
    assert_string_equal(PARSE("-at", "fuse.sshfs").types, "fuse.sshfs");
    assert_string_equal(PARSE("-a", "--types=fuse,fuseblk").types, "fuse,fuseblk");
    assert_string_equal(PARSE("-tfuse", "-a").types, "fuse");
    assert_false(PARSE("-dinrv", "/a").unknown);
}

static void options_may_stand_behind_mount_points(void **state) {
    (void)state;
    struct umount_arguments arguments = PARSE("/a", "-l", "/b", "--", "-c");
    assert_true(arguments.lazy && !arguments.unknown);
    assert_string_equal(arguments.mount_points[0], "/a");
    assert_string_equal(arguments.mount_points[1], "/b");
    assert_string_equal(arguments.mount_points[2], "-c");
    assert_null(arguments.mount_points[3]);
    assert_string_equal(PARSE("-").mount_points[0], "-");
}

static void what_the_stand_in_does_not_do_is_told(void **state) {
    (void)state;
    assert_true(PARSE("--fake", "/a").unknown);
    assert_true(PARSE("-R", "/a").unknown);
    assert_true(PARSE("-A").unknown);
    assert_true(PARSE("-aO", "_netdev").unknown);
    assert_true(PARSE("-t").unknown);
    assert_true(PARSE("-N", "1", "/a").elsewhere);
    assert_true(PARSE("--namespace=1", "/a").elsewhere);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_short_long_and_joined),
        cmocka_unit_test(options_may_stand_behind_mount_points),
        cmocka_unit_test(what_the_stand_in_does_not_do_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
