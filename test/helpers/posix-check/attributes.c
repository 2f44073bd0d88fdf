/* SPDX-License-Identifier: MIT */
/* Permissions, owners, setuid and setgid, sticky, times, extended attributes. */
#include "posix-check.h"

#include <sys/xattr.h>

#define USER 12345
#define OTHER 12346

/* ---- permissions ----------------------------------------------------------------------------------------------- */

static void permission_umask(void) {
    umask(027);
    put_file("f", "x");
    EQUAL(stat_of("f").st_mode & 07777, 0640);
    OK(mkdir("d", 0777));
    EQUAL(stat_of("d").st_mode & 07777, 0750);
    umask(0);
    OK(mkfifo("p", 0666));
    EQUAL(stat_of("p").st_mode & 07777, 0666);
    int fd = (int)OK(open("g", O_CREAT | O_WRONLY, 0000)); /* open though it could not be opened again */
    EQUAL(write(fd, "x", 1), 1);
    EQUAL(stat_of("g").st_mode & 07777, 0);
}

static void denied(void) {
    FAILS(EACCES, open("secret", O_RDONLY));
    FAILS(EACCES, open("public", O_WRONLY));
    OK(open("public", O_RDONLY));
    FAILS(EACCES, open("new", O_CREAT | O_WRONLY, 0666));
    FAILS(EACCES, unlink("public"));
    FAILS(EACCES, mkdir("d2", 0777));
    FAILS(EACCES, rename("public", "x"));
    FAILS(EACCES, open("closed/f", O_RDONLY));
    FAILS(EPERM, chmod("public", 0777));
    FAILS(EPERM, chown("public", USER, (gid_t)-1));
    FAILS(EACCES, utimensat(AT_FDCWD, "public", NULL, 0));
    FAILS(EACCES, truncate("public", 0));
    FAILS(EACCES, access("public", W_OK));
    OK(access("public", R_OK));
}

static void permission_denied(void) {
    need_root();
    OK(chmod(".", 0755));
    put_file("secret", "x");
    OK(chmod("secret", 0600));
    put_file("public", "x");
    OK(mkdir("closed", 0700));
    put_file("closed/f", "x");
    as_user(USER, USER, denied);
}

static void owner_acts(void) {
    put_file("mine", "x");
    struct stat status = stat_of("mine");
    EQUAL(status.st_uid, USER);
    EQUAL(status.st_gid, USER);
    OK(chmod("mine", 0600));
    FAILS(EPERM, chown("mine", OTHER, (gid_t)-1));
    FAILS(EPERM, chown("mine", (uid_t)-1, OTHER));
    OK(chown("mine", USER, USER));
    OK(chmod("mine", 02755));
    EQUAL(stat_of("mine").st_mode & 07777, 02755);
}

static void permission_owner(void) {
    need_root();
    OK(chmod(".", 0777));
    as_user(USER, USER, owner_acts);
    OK(chown("mine", OTHER, 4711));
    EQUAL(stat_of("mine").st_uid, OTHER);
    EQUAL(stat_of("mine").st_gid, 4711);
    OK(symlink("mine", "l"));
    OK(lchown("l", 1, 2));
    EQUAL(stat_of("l").st_uid, 1);
    EQUAL(stat_of("mine").st_uid, OTHER);
}

static void write_mine(void) {
    int fd = (int)OK(open("f", O_WRONLY));
    EQUAL(write(fd, "x", 1), 1);
}

static void truncate_mine(void) {
    OK(truncate("f", 0));
}

static void open_and_truncate_mine(void) {
    OK(open("f", O_WRONLY | O_TRUNC));
}

static void clears_setuid(void (*change)(void)) {
    put_file("f", "content");
    OK(chown("f", USER, USER));
    OK(chmod("f", 06777));
    EQUAL(stat_of("f").st_mode & 07777, 06777);
    as_user(USER, USER, change);
    EQUAL(stat_of("f").st_mode & 07777, 0777);
}

static void permission_setuid_is_cleared(void) {
    need_root();
    clears_setuid(write_mine);
    clears_setuid(truncate_mine);
    clears_setuid(open_and_truncate_mine);
    OK(chmod("f", 06755));
    OK(chown("f", USER, OTHER));
    EQUAL(stat_of("f").st_mode & 07777, 0755);
    OK(chmod("f", 02745)); /* not executable by the group: that means something else */
    OK(chown("f", OTHER, OTHER));
    EQUAL(stat_of("f").st_mode & 07777, 02745);
    OK(mkdir("d", 0777));
    OK(chmod("d", 06777));
    OK(chown("d", USER, USER));
    EQUAL(stat_of("d").st_mode & 07777, 06777);
}

