/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
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

#include "lib/volume.h"

static char folder[] = "/tmp/test-mount-point.XXXXXX";
static struct fsp_mount_point point;
static struct linfsp_error error;

static int set_up(void **state) {
    return !mkdtemp(folder) || chdir(folder) < 0 || mkdir("empty", 0755) < 0 || mkdir("full", 0755) < 0 ||
           mkdir("full/of", 0755) < 0 || symlink("empty", "link") < 0 || symlink("full", "through") < 0 ||
           mknod("file", 0644, 0) < 0;
}

static int tear_down(void **state) {
    unlink("link");
    unlink("through");
    unlink("file");
    rmdir("full/of");
    rmdir("full");
    rmdir("empty");
    return chdir("/") < 0 || rmdir(folder); /* not empty: something was left behind */
}

static bool exists(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0;
}

static void refused(const char *text, int code, const char *why) {
    point = FSP_MOUNT_POINT_NONE;
    memset(&error, 0, sizeof error);
    assert_int_equal(fsp_mount_point_open(text, false, &point, &error), -code);
    assert_int_equal(error.code, code);
    assert_non_null(strstr(error.message, why));
    assert_int_equal(point.fd, -1);
    assert_int_equal(fsp_mount_point_open(text, false, &point, NULL), -code);
}

static void accepted(const char *text, const char *path, bool made) {
    char expected[256];
    assert_int_equal(fsp_mount_point_open(text, false, &point, &error), 0);
    snprintf(expected, sizeof expected, "%s%s", folder, path);
    assert_string_equal(point.path, expected);
    assert_true(point.fd >= 0);
    assert_int_equal(point.made, made);
    assert_int_equal(point.parent >= 0, made);
    fsp_mount_point_close(&point, false);
}

static void test_none(void **state) {
    assert_int_equal(fsp_mount_point_open(NULL, false, &point, &error), 0);
    assert_int_equal(point.fd, -1);
    assert_string_equal(point.letter, "");
}

static void test_letters(void **state) {
    assert_int_equal(fsp_mount_point_open("Z:", false, &point, &error), 0);
    assert_string_equal(point.letter, "z");
    assert_int_equal(fsp_mount_point_open("a:", false, &point, &error), 0);
    assert_string_equal(point.letter, "a");
    assert_int_equal(fsp_mount_point_open("*", false, &point, &error), 0);
    assert_string_equal(point.letter, "*");
    refused("1:", EINVAL, "1:");
    refused("ZZ:", EINVAL, "ZZ:");
    refused(":", EINVAL, ":");
    refused("\xc3\xa4:", EINVAL, "letter");
    refused("", EINVAL, "empty");
}

static void test_directories(void **state) {
    char text[256];
    accepted("empty", "/empty", false);
    accepted("empty//", "/empty", false);
    accepted("./empty/.", "/empty", false);
    accepted("full/../empty", "/empty", false);
    snprintf(text, sizeof text, "%s/empty", folder);
    accepted(text, "/empty", false);
    assert_true(exists("empty"));
}

static void test_made(void **state) {
    accepted("new", "/new", true);
    assert_false(exists("new"));
    accepted("through/new/", "/full/new", true); /* a link on the way is followed */
    assert_false(exists("full/new"));
    assert_int_equal(fsp_mount_point_open("new", false, &point, &error), 0);
    assert_string_equal(point.name, "new");
    fsp_mount_point_close(&point, true);
    assert_true(exists("new"));
    assert_int_equal(rmdir("new"), 0);
}

static void test_refused(void **state) {
    char longest[5000];
    refused("link", ELOOP, "link is a symbolic link");
    refused("link/", ELOOP, "symbolic link");
    refused("file", ENOTDIR, "file is not a directory");
    refused("file/below", ENOTDIR, "file");
    refused("full", ENOTEMPTY, "\"of\"");
    refused(".", ENOTEMPTY, "not empty");
    refused("missing/below", ENOENT, "the directory missing,");
    assert_false(exists("missing"));
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    refused(longest, ENAMETOOLONG, "too long");
    longest[300] = 0;
    refused(longest, ENAMETOOLONG, "too long");
    for (size_t i = 200; i < 4990; i += 200)
        longest[i] = '/', longest[300] = 'x';
    refused(longest, ENAMETOOLONG, "too long");
}

static void test_characters(void **state) {
    refused("new\nline", EINVAL, "mount point new?line: its path must be UTF-8 without control characters");
    refused("bytes\xff", EINVAL, "bytes?");
    refused("empty/\x1b[31m/..", EINVAL, "?[31m");
    assert_false(exists("new\nline"));
    assert_false(exists("bytes\xff"));
    assert_int_equal(mkdir("control\x01", 0755), 0);
    assert_int_equal(chdir("control\x01"), 0);
    refused("made", EINVAL, "control?/made");
    assert_false(exists("made"));
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(rmdir("control\x01"), 0);
}

static void test_nonempty_wanted(void **state) {
    assert_int_equal(fsp_mount_point_open("full", true, &point, &error), 0);
    assert_true(point.fd >= 0);
    fsp_mount_point_close(&point, false);
    assert_true(exists("full/of"));
}

static void test_cannot_be_made(void **state) {
    if (geteuid() != 0 || access("/proc/sys", F_OK) < 0)
        skip(); /* needs a place where not even root can make a directory */
    refused("/proc/sys/linfsp-test", ENOENT, "/proc/sys/linfsp-test");
}

/* The fd is of what stood there when it was looked at, whatever is put in its place. */
static void test_pinned(void **state) {
    struct stat before, after;
    assert_int_equal(fsp_mount_point_open("empty", false, &point, &error), 0);
    assert_int_equal(stat("empty", &before), 0);
    assert_int_equal(rename("empty", "moved"), 0);
    assert_int_equal(symlink("/", "empty"), 0);
    assert_int_equal(fstat(point.fd, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    fsp_mount_point_close(&point, false);
    assert_int_equal(unlink("empty"), 0);
    assert_int_equal(rename("moved", "empty"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),           cmocka_unit_test(test_letters), cmocka_unit_test(test_directories),
        cmocka_unit_test(test_made),           cmocka_unit_test(test_refused), cmocka_unit_test(test_nonempty_wanted),
        cmocka_unit_test(test_cannot_be_made), cmocka_unit_test(test_pinned),  cmocka_unit_test(test_characters),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
