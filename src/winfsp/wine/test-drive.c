/* SPDX-License-Identifier: MIT */
/* A prefix has no drive of a volume that one of its own programs serves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "winfsp/wine/drive.h"

static char prefix[] = "/tmp/test-drive.XXXXXX";

static int leads(const char *name, char *ret_target, size_t size) {
    char path[128];
    snprintf(path, sizeof path, "%s/dosdevices/%s", prefix, name);
    ssize_t length = readlink(path, ret_target, size - 1);
    ret_target[length > 0 ? length : 0] = 0;
    return length > 0;
}

static int set_up(void **state) {
    char path[128];
    assert_non_null(mkdtemp(prefix));
    snprintf(path, sizeof path, "%s/dosdevices", prefix);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/dosdevices/z:", prefix);
    assert_int_equal(symlink("/mnt/z", path), 0);
    snprintf(path, sizeof path, "%s/dosdevices/y:", prefix);
    assert_int_equal(symlink("/", path), 0);
    return setenv("WINEPREFIX", prefix, 1);
}

static int tear_down(void **state) {
    static const char *const names[] = {"dosdevices/z:", "dosdevices/y:", "dosdevices", ""};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", prefix, names[i]);
        remove(path);
    }
    return 0;
}

static void test_drive(void **state) {
    char target[64];
    wine_drive_hide("/mnt/z");
    assert_false(leads("z:", target, sizeof target));
    wine_drive_show("/mnt/z");
    assert_true(leads("z:", target, sizeof target));
    assert_string_equal(target, "/mnt/z");
    wine_drive_hide("/mnt/y"); /* leads elsewhere */
    assert_true(leads("y:", target, sizeof target));
    wine_drive_show("/mnt/y");
    assert_string_equal(target, "/");
    wine_drive_hide(NULL);
    wine_drive_hide("/mnt/zz");
    wine_drive_hide("/srv/z");
    assert_true(leads("z:", target, sizeof target));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_drive)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
