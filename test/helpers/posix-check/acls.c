/* SPDX-License-Identifier: MIT */
/* POSIX ACLs, written as the attributes that they are. */
#include "posix-check.h"

#include <sys/xattr.h>

#define ACCESS_ACL "system.posix_acl_access"
#define DEFAULT_ACL "system.posix_acl_default"
#define USER 12345
#define OTHER 12346
#define NONE UINT32_MAX

enum { USER_OBJ = 0x01, NAMED_USER = 0x02, GROUP_OBJ = 0x04, NAMED_GROUP = 0x08, MASK = 0x10, OTHER_OBJ = 0x20 };

struct acl_entry {
    uint16_t tag, permissions;
    uint32_t id;
};

struct acl {
    uint32_t version;
    struct acl_entry entries[8];
};

#define ACL_SIZE(count) (sizeof(uint32_t) + (count) * sizeof(struct acl_entry))

/* u::rw-, u:USER:rw-, g::r--, m::rw-, o::--- */
static const struct acl named = {
    2, {{USER_OBJ, 6, NONE}, {NAMED_USER, 6, USER}, {GROUP_OBJ, 4, NONE}, {MASK, 6, NONE}, {OTHER_OBJ, 0, NONE}}};

static void need_acls(void) {
    OK(mkdir("probe", 0777));
    if (setxattr("probe", ACCESS_ACL, &named, ACL_SIZE(5), 0) < 0 && errno == EOPNOTSUPP)
        skip("no POSIX ACLs here");
    OK(rmdir("probe"));
}

static void acl_and_mode(void) {
    struct acl got;
    need_acls();
    put_file("f", "x");
    OK(chmod("f", 0644));
    OK(setxattr("f", ACCESS_ACL, &named, ACL_SIZE(5), 0));
    EQUAL(stat_of("f").st_mode & 0777, 0660); /* the mask is the mode's group */
    OK(chmod("f", 0640));
    EQUAL(getxattr("f", ACCESS_ACL, &got, sizeof got), ACL_SIZE(5));
    EQUAL(got.entries[3].permissions, 4);
    EQUAL(got.entries[2].permissions, 4);
    EQUAL(got.entries[1].permissions, 6);
    struct acl minimal = {2, {{USER_OBJ, 7, NONE}, {GROUP_OBJ, 5, NONE}, {OTHER_OBJ, 5, NONE}}};
    OK(setxattr("f", ACCESS_ACL, &minimal, ACL_SIZE(3), 0));
    EQUAL(stat_of("f").st_mode & 0777, 0755);
    FAILS(ENODATA, getxattr("f", ACCESS_ACL, &got, sizeof got)); /* no more than a mode */
    OK(setxattr("f", ACCESS_ACL, &named, ACL_SIZE(5), 0));
    OK(removexattr("f", ACCESS_ACL));
    FAILS(ENODATA, getxattr("f", ACCESS_ACL, &got, sizeof got));
    FAILS(EACCES, setxattr("f", DEFAULT_ACL, &named, ACL_SIZE(5), 0));
    struct acl broken = named;
    broken.entries[3].tag = 0x40;
    FAILS(EINVAL, setxattr("f", ACCESS_ACL, &broken, ACL_SIZE(5), 0));
}

static void may_write(void) {
    int fd = (int)OK(open("f", O_RDWR));
    EQUAL(write(fd, "y", 1), 1);
}

static void may_not_read(void) {
    FAILS(EACCES, open("f", O_RDONLY));
}

static void may_not_write(void) {
    OK(open("f", O_RDONLY));
    FAILS(EACCES, open("f", O_WRONLY));
}

static void acl_grants(void) {
    need_root();
    need_acls();
    OK(chmod(".", 0755));
    put_file("f", "x");
    OK(chmod("f", 0600));
    as_user(USER, USER, may_not_read);
    OK(setxattr("f", ACCESS_ACL, &named, ACL_SIZE(5), 0));
    as_user(USER, USER, may_write);
    as_user(OTHER, OTHER, may_not_read);
    OK(chmod("f", 0640)); /* the mask takes writing away */
    as_user(USER, USER, may_not_write);
    OK(removexattr("f", ACCESS_ACL));
    as_user(USER, USER, may_not_read);
}

static void acl_default_is_inherited(void) {
    struct acl got;
    need_acls();
    OK(mkdir("d", 0777));
    struct acl acl = named;
    acl.entries[0].permissions = 7;
    acl.entries[1].permissions = 7;
    acl.entries[3].permissions = 7;
    OK(setxattr("d", DEFAULT_ACL, &acl, ACL_SIZE(5), 0));
    umask(077); /* which a default ACL takes the place of */
    int fd = (int)OK(open("d/f", O_CREAT | O_WRONLY, 0666));
    OK(close(fd));
    EQUAL(stat_of("d/f").st_mode & 0777, 0660);
    EQUAL(getxattr("d/f", ACCESS_ACL, &got, sizeof got), ACL_SIZE(5));
    EQUAL(got.entries[0].permissions, 6);
    EQUAL(got.entries[1].permissions, 7);
    EQUAL(got.entries[3].permissions, 6);
    FAILS(ENODATA, getxattr("d/f", DEFAULT_ACL, &got, sizeof got));
    OK(mkdir("d/e", 0777));
    EQUAL(getxattr("d/e", DEFAULT_ACL, &got, sizeof got), ACL_SIZE(5));
    EXPECT(memcmp(&got, &acl, ACL_SIZE(5)) == 0);
    OK(mkfifo("d/e/p", 0600));
    EQUAL(stat_of("d/e/p").st_mode & 0777, 0600);
    OK(symlink("x", "d/l"));
    EQUAL(stat_of("d/l").st_mode & 0777, 0777);
    OK(removexattr("d", DEFAULT_ACL));
    put_file("d/g", "x");
    EQUAL(stat_of("d/g").st_mode & 0777, 0600);
    FAILS(ENODATA, getxattr("d/g", ACCESS_ACL, &got, sizeof got));
}

const struct check acl_checks[] = {
    CHECK(acl_and_mode),
    CHECK(acl_grants),
    CHECK(acl_default_is_inherited),
    CHECKS_END,
};
