/* SPDX-License-Identifier: MIT */
/* What a session makes of requests, whole and broken, and what it answers. */
#include "lib/test-kernel.h"

static void test_lookup(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "name", 5, &size), 0);
    assert_string_equal(seen.name, "name");
    assert_int_equal(seen.inode, 42);
    assert_int_equal(size, sizeof(struct fuse_entry_out));
    assert_int_equal(BODY(fuse_entry_out)->nodeid, 77);
    assert_int_equal(BODY(fuse_entry_out)->generation, 3);
    assert_int_equal(BODY(fuse_entry_out)->entry_valid, 1);
    assert_int_equal(BODY(fuse_entry_out)->entry_valid_nsec, 500000000);
    assert_int_equal(BODY(fuse_entry_out)->attr_valid, INT64_MAX);
    assert_int_equal(BODY(fuse_entry_out)->attr.ino, 770);
    assert_int_equal(BODY(fuse_entry_out)->attr.rdev, 0x12310345); /* as new_encode_dev does it */
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "missing", 8, &size), 0);
    assert_int_equal(BODY(fuse_entry_out)->nodeid, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "error", 6, &size), -EACCES);
    assert_int_equal(size, 0);
}

/* The kernel refuses an answer whose error is out of range and leaves the caller waiting. */
static void test_errors_out_of_range(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "huge-error", 11, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "positive-error", 15, &size), -EIO);
}

static void test_bad_names(void **state) {
    char longest[FSP_NAME_MAX + 2];
    size_t size;
    memset(longest, 'n', sizeof longest);
    longest[FSP_NAME_MAX] = 0;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, longest, FSP_NAME_MAX + 1, &size), 0);
    assert_int_equal(seen.calls, 1);
    longest[FSP_NAME_MAX] = 'n';
    longest[FSP_NAME_MAX + 1] = 0;
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, longest, sizeof longest, &size), -ENAMETOOLONG);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "unterminated", 12, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "", 1, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "", 0, &size), -EIO);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "a/b", 4, &size), -EIO);
    assert_int_equal(ask(FUSE_MKNOD, &(struct fuse_mknod_in){0}, 16, "..", 3, &size), -EIO);
    assert_int_equal(seen.calls, 1);
}

static void test_rename(void **state) {
    struct fuse_rename2_in in = {.newdir = 43, .flags = 2};
    struct fuse_rename_in old = {.newdir = 44};
    size_t size;
    assert_int_equal(ASK(FUSE_RENAME2, &in, "one\0two", 8, &size), 0);
    assert_string_equal(seen.name, "one");
    assert_string_equal(seen.other, "two");
    assert_int_equal(seen.number, 43);
    assert_int_equal(seen.set, 2);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one\0two", 8, &size), 0);
    assert_int_equal(seen.set, 0);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one\0two", 7, &size), -EIO);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one\0", 4, &size), -EIO);
    assert_int_equal(ASK(FUSE_RENAME, &old, "one", 3, &size), -EIO);
    assert_int_equal(seen.calls, 2);
}

static void test_symlink(void **state) {
    size_t size;
    static char target[PATH_MAX + 8];
    assert_int_equal(ask(FUSE_SYMLINK, NULL, 0, "name\0to/there", 14, &size), -EROFS);
    assert_string_equal(seen.name, "name");
    assert_string_equal(seen.other, "to/there");
    memset(target, 't', sizeof target);
    target[1] = 0;
    target[sizeof target - 1] = 0;
    assert_int_equal(ask(FUSE_SYMLINK, NULL, 0, target, sizeof target, &size), -ENAMETOOLONG);
}

static void test_mknod(void **state) {
    struct fuse_mknod_in in = {.mode = S_IFCHR | 0600, .umask = 022, .rdev = 0x12310345};
    size_t size;
    assert_int_equal(ASK(FUSE_MKNOD, &in, "node", 5, &size), 0);
    assert_int_equal(major(seen.device), 0x103);
    assert_int_equal(minor(seen.device), 0x12345);
    assert_int_equal(seen.mode, S_IFCHR | 0600);
    assert_int_equal(seen.umask, 022);
}

