/* SPDX-License-Identifier: MIT */
/*
 * posix-check: is this directory on a whole file system?
 *
 *     posix-check [--list] [--ignore-case] [--jobs=N] DIRECTORY [CHECK | !CHECK...]
 *
 * N checks run side by side; those of the whole volume run alone.
 *
 * Model. A check is a function that makes what it needs in an empty directory of its own, its current one. It runs in a
 * process of its own under a time limit, so it may change ids, cwd and umask, and may hang. It ends by returning (it
 * holds), by a failed EXPECT... (it does not) or by skip(). Results are printed as TAP. Each must hold on tmpfs too;
 * where tmpfs is known to lack something the check says so and is skipped there, by what the kernel answers, never
 * silently.
 *
 * Built by: cc -std=gnu11 -D_GNU_SOURCE -static -pthread -o posix-check *.c
 */
#ifndef POSIX_CHECK_H
#define POSIX_CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

struct check {
    const char *name;
    void (*run)(void);
};

#define CHECK(function)                                                                                                \
    { #function, function }
#define CHECKS_END                                                                                                     \
    { NULL, NULL }

extern const struct check file_checks[];
extern const struct check range_checks[];
extern const struct check directory_checks[];
extern const struct check rename_checks[];
extern const struct check link_checks[];
extern const struct check attribute_checks[];
extern const struct check acl_checks[];
extern const struct check lock_checks[];
extern const struct check volume_checks[];
extern const struct check case_checks[]; /* only with --ignore-case */

_Noreturn void fail_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_at(__FILE__, __LINE__, "%s does not hold (errno: %s)", #condition, strerror(errno));                  \
    } while (0)

/* A system call that must succeed; its result. */
#define OK(call)                                                                                                       \
    ({                                                                                                                 \
        long result_ = (long)(call);                                                                                   \
        if (result_ < 0)                                                                                               \
            fail_at(__FILE__, __LINE__, "%s: %s", #call, strerror(errno));                                             \
        result_;                                                                                                       \
    })

/* A system call that must fail, and how. */
#define FAILS(error, call)                                                                                             \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        if ((long)(call) >= 0)                                                                                         \
            fail_at(__FILE__, __LINE__, "%s succeeded instead of failing with %s", #call, #error);                     \
        if (errno != (error))                                                                                          \
            fail_at(__FILE__, __LINE__, "%s failed with \"%s\", not %s", #call, strerror(errno), #error);              \
    } while (0)

#define EQUAL(a, b)                                                                                                    \
    do {                                                                                                               \
        long long a_ = (long long)(a), b_ = (long long)(b);                                                            \
        if (a_ != b_)                                                                                                  \
            fail_at(__FILE__, __LINE__, "%s is %lld, not %lld (%s)", #a, a_, b_, #b);                                  \
    } while (0)

/* ---- helpers --------------------------------------------------------------------------------------------------- */

void put_file(const char *path, const char *text); /* makes or replaces it */
void expect_file(const char *path, const char *text);
void expect_absent(const char *path);
struct stat stat_of(const char *path); /* lstat */
int open_new(const char *path); /* O_RDWR, must not exist, 0666 */
/* Runs function in a child with these ids and no further groups; EXPECT works in it. */
void as_user(uid_t uid, gid_t gid, void (*function)(void));
void in_child(void (*function)(void));
void need_root(void);
bool on_tmpfs(void);
/* Pseudo-random, the same each run. */
uint64_t draw(uint64_t below);
/* Waits until the clock that stamps files has moved on. */
void let_time_pass(void);
bool is_before(struct timespec a, struct timespec b);

#endif
