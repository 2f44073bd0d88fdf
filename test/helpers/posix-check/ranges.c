/* SPDX-License-Identifier: MIT */
/* Sparse files: holes, fallocate, SEEK_DATA and SEEK_HOLE, copy_file_range, and offsets beyond 4 GiB. */
#include "posix-check.h"

#include <linux/falloc.h>
#include <sys/mman.h>

#define GIB ((off_t)1 << 30)
#define KIB ((off_t)1 << 10)

static off_t blocks_of(int fd) {
    struct stat status;
    OK(fstat(fd, &status));
    return status.st_blocks;
}

static off_t size_of(int fd) {
    struct stat status;
    OK(fstat(fd, &status));
    return status.st_size;
}

static void fill(int fd, off_t offset, off_t length, int byte) {
    char bytes[4096];
    memset(bytes, byte, sizeof bytes);
    for (off_t at = 0; at < length; at += (off_t)sizeof bytes) {
        size_t part = length - at < (off_t)sizeof bytes ? (size_t)(length - at) : sizeof bytes;
        EQUAL(pwrite(fd, bytes, part, offset + at), part);
    }
}

static void expect_bytes(int fd, off_t offset, off_t length, int byte) {
    char bytes[4096];
    for (off_t at = 0; at < length; at += (off_t)sizeof bytes) {
        size_t part = length - at < (off_t)sizeof bytes ? (size_t)(length - at) : sizeof bytes;
        EQUAL(pread(fd, bytes, part, offset + at), part);
        for (size_t i = 0; i < part; i++)
            if (bytes[i] != (char)byte)
                fail_at(__FILE__, __LINE__, "byte %lld is %d, not %d", (long long)(offset + at) + (long long)i,
                        bytes[i], byte);
    }
}

/* The volume may allow files of a certain size only. */
static void need_size(int fd, off_t size) {
    if (ftruncate(fd, size) < 0 && (errno == ENOSPC || errno == EFBIG))
        skip("files may not be larger than this volume was made for (memfs -s)");
    OK(ftruncate(fd, size));
}

static void range_over_4_gib(void) {
    char got[8];
    int fd = open_new("f");
    need_size(fd, 6 * GIB);
    EQUAL(size_of(fd), 6 * GIB);
    EQUAL(blocks_of(fd), 0);
    EQUAL(pwrite(fd, "far", 3, 5 * GIB + 7), 3);
    EQUAL(pread(fd, got, 8, 5 * GIB + 7), 8);
    EXPECT(memcmp(got, "far\0\0\0\0\0", 8) == 0);
    EQUAL(pread(fd, got, 1, 1 * GIB + 7), 1);
    EQUAL(got[0], 0); /* not the same modulo 4 GiB */
    EXPECT(blocks_of(fd) <= 1024);
    EQUAL(pwrite(fd, "end", 3, 8 * GIB), 3);
    EQUAL(size_of(fd), 8 * GIB + 3);
    EQUAL(lseek(fd, 0, SEEK_END), 8 * GIB + 3);
    OK(ftruncate(fd, 5 * GIB + 9));
    EQUAL(pread(fd, got, 8, 5 * GIB + 7), 2);
}

static void range_sparse_blocks(void) {
    int fd = open_new("f");
    OK(ftruncate(fd, 1024 * KIB));
    EQUAL(blocks_of(fd), 0);
    fill(fd, 512 * KIB, 4096, 1);
    EXPECT(blocks_of(fd) >= 8 && blocks_of(fd) <= 128);
    expect_bytes(fd, 0, 512 * KIB, 0);
    expect_bytes(fd, 516 * KIB, 508 * KIB, 0);
    fill(fd, 0, 1024 * KIB, 2);
    EQUAL(blocks_of(fd), 2048);
    OK(ftruncate(fd, 100 * KIB));
    EQUAL(blocks_of(fd), 200);
    OK(ftruncate(fd, 1024 * KIB));
    expect_bytes(fd, 100 * KIB, 924 * KIB, 0);
}

