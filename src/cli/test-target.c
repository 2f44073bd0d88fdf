/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/target.h"
#include "util/cleanup.h"
#include "wire/codec.h"

static void each_way_to_name_a_volume(void **state) {
    static const struct {
        const char *text, *target;
        uint64_t volume;
    } cases[] = {
        {"7", "", 7},
        {"123456789012345678", "", 123456789012345678},
        {"Z:", "/mnt/z", 0},
        {"y:\\", "/mnt/y", 0},
        {"Z:x", "/home/me/Z:x", 0},
        {"/mnt/z", "/mnt/z", 0},
        {"/mnt//z/", "/mnt/z", 0},
        {"mine", "/home/me/mine", 0},
        {"./mine/.", "/home/me/mine", 0},
        {"../you", "/home/you", 0},
        {"../../../../mnt", "/mnt", 0},
        {"..hidden", "/home/me/..hidden", 0},
        {".", "/home/me", 0},
        {"/", "/", 0},
        {"1234567890123456789", "/home/me/1234567890123456789", 0},
        {"\\memfs\\share", "\\memfs\\share", 0},
        {"\\\\memfs\\share", "\\\\memfs\\share", 0},
        {"//memfs/share", "//memfs/share", 0},
        {"/unc/memfs/share", "\\\\memfs\\share", 0},
        {"/unc/memfs/./share/", "\\\\memfs\\share", 0},
        {"/unc/memfs", "/unc/memfs", 0},
        {"/uncle/share", "/uncle/share", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct wire_unmount request;
        wire_begin(&request, WIRE_UNMOUNT, 1);
        assert_int_equal(target_parse(cases[i].text, "/home/me", &request), 0);
        assert_string_equal(request.target, cases[i].target);
        assert_int_equal(request.volume, cases[i].volume);
    }
}

static void too_long_is_refused(void **state) {
    static char text[2 * WIRE_PATH_MAX];
    struct wire_unmount request;
    wire_begin(&request, WIRE_UNMOUNT, 1);
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(target_parse(text, "/home/me", &request), -ENAMETOOLONG);
    text[0] = '/';
    assert_int_equal(target_parse(text, "/home/me", &request), -ENAMETOOLONG);
    text[0] = '\\';
    assert_int_equal(target_parse(text, "/home/me", &request), -ENAMETOOLONG);
}

static void links_are_followed(void **state) {
    char folder[] = "/tmp/test-target.XXXXXX", made[64], link[64], path[WIRE_PATH_MAX] = "", real[128];
    assert_non_null(mkdtemp(folder));
    snprintf(made, sizeof made, "%s/made", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(mkdir(made, 0700), 0);
    assert_int_equal(symlink("made", link), 0);
    snprintf(real, sizeof real, "%s/not there", made);
    snprintf(path, sizeof path, "%s/not there", link);
    assert_true(target_follow_links(path));
    assert_string_equal(path, real);
    assert_false(target_follow_links(path));
    snprintf(path, sizeof path, "%s", link);
    assert_true(target_follow_links(path));
    assert_string_equal(path, made);
    for (size_t i = strlen(path); i < sizeof path; i++)
        assert_int_equal(path[i], 0);
    static const char *const others[] = {"", "/", "\\memfs\\share", "/no such folder/x"};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        snprintf(path, sizeof path, "%s", others[i]);
        assert_false(target_follow_links(path));
        assert_string_equal(path, others[i]);
    }
    unlink(link);
    rmdir(made);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_to_name_a_volume),
        cmocka_unit_test(too_long_is_refused),
        cmocka_unit_test(links_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
