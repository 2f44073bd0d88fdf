/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/mount.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "service/mount-options.h"
#include "util/cleanup.h"

static void each_option_does_what_it_says(void **state) {
    struct mount_options options;
    char message[256];
    assert_int_equal(mount_options_parse("ro,noexec,allow_other,default_permissions,auto_unmount,sync,dirsync,noatime,"
                                         "nodiratime,max_read=65536,fsname=user@host:/x,subtype=sshfs,suid,dev",
                                         &options, message, sizeof message),
                     0);
    assert_true(options.read_only && options.noexec && options.allow_other && options.default_permissions &&
                options.auto_unmount && options.synchronous && options.directory_synchronous);
    assert_int_equal(options.attributes, MOUNT_ATTR_NOATIME | MOUNT_ATTR_NODIRATIME);
    assert_int_equal(options.max_read, 65536);
    assert_string_equal(options.source, "user@host:/x");
    assert_string_equal(options.subtype, "sshfs");
}

static void the_last_of_two_contraries_counts(void **state) {
    struct mount_options options;
    char message[256];
    assert_int_equal(mount_options_parse("ro,rw,exec,noexec", &options, message, sizeof message), 0);
    assert_false(options.read_only);
    assert_true(options.noexec);
}

static void nothing_is_no_option(void **state) {
    static const char *const texts[] = {"", ",", ",,,"};
    const struct mount_options none = {0};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct mount_options options;
        char message[256];
        assert_int_equal(mount_options_parse(texts[i], &options, message, sizeof message), 0);
        assert_memory_equal(&options, &none, sizeof none);
    }
}

static void a_backslash_takes_the_commas_meaning_away(void **state) {
    struct mount_options options;
    char message[256];
    assert_int_equal(mount_options_parse("fsname=a\\,b\\\\c,ro", &options, message, sizeof message), 0);
    assert_string_equal(options.source, "a,b\\c");
    assert_true(options.read_only);
}

static void a_prefix_keeps_its_backslashes(void **state) {
    struct mount_options options;
    char message[256];
    assert_int_equal(mount_options_parse("unc=\\server\\share,ro", &options, message, sizeof message), 0);
    assert_string_equal(options.prefix, "\\server\\share");
    assert_true(options.read_only);
}

static void refusals_name_the_option_and_change_nothing(void **state) {
    static const struct {
        const char *text, *named;
        int error;
    } cases[] = {
        {"blkdev", "blkdev", -EPERM},
        {"blksize=512", "blksize=512", -EPERM},
        {"nosuch", "nosuch", -EINVAL},
        {"fd=3", "fd=3", -EINVAL},
        {"rootmode=40000", "rootmode", -EINVAL},
        {"user_id=0", "user_id", -EINVAL},
        {"max_read=", "max_read=", -EINVAL},
        {"max_read=-1", "max_read=-1", -EINVAL},
        {"max_read=1x", "max_read=1x", -EINVAL},
        {"max_read=99999999999", "max_read", -EINVAL},
        {"roo", "roo", -EINVAL},
        {"ro=1", "ro=1", -EINVAL},
        {"context=x", "context", -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct mount_options options, before;
        char message[256] = "";
        memset(&options, 0x5a, sizeof options);
        before = options;
        assert_int_equal(mount_options_parse(cases[i].text, &options, message, sizeof message), cases[i].error);
        assert_non_null(strstr(message, cases[i].named));
        assert_memory_equal(&options, &before, sizeof options);
    }
}

static void what_is_too_long_is_refused(void **state) {
    char text[8192], message[256];
    struct mount_options options;
    memset(text, 'a', sizeof text);
    memcpy(text, "subtype=", 8);
    text[8 + WIRE_NAME_MAX] = 0;
    assert_int_equal(mount_options_parse(text, &options, message, sizeof message), -EINVAL);
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    assert_int_equal(mount_options_parse(text, &options, message, sizeof message), -EINVAL);
}

static void test_hold(void **state) {
    struct mount_options options;
    char message[200];
    assert_int_equal(mount_options_parse("ro", &options, message, sizeof message), 0);
    assert_false(options.has_hold);
    assert_int_equal(mount_options_parse("x-linfsp.hold=30s,ro", &options, message, sizeof message), 0);
    assert_true(options.has_hold && options.read_only);
    assert_int_equal(options.hold, 30);
    assert_int_equal(mount_options_parse("x-linfsp.hold=0,x-other=5m", &options, message, sizeof message), 0);
    assert_true(options.has_hold && options.hold == 0);
    static const char *const wrong[] = {"x-linfsp.hold=",    "x-linfsp.hold=301", "x-linfsp.hold=3m",
                                        "x-linfsp.hold=-1s", "x-linfsp.hold=s",   "x-linfsp.hold=99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(mount_options_parse(wrong[i], &options, message, sizeof message), -EINVAL);
        assert_non_null(strstr(message, "x-linfsp.hold"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hold),
        cmocka_unit_test(each_option_does_what_it_says),
        cmocka_unit_test(the_last_of_two_contraries_counts),
        cmocka_unit_test(nothing_is_no_option),
        cmocka_unit_test(a_backslash_takes_the_commas_meaning_away),
        cmocka_unit_test(a_prefix_keeps_its_backslashes),
        cmocka_unit_test(refusals_name_the_option_and_change_nothing),
        cmocka_unit_test(what_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