static void range_allocate(void) {
    int fd = open_new("f");
    OK(fallocate(fd, 0, 0, 100 * KIB));
    EQUAL(size_of(fd), 100 * KIB);
    EQUAL(blocks_of(fd), 200);
    expect_bytes(fd, 0, 100 * KIB, 0);
    fill(fd, 10 * KIB, 10 * KIB, 3);
    OK(fallocate(fd, 0, 0, 50 * KIB)); /* what is there stays */
    EQUAL(size_of(fd), 100 * KIB);
    expect_bytes(fd, 10 * KIB, 10 * KIB, 3);
    OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 100 * KIB, 100 * KIB));
    EQUAL(size_of(fd), 100 * KIB);
    EQUAL(blocks_of(fd), 400);
    OK(ftruncate(fd, 100 * KIB)); /* gives back what lies behind */
    FAILS(EINVAL, fallocate(fd, 0, 0, 0));
    FAILS(EINVAL, fallocate(fd, 0, -1, 10));
    FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
    FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096));
    EXPECT(posix_fallocate(fd, 0, 120 * KIB) == 0);
    EQUAL(size_of(fd), 120 * KIB);
    int reader = (int)OK(open("f", O_RDONLY));
    FAILS(EBADF, fallocate(reader, 0, 0, 10));
}

static void range_punch_hole(void) {
    int fd = open_new("f");
    fill(fd, 0, 100 * KIB, 5);
    EQUAL(blocks_of(fd), 200);
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8 * KIB + 100, 40 * KIB));
    EQUAL(size_of(fd), 100 * KIB);
    EQUAL(blocks_of(fd), 200 - 36 * 2);
    expect_bytes(fd, 0, 8 * KIB + 100, 5);
    expect_bytes(fd, 8 * KIB + 100, 40 * KIB, 0);
    expect_bytes(fd, 48 * KIB + 100, 52 * KIB - 100, 5);
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1024 * KIB));
    EQUAL(size_of(fd), 100 * KIB);
    EQUAL(blocks_of(fd), 0);
    expect_bytes(fd, 0, 100 * KIB, 0);
    FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
}

static void range_zero(void) {
    int fd = open_new("f");
    fill(fd, 0, 100 * KIB, 5);
    if (fallocate(fd, FALLOC_FL_ZERO_RANGE, 10 * KIB + 1, 20 * KIB) < 0 && errno == EOPNOTSUPP && on_tmpfs())
        skip("tmpfs has no FALLOC_FL_ZERO_RANGE");
    OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 10 * KIB + 1, 20 * KIB));
    expect_bytes(fd, 0, 10 * KIB + 1, 5);
    expect_bytes(fd, 10 * KIB + 1, 20 * KIB, 0);
    expect_bytes(fd, 30 * KIB + 1, 70 * KIB - 1, 5);
    EQUAL(blocks_of(fd), 200); /* the room stays taken */
    OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 90 * KIB, 100 * KIB));
    EQUAL(size_of(fd), 100 * KIB);
    expect_bytes(fd, 90 * KIB, 10 * KIB, 0);
    OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 90 * KIB, 30 * KIB));
    EQUAL(size_of(fd), 120 * KIB);
}

