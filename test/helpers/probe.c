/* SPDX-License-Identifier: MIT */
/*
 * What the end-to-end tests do inside an image that has no shell, and what a shell cannot do: one static program (built
 * again against musl for an image of that layout), a verb a line below. Exit status: 0, or 3 with "VERB: PATH: EXXX" on
 * standard error where a system call failed, 2 for wrong usage.
 *
 *     wait                     sleeps until SIGTERM, reaping children (an entry point)
 *     read PATH                prints a file
 *     write PATH TEXT          replaces a file
 *     list PATH                prints a directory's names
 *     stat PATH                prints "MODE UID GID SIZE"
 *     mounts                   prints /proc/self/mountinfo
 *     scribble PATH            writes and syncs without end; prints "ready" when the first write is done, then at the
 *                              first error "ended EXXX" and exits 0
 *     hold PATH                opens PATH, prints "ready", and sleeps; for things that must not be kept by an open file
 *     map PATH                 maps a page shared, dirties it without end, prints "ready"; ends as scribble does, or by
 *                              SIGBUS: "ended SIGBUS"
 *     lock PATH                takes a POSIX lock and a flock, prints "ready", sleeps
 *     swap A B SECONDS         exchanges two names as fast as it can (for races)
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FAILED 3
#define USAGE 2
#define EXCHANGE 2 /* RENAME_EXCHANGE, which musl does not have */

static const char *error_name(int error) {
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {EACCES, "EACCES"},     {EBADF, "EBADF"},     {EBUSY, "EBUSY"},         {ECONNABORTED, "ECONNABORTED"},
        {EEXIST, "EEXIST"},     {EINTR, "EINTR"},     {EINVAL, "EINVAL"},       {EIO, "EIO"},
        {EISDIR, "EISDIR"},     {ENODEV, "ENODEV"},   {ENOENT, "ENOENT"},       {ENOSPC, "ENOSPC"},
        {ENOTCONN, "ENOTCONN"}, {ENOTDIR, "ENOTDIR"}, {ENXIO, "ENXIO"},         {EPERM, "EPERM"},
        {EROFS, "EROFS"},       {ESTALE, "ESTALE"},   {ETIMEDOUT, "ETIMEDOUT"}, {ECONNREFUSED, "ECONNREFUSED"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].error == error)
            return names[i].name;
    return strerror(error);
}

static int failed(const char *verb, const char *path) {
    fprintf(stderr, "%s: %s: %s\n", verb, path, error_name(errno));
    return FAILED;
}

static void say(const char *text) {
    printf("%s\n", text);
    fflush(stdout);
}

static volatile sig_atomic_t asked_to_end;

static void on_terminate(int signal_number) {
    (void)signal_number;
    asked_to_end = 1;
}

static int do_wait(void) {
    struct sigaction action = {.sa_handler = on_terminate};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    while (!asked_to_end) {
        /* As pid 1 it inherits the dead of the whole container. */
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    }
    return 0;
}

static int copy_out(const char *verb, const char *path) {
    char buffer[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(verb, path);
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0)
            return failed(verb, path);
        if (n == 0)
            break;
        if (write(STDOUT_FILENO, buffer, (size_t)n) != n)
            return failed(verb, "standard output");
    }
    close(fd);
    return 0;
}

static int do_write(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) < 0)
        return failed("write", path);
    return 0;
}

static int do_list(const char *path) {
    DIR *directory = opendir(path);
    if (!directory)
        return failed("list", path);
    for (struct dirent *entry; errno = 0, (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            printf("%s\n", entry->d_name);
    if (errno != 0)
        return failed("list", path);
    closedir(directory);
    return 0;
}

static int do_stat(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0)
        return failed("stat", path);
    printf("%o %u %u %lld\n", status.st_mode, status.st_uid, status.st_gid, (long long)status.st_size);
    return 0;
}

/* Writers are many at a time, and what is tested needs processors too. */
static void breathe(void) {
    nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
}

static int do_scribble(const char *path) {
    static char block[65536];
    memset(block, 'x', sizeof block);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return failed("scribble", path);
    for (unsigned round = 0;; round++, breathe()) {
        if (pwrite(fd, block, sizeof block, (off_t)(round % 16) * (off_t)sizeof block) < 0 || fsync(fd) < 0)
            break;
        if (round == 0)
            say("ready");
    }
    printf("ended %s\n", error_name(errno));
    return 0;
}

static int do_hold(const char *path) {
    if (open(path, O_RDONLY | O_CLOEXEC) < 0)
        return failed("hold", path);
    say("ready");
    return do_wait();
}

static void on_bus_error(int signal_number) {
    static const char text[] = "ended SIGBUS\n";
    (void)signal_number;
    _exit(write(STDOUT_FILENO, text, sizeof text - 1) > 0 ? 0 : FAILED);
}

static int do_map(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, 65536) < 0)
        return failed("map", path);
    volatile char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return failed("map", path);
    signal(SIGBUS, on_bus_error);
    for (unsigned round = 0;; round++, breathe()) {
        page[(round * 4096) % 65536]++;
        /* pages that are mapped already the kernel goes on serving from memory, and msync calls that a success (6.18):
         * that nobody is behind them any more is seen by the next operation that needs an answer */
        if (msync((void *)page, 65536, MS_SYNC) < 0 || pwrite(fd, "", 1, 65536) < 0)
            break;
        if (round == 0)
            say("ready");
    }
    printf("ended %s\n", error_name(errno));
    return 0;
}

static int do_lock(const char *path) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || fcntl(fd, F_SETLK, &whole) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return failed("lock", path);
    say("ready");
    return do_wait();
}

static int do_swap(const char *a, const char *b, const char *seconds) {
    struct timespec now, end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += strtol(seconds, NULL, 10);
    unsigned long swaps = 0;
    do {
        if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, EXCHANGE) == 0)
            swaps++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec);
    printf("%lu swaps\n", swaps);
    return 0;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "wait";
    if (strcmp(verb, "wait") == 0)
        return do_wait();
    if (strcmp(verb, "mounts") == 0)
        return copy_out(verb, "/proc/self/mountinfo");
    if (argc == 3) {
        const char *path = argv[2];
        if (strcmp(verb, "read") == 0)
            return copy_out(verb, path);
        if (strcmp(verb, "list") == 0)
            return do_list(path);
        if (strcmp(verb, "stat") == 0)
            return do_stat(path);
        if (strcmp(verb, "scribble") == 0)
            return do_scribble(path);
        if (strcmp(verb, "hold") == 0)
            return do_hold(path);
        if (strcmp(verb, "map") == 0)
            return do_map(path);
        if (strcmp(verb, "lock") == 0)
            return do_lock(path);
    }
    if (argc == 4 && strcmp(verb, "write") == 0)
        return do_write(argv[2], argv[3]);
    if (argc == 5 && strcmp(verb, "swap") == 0)
        return do_swap(argv[2], argv[3], argv[4]);
    fprintf(stderr, "usage: probe VERB [ARGUMENT...]: see the top of test/helpers/probe.c\n");
    return USAGE;
}
