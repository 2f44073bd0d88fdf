/* SPDX-License-Identifier: MIT */
/* What processes execute programs with is read, and memory that never comes is given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catcher/reading.h"
#include "catcher/tables.h"
#include "util/cleanup.h"
#include "util/clock.h"

static bool has_hung_pages;

static int nothing_to_shut(void) {
    return 0;
}

/* A page that nobody ever fills; NULL: the kernel has none. */
static void *hung_page(void) {
    int faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API};
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register part = {.range = {.start = (uintptr_t)page, .len = 4096},
                                   .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (faults < 0 || page == MAP_FAILED || ioctl(faults, UFFDIO_API, &api) < 0 ||
        ioctl(faults, UFFDIO_REGISTER, &part) < 0)
        return NULL;
    return page;
}

/* A process that stands in execve, in a silo of its own (its pid is the silo's number). argv NULL: in a hung page. */
static pid_t process_that_executes(char *const *argv) {
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const void *arguments = argv ? (const void *)argv : hung_page();
        if (unshare(CLONE_NEWNS) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || !arguments)
            _exit(1);
        raise(SIGSTOP);
        (void)syscall(SYS_execve, "/nowhere", arguments, NULL);
        _exit(1);
    }
    char path[64];
    struct stat status;
    int state;
    assert_int_equal(waitpid(pid, &state, 0), pid);
    assert_true(WIFSTOPPED(state));
    assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &state, 0), pid);
    for (int i = 0; i < 20; i++) { /* others of libc's may come before */
        char call[64] = "";
        snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(call, sizeof call, file));
        fclose(file);
        if (strtol(call, NULL, 10) == SYS_execve)
            break;
        assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &state, 0), pid);
    }
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    assert_int_equal(stat(path, &status), 0);
    table_serve(&(struct catcher_message){
        .what = CATCHER_SERVE, .mount_namespace = status.st_ino, .silo = (uint64_t)pid, .device_major = 1});
    return pid;
}

static void process_ends(pid_t pid) {
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void what_is_called(void **state) {
    (void)state;
    struct called called;
    pid_t pid = process_that_executes((char *[]){"/bin/busybox", "umount", "/mnt", NULL});
    assert_true(reading_look(pid, CATCHER_MANY, &called));
    assert_int_equal(called.kind, CATCHER_UNMOUNTER);
    assert_false(called.changes_helpers);
    process_ends(pid);
    pid = process_that_executes((char *[]){"true", "umount", NULL});
    assert_false(reading_look(pid, CATCHER_MANY, &called));
    process_ends(pid);
    pid = process_that_executes((char *[]){"cp", "own", "/usr/bin/fusermount3", NULL});
    assert_true(reading_look(pid, CATCHER_TOOL, &called));
    assert_int_equal(called.kind, CATCHER_TOOL);
    assert_true(called.changes_helpers);
    process_ends(pid);
    pid = process_that_executes((char *[]){"cp", "own", "/srv/file", NULL});
    assert_true(reading_look(pid, CATCHER_TOOL, &called));
    assert_false(called.changes_helpers);
    process_ends(pid);
}

/* Folders in which helpers are, said by an argument, by an option, or by where the tool stands. */
static void folders_of_helpers(void **state) {
    (void)state;
    static const struct {
        const char *where;
        char *command[6];
        bool changes;
    } cases[] = {
        {"/srv", {"tar", "-xf", "a.tar", "-C/usr/bin", NULL}, true},
        {"/srv", {"tar", "-xf", "a.tar", "--directory=/usr/", NULL}, true},
        {"/srv", {"tar", "-xf", "a.tar", "-C/usr/share", NULL}, false},
        {"/srv", {"tar", "-xf", "a.tar", NULL}, false},
        {"/usr/bin", {"tar", "-xf", "a.tar", NULL}, true},
        {"/", {"tar", "xzf", "a.tar", NULL}, true},
        {"/", {"busybox", "tar", "xf", "a.tar", NULL}, true},
        {"/", {"tar", "--extract", "--file=a.tar", NULL}, true},
        {"/", {"tar", "-czf", "b.tar", "/srv/x", NULL}, false},
        {"/usr/bin", {"cpio", "-id", NULL}, true},
        {"/usr/bin", {"cpio", "-o", NULL}, false},
        {"/usr/bin", {"unzip", "a.zip", NULL}, true},
        {"/", {"cp", "-r", "/srv/tree/.", ".", NULL}, true},
        {"/srv", {"cp", "-r", "/srv/tree/.", ".", NULL}, false},
        {"/", {"cp", "one", "two", NULL}, false},
        {"/srv", {"ld", "--sysroot=/", "a.o", NULL}, false},
        {"/srv", {"gcc", "-I/usr", "-c", "a.c", NULL}, false},
    };
    struct called called;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(chdir(cases[i].where), 0);
        pid_t pid = process_that_executes((char **)cases[i].command);
        bool busybox = strcmp(cases[i].command[0], "busybox") == 0;
        assert_true(reading_look(pid, busybox ? CATCHER_MANY : CATCHER_TOOL, &called));
        if (called.changes_helpers != cases[i].changes)
            fail_msg("%zu: in %s, %s %s", i, cases[i].where, cases[i].command[0], cases[i].command[1]);
        process_ends(pid);
    }
}

static void memory_that_never_comes(void **state) {
    (void)state;
    if (!has_hung_pages)
        skip();
    struct called called;
    pid_t other = process_that_executes((char *[]){"umount", "/mnt", NULL});
    for (int i = 0; i < 12; i++) {
        pid_t hung = process_that_executes(NULL);
        int64_t since = clock_ms();
        assert_false(reading_look(hung, CATCHER_MANY, &called));
        assert_true(clock_ms() - since >= READING_LIMIT_MS);
        assert_true(clock_ms() - since < 2000);
        since = clock_ms();
        assert_false(reading_look(hung, CATCHER_MANY, &called)); /* it is not tried again */
        assert_true(clock_ms() - since < READING_LIMIT_MS);
        assert_true(reading_look(other, CATCHER_MANY, &called));
        process_ends(hung);
    }
    process_ends(other);
}

int main(void) {
    if (geteuid() != 0) {
        fprintf(stderr, "not root: nothing is tested\n");
        return 77;
    }
    has_hung_pages = hung_page();
    if (reading_make(nothing_to_shut, nothing_to_shut) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_called),
        cmocka_unit_test(folders_of_helpers),
        cmocka_unit_test(memory_that_never_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
