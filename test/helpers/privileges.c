/* SPDX-License-Identifier: MIT */
/*
 * What takes set-user-ID and set-group-ID away from a file, and its capabilities: every operation, by the owner, a
 * member of the group, a stranger, root, and root without CAP_FSETID, on files of several modes. One line for each, to
 * be compared with what another file system does.
 *
 *     privileges FOLDER
 *
 * As root; FOLDER must let everybody make and reach files. What an operation answers, the mode that stat(2) and
 * fstat(2) show right afterwards, whether ctime has changed and whether the capabilities are there still is what a line
 * says.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { OWNER = 1000, STRANGER = 1001, MEMBER = 1002, GROUP = 2000, OTHER_GROUP = 2001, SIZE = 16384 };

static const char path[] = "file", source[] = "source";
static char *block; /* aligned, of SIZE bytes */

static int result(long r) {
    return r < 0 ? -errno : 0;
}

static int write_to(int flags) {
    int fd = open(path, O_RDWR | flags);
    if (fd < 0)
        return -errno;
    int r = result(write(fd, block, 4096));
    close(fd);
    return r;
}

static int do_write(void) {
    return write_to(0);
}

static int do_append(void) {
    return write_to(O_APPEND);
}

static int do_direct(void) {
    return write_to(O_DIRECT);
}

static int do_sync(void) {
    return write_to(O_DSYNC);
}

static int do_write_nothing(void) {
    int fd = open(path, O_RDWR);
    return fd < 0 ? -errno : result(write(fd, block, 0));
}

static int do_writev(void) {
    struct iovec pieces[] = {{block, 10}, {block + 100, 20}};
    int fd = open(path, O_WRONLY);
    return fd < 0 ? -errno : result(writev(fd, pieces, 2));
}

static int do_mapped(void) {
    int fd = open(path, O_RDWR);
    char *map = fd < 0 ? MAP_FAILED : mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    map[5000] = 'x';
    int r = result(msync(map, SIZE, MS_SYNC));
    munmap(map, SIZE);
    return r;
}

static int do_sendfile(void) {
    int from = open(source, O_RDONLY), to = open(path, O_WRONLY);
    return from < 0 || to < 0 ? -errno : result(sendfile(to, from, NULL, 5000));
}

static int do_splice(void) {
    int ends[2], to = open(path, O_WRONLY);
    if (to < 0 || pipe(ends) < 0 || write(ends[1], block, 4096) != 4096)
        return -errno;
    return result(splice(ends[0], NULL, to, NULL, 4096, 0));
}

static int do_copy(void) {
    int from = open(source, O_RDONLY), to = open(path, O_WRONLY);
    return from < 0 || to < 0 ? -errno : result(copy_file_range(from, NULL, to, NULL, 4096, 0));
}

static int do_truncate_down(void) {
    return result(truncate(path, 100));
}

static int do_truncate_up(void) {
    return result(truncate(path, 2 * SIZE));
}

static int ftruncate_to(off_t size) {
    int fd = open(path, O_WRONLY);
    return fd < 0 ? -errno : result(ftruncate(fd, size));
}

static int do_ftruncate_down(void) {
    return ftruncate_to(100);
}

static int do_ftruncate_up(void) {
    return ftruncate_to(2 * SIZE);
}

static int do_open_truncate(void) {
    return result(open(path, O_WRONLY | O_TRUNC));
}

