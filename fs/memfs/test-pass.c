/* SPDX-License-Identifier: MIT */
/* Which files the kernel is given to read and write by itself, and that what it does with them is seen. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pass.h"

enum { FROM = 64 * 1024 };

static struct volume volume;
static struct pass pass;
static struct node *node;
static int next_id, opened, closed;
static char bytes[FROM];

static int open_backing(linfsp_volume *mounted, int fd) {
    assert_true(fcntl(fd, F_GETFL) >= 0);
    opened++;
    return next_id < 0 ? next_id : next_id++;
}

static int close_backing(linfsp_volume *mounted, int id) {
    closed = id;
    return 0;
}

static int set_up(void **state) {
    assert_int_equal(volume_init(&volume, false, UINT64_C(1) << 30, 1000), 0);
    pass = (struct pass){.from = FROM};
    pass_begin(&pass, NULL, open_backing, close_backing);
    volume.pass = &pass;
    next_id = 7;
    opened = closed = 0;
    return node_new(&volume, S_IFREG | 0644, 1, 1, &node);
}

static int tear_down(void **state) {
    if (node)
        node_drop(&volume, node, 1);
    pass_end(&pass);
    volume_free(&volume);
    pass_free(&pass);
    return 0;
}

static void grow(uint64_t size) {
    lock_exclusive(&node->lock);
    pass_grow(&volume, node, size);
    data_set_size(&node->data, &volume.space, size);
    node_settle(node);
    unlock_exclusive(&node->lock);
}

static struct linfsp_file open_as(int flags) {
    struct linfsp_file file = {.flags = (uint32_t)flags, .open_flags = LINFSP_OPEN_KEEP_CACHE};
    pass_open(&volume, node, &file);
    return file;
}

static bool passes(struct linfsp_file file) {
    return file.open_flags & LINFSP_OPEN_PASSTHROUGH;
}

static bool is_watched(struct linfsp_file file) {
    return file.open_flags & LINFSP_OPEN_DIRECT_IO;
}

static struct stat status_of_node(void) {
    struct stat status;
    node_stat(&volume, node, &status);
    return status;
}

static void test_small_stays(void **state) {
    grow(FROM - 1);
    assert_int_equal(open_as(O_RDWR).open_flags, LINFSP_OPEN_KEEP_CACHE);
    assert_int_equal(node->data.filed, 0);
    assert_int_equal(opened, 0);
    assert_true(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
}

/* All that have a file open at a time have it alike: the kernel insists. */
static void test_from_the_next_opening_on(void **state) {
    assert_false(passes(open_as(O_RDWR)));
    grow(FROM);
    assert_false(passes(open_as(O_RDONLY)));
    assert_false(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
    assert_true(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
    struct linfsp_file file = open_as(O_RDWR);
    assert_true(passes(file) && !is_watched(file));
    assert_false(file.open_flags & LINFSP_OPEN_KEEP_CACHE);
    assert_int_equal(file.backing_id, 7);
    grow(0);
    file = open_as(O_RDONLY);
    assert_true(passes(file));
    assert_int_equal(file.backing_id, 7);
    assert_int_equal(opened, 1);
    assert_false(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
    assert_true(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
    assert_int_equal(pass.count, 0);
    node_drop(&volume, node, 1);
    node = NULL;
    assert_int_equal(closed, 7);
}

static void test_without_the_service(void **state) {
    next_id = -ENOTCONN;
    grow(FROM);
    assert_false(passes(open_as(O_RDWR)));
    next_id = 9;
    assert_false(passes(open_as(O_RDWR)));
    pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY});
    pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY});
    assert_true(passes(open_as(O_RDWR)));
    pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY});
}

