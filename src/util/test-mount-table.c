/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/mount-table.h"

static bool parse(const char *line, struct mount_line *ret_line) {
    static char text[512];
    snprintf(text, sizeof text, "%s", line);
    return mount_line_parse(text, ret_line);
}

static void test_lines(void **state) {
    struct mount_line line;
    assert_true(parse("36 35 98:1 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n", &line));
    assert_int_equal(line.id, 36);
    assert_int_equal(line.major, 98);
    assert_int_equal(line.minor, 1);
    assert_string_equal(line.root, "/mnt1");
    assert_string_equal(line.point, "/mnt 2");
    assert_string_equal(line.type, "ext3");
    assert_string_equal(line.source, "/dev/root");
    assert_string_equal(line.options, "rw,errors=continue");
    /* no fields and many; a name that looks like the end of the fields; an empty source */
    assert_true(parse("1 2 0:3 / /- rw - fuse.a-b  rw", &line));
    assert_string_equal(line.point, "/-");
    assert_string_equal(line.source, "");
    assert_true(parse("1 2 0:3 / / rw shared:1 master:2 propagate_from:3 unbindable - tmpfs - rw", &line));
    assert_string_equal(line.source, "-");
    assert_true(parse("18446744073709551615 2 0:3 / /\\134\\040\\011\\012\\043 rw - t s rw", &line));
    assert_string_equal(line.point, "/\\ \t\n#");
    assert_true(line.id == UINT64_MAX);
}

static void test_no_lines(void **state) {
    static const char *const texts[] = {"",
                                        "\n",
                                        "1",
                                        "1 2",
                                        "x 2 0:3 / / rw - t s rw",
                                        "1 2 0-3 / / rw - t s rw",
                                        "1 2 0:3",
                                        "1 2 0:3 /",
                                        "1 2 0:3 / /",
                                        "1 2 0:3 / / rw",
                                        "1 2 0:3 / / rw -",
                                        "1 2 0:3 / / rw - t",
                                        "1 2 0:3 / / rw - t s",
                                        "-1 2 0:3 / / rw - t s rw",
                                        " 1 2 0:3 / / rw - t s rw",
                                        "1 2 0: / / rw - t s rw"};
    struct mount_line line;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        assert_false(parse(texts[i], &line));
}

static void test_escapes(void **state) {
    char text[] = "\\040\\4\\08x\\0401\\";
    mount_line_unescape(text);
    assert_string_equal(text, " \\4\\08x 1\\");
}

static void test_own_table(void **state) {
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0, found_proc = 0;
    struct mount_line found;
    assert_non_null(table);
    /* where the table itself is; a chroot's root need not be a mount */
    while (mount_table_next(table, &line, &size, &found))
        found_proc += strcmp(found.point, "/proc") == 0 && strcmp(found.type, "proc") == 0;
    assert_true(found_proc > 0);
}

static void test_types(void **state) {
    assert_true(mount_type_is_fuse("fuse") && mount_type_is_fuse("fuse.x") && mount_type_is_fuse("fuseblk"));
    assert_false(mount_type_is_fuse("fusectl") || mount_type_is_fuse("ext4") || mount_type_is_fuse(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_no_lines),
                                       cmocka_unit_test(test_escapes), cmocka_unit_test(test_own_table),
                                       cmocka_unit_test(test_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
