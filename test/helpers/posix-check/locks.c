/* SPDX-License-Identifier: MIT */
/* flock(2), fcntl(2) locks of processes and of open files. */
#include "posix-check.h"

#include <sys/file.h>
#include <sys/wait.h>

static void flock_refused(void) {
    int fd = (int)OK(open("f", O_RDWR));
    FAILS(EWOULDBLOCK, flock(fd, LOCK_EX | LOCK_NB));
    FAILS(EWOULDBLOCK, flock(fd, LOCK_SH | LOCK_NB));
}

static void flock_shared(void) {
    int fd = (int)OK(open("f", O_RDONLY));
    OK(flock(fd, LOCK_SH | LOCK_NB));
    FAILS(EWOULDBLOCK, flock(fd, LOCK_EX | LOCK_NB));
}

static void flock_granted(void) {
    OK(flock((int)OK(open("f", O_RDWR)), LOCK_EX | LOCK_NB));
}

static void lock_flock(void) {
    int fd = open_new("f");
    OK(flock(fd, LOCK_EX));
    in_child(flock_refused);
    OK(flock(fd, LOCK_SH));
    in_child(flock_shared);
    OK(flock(fd, LOCK_UN));
    in_child(flock_granted);
    in_child(flock_granted); /* it went with the process that had it */
}

static struct flock range(short type, off_t start, off_t length) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
}

static void range_refused(void) {
    int fd = (int)OK(open("f", O_RDWR));
    struct flock lock = range(F_WRLCK, 50, 100);
    EXPECT(fcntl(fd, F_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES));
    lock = range(F_WRLCK, 0, 0);
    OK(fcntl(fd, F_GETLK, &lock));
    EQUAL(lock.l_type, F_WRLCK);
    EQUAL(lock.l_start, 0);
    EQUAL(lock.l_len, 100);
    EQUAL(lock.l_pid, getppid());
    lock = range(F_WRLCK, 100, 50);
    OK(fcntl(fd, F_SETLK, &lock));
}

static void lock_ranges(void) {
    int fd = open_new("f");
    struct flock lock = range(F_WRLCK, 0, 100);
    OK(fcntl(fd, F_SETLK, &lock));
    in_child(range_refused);
    lock = range(F_UNLCK, 0, 0);
    OK(fcntl(fd, F_SETLK, &lock));
}

static void lock_waits(void) {
    int fd = open_new("f"), ends[2];
    struct flock lock = range(F_WRLCK, 0, 0);
    char byte;
    OK(pipe(ends));
    OK(fcntl(fd, F_SETLK, &lock));
    pid_t child = (pid_t)OK(fork());
    if (child == 0) {
        int own = (int)OK(open("f", O_RDWR));
        EQUAL(write(ends[1], "r", 1), 1);
        OK(fcntl(own, F_SETLKW, &lock));
        EQUAL(pread(own, &byte, 1, 0), 1);
        EQUAL(byte, 'd');
        _exit(0);
    }
    EQUAL(read(ends[0], &byte, 1), 1);
    let_time_pass();
    EQUAL(write(fd, "d", 1), 1);
    lock.l_type = F_UNLCK;
    OK(fcntl(fd, F_SETLK, &lock));
    int status;
    OK(waitpid(child, &status, 0));
    EQUAL(status, 0);
}

static void lock_of_open_file(void) {
    int a = open_new("f"), b = (int)OK(open("f", O_RDWR));
    struct flock lock = range(F_WRLCK, 0, 10);
    OK(fcntl(a, F_OFD_SETLK, &lock));
    EXPECT(fcntl(b, F_OFD_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES));
    OK(close(a));
    OK(fcntl(b, F_OFD_SETLK, &lock));
}

const struct check lock_checks[] = {
    CHECK(lock_flock), CHECK(lock_ranges), CHECK(lock_waits), CHECK(lock_of_open_file), CHECKS_END,
};