static int do_open_create_truncate(void) {
    return result(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
}

static int do_open(void) {
    return result(open(path, O_RDWR));
}

static int fallocate_as(int mode, off_t offset, off_t length) {
    int fd = open(path, O_RDWR);
    int r = fd < 0 ? -errno : result(fallocate(fd, mode, offset, length));
    return r == -EOPNOTSUPP ? 0 : r; /* of which not all file systems have all */
}

static int do_reserve(void) {
    return fallocate_as(0, 0, 4096);
}

static int do_reserve_behind(void) {
    return fallocate_as(0, SIZE, 4096);
}

static int do_reserve_keep(void) {
    return fallocate_as(FALLOC_FL_KEEP_SIZE, SIZE, 4096);
}

static int do_punch(void) {
    return fallocate_as(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static int do_chown_nothing(void) {
    return result(chown(path, (uid_t)-1, (gid_t)-1));
}

static int do_fchown_nothing(void) {
    int fd = open(path, O_RDONLY);
    return fd < 0 ? -errno : result(fchown(fd, (uid_t)-1, (gid_t)-1));
}

static int do_chown_same(void) {
    return result(chown(path, OWNER, (gid_t)-1));
}

static int do_chgrp_same(void) {
    return result(chown(path, (uid_t)-1, GROUP));
}

static int do_chgrp(void) {
    return result(chown(path, (uid_t)-1, OTHER_GROUP));
}

static int do_chown(void) {
    return result(chown(path, STRANGER, (gid_t)-1));
}

static int do_chmod_same(void) {
    struct stat status;
    return stat(path, &status) < 0 ? -errno : result(chmod(path, status.st_mode & 07777));
}

static int do_touch(void) {
    return result(utimensat(AT_FDCWD, path, NULL, 0));
}

static int do_set_times(void) {
    return result(utimensat(AT_FDCWD, path, (struct timespec[2]){{5, 0}, {6, 0}}, 0));
}

static int do_set_attribute(void) {
    return result(setxattr(path, "user.a", "b", 1, 0));
}

static int do_link(void) {
    int r = result(link(path, "other"));
    unlink("other");
    return r;
}

static const struct {
    const char *name;
    int (*run)(void);
} operations[] = {
    {"write", do_write},
    {"append", do_append},
    {"write direct", do_direct},
    {"write dsync", do_sync},
    {"write nothing", do_write_nothing},
    {"writev", do_writev},
    {"mapped write", do_mapped},
    {"sendfile", do_sendfile},
    {"splice", do_splice},
    {"copy_file_range", do_copy},
    {"truncate down", do_truncate_down},
    {"truncate up", do_truncate_up},
    {"ftruncate down", do_ftruncate_down},
    {"ftruncate up", do_ftruncate_up},
    {"open truncate", do_open_truncate},
    {"open create truncate", do_open_create_truncate},
    {"open", do_open},
    {"fallocate", do_reserve},
    {"fallocate behind the end", do_reserve_behind},
    {"fallocate keep size", do_reserve_keep},
    {"fallocate punch", do_punch},
    {"chown -1 -1", do_chown_nothing},
    {"fchown -1 -1", do_fchown_nothing},
    {"chown same", do_chown_same},
    {"chgrp same", do_chgrp_same},
    {"chgrp", do_chgrp},
    {"chown", do_chown},
    {"chmod same", do_chmod_same},
    {"touch", do_touch},
    {"set times", do_set_times},
    {"setxattr", do_set_attribute},
    {"link", do_link},
};

/* ---- who ------------------------------------------------------------------------------------------------------- */

static void drop_fsetid(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, data) < 0)
        err(1, "capget");
    data[0].effective &= ~CAP_TO_MASK(CAP_FSETID);
    if (syscall(SYS_capset, &header, data) < 0)
        err(1, "capset");
}

static void become(uid_t uid, gid_t gid, gid_t further) {
    if (setgroups(1, &further) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        err(1, "becoming %u", uid);
}

enum { AS_OWNER, AS_MEMBER, AS_FURTHER_MEMBER, AS_STRANGER, AS_ROOT, AS_ROOT_WITHOUT, ACTORS };
static const char *const actors[] = {"owner",    "member, by gid", "member, by further group",
                                     "stranger", "root",           "root without CAP_FSETID"};

static void act_as(int actor) {
    switch (actor) {
    case AS_OWNER:
        become(OWNER, OWNER, OTHER_GROUP);
        break;
    case AS_MEMBER:
        become(MEMBER, GROUP, MEMBER);
        break;
    case AS_FURTHER_MEMBER:
        become(MEMBER, MEMBER, GROUP);
        break;
    case AS_STRANGER:
        become(STRANGER, STRANGER, STRANGER);
        break;
    case AS_ROOT_WITHOUT:
        drop_fsetid();
        break;
    default:
        break;
    }
}

/* ---- one of them ----------------------------------------------------------------------------------------------- */

static const char capabilities[20] = {1, 0, 0, 2, 0, 4}; /* VFS_CAP_REVISION_2, CAP_NET_BIND_SERVICE */

static void make(mode_t mode, bool capable) {
    unlink(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, block, SIZE) != SIZE || fchown(fd, OWNER, GROUP) < 0 || fchmod(fd, mode) < 0 ||
        (capable && setxattr(path, "security.capability", capabilities, sizeof capabilities, 0) < 0))
        err(1, "%s", path);
    close(fd);
}

static void try(unsigned operation, int actor, mode_t mode, bool capable) {
    struct stat before, after, opened;
    make(mode, capable);
    int fd = open(path, O_RDONLY); /* and what the kernel remembers of its attributes */
    if (fd < 0 || stat(path, &before) < 0)
        err(1, "%s", path);
    usleep(12 * 1000); /* the kernel's clock is coarse */
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        act_as(actor);
        _exit(-operations[operation].run());
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0 || stat(path, &after) < 0 || fstat(fd, &opened) < 0)
        err(1, "%s", operations[operation].name);
    bool ctime = after.st_ctim.tv_sec != before.st_ctim.tv_sec || after.st_ctim.tv_nsec != before.st_ctim.tv_nsec;
    printf("%s; %s; %o%s: %s, %o", operations[operation].name, actors[actor], mode, capable ? " capable" : "",
           strerror(WEXITSTATUS(status)), after.st_mode & 07777);
    if (opened.st_mode != after.st_mode)
        printf(" (fstat: %o)", opened.st_mode & 07777);
    printf("%s%s\n", ctime ? ", ctime" : "",
           getxattr(path, "security.capability", NULL, 0) > 0 ? ", capabilities" : "");
    close(fd);
}

int main(int argc, char **argv) {
    static const mode_t modes[] = {06777, 06767, 04666, 02666, 0777};
    if (argc != 2 || chdir(argv[1]) < 0)
        errx(2, "usage: privileges FOLDER");
    umask(0);
    block = aligned_alloc(4096, SIZE);
    int fd = open(source, O_RDWR | O_CREAT, 0644);
    if (!block || fd < 0 || !memset(block, 'a', SIZE) || write(fd, block, SIZE) != SIZE)
        err(1, "%s", source);
    for (unsigned operation = 0; operation < sizeof operations / sizeof *operations; operation++)
        for (int actor = 0; actor < ACTORS; actor++)
            for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
                try(operation, actor, modes[i], false);
                if (modes[i] == 0777 || modes[i] == 06777)
                    try(operation, actor, modes[i], true);
            }
    unlink(path);
    unlink(source);
    return 0;
}
