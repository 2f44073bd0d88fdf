/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mount.h>

#include "fusermount/options.h"
#include "util/cleanup.h"

#define ALWAYS (MS_NOSUID | MS_NODEV)

static void flags_are_those_of_mount(void **state) {
    static const struct {
        const char *text;
        unsigned long flags;
    } cases[] = {
        {"", ALWAYS},
        {"rw", ALWAYS},
        {"ro", ALWAYS | MS_RDONLY},
        {"ro,rw", ALWAYS},
        {"rw,nosuid,nodev,noexec,noatime,sync,dirsync", ALWAYS | MS_NOEXEC | MS_NOATIME | MS_SYNCHRONOUS | MS_DIRSYNC},
        {"noexec,exec,sync,async,noatime,atime", ALWAYS},
        {"suid", MS_NODEV},
        {"dev", MS_NOSUID},
        {"suid,nosuid", ALWAYS},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct options options;
        assert_int_equal(options_parse(cases[i].text, &options), 0);
        assert_int_equal(options.flags, cases[i].flags);
        assert_null(options.unknown);
        assert_string_equal(options.data, "");
        options_done(&options);
    }
}

static void what_only_the_service_grants_is_noticed(void **state) {
    struct options options;
    assert_int_equal(options_parse("suid,dev,nosuid,nodev,blkdev,auto_unmount", &options), 0);
    assert_true(options.set_user_id && options.devices && options.block_device && options.auto_unmount);
    assert_false(options.shared);
    options_done(&options);
    assert_int_equal(options_parse("unc=\\server\\share", &options), 0);
    assert_true(options.shared);
    assert_null(options.unknown);
    options_done(&options);
    assert_int_equal(options_parse("uns=/server/share", &options), 0);
    assert_true(options.shared);
    options_done(&options);
    assert_int_equal(options_parse("auto_unmounts,xauto_unmount,auto_unmoun", &options), 0);
    assert_false(options.auto_unmount);
    options_done(&options);
}

static void names_may_hold_commas_and_backslashes(void **state) {
    static const struct {
        const char *text, *source, *subtype;
    } cases[] = {
        {"fsname=a", "a", NULL},
        {"fsname=", "", NULL},
        {"fsname=a,fsname=b", "b", NULL},
        {"fsname=a\\,b\\\\c,subtype=t", "a,b\\c", "t"},
        {"fsname=auto_unmount\\,auto_unmount", "auto_unmount,auto_unmount", NULL},
        {"subtype=x\\", NULL, "x\\"},
        {"fsname=x\\,", "x,", NULL},
        {"fsname=host:/a b", "host:/a b", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct options options;
        assert_int_equal(options_parse(cases[i].text, &options), 0);
        assert_false(options.auto_unmount);
        assert_null(options.unknown);
        assert_int_equal(!cases[i].source, !options.source);
        assert_int_equal(!cases[i].subtype, !options.subtype);
        assert_string_equal(options.asked, cases[i].text);
        if (cases[i].source)
            assert_string_equal(options.source, cases[i].source);
        if (cases[i].subtype)
            assert_string_equal(options.subtype, cases[i].subtype);
        options_done(&options);
    }
}

static void the_kernel_gets_its_own_only(void **state) {
    struct options options;
    assert_int_equal(
        options_parse("fsname=x,allow_other,ro,default_permissions,max_read=1024,user_id=0,fd=9,rootmode=7,"
                      "group_id=0,nonempty,large_read,auto_unmount,x-gvfs-hide,x-systemd.requires=a,X-mount.mkdir",
                      &options),
        0);
    assert_string_equal(options.data, "allow_other,default_permissions,max_read=1024");
    assert_string_equal(options.asked, "fsname=x,allow_other,ro,default_permissions,max_read=1024,auto_unmount");
    assert_null(options.unknown);
    options_done(&options);
}

static void the_first_unknown_option_is_named(void **state) {
    static const struct {
        const char *text, *unknown;
    } cases[] = {
        {"rw,foo=1,bar", "foo=1"}, {"x\\,ro", "x\\"}, {",ro", ""}, {"ro,,rw", ""}, {"ro,", NULL}, {"Ro", "Ro"},
        {"fsnam=x", "fsnam=x"},    {"rox", "rox"},    {"r", "r"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct options options;
        assert_int_equal(options_parse(cases[i].text, &options), 0);
        assert_int_equal(!cases[i].unknown, !options.unknown);
        if (cases[i].unknown)
            assert_string_equal(options.unknown, cases[i].unknown);
        options_done(&options);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_those_of_mount),
        cmocka_unit_test(what_only_the_service_grants_is_noticed),
        cmocka_unit_test(names_may_hold_commas_and_backslashes),
        cmocka_unit_test(the_kernel_gets_its_own_only),
        cmocka_unit_test(the_first_unknown_option_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
