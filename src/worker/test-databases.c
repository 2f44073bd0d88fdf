/* SPDX-License-Identifier: MIT */
/* argv[1]: a database by make-podman-database.py. podman's own one, in its older format, is read by test/e2e. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "worker/bolt.h"
#include "worker/sqlite.h"

#define COUNT 500

static const char *path;

static char *read_row(unsigned number) {
    char key[65];
    snprintf(key, sizeof key, "%064x", number);
    return sqlite_read(path, "ContainerConfig", key, 3);
}

static void each_row_is_found(void **state) {
    for (unsigned i = 0; i < COUNT; i++) {
        char begin[32];
        _cleanup_free_ char *text = read_row(i);
        assert_non_null(text);
        snprintf(begin, sizeof begin, "{\"number\":%u,", i);
        assert_memory_equal(text, begin, strlen(begin));
        assert_int_equal(strlen(text), strlen(begin) + strlen("\"filler\":\"\"}") + i * 37 % 20000);
        assert_string_equal(text + strlen(text) - 2, "\"}");
    }
}

static void what_is_not_there_is_not_found(void **state) {
    assert_null(read_row(COUNT));
    assert_null(sqlite_read(path, "Containers", "0", 3));
    assert_null(sqlite_read(path, "ContainerConfig", "0", 3));
    assert_null(sqlite_read("/dev/null", "ContainerConfig", "0", 3));
    assert_null(sqlite_read("/nonexistent", "ContainerConfig", "0", 3));
}

static void a_database_that_is_being_written_is_not_read(void **state) {
    char journal[4096];
    snprintf(journal, sizeof journal, "%s-journal", path);
    _cleanup_close_ int fd = open(journal, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    char *text = read_row(1);
    unlink(journal);
    assert_null(text);
}

static void another_format_is_no_bolt_database(void **state) {
    const char *const keys[] = {"ctr", "x", "config"};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_null(bolt_read(fd, keys, ARRAY_SIZE(keys)));
    assert_null(bolt_read(fd, keys, 0));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_found),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_database_that_is_being_written_is_not_read),
        cmocka_unit_test(another_format_is_no_bolt_database),
    };
    if (argc < 2)
        return 2;
    path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
