/* SPDX-License-Identifier: MIT */
/* The volume as a whole: statfs, and what happens when it is full. */
#include "posix-check.h"

#include <sys/statvfs.h>

#define MIB ((uint64_t)1 << 20)
#define SMALL_VOLUME (128 * MIB)

static struct statvfs volume(void) {
    struct statvfs status;
    OK(statvfs(".", &status));
    return status;
}

/* Once what others left behind is forgotten, which takes its time. */
static struct statvfs volume_at_rest(void) {
    struct statvfs now = volume(), before;
    int same = 0;
    for (int tries = 0; tries < 200 && same < 5; tries++) {
        before = now;
        let_time_pass();
        now = volume();
        same = now.f_ffree == before.f_ffree && now.f_bfree == before.f_bfree ? same + 1 : 0;
    }
    return now;
}

static uint64_t free_bytes(void) {
    struct statvfs status = volume();
    return (uint64_t)status.f_bfree * status.f_frsize;
}

static void volume_statfs(void) {
    static char bytes[1 << 20];
    struct statvfs before = volume_at_rest();
    EXPECT(before.f_bfree <= before.f_blocks && before.f_bavail <= before.f_bfree);
    EXPECT(before.f_ffree <= before.f_files);
    EQUAL(before.f_namemax, 255);
    int fd = open_new("f");
    memset(bytes, 1, sizeof bytes);
    EQUAL(write(fd, bytes, sizeof bytes), sizeof bytes);
    EQUAL(volume().f_bfree, before.f_bfree - sizeof bytes / before.f_frsize);
    EQUAL(volume().f_ffree, before.f_ffree - 1);
    OK(unlink("f"));
    EQUAL(volume().f_bfree, before.f_bfree - sizeof bytes / before.f_frsize); /* still open */
    OK(close(fd));
    for (int tries = 0; tries < 200 && volume().f_ffree != before.f_ffree; tries++)
        let_time_pass(); /* forgetting a file takes its time */
    EQUAL(volume().f_bfree, before.f_bfree);
    EQUAL(volume().f_ffree, before.f_ffree);
}

/* Writes files until there is no more room. Returns how many. */
static int fill(void) {
    static char bytes[1 << 16];
    char name[16];
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "%d", i);
        int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0666);
        if (fd < 0) {
            EQUAL(errno, ENOSPC);
            return i;
        }
        ssize_t written;
        memset(bytes, i + 1, sizeof bytes);
        while ((written = write(fd, bytes, sizeof bytes)) > 0)
            ;
        EXPECT(written < 0 && errno == ENOSPC);
        OK(close(fd));
        if (free_bytes() == 0)
            return i + 1;
    }
}

static void expect_filled(int count) {
    static char bytes[1 << 16];
    char name[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%d", i);
        int fd = (int)OK(open(name, O_RDONLY));
        for (ssize_t size; (size = OK(read(fd, bytes, sizeof bytes))) > 0;)
            for (ssize_t at = 0; at < size; at++)
                if (bytes[at] != (char)(i + 1))
                    fail_at(__FILE__, __LINE__, "%s holds what was not written there", name);
        OK(close(fd));
    }
}

static void volume_full(void) {
    uint64_t before = free_bytes();
    if (before > SMALL_VOLUME)
        skip("only on a volume of at most 128 MiB (memfs -n 64 -s 1M)");
    int count = fill();
    expect_filled(count);
    int fd = (int)OK(open("0", O_RDWR));
    EQUAL(pwrite(fd, "x", 1, 0), 1); /* where there is room already */
    off_t end = OK(lseek(fd, 0, SEEK_END));
    FAILS(ENOSPC, fallocate(fd, 0, end, 10 << 20));
    EQUAL(lseek(fd, 0, SEEK_END), end);
    char name[16];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%d", i);
        OK(unlink(name));
    }
    OK(close(fd));
    for (int tries = 0; tries < 200 && free_bytes() != before; tries++)
        let_time_pass();
    EQUAL(free_bytes(), before);
    put_file("again", "there is room");
    expect_file("again", "there is room");
}

static void volume_full_of_nodes(void) {
    struct statvfs before = volume_at_rest();
    char name[32];
    int i = 0;
    if (before.f_files == 0 || before.f_ffree > 5000)
        skip("only on a volume for at most 5000 files (memfs -n 1000)");
    for (;; i++) {
        snprintf(name, sizeof name, "%d", i);
        if (mknod(name, S_IFREG | 0644, 0) < 0)
            break;
        EXPECT(i < 5001);
    }
    EQUAL(errno, ENOSPC);
    EQUAL(i, before.f_ffree);
    FAILS(ENOSPC, mkdir("d", 0777));
    FAILS(ENOSPC, symlink("x", "l"));
    FAILS(ENOSPC, link("0", "h"));
    FAILS(ENOSPC, open("f", O_CREAT | O_WRONLY, 0666));
    OK(rename("0", "still-possible"));
    OK(unlink("still-possible"));
    for (int tries = 0; tries < 200 && volume().f_ffree == 0; tries++)
        let_time_pass();
    OK(mkdir("d", 0777));
}

static void volume_holes_take_nothing(void) {
    struct statvfs before = volume_at_rest();
    int fd = open_new("f");
    OK(ftruncate(fd, 1 << 20));
    EQUAL(volume().f_bfree, before.f_bfree);
    EQUAL(pwrite(fd, "x", 1, 1 << 19), 1);
    EXPECT(before.f_bfree - volume().f_bfree <= 16);
    OK(ftruncate(fd, 0));
    EQUAL(volume().f_bfree, before.f_bfree);
}

const struct check volume_checks[] = {
    CHECK(volume_statfs), CHECK(volume_full), CHECK(volume_full_of_nodes), CHECK(volume_holes_take_nothing), CHECKS_END,
};
