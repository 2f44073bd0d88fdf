/* SPDX-License-Identifier: MIT */
/* Names that are opened without their folder's lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util/cleanup.h"
#include "util/fusectl.h"

#define MEMORY_SIZE 65536
#define LIMIT_MS 1000

static char folder_path[] = "/dev/shm/test-fusectl.XXXXXX";
static int folder = -1, faults = -1;
static void *memory; /* that comes when the test says so */
static pthread_t lister;
static pid_t maker;

static void *list(void *argument) {
    int own = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)syscall(SYS_getdents64, own, memory, MEMORY_SIZE);
    close(own);
    return NULL;
}

static bool make_memory(void) {
    struct uffdio_api api = {.api = UFFD_API};
    faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {.range = {(uintptr_t)memory, MEMORY_SIZE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    return faults >= 0 && ioctl(faults, UFFDIO_API, &api) == 0 && ioctl(faults, UFFDIO_REGISTER, &range) == 0;
}

/* Somebody lists the folder into that memory, and somebody else tries to make a name there. */
static int hold(void **state) {
    if (!mkdtemp(folder_path) || (folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        mkdirat(folder, "7", 0700) < 0)
        return -1;
    close_fd(&(int){openat(folder, "7/waiting", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)});
    if (!make_memory())
        return 0;
    assert_int_equal(pthread_create(&lister, NULL, list, NULL), 0);
    usleep(100000);
    maker = fork();
    if (maker == 0)
        _exit(mkdirat(folder, "8", 0700) < 0);
    usleep(100000);
    return 0;
}

static int release(void **state) {
    struct uffdio_zeropage page = {.range = {(uintptr_t)memory, MEMORY_SIZE}};
    if (maker > 0) {
        (void)ioctl(faults, UFFDIO_ZEROPAGE, &page);
        pthread_join(lister, NULL);
        waitpid(maker, NULL, 0);
    }
    (void)unlinkat(folder, "7/waiting", 0);
    (void)unlinkat(folder, "7", AT_REMOVEDIR);
    (void)unlinkat(folder, "8", AT_REMOVEDIR);
    close_fd(&folder);
    return rmdir(folder_path);
}

static int open_plainly(void) {
    return openat(folder, "9/waiting", O_RDONLY | O_CLOEXEC);
}

static int open_known(void) {
    return fusectl_open_file(folder, 7, "waiting", O_RDONLY);
}

static int open_unknown(void) {
    return fusectl_open_file(folder, 9, "waiting", O_RDONLY);
}

/* What it returned, in another process; 1: it waits. */
static int result_of(int (*function)(void), pid_t *ret_pid) {
    int ends[2], result = 1;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = function();
        result = fd >= 0 ? 0 : fd;
        _exit(write(ends[1], &result, sizeof result) != sizeof result);
    }
    struct pollfd end = {.fd = ends[0], .events = POLLIN};
    if (poll(&end, 1, LIMIT_MS) == 1)
        assert_int_equal(read(ends[0], &result, sizeof result), sizeof result);
    close(ends[0]);
    close(ends[1]);
    *ret_pid = pid;
    return result;
}

static void a_held_folder(void **state) {
    pid_t waits, pid;
    if (!maker)
        skip(); /* no memory that never comes on this machine */
    assert_int_equal(result_of(open_plainly, &waits), 1);
    assert_int_equal(result_of(open_known, &pid), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(result_of(open_unknown, &pid), -ENOENT);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- while mounts change --------------------------------------------------------------------------------------- */

#define MOUNTS 3000
#define OPENINGS 40000

static char place[] = "/dev/shm/test-fusectl-mounts.XXXXXX";

/* In a mount namespace of its own: a tree of many mounts is copied and unmounted again and again. */
_Noreturn static void change_mounts(int ready) {
    char from[48], to[48], one[64];
    snprintf(from, sizeof from, "%s/from", place);
    snprintf(to, sizeof to, "%s/to", place);
    if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", place, "tmpfs", 0, NULL) < 0 || mkdir(from, 0700) < 0 || mkdir(to, 0700) < 0 ||
        mount("none", from, "tmpfs", 0, NULL) < 0)
        _exit(1);
    for (int i = 0; i < MOUNTS; i++) {
        snprintf(one, sizeof one, "%s/%d", from, i);
        if (mkdir(one, 0700) < 0 || mount(to, one, NULL, MS_BIND, NULL) < 0)
            _exit(1);
    }
    if (write(ready, "", 1) != 1)
        _exit(1);
    for (;;)
        if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0 || umount2(to, MNT_DETACH) < 0)
            _exit(1);
}

static void mounts_that_change(void **state) {
    int ends[2];
    char byte;
    if (geteuid() != 0)
        skip();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_non_null(mkdtemp(place));
    int base = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0)
        change_mounts(ends[1]);
    close(ends[1]);
    bool ready = read(ends[0], &byte, 1) == 1;
    close(ends[0]);
    unsigned lost = 0, found = 0;
    assert_int_equal(mkdirat(base, "7", 0700), 0);
    for (int i = 0; ready && i < OPENINGS; i++) {
        int fd = fusectl_open_file(base, 7, ".", O_RDONLY);
        lost += fd < 0;
        close_fd(&fd);
    }
    for (int i = 0; ready && i < 10; i++)
        found += fusectl_open_file(base, 9, ".", O_RDONLY) != -ENOENT;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlinkat(base, "7", AT_REMOVEDIR);
    close(base);
    rmdir(place);
    if (!ready)
        skip(); /* no mounts may be made here */
    assert_int_equal(lost, 0);
    assert_int_equal(found, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_held_folder, hold, release),
        cmocka_unit_test(mounts_that_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