static void test_attributes(void **state) {
    struct fuse_getattr_in get = {.getattr_flags = FUSE_GETATTR_FH, .fh = 8};
    struct fuse_setattr_in set = {
        .valid = FATTR_SIZE | FATTR_MTIME | FATTR_FH | FATTR_LOCKOWNER, .size = 5, .mtime = 7, .mtimensec = 999};
    size_t size;
    assert_int_equal(ASK(FUSE_GETATTR, &get, NULL, 0, &size), 0);
    assert_int_equal(size, sizeof(struct fuse_attr_out));
    assert_true(seen.has_file);
    assert_int_equal(seen.handle, 8);
    assert_int_equal(BODY(fuse_attr_out)->attr.uid, 1000);
    assert_int_equal(BODY(fuse_attr_out)->attr.gid, 100);
    assert_int_equal(BODY(fuse_attr_out)->attr.size, 4711);
    assert_int_equal(BODY(fuse_attr_out)->attr_valid, 2);
    assert_int_equal(BODY(fuse_attr_out)->attr_valid_nsec, 1000000);
    get.getattr_flags = 0;
    assert_int_equal(ASK(FUSE_GETATTR, &get, NULL, 0, &size), 0);
    assert_false(seen.has_file);
    assert_int_equal(ASK(FUSE_SETATTR, &set, NULL, 0, &size), 0);
    assert_int_equal(seen.set, LINFSP_SET_SIZE | LINFSP_SET_MTIME);
    assert_int_equal(seen.attributes.st_size, 5);
    assert_int_equal(seen.attributes.st_mtim.tv_nsec, 999);
    assert_true(seen.has_file);
    set.size = UINT64_MAX;
    assert_int_equal(ASK(FUSE_SETATTR, &set, NULL, 0, &size), -EINVAL);
}

static void test_create(void **state) {
    struct fuse_create_in in = {.mode = S_IFREG | 0600};
    size_t size;
    assert_int_equal(ASK(FUSE_CREATE, &in, "new", 4, &size), 0);
    assert_int_equal(size, sizeof(struct fuse_entry_out) + sizeof(struct fuse_open_out));
    struct fuse_open_out *out =
        (struct fuse_open_out *)(void *)(answer + sizeof(struct fuse_out_header) + sizeof(struct fuse_entry_out));
    assert_true(out->fh == 0x1122334455667788);
    assert_int_equal(out->open_flags, FOPEN_DIRECT_IO);
    assert_int_equal(out->backing_id, 0);
    assert_false(seen.kill_suidgid);
    in.open_flags = FUSE_OPEN_KILL_SUIDGID;
    assert_int_equal(ASK(FUSE_CREATE, &in, "new", 4, &size), 0);
    assert_true(seen.kill_suidgid);
}

/* ENOSYS to OPEN would switch opening off for the whole volume. */
static void test_open_enosys(void **state) {
    struct fuse_open_in in = {0};
    size_t size;
    assert_int_equal(ASK(FUSE_OPEN, &in, NULL, 0, &size), -EOPNOTSUPP);
    assert_int_equal(ASK(FUSE_OPENDIR, &in, NULL, 0, &size), 0);
    assert_int_equal(BODY(fuse_open_out)->open_flags, 0);
}

static void test_open_enosys_wanted(void **state) {
    struct fuse_open_in in = {0};
    size_t size;
    assert_int_equal(ASK(FUSE_OPEN, &in, NULL, 0, &size), -ENOSYS);
    assert_int_equal(ASK(FUSE_OPENDIR, &in, NULL, 0, &size), 0);
}

