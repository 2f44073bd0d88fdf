/* SPDX-License-Identifier: MIT */
/* Steps: drawn, run in a world, printed. */
#include "twins.h"

#include <dirent.h>
#include <linux/falloc.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT (1 << 2)
#endif

#define BYTES_MAX (256 << 10)

/* BY_USER: whether root keeps setuid in it is not said to a FUSE file system, which clears it; BY_ROOT: nor whether a
 * user without the group is to lose setgid. */
enum { FILLS_HOLES = 1, BY_USER = 2, BY_ROOT = 4 };

struct operation {
    const char *name;
    int weight;
    int (*run)(struct world *world, const struct step *step, struct result *result);
    unsigned traits;
};

void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("twins: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(2);
}

/* ---- chance ---------------------------------------------------------------------------------------------------- */

uint64_t draw(struct chance *chance, uint64_t below) { /* splitmix64 */
    uint64_t z = (chance->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

uint64_t hash_bytes(const void *bytes, size_t size) { /* FNV-1a */
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* ---- drawing --------------------------------------------------------------------------------------------------- */

static const char long_name[] =
    "a-name-as-long-as-may-be-......................................................................"
    "................................................................................................"
    "................................................................255";

static const char *draw_name(struct chance *chance) {
    static const char *const names[] = {"a", "b", "c", "d", "e", "äpfel"};
    static char too_long[257];
    if (too_long[0] == '\0')
        memset(too_long, 'x', 256);
    switch (draw(chance, 200)) {
    case 0:
        return too_long;
    case 1:
        return ".";
    case 2:
    case 3:
        return long_name;
    default:
        return names[draw(chance, sizeof names / sizeof *names)];
    }
}

/* One to three names; ".." only behind a name, so that it stays below the root: links never point at the root. */
static void draw_path(struct chance *chance, char *ret_path) {
    int depth = 1 + (int)draw(chance, 3);
    *ret_path = '\0';
    for (int i = 0; i < depth; i++) {
        strcat(ret_path, i ? "/" : "");
        strcat(ret_path, i == 1 && one_in(chance, 30) ? "b/.." : draw_name(chance));
    }
    if (one_in(chance, 60))
        strcat(ret_path, "/");
}

static uint64_t draw_offset(struct chance *chance) {
    static const uint64_t around[] = {0, 4096, 65536, 262144, 1 << 20, UINT64_C(5) << 30};
    if (one_in(chance, 3))
        return draw(chance, 10000);
    uint64_t offset = around[draw(chance, 6)];
    return offset + draw(chance, 3) * 4096 + (one_in(chance, 2) ? draw(chance, 4096) : 0);
}

static uint64_t draw_size(struct chance *chance) {
    static const uint64_t sizes[] = {1, 100, 4096, 5000, 65536, 70000, BYTES_MAX};
    uint64_t size = sizes[draw(chance, 7)];
    return one_in(chance, 40) ? 0 : one_in(chance, 2) ? size : 1 + draw(chance, size);
}

static const struct operation operations[];

void step_draw(struct chance *chance, bool holes, bool ignores_case, struct step *ret_step) {
    struct step *step = ret_step;
    int total = 0, at;
    const struct operation *operation = operations;
    for (const struct operation *each = operations; each->name; each++)
        total += each->weight;
    at = (int)draw(chance, (uint64_t)total);
    for (; at >= operation->weight; operation++)
        at -= operation->weight;
    step->operation = operation;
    step->ignores_case = ignores_case;
    for (int i = 0; i < 2; i++) {
        draw_path(chance, step->path[i]);
        step->slot[i] = (int)draw(chance, SLOTS);
        step->offset[i] = draw_offset(chance);
    }
    step->size = draw_size(chance);
    step->flags = (uint32_t)draw(chance, UINT32_MAX);
    step->mode = (uint32_t)draw(chance, 2) ? 0666 : (uint32_t)draw(chance, 010000);
    /* setgid without execution goes by the writer's groups on tmpfs, which a FUSE file system is not told */
    step->mode |= step->mode & S_ISGID ? S_IXGRP : 0;
    step->seed = draw(chance, UINT64_MAX);
    bool by_user = (one_in(chance, 4) && !(operation->traits & BY_ROOT)) || operation->traits & BY_USER;
    step->user = by_user ? 1000 + (uid_t)draw(chance, 2) : 0;
    if (holes && (operation->traits & FILLS_HOLES))
        step_draw(chance, holes, ignores_case, ret_step);
}

/* ---- running --------------------------------------------------------------------------------------------------- */

static char *buffer(void) {
    static char bytes[BYTES_MAX];
    return bytes;
}

static void fill(const struct step *step) {
    uint64_t *words = (uint64_t *)(void *)buffer();
    struct chance chance = {step->seed};
    for (size_t i = 0; i < (step->size + 7) / 8; i++)
        words[i] = draw(&chance, UINT64_MAX);
}

static int at_slot(const struct world *world, const struct step *step, int which) {
    return world->slots[step->slot[which]];
}

/* Takes the next descriptor, in place of an old one. */
static int keep(struct world *world, const struct step *step, int fd) {
    int *slot = &world->slots[step->slot[0]];
    if (fd < 0)
        return -1;
    if (*slot >= 0)
        close(*slot);
    *slot = fd;
    return 0;
}

static int run_open(struct world *world, const struct step *step, struct result *result) {
    static const int more[] = {O_CREAT,    O_CREAT, O_CREAT | O_EXCL,  O_TRUNC, O_APPEND,           O_DIRECTORY,
                               O_NOFOLLOW, O_PATH,  O_CREAT | O_TRUNC, O_RDWR,  O_CREAT | O_APPEND, 0};
    int flags =
        (int)(step->flags % 4 == 3 ? O_RDWR : step->flags % 3) | more[step->flags / 4 % 12] | O_NONBLOCK | O_CLOEXEC;
    return keep(world, step, openat(world->root, step->path[0], flags, step->mode & 07777));
}

static int run_tmpfile(struct world *world, const struct step *step, struct result *result) {
    int flags = O_TMPFILE | (step->flags % 4 ? O_RDWR : O_WRONLY) | (step->flags / 4 % 4 ? 0 : O_EXCL) | O_CLOEXEC;
    return keep(world, step, openat(world->root, step->path[0], flags, step->mode & 07777));
}

static int run_close(struct world *world, const struct step *step, struct result *result) {
    int fd = at_slot(world, step, 0);
    world->slots[step->slot[0]] = -1;
    return fd < 0 ? 0 : close(fd);
}

static int run_read(struct world *world, const struct step *step, struct result *result) {
    ssize_t n = step->flags % 2 ? pread(at_slot(world, step, 0), buffer(), step->size, (off_t)step->offset[0])
                                : read(at_slot(world, step, 0), buffer(), step->size);
    if (n > 0)
        result->hash = hash_bytes(buffer(), (size_t)n);
    return (int)n;
}

static int run_write(struct world *world, const struct step *step, struct result *result) {
    struct iovec vector;
    fill(step);
    if (step->flags % 8 == 1)
        return (int)write(at_slot(world, step, 0), buffer(), step->size);
    if (step->flags % 8 > 1)
        return (int)pwrite(at_slot(world, step, 0), buffer(), step->size, (off_t)step->offset[0]);
    vector = (struct iovec){buffer(), step->size};
    return (int)pwritev2(at_slot(world, step, 0), &vector, 1, (off_t)step->offset[0], RWF_APPEND);
}

static int run_truncate(struct world *world, const struct step *step, struct result *result) {
    uint64_t size = step->flags % 4 ? step->offset[0] : 0;
    if (step->flags / 4 % 2)
        return ftruncate(at_slot(world, step, 0), (off_t)size);
    int fd = openat(world->root, step->path[0], O_WRONLY | O_CLOEXEC | O_NONBLOCK); /* there is no truncateat */
    int r = fd < 0 ? -1 : ftruncate(fd, (off_t)size);
    int error = errno;
    close(fd);
    errno = error;
    return r;
}

/* tmpfs has no ZERO_RANGE: it is what these two do. */
static int zero_range(int fd, int mode, off_t offset, off_t length) {
    int r = fallocate(fd, mode, offset, length);
    if (r == 0 || errno != EOPNOTSUPP)
        return r;
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) < 0)
        return -1;
    return fallocate(fd, mode & FALLOC_FL_KEEP_SIZE, offset, length);
}

static int run_fallocate(struct world *world, const struct step *step, struct result *result) {
    static const int modes[] = {0,
                                FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_ZERO_RANGE,
                                FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                                FALLOC_FL_PUNCH_HOLE,
                                FALLOC_FL_COLLAPSE_RANGE};
    int mode = modes[step->flags % 8], fd = at_slot(world, step, 0);
    uint64_t length = step->size;
    struct stat status;
    /* up to behind the end tmpfs keeps the page that the file ends in: it then is wholly within */
    if ((mode & FALLOC_FL_PUNCH_HOLE) && fstat(fd, &status) == 0 && step->offset[0] + length > (uint64_t)status.st_size)
        length = (step->offset[0] + length + 4095) / 4096 * 4096 - step->offset[0];
    int (*call)(int, int, off_t, off_t) = mode & FALLOC_FL_ZERO_RANGE ? zero_range : fallocate;
    return call(fd, mode, (off_t)step->offset[0], (off_t)length);
}

static int run_lseek(struct world *world, const struct step *step, struct result *result) {
    static const int whences[] = {SEEK_SET, SEEK_CUR, SEEK_END, SEEK_SET};
    int fd = at_slot(world, step, 0);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return 0; /* where a directory's entries are is its own affair */
    result->hash = (uint64_t)lseek(fd, (off_t)step->offset[0], whences[step->flags % 4]);
    return (int64_t)result->hash < 0 ? -1 : 0;
}

static int run_copy(struct world *world, const struct step *step, struct result *result) {
    loff_t in = (loff_t)step->offset[0], out = (loff_t)step->offset[1];
    return (int)copy_file_range(at_slot(world, step, 0), &in, at_slot(world, step, 1), &out, step->size, 0);
}

static sigjmp_buf beyond_end;

static void leave_map(int signal) {
    siglongjmp(beyond_end, 1);
}

static int run_map(struct world *world, const struct step *step, struct result *result) {
    const int fd = at_slot(world, step, 0);
    const bool writes = step->flags % 2 == 0;
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -1;
    off_t start = (off_t)(step->offset[0] & ~UINT64_C(4095));
    if (!S_ISREG(status.st_mode) || start >= status.st_size)
        return 0;
    size_t size = (size_t)(status.st_size - start) < step->size ? (size_t)(status.st_size - start) : step->size;
    char *map = mmap(NULL, size, writes ? PROT_READ | PROT_WRITE : PROT_READ,
                     step->flags % 4 == 2 ? MAP_PRIVATE : MAP_SHARED, fd, start);
    if (map == MAP_FAILED)
        return -1;
    signal(SIGBUS, leave_map);
    if (sigsetjmp(beyond_end, 1)) { /* another process has cut it off meanwhile */
        munmap(map, size);
        errno = EFAULT;
        return -1;
    }
    if (writes) {
        fill(step);
        memcpy(map, buffer(), size);
    }
    result->hash = hash_bytes(map, size);
    int r = msync(map, size, MS_SYNC);
    munmap(map, size);
    return r;
}

static int run_sync(struct world *world, const struct step *step, struct result *result) {
    return step->flags % 2 ? fsync(at_slot(world, step, 0)) : fdatasync(at_slot(world, step, 0));
}

static int run_mkdir(struct world *world, const struct step *step, struct result *result) {
    return mkdirat(world->root, step->path[0], (step->mode & 01777) | 0300);
}

static int run_rmdir(struct world *world, const struct step *step, struct result *result) {
    return unlinkat(world->root, step->path[0], AT_REMOVEDIR);
}

static int run_unlink(struct world *world, const struct step *step, struct result *result) {
    return unlinkat(world->root, step->path[0], 0);
}

static int run_link(struct world *world, const struct step *step, struct result *result) {
    if (step->flags % 4 == 0)
        return linkat(at_slot(world, step, 0), "", world->root, step->path[1], AT_EMPTY_PATH);
    return linkat(world->root, step->path[0], world->root, step->path[1], step->flags % 4 == 1 ? AT_SYMLINK_FOLLOW : 0);
}

static int run_symlink(struct world *world, const struct step *step, struct result *result) {
    static const char *const targets[] = {"a", "b", "a/b", "c/d", "e", "nowhere"};
    return symlinkat(targets[step->flags % 6], world->root, step->path[0]);
}

static int run_readlink(struct world *world, const struct step *step, struct result *result) {
    int n = (int)readlinkat(world->root, step->path[0], buffer(), step->flags % 4 ? 4096 : 1);
    if (n > 0)
        result->hash = hash_bytes(buffer(), (size_t)n);
    return n;
}

static int run_rename(struct world *world, const struct step *step, struct result *result) {
    static const unsigned flags[] = {0, 0, 0, 1 /* NOREPLACE */, 2 /* EXCHANGE */, 2, RENAME_WHITEOUT, 3};
    return (int)syscall(SYS_renameat2, world->root, step->path[0], world->root, step->path[1], flags[step->flags % 8]);
}

static int run_mknod(struct world *world, const struct step *step, struct result *result) {
    static const mode_t types[] = {S_IFIFO, S_IFSOCK, S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO};
    return mknodat(world->root, step->path[0], types[step->flags % 6] | (step->mode & 07777), makedev(1, 7));
}

static int run_chmod(struct world *world, const struct step *step, struct result *result) {
    /* mostly so that users still get on */
    mode_t mode = step->flags % 3 ? (step->mode & 07777) | 0700 : step->mode & 07777;
    return step->flags / 3 % 2 ? fchmod(at_slot(world, step, 0), mode) : fchmodat(world->root, step->path[0], mode, 0);
}

static int run_chown(struct world *world, const struct step *step, struct result *result) {
    static const uid_t ids[] = {(uid_t)-1, 0, 1000, 1001, 2000};
    uid_t uid = ids[step->flags % 4];
    gid_t gid =
        ids[step->flags / 4 % 4 + (uid == (uid_t)-1)]; /* one of them: a FUSE file system sees nothing of neither */
    int flags = step->flags / 20 % 2 ? AT_SYMLINK_NOFOLLOW : 0;
    return step->flags / 40 % 2 ? fchown(at_slot(world, step, 0), uid, gid)
                                : fchownat(world->root, step->path[0], uid, gid, flags);
}

static int run_utimes(struct world *world, const struct step *step, struct result *result) {
    static const long parts[] = {UTIME_NOW, UTIME_OMIT, 123456789, 999999999, 1000000000};
    struct timespec times[2] = {{(time_t)step->offset[0], parts[step->flags % 5]},
                                {-(time_t)step->offset[1], parts[step->flags / 5 % 5]}};
    int flags = step->flags / 25 % 2 ? AT_SYMLINK_NOFOLLOW : 0;
    return step->flags / 50 % 2 ? futimens(at_slot(world, step, 0), times)
                                : utimensat(world->root, step->path[0], times, flags);
}

/* Times are not among what is compared here. */
static void hash_status(const struct stat *status, struct result *result) {
    uint64_t words[] = {status->st_mode,
                        status->st_nlink,
                        status->st_uid,
                        status->st_gid,
                        S_ISDIR(status->st_mode) ? 0 : (uint64_t)status->st_size,
                        status->st_rdev};
    result->hash = hash_bytes(words, sizeof words);
}

static int run_stat(struct world *world, const struct step *step, struct result *result) {
    struct stat status;
    int r = step->flags % 2
                ? fstatat(world->root, step->path[0], &status, step->flags % 4 == 1 ? AT_SYMLINK_NOFOLLOW : 0)
                : fstat(at_slot(world, step, 0), &status);
    if (r == 0)
        hash_status(&status, result);
    return r;
}

static int run_access(struct world *world, const struct step *step, struct result *result) {
    return faccessat(world->root, step->path[0], (int)(step->flags % 8), AT_EACCESS);
}

static int run_list(struct world *world, const struct step *step, struct result *result) {
    int fd =
        openat(world->root, step->path[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC | (step->flags % 4 ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return -1;
    size_t size = step->flags / 4 % 2 ? 600 : 32768;
    long n;
    while ((n = syscall(SYS_getdents64, fd, buffer(), size)) > 0)
        for (long at = 0; at < n;) {
            struct dirent64 *entry = (struct dirent64 *)(void *)(buffer() + at);
            path_fold(entry->d_name);
            result->hash += hash_bytes(entry->d_name, strlen(entry->d_name)) + entry->d_type;
            at += entry->d_reclen;
        }
    close(fd);
    return (int)n;
}

/* ---- extended attributes --------------------------------------------------------------------------------------- */

struct acl_entry {
    uint16_t tag, permissions;
    uint32_t id;
};

struct acl {
    uint32_t version;
    struct acl_entry entries[6];
};

/* Minimal, extended, without a mask (wrong), or cut short (wrong). Returns its size. */
static size_t make_acl(struct chance *chance, struct acl *ret_acl) {
    uint16_t bits[6];
    for (int i = 0; i < 6; i++)
        bits[i] = (uint16_t)draw(chance, 8);
    struct acl_entry user = {1, bits[0] | 6, UINT32_MAX}, other = {0x20, bits[1], UINT32_MAX};
    struct acl_entry group = {4, bits[2] | 1, UINT32_MAX}, mask = {0x10, bits[3] | 1, UINT32_MAX}; /* see step_draw */
    struct acl_entry named = {2, bits[4], 1000}, named_group = {8, bits[5], 2000};
    switch (draw(chance, 6)) {
    case 0:
        *ret_acl = (struct acl){2, {user, group, other}};
        return 4 + 3 * sizeof user;
    case 1:
        *ret_acl = (struct acl){2, {user, group, mask, other}};
        return 4 + 4 * sizeof user;
    case 2:
        *ret_acl = (struct acl){2, {user, named, group, other}};
        return 4 + 4 * sizeof user;
    case 3:
        *ret_acl = (struct acl){2, {user, named, group, mask, other}};
        return 4 + 5 * sizeof user;
    case 4:
        *ret_acl = (struct acl){2, {user, named, group, named_group, mask, other}};
        return 4 + 6 * sizeof user;
    default:
        *ret_acl = (struct acl){2, {user, group}};
        return one_in(chance, 2) ? 4 : 4 + 2 * sizeof user;
    }
}

static const char *const attributes[] = {"user.a",
                                         "user.b",
                                         "trusted.t",
                                         "security.s",
                                         "security.capability",
                                         "system.posix_acl_access",
                                         "system.posix_acl_default",
                                         "system.none",
                                         "none.none",
                                         "user.",
                                         "user.c"};

static const char *attribute_of(const struct step *step) {
    return attributes[step->flags % 11];
}

/* By way of /proc, where a path has to be. */
static const char *path_of(const struct world *world, const struct step *step) {
    static char path[PATH_SIZE + 64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/%s", world->root, step->path[0]);
    return path;
}

static int run_setxattr(struct world *world, const struct step *step, struct result *result) {
    static const unsigned char capability[20] = {1, 0, 0, 2, 0, 4};
    struct chance chance = {step->seed};
    struct acl acl;
    const void *value = buffer();
    size_t size = step->flags / 11 % 4 ? step->size % 300 : step->size;
    fill(step);
    if (!strncmp(attribute_of(step), "system.posix", 12)) {
        size = make_acl(&chance, &acl);
        value = &acl;
    } else if (!strcmp(attribute_of(step), "security.capability")) {
        size = sizeof capability;
        value = capability;
    }
    int flags = step->flags / 44 % 4 == 1 ? XATTR_CREATE : step->flags / 44 % 4 == 2 ? XATTR_REPLACE : 0;
    return step->flags / 176 % 2 ? fsetxattr(at_slot(world, step, 0), attribute_of(step), value, size, flags)
                                 : lsetxattr(path_of(world, step), attribute_of(step), value, size, flags);
}

static int run_getxattr(struct world *world, const struct step *step, struct result *result) {
    size_t size = step->flags / 11 % 8 == 0 ? 0 : step->flags / 11 % 8 == 1 ? 10 : 65536;
    ssize_t n = step->flags / 88 % 2 ? fgetxattr(at_slot(world, step, 0), attribute_of(step), buffer(), size)
                                     : lgetxattr(path_of(world, step), attribute_of(step), buffer(), size);
    if (n > 0 && size > 0)
        result->hash = hash_bytes(buffer(), (size_t)n);
    return (int)n;
}

static int run_removexattr(struct world *world, const struct step *step, struct result *result) {
    return step->flags / 11 % 2 ? fremovexattr(at_slot(world, step, 0), attribute_of(step))
                                : lremovexattr(path_of(world, step), attribute_of(step));
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

static const struct operation operations[] = {{"open", 60, run_open, 0},
                                              {"tmpfile", 8, run_tmpfile, 0},
                                              {"close", 15, run_close, 0},
                                              {"read", 30, run_read, 0},
                                              {"write", 50, run_write, 0},
                                              {"truncate", 20, run_truncate, 0},
                                              {"fallocate", 30, run_fallocate, BY_USER},
                                              {"lseek", 10, run_lseek, 0},
                                              {"copy", 20, run_copy, FILLS_HOLES | BY_USER},
                                              {"map", 20, run_map, FILLS_HOLES},
                                              {"sync", 3, run_sync, 0},
                                              {"mkdir", 40, run_mkdir, 0},
                                              {"rmdir", 20, run_rmdir, 0},
                                              {"unlink", 25, run_unlink, 0},
                                              {"link", 25, run_link, 0},
                                              {"symlink", 12, run_symlink, 0},
                                              {"readlink", 8, run_readlink, 0},
                                              {"rename", 50, run_rename, 0},
                                              {"mknod", 10, run_mknod, 0},
                                              {"chmod", 20, run_chmod, 0},
                                              {"chown", 20, run_chown, 0},
                                              {"utimes", 15, run_utimes, 0},
                                              {"stat", 30, run_stat, 0},
                                              {"access", 10, run_access, 0},
                                              {"list", 15, run_list, 0},
                                              {"setxattr", 30, run_setxattr, 0},
                                              {"getxattr", 15, run_getxattr, 0},
                                              {"removexattr", 10, run_removexattr, BY_ROOT},
                                              {NULL, 0, NULL, 0}};

/* As another user, with that one's rights only. */
static void become(uid_t user) {
    if (getuid() != 0)
        return;
    if (setresuid((uid_t)-1, 0, (uid_t)-1) < 0 || setresgid((gid_t)-1, user, (gid_t)-1) < 0 ||
        setresuid((uid_t)-1, user, (uid_t)-1) < 0)
        give_up("cannot become user %d: %s", (int)user, strerror(errno));
}

/* Another spelling of each name, in a world that does not care: capitals at random. */
static void respell(const struct step *step, char *path, int which) {
    struct chance chance = {step->seed + (uint64_t)which};
    for (unsigned char *at = (unsigned char *)path; *at; at++) {
        if (!one_in(&chance, 3))
            continue;
        if (*at >= 'a' && *at <= 'z')
            *at = (unsigned char)(*at - 'a' + 'A');
        else if (at[0] == 0xc3 && at[1] == 0xa4) /* ä, Ä */
            at[1] = 0x84;
    }
}

void step_run(struct world *world, const struct step *step, struct result *ret_result) {
    struct step spelled = *step;
    for (int i = 0; i < 2 && world->ignores_case; i++)
        respell(step, spelled.path[i], i);
    *ret_result = (struct result){0};
    if (step->ignores_case && step->operation->run == run_rename && !strcmp(step->path[0], step->path[1]))
        return; /* to another spelling of the same name: there the two have to differ */
    become(step->user);
    errno = 0;
    ret_result->value = step->operation->run(world, &spelled, ret_result);
    if (world->ignores_case && ret_result->value < 0 &&
        errno == ESTALE) /* "File exists", the next time: see memfs(1), -i */
        ret_result->value = step->operation->run(world, &spelled, ret_result);
    ret_result->error = ret_result->value < 0 ? errno : 0;
    become(0);
}

void step_print(FILE *to, const struct step *step) {
    fprintf(to, "%s %.30s, %.30s slots %d %d offsets %llu %llu size %llu flags %u mode %o user %d\n",
            step->operation->name, step->path[0], step->path[1], step->slot[0], step->slot[1],
            (unsigned long long)step->offset[0], (unsigned long long)step->offset[1], (unsigned long long)step->size,
            step->flags, step->mode, (int)step->user);
}

void world_open(const char *path, bool ignores_case, struct world *ret_world) {
    *ret_world = (struct world){.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .ignores_case = ignores_case};
    if (ret_world->root < 0)
        give_up("%s: %s", path, strerror(errno));
    for (int i = 0; i < SLOTS; i++)
        ret_world->slots[i] = -1;
}

void world_close(struct world *world) {
    for (int i = 0; i < SLOTS; i++)
        if (world->slots[i] >= 0) {
            close(world->slots[i]);
            world->slots[i] = -1;
        }
}