static void permission_root_keeps_setuid(void) {
    need_root();
    put_file("f", "x");
    OK(chmod("f", 06755));
    write_mine();
    EQUAL(stat_of("f").st_mode & 07777, 06755);
    truncate_mine();
    EQUAL(stat_of("f").st_mode & 07777, 06755);
    open_and_truncate_mine();
    EQUAL(stat_of("f").st_mode & 07777, 06755);
}

static void permission_setgid_directory(void) {
    need_root();
    OK(mkdir("d", 0777));
    OK(chown("d", 0, 4711));
    OK(chmod("d", 02777));
    put_file("d/f", "x");
    EQUAL(stat_of("d/f").st_gid, 4711);
    OK(mkdir("d/e", 0777));
    EQUAL(stat_of("d/e").st_gid, 4711);
    EQUAL(stat_of("d/e").st_mode & 07777, 02755);
    OK(symlink("x", "d/l"));
    EQUAL(stat_of("d/l").st_gid, 4711);
    OK(mkdir("plain", 0777));
    EQUAL(stat_of("plain").st_gid, getegid());
}

static void chmod_setgid(void) {
    OK(chmod("f", 02755)); /* of a group that we are not in: the bit does not stick */
    EQUAL(stat_of("f").st_mode & 07777, 0755);
}

static void permission_setgid_of_foreign_group(void) {
    need_root();
    put_file("f", "x");
    OK(chown("f", USER, 4711));
    as_user(USER, USER, chmod_setgid);
}

static void remove_others(void) {
    FAILS(EPERM, unlink("tmp/theirs"));
    FAILS(EPERM, rename("tmp/theirs", "tmp/x"));
    OK(unlink("tmp/mine"));
    put_file("tmp/new", "x");
    FAILS(EPERM, rename("tmp/new", "tmp/theirs"));
}

static void permission_sticky(void) {
    need_root();
    OK(mkdir("tmp", 0777));
    OK(chmod("tmp", 01777));
    put_file("tmp/theirs", "x");
    OK(chown("tmp/theirs", OTHER, OTHER));
    OK(chmod("tmp/theirs", 0666));
    put_file("tmp/mine", "x");
    OK(chown("tmp/mine", USER, USER));
    as_user(USER, USER, remove_others);
    expect_file("tmp/theirs", "x");
}

/* ---- times ----------------------------------------------------------------------------------------------------- */

