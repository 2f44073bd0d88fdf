/* SPDX-License-Identifier: MIT */
/*
 * What a user may do in a folder by way of further groups and ACLs, which a file system that passes a folder through
 * has to grant and refuse as the folder itself does. Prints a line for each; to be compared.
 *
 *     supplementary FOLDER        as root; FOLDER is empty and everybody may reach it
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { USER_OBJ = 0x01, NAMED_USER = 0x02, GROUP_OBJ = 0x04, NAMED_GROUP = 0x08, MASK = 0x10, OTHER_OBJ = 0x20 };

struct acl {
    uint32_t version;
    struct {
        uint16_t tag, permissions;
        uint32_t id;
    } entries[8];
};
#define NONE UINT32_MAX
#define SIZE(count) (sizeof(uint32_t) + (count)*8)

static const struct acl file_acl = {2,
                                    {{USER_OBJ, 6, NONE},
                                     {NAMED_USER, 6, 1001},
                                     {GROUP_OBJ, 0, NONE},
                                     {NAMED_GROUP, 4, 3000},
                                     {MASK, 6, NONE},
                                     {OTHER_OBJ, 0, NONE}}};
static const struct acl default_acl = {
    2, {{USER_OBJ, 7, NONE}, {NAMED_USER, 7, 1001}, {GROUP_OBJ, 7, NONE}, {MASK, 7, NONE}, {OTHER_OBJ, 5, NONE}}};
static const struct acl folder_acl = {
    2, {{USER_OBJ, 7, NONE}, {NAMED_USER, 7, 1001}, {GROUP_OBJ, 0, NONE}, {MASK, 7, NONE}, {OTHER_OBJ, 1, NONE}}};

static const struct {
    const char *name;
    uid_t uid;
    gid_t gid, further;
} users[] = {
    {"named user", 1001, 5001, 5001},
    {"of the owning group", 1500, 2000, 5001},
    {"of the owning group, further", 1500, 5001, 2000},
    {"of the named group", 1500, 3000, 5001},
    {"of the named group, further", 1500, 5001, 3000},
    {"stranger", 1600, 1600, 1600},
    {"root", 0, 0, 0},
};

static int descriptor(int fd) {
    return fd < 0 ? -errno : (close(fd), 0);
}

static void report(const char *who, const char *what, int r, const char *made) {
    struct stat status;
    printf("%s: %s: %s", who, what, strerror(-r));
    if (made && lstat(made, &status) == 0)
        printf(", %o %u %u", status.st_mode, status.st_uid, status.st_gid);
    printf("%s\n", made && getxattr(made, "system.posix_acl_access", NULL, 0) > 0 ? ", acl" : "");
}

static void try_all(const char *who) {
    report(who, "reads", descriptor(open("file", O_RDONLY)), NULL);
    report(who, "writes", descriptor(open("file", O_WRONLY)), NULL);
    for (int i = 0; i < 4; i++) {
        static const char *const folders[] = {"shared", "inherits", "granted", "plain"};
        static const mode_t masks[] = {022, 077, 0};
        for (int mask = 0; mask < 3; mask++) {
            char name[64];
            umask(masks[mask]);
            snprintf(name, sizeof name, "%s/new", folders[i]);
            report(who, name, descriptor(open(name, O_CREAT | O_EXCL | O_WRONLY, 0666)), name);
            unlink(name);
            report(who, "mkdir", mkdir(name, 0777) < 0 ? -errno : 0, name);
            rmdir(name);
            report(who, "mkfifo", mkfifo(name, 0664) < 0 ? -errno : 0, name);
            unlink(name);
            report(who, "symlink", symlink("aim", name) < 0 ? -errno : 0, name);
            unlink(name);
            report(who, "setgid", descriptor(open(name, O_CREAT | O_EXCL | O_WRONLY, 02775)), name);
            unlink(name);
            int fd = open(folders[i], O_TMPFILE | O_RDWR, 0666);
            struct stat status = {0};
            printf("%s: tmpfile in %s: %s, %o %u %u\n", who, folders[i], strerror(fd < 0 ? errno : 0),
                   fd < 0 || fstat(fd, &status) < 0 ? 0 : status.st_mode, status.st_uid, status.st_gid);
            close(fd);
        }
    }
}

static void make(const char *name, uid_t uid, gid_t gid, mode_t mode) {
    if (mkdir(name, 0700) < 0 || chown(name, uid, gid) < 0 || chmod(name, mode) < 0)
        err(1, "%s", name);
}

static void links(void) {
    char value[16];
    if (symlink("aim", "link") < 0)
        err(1, "link");
    printf("trusted of a link: %s\n", strerror(lsetxattr("link", "trusted.a", "b", 1, 0) < 0 ? errno : 0));
    printf("user of a link: %s\n", strerror(lsetxattr("link", "user.a", "b", 1, 0) < 0 ? errno : 0));
    ssize_t n = lgetxattr("link", "trusted.a", value, sizeof value);
    printf("read: %zd\n", n);
    n = llistxattr("link", NULL, 0);
    printf("listed: %d\n", n >= 10);
    printf("removed: %s\n", strerror(lremovexattr("link", "trusted.a") < 0 ? errno : 0));
    printf("removed again: %s\n", strerror(lremovexattr("link", "trusted.a") < 0 ? errno : 0));
    unlink("link");
}

int main(int argc, char **argv) {
    if (argc != 2 || chdir(argv[1]) < 0)
        errx(2, "usage: supplementary FOLDER");
    umask(0);
    int fd = open("file", O_CREAT | O_EXCL | O_WRONLY, 0640);
    if (fd < 0 || fchown(fd, 1000, 2000) < 0 || setxattr("file", "system.posix_acl_access", &file_acl, SIZE(6), 0) < 0)
        err(1, "file");
    make("shared", 1000, 2000, 02770);
    make("inherits", 1000, 2000, 0777);
    make("granted", 1000, 2000, 0700);
    make("plain", 1000, 1000, 01777);
    if (setxattr("inherits", "system.posix_acl_default", &default_acl, SIZE(5), 0) < 0 ||
        setxattr("granted", "system.posix_acl_access", &folder_acl, SIZE(5), 0) < 0)
        err(1, "ACLs");
    for (unsigned i = 0; i < sizeof users / sizeof *users; i++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            if (setgroups(1, &users[i].further) < 0 || setgid(users[i].gid) < 0 || setuid(users[i].uid) < 0)
                err(1, "%s", users[i].name);
            try_all(users[i].name);
            exit(0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) < 0 || status)
            errx(1, "%s", users[i].name);
    }
    links();
    return 0;
}