static void test_watched(void **state) {
    grow(FROM);
    volume.file_size_max = 1 << 20;
    assert_true(is_watched(open_as(O_WRONLY)));
    assert_false(is_watched(open_as(O_RDONLY)));
    volume.file_size_max = INT64_MAX;
    assert_false(is_watched(open_as(O_WRONLY)));
    node->permissions |= S_ISUID;
    assert_true(is_watched(open_as(O_RDWR)));
    node->permissions = 0644;
    assert_int_equal(xattr_set(&node->xattrs, &volume.space, XATTR_CAPABILITY, "x", 1, 0), 0);
    assert_true(is_watched(open_as(O_RDWR)));
    xattr_remove(&node->xattrs, &volume.space, XATTR_CAPABILITY);
    assert_false(is_watched(open_as(O_RDWR)));
    assert_true(space_take(&volume.space, volume.space.limit - space_used(&volume.space)));
    assert_true(is_watched(open_as(O_RDWR)));
    while (!pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}))
        continue;
}

/* The kernel writes: size, pages and times follow, and the volume's room. Setuid it takes away by a request. */
static void test_written_behind_our_back(void **state) {
    grow(FROM);
    open_as(O_RDWR);
    node->permissions |= S_ISUID;
    node->mtime = node->atime = 1000000000;
    node_settle(node);
    assert_int_equal(status_of_node().st_mtim.tv_sec, 1000000000);
    assert_int_equal(pwrite(node->data.file.fd, bytes, sizeof bytes, FROM), sizeof bytes);
    assert_int_equal(space_used(&volume.space), 0);
    pass_refresh(&volume);
    assert_int_equal(space_used(&volume.space), sizeof bytes);
    struct stat status = status_of_node();
    assert_int_equal(status.st_size, FROM + sizeof bytes);
    assert_int_equal(status.st_blocks, sizeof bytes / 512);
    assert_true(status.st_mtim.tv_sec > 1000000000);
    assert_true(status.st_ctim.tv_sec >= status.st_mtim.tv_sec);
    assert_int_equal(status.st_atim.tv_sec, 1000000000);
    assert_int_equal(status.st_mode & 07777, 04644);
    assert_true(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
}

/* What is set stays set, and what we write is not taken for the kernel's. */
static void test_times_that_were_set(void **state) {
    grow(FROM);
    open_as(O_RDWR);
    lock_exclusive(&node->lock);
    node->mtime = INT64_C(4000000000);
    node->permissions |= S_ISUID;
    node_settle(node);
    unlock_exclusive(&node->lock);
    assert_int_equal(status_of_node().st_mtim.tv_sec, INT64_C(4000000000));
    assert_int_equal(status_of_node().st_mode & 07777, 04644);
    lock_exclusive(&node->lock);
    assert_int_equal(data_write(&node->data, &volume.space, 0, "x", 1), 1);
    node_changed_content(&volume, node, NULL);
    node_settle(node);
    unlock_exclusive(&node->lock);
    assert_true(status_of_node().st_mtim.tv_sec < INT64_C(4000000000));
    assert_int_equal(status_of_node().st_mode & 07777, 04644);
    assert_true(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
}

static void test_read_behind_our_back(void **state) {
    grow(FROM);
    open_as(O_RDONLY);
    lock_exclusive(&node->lock);
    node->atime = 1000000000;
    node_settle(node);
    unlock_exclusive(&node->lock);
    assert_int_equal(pread(node->data.file.fd, bytes, 1, 0), 1); /* ours: O_NOATIME */
    assert_int_equal(status_of_node().st_atim.tv_sec, 1000000000);
    fcntl(node->data.file.fd, F_SETFL, 0);
    assert_int_equal(pread(node->data.file.fd, bytes, 1, 0), 1);
    struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    futimens(node->data.file.fd, now); /* where memory files keep no atime */
    assert_true(status_of_node().st_atim.tv_sec > 1000000000);
    assert_true(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
}

/* With no pass-through granted nothing is any different. */
static void test_not_granted(void **state) {
    pass_end(&pass);
    grow(FROM);
    assert_int_equal(open_as(O_RDWR).open_flags, LINFSP_OPEN_KEEP_CACHE);
    assert_int_equal(node->data.filed, 0);
    assert_true(pass_close(&volume, node, &(struct linfsp_file){.flags = O_RDONLY}));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_small_stays),
        TEST(test_from_the_next_opening_on),
        TEST(test_without_the_service),
        TEST(test_watched),
        TEST(test_written_behind_our_back),
        TEST(test_times_that_were_set),
        TEST(test_read_behind_our_back),
        TEST(test_not_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
