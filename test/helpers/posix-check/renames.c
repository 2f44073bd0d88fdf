/* SPDX-License-Identifier: MIT */
/* rename(2), with RENAME_NOREPLACE and RENAME_EXCHANGE. */
#include "posix-check.h"

#define NOREPLACE 1u
#define EXCHANGE 2u

static int rename2(const char *from, const char *to, unsigned flags) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void rename_files(void) {
    put_file("a", "a");
    OK(rename("a", "b"));
    expect_absent("a");
    expect_file("b", "a");
    put_file("c", "c");
    ino_t inode = stat_of("c").st_ino;
    int replaced = (int)OK(open("b", O_RDONLY));
    OK(rename("c", "b"));
    expect_absent("c");
    expect_file("b", "c");
    EQUAL(stat_of("b").st_ino, inode);
    struct stat status;
    OK(fstat(replaced, &status));
    EQUAL(status.st_nlink, 0);
    char got[2];
    EQUAL(read(replaced, got, 2), 1);
    EQUAL(got[0], 'a');
    FAILS(ENOENT, rename("nothing", "b"));
    FAILS(ENOENT, rename("b", "nowhere/b"));
    OK(rename("b", "b"));
    expect_file("b", "c");
}

static void rename_kinds(void) {
    put_file("f", "f");
    OK(mkdir("d", 0777));
    OK(mkdir("empty", 0777));
    OK(mkdir("full", 0777));
    put_file("full/f", "x");
    FAILS(EISDIR, rename("f", "d"));
    FAILS(ENOTDIR, rename("d", "f"));
    FAILS(ENOTEMPTY, rename("d", "full"));
    FAILS(ENOTDIR, rename("f", "f/g"));
    OK(rename("full", "empty"));
    expect_file("empty/f", "x");
    expect_absent("full");
    OK(symlink("f", "l"));
    OK(rename("l", "m")); /* the link itself */
    EXPECT(S_ISLNK(stat_of("m").st_mode));
}

static void rename_into_itself(void) {
    OK(mkdir("d", 0777));
    OK(mkdir("d/e", 0777));
    FAILS(EINVAL, rename("d", "d/e/f"));
    FAILS(EINVAL, rename("d", "d/e"));
    FAILS(ENOTEMPTY, rename("d/e", "d"));
    FAILS(EBUSY, rename("d/.", "x"));
    FAILS(EBUSY, rename("d/e", "d/.."));
}

static void rename_across_directories(void) {
    OK(mkdir("a", 0777));
    OK(mkdir("b", 0777));
    OK(mkdir("a/d", 0777));
    put_file("a/d/f", "moved");
    OK(rename("a/d", "b/e"));
    expect_file("b/e/f", "moved");
    EQUAL(stat_of("b/e/..").st_ino, stat_of("b").st_ino);
    EQUAL(stat_of("a").st_nlink, 2);
    EQUAL(stat_of("b").st_nlink, 3);
    OK(mkdir("a/d", 0777));
    OK(rename("b/e", "a/d")); /* in the place of an empty one */
    EQUAL(stat_of("a").st_nlink, 3);
    EQUAL(stat_of("b").st_nlink, 2);
    OK(rename("a/d/f", "f"));
    expect_file("f", "moved");
}

static void rename_one_file_twice(void) {
    put_file("a", "x");
    OK(link("a", "b"));
    OK(rename("a", "b")); /* nothing is done, as POSIX has it */
    EQUAL(stat_of("a").st_nlink, 2);
    expect_file("b", "x");
}

static void rename_noreplace(void) {
    put_file("a", "a");
    put_file("b", "b");
    FAILS(EEXIST, rename2("a", "b", NOREPLACE));
    expect_file("b", "b");
    OK(rename2("a", "c", NOREPLACE));
    expect_file("c", "a");
    FAILS(EINVAL, rename2("b", "c", NOREPLACE | EXCHANGE));
    FAILS(EINVAL, rename2("b", "c", 1u << 20));
}

static void rename_exchange(void) {
    OK(mkdir("x", 0777));
    OK(mkdir("y", 0777));
    put_file("x/f", "file");
    OK(mkdir("y/d", 0777));
    put_file("y/d/g", "inside");
    OK(rename2("x/f", "y/d", EXCHANGE));
    expect_file("y/d", "file");
    expect_file("x/f/g", "inside");
    EQUAL(stat_of("x").st_nlink, 3);
    EQUAL(stat_of("y").st_nlink, 2);
    EQUAL(stat_of("x/f/..").st_ino, stat_of("x").st_ino);
    put_file("a", "a");
    put_file("b", "b");
    OK(rename2("a", "b", EXCHANGE));
    expect_file("a", "b");
    expect_file("b", "a");
    FAILS(ENOENT, rename2("a", "nothing", EXCHANGE));
    FAILS(EINVAL, rename2("x", "x/f", EXCHANGE));
}

static void rename_times(void) {
    OK(mkdir("d", 0777));
    OK(mkdir("e", 0777));
    put_file("d/f", "x");
    struct stat f = stat_of("d/f"), d = stat_of("d"), e = stat_of("e");
    let_time_pass();
    OK(rename("d/f", "e/g"));
    EXPECT(is_before(d.st_mtim, stat_of("d").st_mtim) && is_before(d.st_ctim, stat_of("d").st_ctim));
    EXPECT(is_before(e.st_mtim, stat_of("e").st_mtim) && is_before(e.st_ctim, stat_of("e").st_ctim));
    EXPECT(is_before(f.st_ctim, stat_of("e/g").st_ctim));
    EXPECT(!is_before(f.st_mtim, stat_of("e/g").st_mtim));
}

static void rename_open_file(void) {
    int fd = open_new("a");
    OK(rename("a", "b"));
    EQUAL(write(fd, "after", 5), 5);
    expect_file("b", "after");
    OK(mkdir("d", 0777));
    int directory = (int)OK(open("d", O_RDONLY | O_DIRECTORY));
    OK(rename("d", "e"));
    OK(mkdirat(directory, "inside", 0777));
    EXPECT(S_ISDIR(stat_of("e/inside").st_mode));
}

const struct check rename_checks[] = {
    CHECK(rename_files),          CHECK(rename_kinds),
    CHECK(rename_into_itself),    CHECK(rename_across_directories),
    CHECK(rename_one_file_twice), CHECK(rename_noreplace),
    CHECK(rename_exchange),       CHECK(rename_times),
    CHECK(rename_open_file),      CHECKS_END,
};
