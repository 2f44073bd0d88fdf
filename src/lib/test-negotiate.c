/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/volume.h"

static struct wire_init negotiate(uint64_t want) {
    struct wire_init init;
    fsp_negotiate(want, 1u << 20, 128, &init);
    return init;
}

static void test_always(void **state) {
    struct wire_init init = negotiate(0);
    uint64_t always =
        FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_ASYNC_DIO | FUSE_SETXATTR_EXT | FUSE_INIT_EXT;
    assert_true((init.flags & always) == always);
    assert_true(init.flags & FUSE_EXPLICIT_INVAL_DATA);
    assert_false(init.flags & (FUSE_AUTO_INVAL_DATA | FUSE_ABORT_ERROR | FUSE_CREATE_SUPP_GROUP | FUSE_HAS_INODE_DAX));
    assert_false(init.flags & (FUSE_SPLICE_READ | FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE));
    assert_false(init.flags & (FUSE_POSIX_LOCKS | FUSE_FLOCK_LOCKS | FUSE_PASSTHROUGH));
    assert_int_equal(init.max_pages, 256);
    assert_int_equal(init.max_background, 128);
    assert_int_equal(init.congestion_threshold, 96);
    assert_int_equal(init.max_stack_depth, 0);
}

static void test_invalidation(void **state) {
    struct wire_init init = negotiate(LINFSP_WANT_AUTO_INVALIDATE);
    assert_true(init.flags & FUSE_AUTO_INVAL_DATA);
    assert_false(init.flags & FUSE_EXPLICIT_INVAL_DATA);
}

static void test_killpriv_is_the_second_version(void **state) {
    struct wire_init init = negotiate(LINFSP_WANT_HANDLE_KILLPRIV);
    assert_true(init.flags & FUSE_HANDLE_KILLPRIV_V2);
    assert_false(init.flags & FUSE_HANDLE_KILLPRIV);
}

static void test_granted_is_what_the_kernel_has(void **state) {
    uint64_t want = LINFSP_WANT_READDIRPLUS | LINFSP_WANT_POSIX_ACL | LINFSP_WANT_DIRECT_IO_MMAP;
    struct wire_init init = negotiate(want);
    assert_true(fsp_granted(want, &init) == want);
    init.flags &= ~(FUSE_DIRECT_IO_ALLOW_MMAP | FUSE_READDIRPLUS_AUTO);
    assert_true(fsp_granted(want, &init) == LINFSP_WANT_POSIX_ACL);
    assert_true(fsp_granted(0, &init) == 0);
    assert_true(fsp_granted(UINT64_C(1) << 60, &init) == 0);
}

static void test_what_excludes_each_other(void **state) {
    struct wire_init init = negotiate(LINFSP_WANT_PASSTHROUGH);
    assert_true(init.flags & FUSE_PASSTHROUGH);
    assert_true(init.max_stack_depth > 0);
    uint64_t want = LINFSP_WANT_PASSTHROUGH | LINFSP_WANT_WRITEBACK;
    init = negotiate(want);
    assert_false(init.flags & FUSE_PASSTHROUGH);
    assert_true(fsp_granted(want, &init) == LINFSP_WANT_WRITEBACK);
    want = LINFSP_WANT_PASSTHROUGH | LINFSP_WANT_NO_OPEN;
    init = negotiate(want);
    assert_true(fsp_granted(want, &init) == LINFSP_WANT_PASSTHROUGH);
    init.flags &= ~FUSE_PASSTHROUGH; /* an older kernel */
    assert_true(fsp_granted(want, &init) == LINFSP_WANT_NO_OPEN);
}

static void test_small_limits(void **state) {
    struct wire_init init;
    fsp_negotiate(0, 4096, 1, &init);
    assert_int_equal(init.max_pages, 1);
    assert_int_equal(init.congestion_threshold, 1); /* 0 would be the kernel's default */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always),
        cmocka_unit_test(test_invalidation),
        cmocka_unit_test(test_killpriv_is_the_second_version),
        cmocka_unit_test(test_granted_is_what_the_kernel_has),
        cmocka_unit_test(test_what_excludes_each_other),
        cmocka_unit_test(test_small_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