static void test_defaults(void **state) {
    size_t size;
    assert_int_equal(ask(FUSE_FLUSH, &(struct fuse_flush_in){0}, sizeof(struct fuse_flush_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_FSYNC, &(struct fuse_fsync_in){0}, sizeof(struct fuse_fsync_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_ACCESS, &(struct fuse_access_in){0}, sizeof(struct fuse_access_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_RELEASE, &(struct fuse_release_in){0}, sizeof(struct fuse_release_in), NULL, 0, &size),
                     0);
    assert_int_equal(ask(FUSE_RELEASEDIR, &(struct fuse_release_in){0}, sizeof(struct fuse_release_in), NULL, 0, &size),
                     0);
    assert_int_equal(ask(FUSE_UNLINK, NULL, 0, "x", 2, &size), -ENOSYS);
    assert_int_equal(ask(FUSE_DESTROY, NULL, 0, NULL, 0, &size), 0);
    assert_int_equal(ask(FUSE_SYNCFS, &(struct fuse_syncfs_in){0}, sizeof(struct fuse_syncfs_in), NULL, 0, &size),
                     -ENOSYS);
    assert_int_equal(ask(FUSE_INIT, &(struct fuse_init_in){0}, sizeof(struct fuse_init_in), NULL, 0, &size), -ENOSYS);
    assert_int_equal(ask(9999, NULL, 0, "whatever", 8, &size), -ENOSYS);
    assert_int_equal(ask(7, NULL, 0, NULL, 0, &size), -ENOSYS);
    assert_int_equal(ask(UINT32_MAX, NULL, 0, NULL, 0, &size), -ENOSYS);
}

static void test_statx(void **state) {
    struct fuse_statx_in in = {.getattr_flags = FUSE_GETATTR_FH, .fh = 9, .sx_mask = STATX_BTIME};
    size_t size;
    assert_int_equal(ASK(FUSE_STATX, &in, NULL, 0, &size), 0);
    assert_int_equal(size, sizeof(struct fuse_statx_out));
    assert_int_equal(BODY(fuse_statx_out)->attr_valid, 1);
    assert_int_equal(BODY(fuse_statx_out)->attr_valid_nsec, 500000000);
    assert_int_equal(BODY(fuse_statx_out)->stat.mask, STATX_BASIC_STATS | STATX_BTIME);
    assert_int_equal(BODY(fuse_statx_out)->stat.ino, 42);
    assert_int_equal(BODY(fuse_statx_out)->stat.btime.tv_sec, 1234);
    assert_int_equal(BODY(fuse_statx_out)->stat.btime.tv_nsec, 5678);
    assert_int_equal(seen.handle, 9);
    assert_int_equal(seen.set, STATX_BTIME);
}

static void test_read(void **state) {
    struct fuse_read_in in = {.size = 4096, .fh = 3};
    size_t size;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), 0);
    assert_int_equal(size, 4);
    assert_memory_equal(BODY(fuse_out_header), "read", 4);
    in.offset = 1;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), -EIO);
    in.offset = 2;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), 0);
    assert_int_equal(size, 4096);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(answer[sizeof(struct fuse_out_header) + i], 'b');
    in.offset = UINT64_MAX;
    assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), -EINVAL);
}

/* Pieces are copied together first; where there is no room for it, they are not. */
static void test_read_not_in_place(void **state) {
    struct fuse_read_in in = {.offset = 2};
    size_t size;
    session.without.answers_in_place = true;
    for (in.size = 4096; in.size <= MAX_WRITE; in.size += MAX_WRITE - 4096) {
        assert_int_equal(ASK(FUSE_READ, &in, NULL, 0, &size), 0);
        assert_int_equal(size, in.size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(answer[sizeof(struct fuse_out_header) + i], 'b');
    }
}

static void test_write(void **state) {
    static char data[MAX_WRITE];
    struct fuse_write_in in = {
        .size = sizeof data, .offset = 7, .write_flags = FUSE_WRITE_KILL_SUIDGID | FUSE_WRITE_LOCKOWNER};
    size_t size;
    memcpy(data, "abcdefg", 8);
    assert_int_equal(ASK(FUSE_WRITE, &in, data, sizeof data, &size), 0);
    assert_int_equal(BODY(fuse_write_out)->size, sizeof data);
    assert_string_equal(seen.name, "abcdefg");
    assert_int_equal(seen.offset, 7);
    assert_true(seen.aligned);
    assert_int_equal(seen.set, LINFSP_WRITE_KILL_SUIDGID);
    in.size = 10; /* of which 9 came */
    assert_int_equal(ASK(FUSE_WRITE, &in, data, 9, &size), -EIO);
    in.size = UINT32_MAX;
    assert_int_equal(ASK(FUSE_WRITE, &in, data, 9, &size), -EIO);
    in.size = 9;
    in.offset = (uint64_t)INT64_MAX - 3;
    assert_int_equal(ASK(FUSE_WRITE, &in, data, 9, &size), -EINVAL);
    assert_int_equal(seen.calls, 1);
}

static void test_directory(void **state) {
    struct fuse_read_in in = {.size = 4096};
    size_t size, record = FUSE_REC_ALIGN(FUSE_NAME_OFFSET + 9);
    assert_int_equal(ASK(FUSE_READDIR, &in, NULL, 0, &size), 0);
    assert_false(seen.plus);
    assert_int_equal(seen.count, 4096 / record);
    assert_int_equal(size, seen.count * record);
    assert_int_equal(BODY(fuse_dirent)->ino, 50);
    assert_int_equal(BODY(fuse_dirent)->off, 1);
    assert_int_equal(BODY(fuse_dirent)->type, 4);
    assert_memory_equal(BODY(fuse_dirent)->name, "directory\0\0\0\0\0\0", record - FUSE_NAME_OFFSET);
    record = FUSE_REC_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + 9);
    assert_int_equal(ASK(FUSE_READDIRPLUS, &in, NULL, 0, &size), 0);
    assert_true(seen.plus);
    assert_int_equal(size, 4096 / record * record);
    assert_int_equal(BODY(fuse_direntplus)->entry_out.nodeid, 5);
    assert_int_equal(BODY(fuse_direntplus)->dirent.ino, 50);
    in.size = 20; /* not one fits */
    assert_int_equal(ASK(FUSE_READDIR, &in, NULL, 0, &size), 0);
    assert_int_equal(size, 0);
    in.size = UINT32_MAX; /* more than there is room for: what fits */
    assert_int_equal(ASK(FUSE_READDIR, &in, NULL, 0, &size), 0);
    assert_true(size > 0 && size <= session.scratch_size);
}