static void set_times(const char *path, int64_t access, long access_ns, int64_t modify, long modify_ns) {
    struct timespec times[2] = {{access, access_ns}, {modify, modify_ns}};
    OK(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

static void time_set(void) {
    put_file("f", "x");
    struct stat before = stat_of("f");
    let_time_pass();
    set_times("f", 1234567890, 123456789, 987654321, 987654321);
    struct stat status = stat_of("f");
    EQUAL(status.st_atim.tv_sec, 1234567890);
    EQUAL(status.st_atim.tv_nsec, 123456789);
    EQUAL(status.st_mtim.tv_sec, 987654321);
    EQUAL(status.st_mtim.tv_nsec, 987654321);
    EXPECT(is_before(before.st_ctim, status.st_ctim));
    set_times("f", 1, 1, 0, UTIME_OMIT);
    EQUAL(stat_of("f").st_atim.tv_sec, 1);
    EQUAL(stat_of("f").st_mtim.tv_nsec, 987654321);
    set_times("f", 0, UTIME_OMIT, 2, 2);
    EQUAL(stat_of("f").st_atim.tv_nsec, 1);
    EQUAL(stat_of("f").st_mtim.tv_sec, 2);
    set_times("f", 0, UTIME_NOW, 0, UTIME_OMIT);
    EXPECT(!is_before(stat_of("f").st_atim, before.st_atim));
    EQUAL(stat_of("f").st_mtim.tv_sec, 2);
    OK(utimensat(AT_FDCWD, "f", NULL, 0));
    EXPECT(!is_before(stat_of("f").st_mtim, before.st_mtim));
    set_times("f", -86400, 5, INT64_C(0x400000000), 6); /* 1969, and beyond 2500 */
    EQUAL(stat_of("f").st_atim.tv_sec, -86400);
    EQUAL(stat_of("f").st_atim.tv_nsec, 5);
    EQUAL(stat_of("f").st_mtim.tv_sec, INT64_C(0x400000000));
    OK(symlink("f", "l"));
    set_times("l", 7, 0, 8, 0);
    EQUAL(stat_of("l").st_mtim.tv_sec, 8);
    EXPECT(stat_of("f").st_mtim.tv_sec != 8);
    struct timespec bad[2] = {{0, 1000000000}, {0, 0}};
    FAILS(EINVAL, utimensat(AT_FDCWD, "f", bad, 0));
}

/* Which of mtime and ctime moved on since before. */
static void expect_changed(const char *path, struct stat *before, bool mtime, bool ctime) {
    struct stat now = stat_of(path);
    if (is_before(before->st_mtim, now.st_mtim) != mtime)
        fail_at(__FILE__, __LINE__, "%s: mtime %s", path, mtime ? "did not change" : "changed");
    if (is_before(before->st_ctim, now.st_ctim) != ctime)
        fail_at(__FILE__, __LINE__, "%s: ctime %s", path, ctime ? "did not change" : "changed");
    *before = now;
    let_time_pass();
}

static void time_changes(void) {
    int fd = open_new("f");
    struct stat f = stat_of("f");
    let_time_pass();
    EQUAL(write(fd, "x", 1), 1);
    expect_changed("f", &f, true, true);
    OK(ftruncate(fd, 100));
    expect_changed("f", &f, true, true);
    OK(chmod("f", 0600));
    expect_changed("f", &f, false, true);
    OK(chown("f", getuid(), getgid()));
    expect_changed("f", &f, false, true);
    OK(link("f", "g"));
    expect_changed("f", &f, false, true);
    OK(unlink("g"));
    expect_changed("f", &f, false, true);
    if (setxattr("f", "user.x", "x", 1, 0) == 0)
        expect_changed("f", &f, false, true);
    OK(fallocate(fd, 0, 0, 10000));
    expect_changed("f", &f, true, true);
    OK(close((int)OK(open("f", O_WRONLY | O_TRUNC))));
    expect_changed("f", &f, true, true);
    char byte;
    EQUAL(read(fd, &byte, 1), 0);
    expect_changed("f", &f, false, false);
}

static void time_of_directories(void) {
    OK(mkdir("d", 0777));
    struct stat d = stat_of("d");
    let_time_pass();
    put_file("d/f", "x");
    expect_changed("d", &d, true, true);
    OK(link("d/f", "d/g"));
    expect_changed("d", &d, true, true);
    OK(unlink("d/g"));
    expect_changed("d", &d, true, true);
    OK(rename("d/f", "d/h"));
    expect_changed("d", &d, true, true);
    OK(mkdir("d/e", 0777));
    expect_changed("d", &d, true, true);
    OK(rmdir("d/e"));
    expect_changed("d", &d, true, true);
    OK(symlink("x", "d/l"));
    expect_changed("d", &d, true, true);
    put_file("d/h", "content of an entry");
    expect_changed("d", &d, false, false);
}

/* As with relatime: read after the last change, the time of reading moves on. */
static void time_of_reading(void) {
    char byte;
    put_file("f", "x");
    set_times("f", 1000, 0, 2000, 0);
    int fd = (int)OK(open("f", O_RDONLY | O_DIRECT | O_CLOEXEC));
    static char block[4096] __attribute__((aligned(4096)));
    EQUAL(read(fd, block, sizeof block), 1);
    EXPECT(stat_of("f").st_atim.tv_sec > 2000);
    EQUAL(stat_of("f").st_mtim.tv_sec, 2000);
    fd = (int)OK(open("f", O_RDONLY));
    EQUAL(read(fd, &byte, 1), 1);
}

/* ---- extended attributes --------------------------------------------------------------------------------------- */

static void need_xattrs(const char *path) {
    if (setxattr(path, "user.probe", "", 0, 0) < 0 && errno == EOPNOTSUPP && on_tmpfs())
        skip("this kernel's tmpfs has no user attributes");
    OK(removexattr(path, "user.probe"));
}

static void xattr_basics(void) {
    char got[64];
    put_file("f", "x");
    need_xattrs("f");
    FAILS(ENODATA, getxattr("f", "user.a", got, sizeof got));
    OK(setxattr("f", "user.a", "value", 5, 0));
    EQUAL(getxattr("f", "user.a", got, sizeof got), 5);
    EXPECT(memcmp(got, "value", 5) == 0);
    EQUAL(getxattr("f", "user.a", NULL, 0), 5);
    FAILS(ERANGE, getxattr("f", "user.a", got, 4));
    OK(setxattr("f", "user.empty", "", 0, 0));
    EQUAL(getxattr("f", "user.empty", got, sizeof got), 0);
    FAILS(EEXIST, setxattr("f", "user.a", "x", 1, XATTR_CREATE));
    FAILS(ENODATA, setxattr("f", "user.b", "x", 1, XATTR_REPLACE));
    OK(setxattr("f", "user.a", "longer value", 12, XATTR_REPLACE));
    EQUAL(getxattr("f", "user.a", got, sizeof got), 12);
    OK(removexattr("f", "user.a"));
    FAILS(ENODATA, removexattr("f", "user.a"));
    OK(mkdir("d", 0777));
    OK(setxattr("d", "user.on-directory", "1", 1, 0));
    EQUAL(getxattr("d", "user.on-directory", got, sizeof got), 1);
    OK(symlink("f", "l"));
    FAILS(EPERM, lsetxattr("l", "user.a", "x", 1, 0));
    FAILS(EOPNOTSUPP, setxattr("f", "unknown.a", "x", 1, 0));
    FAILS(EOPNOTSUPP, setxattr("f", "system.unknown", "x", 1, 0));
}

static void xattr_list(void) {
    char names[256], value[65536 + 1];
    put_file("f", "x");
    need_xattrs("f");
    OK(setxattr("f", "user.one", "1", 1, 0));
    OK(setxattr("f", "user.two", "2", 1, 0));
    ssize_t size = OK(listxattr("f", names, sizeof names));
    EQUAL(listxattr("f", NULL, 0), size);
    int seen = 0;
    for (char *at = names; at < names + size; at += strlen(at) + 1)
        seen += !strcmp(at, "user.one") + !strcmp(at, "user.two");
    EQUAL(seen, 2);
    FAILS(ERANGE, listxattr("f", names, (size_t)size - 1));
    memset(value, 'v', sizeof value);
    FAILS(E2BIG, setxattr("f", "user.big", value, 65537, 0));
    if (setxattr("f", "user.big", value, 65536, 0) == 0) {
        static char got[65536];
        EQUAL(getxattr("f", "user.big", got, sizeof got), 65536);
        EXPECT(memcmp(got, value, 65536) == 0);
    } else {
        EQUAL(errno, ENOSPC);
    }
    /* they go with their file, and not with its name */
    OK(link("f", "g"));
    EQUAL(getxattr("g", "user.one", NULL, 0), 1);
    OK(unlink("f"));
    put_file("f", "x");
    FAILS(ENODATA, getxattr("f", "user.one", NULL, 0));
}

static void trusted_is_hidden(void) {
    char got[8];
    EXPECT(getxattr("f", "trusted.a", got, sizeof got) < 0);
    EXPECT(setxattr("f", "trusted.a", "x", 1, 0) < 0);
}

static void xattr_trusted(void) {
    char got[8];
    need_root();
    put_file("f", "x");
    if (setxattr("f", "trusted.a", "1", 1, 0) < 0 && errno == EPERM)
        skip("trusted attributes are not for this user namespace");
    EQUAL(getxattr("f", "trusted.a", got, sizeof got), 1);
    as_user(USER, USER, trusted_is_hidden);
}

/* A file's capabilities go when its content changes. */
static void xattr_capability_is_cleared(void) {
    static const unsigned char capability[20] = {1, 0, 0, 2, 0, 4}; /* version 2, effective, net_bind_service */
    need_root();
    put_file("f", "x");
    if (setxattr("f", "security.capability", capability, sizeof capability, 0) < 0)
        skip("capabilities cannot be set here: %s", strerror(errno));
    EQUAL(getxattr("f", "security.capability", NULL, 0), 20);
    write_mine();
    FAILS(ENODATA, getxattr("f", "security.capability", NULL, 0));
    OK(setxattr("f", "security.capability", capability, sizeof capability, 0));
    OK(chown("f", USER, USER));
    FAILS(ENODATA, getxattr("f", "security.capability", NULL, 0));
}

const struct check attribute_checks[] = {
    CHECK(permission_umask),
    CHECK(permission_denied),
    CHECK(permission_owner),
    CHECK(permission_setuid_is_cleared),
    CHECK(permission_root_keeps_setuid),
    CHECK(permission_setgid_directory),
    CHECK(permission_setgid_of_foreign_group),
    CHECK(permission_sticky),
    CHECK(time_set),
    CHECK(time_changes),
    CHECK(time_of_directories),
    CHECK(time_of_reading),
    CHECK(xattr_basics),
    CHECK(xattr_list),
    CHECK(xattr_trusted),
    CHECK(xattr_capability_is_cleared),
    CHECKS_END,
};
