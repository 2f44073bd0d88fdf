/* SPDX-License-Identifier: MIT */
/* Names of a volume that ignores their case and keeps it (--ignore-case). */
#include "posix-check.h"

#include <dirent.h>

static int count_listed(const char *name) {
    struct dirent *entry;
    int count = 0;
    DIR *listing = opendir(".");
    EXPECT(listing);
    while ((entry = readdir(listing)))
        count += !strcmp(entry->d_name, name);
    closedir(listing);
    return count;
}

static void case_one_file(void) {
    put_file("MixedCase.Txt", "x");
    expect_file("mixedcase.txt", "x");
    expect_file("MIXEDCASE.TXT", "x");
    EQUAL(stat_of("mIXEDcASE.tXT").st_ino, stat_of("MixedCase.Txt").st_ino);
    EQUAL(count_listed("MixedCase.Txt"), 1);
    EQUAL(count_listed("mixedcase.txt"), 0);
    put_file("mixedCASE.txt", "y");
    expect_file("MixedCase.Txt", "y");
    EQUAL(count_listed("MixedCase.Txt"), 1);
    FAILS(EEXIST, open("MIXEDCASE.txt", O_CREAT | O_EXCL | O_WRONLY, 0666));
    FAILS(EEXIST, mkdir("mixedcase.TXT", 0777));
    put_file("ÄÖÜ-Σ-Я", "u");
    expect_file("äöü-ς-я", "u");
    put_file("\xff-A", "bytes");
    expect_absent("\xff-a");
}

/* Every spelling is known, then the file goes by one of them: all are gone at once. */
static void case_unlink(void) {
    static const char *spellings[] = {"foo", "FOO", "Foo", "fOO"};
    for (int made = 0; made < 4; made++)
        for (int removed = 0; removed < 4; removed++) {
            put_file(spellings[made], "x");
            for (int i = 0; i < 4; i++)
                expect_file(spellings[i], "x");
            int fd = (int)OK(open(spellings[3], O_RDONLY));
            OK(unlink(spellings[removed]));
            for (int i = 0; i < 4; i++)
                expect_absent(spellings[i]);
            OK(close(fd));
            for (int i = 0; i < 4; i++)
                FAILS(ENOENT, open(spellings[i], O_RDONLY));
        }
}

/* A spelling that was not there is there as soon as another has been made. */
static void case_appears(void) {
    for (int i = 0; i < 20; i++) {
        expect_absent("foo");
        expect_absent("FOO");
        put_file("Foo", "x");
        expect_file("foo", "x");
        expect_file("FOO", "x");
        OK(unlink("fOO"));
        expect_absent("Foo");
        OK(mkdir("foo", 0777));
        put_file("FOO/Bar", "x");
        expect_file("Foo/bAR", "x");
        OK(unlink("fOO/BAR"));
        OK(rmdir("FOO"));
        expect_absent("foo");
    }
}

static void case_rename(void) {
    put_file("foo", "x");
    expect_file("FOO", "x");
    OK(rename("FOO", "bar"));
    expect_absent("foo");
    expect_absent("FOO");
    expect_file("BAR", "x");
    put_file("Other", "y");
    OK(rename("bar", "OTHER"));
    expect_file("other", "x");
    expect_absent("bar");
    EQUAL(count_listed("OTHER"), 1);
    EQUAL(count_listed("Other"), 0);
    put_file("third", "z");
    FAILS(EEXIST, renameat2(AT_FDCWD, "THIRD", AT_FDCWD, "other", 1));
    OK(renameat2(AT_FDCWD, "THIRD", AT_FDCWD, "other", 2));
    expect_file("Third", "x");
    expect_file("Other", "z");
}

static void to_upper_case(void) {
    OK(rename("readme", "README"));
}

static void to_mixed_case(void) {
    OK(renameat2(AT_FDCWD, "README", AT_FDCWD, "ReadMe", 1)); /* as mv does it: nothing is replaced */
}

static void link_to_itself(void) {
    EXPECT(link("README", "Readme") < 0 && (errno == EEXIST || errno == ESTALE));
    EQUAL(stat_of("README").st_nlink, 1);
}

/* By a process each, as mv does it. */
static void case_rename_case_only(void) {
    put_file("readme", "x");
    in_child(to_upper_case);
    EQUAL(count_listed("README"), 1);
    EQUAL(count_listed("readme"), 0);
    expect_file("readme", "x");
    expect_file("README", "x");
    in_child(link_to_itself);
    in_child(to_mixed_case);
    EQUAL(count_listed("ReadMe"), 1);
    EQUAL(count_listed("README"), 0);
    expect_file("readme", "x");
    OK(mkdir("docs", 0777));
    put_file("docs/f", "x");
    OK(rename("docs", "other")); /* a directory takes two steps */
    OK(rename("other", "Docs"));
    EQUAL(count_listed("Docs"), 1);
    expect_file("DOCS/F", "x");
    FAILS(EEXIST, mkdir("dOCS", 0777));
}

static void case_directories(void) {
    OK(mkdir("Dir", 0777));
    put_file("dir/f", "x");
    expect_file("DIR/F", "x");
    int fd = (int)OK(open("dIR", O_RDONLY | O_DIRECTORY));
    OK(mkdirat(fd, "Sub", 0777));
    EXPECT(S_ISDIR(stat_of("DIR/SUB").st_mode));
    FAILS(ENOTEMPTY, rmdir("DIR"));
    OK(rename("DIR/SUB", "moved"));
    expect_absent("dir/sub");
    EXPECT(S_ISDIR(stat_of("MOVED").st_mode));
    OK(unlink("DIR/f"));
    OK(rmdir("dIr"));
    expect_absent("Dir");
}

static void case_hard_links(void) {
    put_file("a", "x");
    OK(link("A", "b"));
    OK(unlink("B"));
    EQUAL(stat_of("A").st_nlink, 1);
}

const struct check case_checks[] = {
    CHECK(case_one_file),         CHECK(case_unlink),      CHECK(case_appears),    CHECK(case_rename),
    CHECK(case_rename_case_only), CHECK(case_directories), CHECK(case_hard_links), CHECKS_END,
};