static void test_xattr(void **state) {
    struct fuse_setxattr_in set = {.size = 5, .setxattr_flags = FUSE_SETXATTR_ACL_KILL_SGID};
    struct fuse_getxattr_in get = {.size = 0};
    size_t size;
    assert_int_equal(ASK(FUSE_SETXATTR, &set, "user.x\0value", 12, &size), 0);
    assert_string_equal(seen.name, "user.x");
    assert_memory_equal(seen.other, "value", 5);
    assert_true(seen.has_file);
    set.size = 6; /* of which 5 came */
    assert_int_equal(ASK(FUSE_SETXATTR, &set, "user.x\0value", 12, &size), -EIO);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(ASK(FUSE_GETXATTR, &get, "user.x", 7, &size), 0);
    assert_int_equal(size, sizeof(struct fuse_getxattr_out));
    assert_int_equal(BODY(fuse_getxattr_out)->size, 5);
    get.size = 4;
    assert_int_equal(ASK(FUSE_GETXATTR, &get, "user.x", 7, &size), -ERANGE);
    get.size = 5;
    assert_int_equal(ASK(FUSE_GETXATTR, &get, "user.x", 7, &size), 0);
    assert_int_equal(size, 5);
}

/* The older form of the argument struct, where the kernel was not told that we know the newer. */
static void test_old_setxattr(void **state) {
    struct fuse_setxattr_in set = {.size = 5, .flags = 1};
    size_t size;
    assert_int_equal(ask(FUSE_SETXATTR, &set, FUSE_COMPAT_SETXATTR_IN_SIZE, "user.x\0value", 12, &size), 0);
    assert_string_equal(seen.name, "user.x");
    assert_int_equal(seen.size, 5);
    assert_false(seen.has_file);
}

static void test_copy(void **state) {
    struct fuse_copy_file_range_in in = {.len = UINT64_MAX};
    size_t size;
    assert_int_equal(ASK(FUSE_COPY_FILE_RANGE, &in, NULL, 0, &size), 0);
    assert_int_equal(seen.size, 0x7ffff000);
    assert_int_equal(BODY(fuse_write_out)->size, 0x7ffff000);
    assert_int_equal(size, sizeof(struct fuse_write_out));
    assert_int_equal(ASK(FUSE_COPY_FILE_RANGE_64, &in, NULL, 0, &size), 0);
    assert_int_equal(BODY(fuse_copy_file_range_out)->bytes_copied, 0x7ffff000);
}

static void test_ioctl(void **state) {
    struct fuse_ioctl_in in = {.cmd = 1, .in_size = 4, .out_size = 8};
    size_t size;
    assert_int_equal(ASK(FUSE_IOCTL, &in, "in!", 4, &size), 0);
    assert_string_equal(seen.name, "in!");
    assert_int_equal(BODY(fuse_ioctl_out)->result, -25);
    assert_int_equal(size, sizeof(struct fuse_ioctl_out) + 4);
    assert_int_equal(ASK(FUSE_IOCTL, &in, "in", 3, &size), -EIO);
    in.cmd = 2;
    assert_int_equal(ASK(FUSE_IOCTL, &in, "in!", 4, &size), -EIO);
}

static void test_forget(void **state) {
    struct fuse_forget_in one = {.nlookup = 3};
    struct {
        struct fuse_batch_forget_in in;
        struct fuse_forget_one items[2];
    } batch = {{.count = 2}, {{50, 10}, {51, 20}}};
    size_t size;
    send_request(FUSE_FORGET, next_unique(), &one, sizeof one, NULL, 0);
    send_request(FUSE_BATCH_FORGET, next_unique(), &batch, sizeof batch, NULL, 0);
    batch.in.count = UINT32_MAX; /* of which two came, and half of one */
    send_request(FUSE_BATCH_FORGET, next_unique(), &batch, sizeof batch, &batch, 8);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0); /* none of them was answered */
    assert_int_equal(seen.calls, 6);
    assert_int_equal(seen.count, 63);
}