static void range_seek(void) {
    int fd = open_new("f");
    OK(ftruncate(fd, 1024 * KIB));
    EQUAL(lseek(fd, 0, SEEK_HOLE), 0);
    FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
    fill(fd, 256 * KIB, 64 * KIB, 1);
    EQUAL(lseek(fd, 0, SEEK_DATA), 256 * KIB);
    EQUAL(lseek(fd, 300 * KIB, SEEK_DATA), 300 * KIB);
    EQUAL(lseek(fd, 256 * KIB, SEEK_HOLE), 320 * KIB);
    EQUAL(lseek(fd, 320 * KIB, SEEK_HOLE), 320 * KIB);
    FAILS(ENXIO, lseek(fd, 320 * KIB, SEEK_DATA));
    FAILS(ENXIO, lseek(fd, 1024 * KIB, SEEK_DATA));
    FAILS(ENXIO, lseek(fd, 1024 * KIB, SEEK_HOLE));
    FAILS(ENXIO, lseek(fd, 2048 * KIB, SEEK_HOLE));
    fill(fd, 1000 * KIB, 24 * KIB, 1);
    EQUAL(lseek(fd, 1010 * KIB, SEEK_HOLE), 1024 * KIB); /* every file ends in a hole */
    OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 280 * KIB, 8 * KIB));
    EQUAL(lseek(fd, 256 * KIB, SEEK_HOLE), 280 * KIB);
    EQUAL(lseek(fd, 280 * KIB, SEEK_DATA), 288 * KIB);
}

/* What stands in a mapping only is data, too: cp(1) copies what is found so. */
static void range_seek_mapped(void) {
    int fd = open_new("f");
    OK(ftruncate(fd, 1024 * KIB));
    char *map = mmap(NULL, 1024 * KIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(map != MAP_FAILED);
    map[500 * KIB] = 1;
    EQUAL(lseek(fd, 0, SEEK_DATA), 500 * KIB);
    EQUAL(lseek(fd, 0, SEEK_HOLE), 0);
    EQUAL(lseek(fd, 500 * KIB, SEEK_HOLE), 504 * KIB);
    map[504 * KIB] = map[800 * KIB] = 1;
    EQUAL(lseek(fd, 500 * KIB, SEEK_HOLE), 508 * KIB);
    EQUAL(lseek(fd, 508 * KIB, SEEK_DATA), 800 * KIB);
    FAILS(ENXIO, lseek(fd, 804 * KIB, SEEK_DATA));
    EQUAL(map[500 * KIB] + map[504 * KIB] + map[800 * KIB], 3);
    OK(munmap(map, 1024 * KIB));
}

static void range_copy(void) {
    int from = open_new("a"), to = open_new("b");
    fill(from, 0, 200 * KIB, 7);
    fill(from, 50 * KIB, 10 * KIB, 8);
    loff_t in = 40 * KIB, out = 100;
    off_t left = 60 * KIB;
    while (left > 0) {
        ssize_t copied = OK(copy_file_range(from, &in, to, &out, (size_t)left, 0));
        EXPECT(copied > 0);
        left -= copied;
    }
    EQUAL(size_of(to), 60 * KIB + 100);
    expect_bytes(to, 0, 100, 0);
    expect_bytes(to, 100, 10 * KIB, 7);
    expect_bytes(to, 100 + 10 * KIB, 10 * KIB, 8);
    expect_bytes(to, 100 + 20 * KIB, 40 * KIB, 7);
    in = 199 * KIB, out = 0;
    EQUAL(copy_file_range(from, &in, to, &out, 100 * KIB, 0), 1 * KIB); /* up to the end */
    in = 300 * KIB;
    EQUAL(copy_file_range(from, &in, to, &out, 10, 0), 0);
    in = 0, out = 100 * KIB;
    EQUAL(copy_file_range(from, &in, from, &out, 20 * KIB, 0), 20 * KIB);
    in = 0, out = 10 * KIB;
    FAILS(EINVAL, copy_file_range(from, &in, from, &out, 20 * KIB, 0));
    int reader = (int)OK(open("b", O_RDONLY)), appender = (int)OK(open("b", O_WRONLY | O_APPEND));
    in = 0;
    FAILS(EBADF, copy_file_range(from, &in, reader, NULL, 10, 0));
    FAILS(EBADF, copy_file_range(from, &in, appender, NULL, 10, 0));
}

const struct check range_checks[] = {
    CHECK(range_over_4_gib),  CHECK(range_sparse_blocks), CHECK(range_allocate),
    CHECK(range_punch_hole),  CHECK(range_zero),          CHECK(range_seek),
    CHECK(range_seek_mapped), CHECK(range_copy),          CHECKS_END,
};
