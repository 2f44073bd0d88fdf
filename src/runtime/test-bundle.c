/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "runtime/bundle.h"
#include "util/cleanup.h"

#define PROGRAM "/usr/local/bin/linfsp"
#define HOOK "{\"path\":\"" PROGRAM "\",\"args\":[\"linfsp\",\"hook\"]}"

static char folder[] = "/tmp/linfsp-test-bundle.XXXXXX", path[PATH_MAX];

static int make_folder(void **state) {
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/config.json", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)unlink(path);
    return rmdir(folder); /* which fails where anything was left in it */
}

static void put(const char *text) {
    _cleanup_fclose_ FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
}

static void assert_holds(const char *expected) {
    static char text[65536];
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    assert_string_equal(text, expected);
}

static void the_hook_is_added(void **state) {
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"{}", "{\"hooks\":{\"createRuntime\":[" HOOK "]}}"},
        {" {\n} \n", "{\"hooks\":{\"createRuntime\":[" HOOK "]}}"},
        {"{\"hooks\":null}", "{\"hooks\":{\"createRuntime\":[" HOOK "]}}"},
        {"{\"hooks\":{\"createRuntime\":null,\"poststop\":[]}}",
         "{\"hooks\":{\"createRuntime\":[" HOOK "],\"poststop\":[]}}"},
        {"{\"hooks\":{\"createRuntime\":[{\"path\":\"/a\"}]},\"root\":{\"path\":\"rootfs\"}}",
         "{\"hooks\":{\"createRuntime\":[{\"path\":\"/a\"}," HOOK "]},\"root\":{\"path\":\"rootfs\"}}"},
        {"{\"hooks\":{\"createRuntime\":[{\"path\":\"" PROGRAM "\",\"args\":[\"linfsp\",\"status\"]}]}}",
         "{\"hooks\":{\"createRuntime\":[{\"path\":\"" PROGRAM "\",\"args\":[\"linfsp\",\"status\"]}," HOOK "]}}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put(cases[i].before);
        assert_int_equal(bundle_add_hook(path, PROGRAM), 1);
        assert_holds(cases[i].after);
    }
}

static void once_is_enough(void **state) {
    put("{}");
    assert_int_equal(bundle_add_hook(path, PROGRAM), 1);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(bundle_add_hook(path, PROGRAM), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_holds("{\"hooks\":{\"createRuntime\":[" HOOK "]}}");
}

static void everything_else_stays(void **state) {
    static const char before[] =
        "{\"unknown\":[true,false,null,-1,0,18446744073709551615,-9223372036854775808,1.50,1e3],"
        "\"linux\":{\"resources\":{\"memory\":{\"limit\":9223372036854775807}}},"
        "\"annotations\":{\"a/b\":\"\\\"\\\\\\u0000\\u001f\xc3\xa9<&>/\"}";
    char text[1024], expected[1024];
    snprintf(text, sizeof text, "%s}", before);
    snprintf(expected, sizeof expected, "%s,\"hooks\":{\"createRuntime\":[" HOOK "]}}", before);
    put(text);
    assert_int_equal(bundle_add_hook(path, PROGRAM), 1);
    assert_holds(expected);
}

static void the_file_keeps_owner_and_mode(void **state) {
    put("{}");
    assert_int_equal(chmod(path, 0640), 0);
    if (getuid() == 0)
        assert_int_equal(chown(path, 1000, 1001), 0);
    struct stat before, after;
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(bundle_add_hook(path, PROGRAM), 1);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(after.st_gid, before.st_gid);
}

static void what_is_no_configuration_stays_as_it_is(void **state) {
    static const char *const cases[] = {
        "",
        "{",
        "[]",
        "\"text\"",
        "null",
        "{} {}",
        "{}x",
        "{\"a\":1,}",
        "{\"a\":01}",
        "{\"hooks\":[]}",
        "{\"hooks\":{\"createRuntime\":{}}}",
        "{\"hooks\":\"\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put(cases[i]);
        assert_int_equal(bundle_add_hook(path, PROGRAM), -EBADMSG);
        assert_holds(cases[i]);
    }
}

static void only_plain_files(void **state) {
    (void)unlink(path);
    assert_int_equal(bundle_add_hook(path, PROGRAM), -ENOENT);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(bundle_add_hook(path, PROGRAM), -ELOOP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(bundle_add_hook(path, PROGRAM), -EBADMSG);
    assert_int_equal(unlink(path), 0);
}

#define RULE "{\"names\":[\"mount\",\"umount\",\"umount2\"],\"action\":\"SCMP_ACT_NOTIFY\"}"
#define LISTENER "\"listenerPath\":\"/run/s\""

static void the_notifier_is_added(void **state) {
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"{\"linux\":{}}",
         "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" RULE "]," LISTENER "}}}"},
        {"{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\",\"mount\"],"
         "\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"umount2\"],\"action\":\"SCMP_ACT_ERRNO\"}]}}}",
         "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
         "\"SCMP_ACT_ALLOW\"}," RULE "]," LISTENER "}}}"},
        {"{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"]}},\"linux\":{\"seccomp\":null}}",
         "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\"]}},\"linux\":{\"seccomp\":{\"defaultAction\":"
         "\"SCMP_ACT_ALLOW\",\"syscalls\":[" RULE "]," LISTENER "}}}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        put(cases[i].before);
        assert_int_equal(bundle_add_notifier(path, "/run/s"), 1);
        assert_holds(cases[i].after);
        assert_int_equal(bundle_add_notifier(path, "/run/t"), 0); /* somebody listens already */
        assert_int_equal(bundle_drop_notifier(path), 0);
        assert_holds(cases[i].after);
    }
}

static void a_bundle_that_is_run_again_gets_a_new_notifier(void **state) {
    put("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}}}");
    assert_int_equal(bundle_add_notifier(path, BUNDLE_SOCKETS "1"), 1);
    assert_int_equal(bundle_add_notifier(path, BUNDLE_SOCKETS "2"), 1);
    assert_holds("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[" RULE
                 "],\"listenerPath\":\"" BUNDLE_SOCKETS "2\"}}}");
    assert_int_equal(bundle_drop_notifier(path), 1);
    assert_holds("{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[]}}}");
    assert_int_equal(bundle_drop_notifier(path), 0);
}

static void the_notifier_is_not_for_every_container(void **state) {
    static const char *const texts[] = {
        "{}",
        "{\"linux\":null}",
        "{\"process\":{\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_SYS_ADMIN\"]}},\"linux\":{}}",
        "{\"linux\":{\"seccomp\":{\"listenerPath\":\"/other\",\"defaultAction\":\"SCMP_ACT_ERRNO\"}}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        put(texts[i]);
        assert_int_equal(bundle_add_notifier(path, "/run/s"), 0);
        assert_holds(texts[i]);
    }
    put("{\"linux\":{\"seccomp\":[]}}");
    assert_int_equal(bundle_add_notifier(path, "/run/s"), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hook_is_added),
        cmocka_unit_test(the_notifier_is_added),
        cmocka_unit_test(the_notifier_is_not_for_every_container),
        cmocka_unit_test(a_bundle_that_is_run_again_gets_a_new_notifier),
        cmocka_unit_test(once_is_enough),
        cmocka_unit_test(everything_else_stays),
        cmocka_unit_test(the_file_keeps_owner_and_mode),
        cmocka_unit_test(what_is_no_configuration_stays_as_it_is),
        cmocka_unit_test(only_plain_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