/* Whatever comes, there is an answer or none, and the session goes on. */
static void test_truncated(void **state) {
    unsigned char nothing[sizeof(struct fuse_in_header)] = {0};
    size_t size;
    for (uint32_t opcode = 0; opcode <= FUSE_OPCODE_MAX + 2; opcode++) {
        int head_size = fsp_head_size(&session, opcode);
        bool silent = opcode == FUSE_NOTIFY_REPLY;
        if (head_size <= 0 || silent)
            continue;
        for (int cut = 0; cut < head_size; cut += 4) {
            static const unsigned char zero[256];
            assert_int_equal(ask(opcode, zero, (size_t)cut, NULL, 0, &size), -EIO);
        }
    }
    for (size_t n = 1; n < sizeof nothing; n += 7)
        assert_int_equal(send(kernel, nothing, n, 0), n);
    assert_int_equal(seen.calls, 0);
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
}

static void test_lying_length(void **state) {
    struct {
        struct fuse_in_header header;
        char name[8];
    } message = {{.opcode = FUSE_LOOKUP, .unique = next_unique()}, "name"};
    int error;
    static const uint32_t lengths[] = {
        0, 1, sizeof(struct fuse_in_header), sizeof message - 1, sizeof message + 1, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
        message.header.len = lengths[i];
        assert_int_equal(send(kernel, &message, sizeof message, 0), sizeof message);
        receive_answer(message.header.unique, &error);
        assert_int_equal(error, -EIO);
    }
    message.header.len = sizeof message;
    message.header.total_extlen = UINT16_MAX; /* extensions that are not there */
    assert_int_equal(send(kernel, &message, sizeof message, 0), sizeof message);
    receive_answer(message.header.unique, &error);
    assert_int_equal(error, -EIO);
}

static void test_extensions_are_left_out(void **state) {
    struct {
        struct fuse_in_header header;
        char name[8];
        struct fuse_ext_header extension;
    } message = {{.opcode = FUSE_LOOKUP, .unique = next_unique(), .total_extlen = 1, .len = sizeof message},
                 "name",
                 {8, FUSE_EXT_GROUPS}};
    int error;
    assert_int_equal(send(kernel, &message, sizeof message, 0), sizeof message);
    receive_answer(message.header.unique, &error);
    assert_int_equal(error, 0);
    assert_string_equal(seen.name, "name");
}

/* Random bytes behind a header that is right. The messages differ, the run does not. */
static void test_garbage(void **state) {
    static unsigned char body[512];
    uint32_t random = 12345;
    size_t size;
    for (int round = 0; round < 20000; round++) {
        random = random * 1664525 + 1013904223;
        uint32_t opcode = (random >> 16) % (FUSE_OPCODE_MAX + 1);
        random = random * 1664525 + 1013904223;
        size_t length = (random >> 16) % sizeof body;
        for (size_t i = 0; i < length; i++) {
            random = random * 1664525 + 1013904223;
            body[i] = (unsigned char)(random >> 24) % 3 ? (unsigned char)(random >> 16) : 0;
        }
        bool later = opcode == FUSE_STATFS || opcode == FUSE_LSEEK;
        bool silent = opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
                      opcode == FUSE_NOTIFY_REPLY;
        if (later || silent)
            continue;
        ask(opcode, body, length, NULL, 0, &size);
    }
    assert_int_equal(ask(FUSE_LOOKUP, NULL, 0, "x", 2, &size), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_statx),
        TEST(test_lookup),
        TEST(test_errors_out_of_range),
        TEST(test_bad_names),
        TEST(test_rename),
        TEST(test_symlink),
        TEST(test_mknod),
        TEST(test_attributes),
        TEST(test_create),
        TEST(test_open_enosys),
        TEST_NO_OPEN(test_open_enosys_wanted),
        TEST(test_defaults),
        TEST(test_read),
        TEST(test_read_not_in_place),
        TEST(test_write),
        TEST(test_directory),
        TEST(test_xattr),
        TEST_NO_OPEN(test_old_setxattr),
        TEST(test_copy),
        TEST(test_ioctl),
        TEST(test_forget),
        TEST(test_truncated),
        TEST(test_lying_length),
        TEST(test_extensions_are_left_out),
        TEST(test_garbage),
        TEST_THREADS(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
