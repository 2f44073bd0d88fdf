/* SPDX-License-Identifier: MIT */
/* What Windows programs call their errors, flags and files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "winfsp/fuse/flavour.h"

static void test_errors(void **state) {
    assert_int_equal(fsp_flavour_result(7), 7);
    assert_int_equal(fsp_flavour_result(0), 0);
    assert_int_equal(fsp_flavour_result(-2), -ENOENT);
    assert_int_equal(fsp_flavour_result(-38), -ENAMETOOLONG);
    assert_int_equal(fsp_flavour_result(-40), -ENOSYS);
    assert_int_equal(fsp_flavour_result(-41), -ENOTEMPTY);
    assert_int_equal(fsp_flavour_result(-114), -ELOOP);
    assert_int_equal(fsp_flavour_result(-120), -ENODATA);
    assert_int_equal(fsp_flavour_result(-138), -ETIMEDOUT);
    assert_int_equal(fsp_flavour_result(-35), -EIO);
    assert_int_equal(fsp_flavour_result(-100000), -EIO);
    assert_int_equal(fsp_flavour_result(INT32_MIN), -EIO);
    for (int error = 1; error < 133; error++)
        if (fsp_flavour_error(-error) != -EIO)
            assert_int_equal(fsp_flavour_result(fsp_flavour_error(-error)), -error);
    assert_int_equal(fsp_flavour_error(-ENOSYS), -40);
}

static void test_flags(void **state) {
    assert_int_equal(fsp_flavour_open_flags(O_RDONLY), 0);
    assert_int_equal(fsp_flavour_open_flags(O_WRONLY | O_CREAT | O_TRUNC | O_EXCL | O_NOFOLLOW), 1);
    assert_int_equal(fsp_flavour_open_flags(O_RDWR | O_APPEND), 2 | 8);
}

static void test_stat(void **state) {
    struct fuse_stat from = {.st_ino = UINT64_MAX,
                             .st_mode = S_IFDIR | 0751,
                             .st_nlink = UINT16_MAX,
                             .st_uid = 4000000000,
                             .st_size = INT64_MAX,
                             .st_mtim = {-5, 999999999},
                             .st_blocks = 8};
    struct stat to;
    fsp_flavour_stat(&from, &to);
    assert_true(to.st_ino == UINT64_MAX && to.st_size == INT64_MAX && to.st_nlink == UINT16_MAX);
    assert_int_equal(to.st_mode, S_IFDIR | 0751);
    assert_int_equal(to.st_uid, 4000000000);
    assert_int_equal(to.st_mtim.tv_sec, -5);
    assert_int_equal(to.st_mtim.tv_nsec, 999999999);
    assert_int_equal(to.st_blocks, 8);
    struct fuse_statvfs volume = {.f_bsize = 512, .f_blocks = 10, .f_namemax = 255, .f_favail = 3};
    struct statvfs statistics;
    fsp_flavour_statvfs(&volume, &statistics);
    assert_int_equal(statistics.f_bsize, 512);
    assert_int_equal(statistics.f_blocks, 10);
    assert_int_equal(statistics.f_favail, 3);
    assert_int_equal(statistics.f_namemax, 255);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_stat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
