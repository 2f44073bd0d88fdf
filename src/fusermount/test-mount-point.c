/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "fusermount/mount-point.h"
#include "util/cleanup.h"

static char base[PATH_MAX];

static int set_up(void **state) {
    char made[] = "/tmp/linfsp-mount-point-XXXXXX";
    return mkdtemp(made) && realpath(made, base) && chdir(base) == 0 && mkdir("folder", 0755) == 0 &&
                   mkdir("folder/inner", 0755) == 0 && symlink("folder", "link") == 0 && close(creat("file", 0644)) == 0
               ? 0
               : -1;
}

static int tear_down(void **state) {
    return unlink("link") == 0 && unlink("file") == 0 && rmdir("folder/inner") == 0 && rmdir("folder") == 0 &&
                   chdir("/") == 0 && rmdir(base) == 0
               ? 0
               : -1;
}

/* What is expected is below base, unless it starts with '/'. */
static void resolves_to(const char *text, bool follow, const char *expected) {
    char path[PATH_MAX], full[PATH_MAX + 64];
    snprintf(full, sizeof full, "%s%s", expected[0] == '/' ? "" : base, expected[0] == '/' ? expected : "/");
    if (expected[0] != '/')
        strcat(full, expected);
    assert_int_equal(mount_point_resolve(text, follow, path), 0);
    assert_string_equal(path, full);
}

static void resolves(const char *text, const char *expected) {
    resolves_to(text, false, expected);
}

static void the_last_component_is_not_followed(void **state) {
    resolves("folder", "folder");
    resolves("./folder", "folder");
    resolves("folder///", "folder");
    resolves("link", "link");
    resolves("link/", "link");
    resolves("link/.", "folder");
    resolves("link/inner", "folder/inner");
    resolves("folder/inner/..", "folder");
    resolves("link/missing", "folder/missing");
    resolves("missing", "missing");
    resolves("/", "/");
    resolves("///", "/");
    resolves("/missing", "/missing");
    resolves("/.", "/");
}

static void the_last_component_is_followed_on_request(void **state) {
    resolves_to("link", true, "folder");
    resolves_to("link/", true, "folder");
    resolves_to("folder", true, "folder");
    resolves_to("missing", true, "missing");
}

static void what_cannot_be_resolved_is_an_error(void **state) {
    char path[PATH_MAX], longest[PATH_MAX + 8];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(mount_point_resolve("", false, path), -EINVAL);
    assert_int_equal(mount_point_resolve("missing/inner", false, path), -ENOENT);
    assert_int_equal(mount_point_resolve("file/inner/deep", false, path), -ENOTDIR);
    assert_int_equal(mount_point_resolve(longest, false, path), -ENAMETOOLONG);
}

static int pin(const char *name, mode_t *ret_type) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", base, name);
    return mount_point_pin(path, ret_type);
}

static void folders_and_files_are_pinned(void **state) {
    mode_t type;
    _cleanup_close_ int folder = pin("folder", &type);
    assert_true(folder >= 0);
    assert_true(fcntl(folder, F_GETFL) & O_PATH);
    assert_int_equal(type, S_IFDIR);
    _cleanup_close_ int file = pin("file", &type);
    assert_true(file >= 0);
    assert_int_equal(type, S_IFREG);
    assert_int_equal(pin("link", &type), -ENOTDIR);
    assert_int_equal(pin("missing", &type), -ENOENT);
    assert_int_equal(mount_point_pin("/dev/null", &type), -ENOTDIR);
}

static void the_mount_table_is_read(void **state) {
    assert_false(mount_point_is_fuse("/proc"));
    assert_false(mount_point_is_fuse(base));
    assert_int_equal(mount_point_unmount("/", true), -EINVAL);
    assert_int_equal(chdir(base), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_component_is_not_followed),
        cmocka_unit_test(the_last_component_is_followed_on_request),
        cmocka_unit_test(what_cannot_be_resolved_is_an_error),
        cmocka_unit_test(folders_and_files_are_pinned),
        cmocka_unit_test(the_mount_table_is_read),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
