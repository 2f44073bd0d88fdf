/* SPDX-License-Identifier: MIT */
/* A process with as many groups as the kernel allows: they stand in /proc/PID/status before most of what is read. */
#include <grp.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "util/process.h"

#define GROUPS 65536

static void (*also)(void); /* what the child does besides */

static _Noreturn void be_in_many_groups(int ready) {
    gid_t *groups = calloc(GROUPS, sizeof *groups);
    for (size_t i = 0; groups && i < GROUPS; i++)
        groups[i] = 4000000000u + (gid_t)i;
    if (!groups || setgroups(GROUPS, groups) < 0)
        _exit(1);
    if (also)
        also();
    (void)write(ready, "", 1);
    for (;;)
        pause();
}

/* Starts one; -1: only root may. */
static pid_t start(void (*besides)(void)) {
    int ready[2];
    char byte;
    also = besides;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0)
        be_in_many_groups(ready[1]);
    close(ready[1]);
    bool is_there = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    if (!is_there)
        waitpid(pid, NULL, 0);
    return is_there ? pid : -1;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void drop_mounting(void) {
    if (prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN) < 0)
        _exit(1);
}

static void test_may_mount(void **state) {
    pid_t pid = start(NULL);
    if (pid < 0)
        skip();
    bool may = process_may_mount(pid), expected = process_may_mount(getpid());
    end(pid);
    assert_int_equal(may, expected);
}

static void test_may_not_mount(void **state) {
    pid_t pid = start(drop_mounting);
    if (pid < 0)
        skip();
    bool may = process_may_mount(pid);
    end(pid);
    assert_false(may);
}

/* What a set-user-ID program is in which another user can have a say: its effective id is root's, its real one is not.
 */
static void be_started_by_another_user(void) {
    if (setresuid(65534, 0, 0) < 0)
        _exit(1);
}

static void test_is_roots(void **state) {
    pid_t own = start(NULL), other = start(be_started_by_another_user);
    if (own < 0 || other < 0)
        skip();
    bool own_is = process_is_roots(own), other_is = process_is_roots(other);
    end(own);
    end(other);
    assert_true(own_is);
    assert_false(other_is);
    assert_false(process_is_roots(own)); /* it is gone */
}

static void test_numbers(void **state) {
    uint64_t group = 0, threads = 0, nothing = 7;
    unsigned depth = 0;
    pid_t inner = 0, pid = start(NULL);
    if (pid < 0)
        skip();
    int r = process_status_number(pid, "Tgid:", 10, &group), s = process_status_number(pid, "Threads:", 10, &threads);
    int none = process_status_number(pid, "4000000007", 10, &nothing); /* no line begins so */
    int t = process_inner_pid(pid, &inner, &depth);
    end(pid);
    assert_int_equal(r, 0);
    assert_int_equal(s, 0);
    assert_int_equal(t, 0);
    assert_int_equal(group, pid);
    assert_int_equal(threads, 1);
    assert_true(inner > 0 && depth > 0);
    assert_int_equal(none, -ENOENT);
    assert_int_equal(nothing, 7); /* outputs are not touched on failure */
}

/* One that was killed is ending, and has ended while it waits for its parent. */
static void test_ending(void **state) {
    pid_t pid = start(NULL);
    if (pid < 0)
        skip();
    bool before = process_is_ending(pid);
    kill(pid, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    bool after = process_is_ending(pid), ended = process_has_ended(pid);
    waitpid(pid, NULL, 0);
    assert_false(before);
    assert_true(after);
    assert_true(ended);
}

static void test_stat(void **state) {
    uint64_t start_of_stack = 0, started = 0, ticks = 0;
    pid_t parent = 0;
    prctl(PR_SET_NAME, ") 1 2 3 (4 )"); /* no field is in the name */
    assert_int_equal(process_parent(getpid(), &parent), 0);
    assert_int_equal(parent, getppid());
    assert_int_equal(process_start(getpid(), &started), 0);
    assert_true(started > 0);
    assert_int_equal(process_cpu_ticks(getpid(), &ticks), 0);
    assert_int_equal(process_start_of_stack(getpid(), &start_of_stack), 0);
    /* below it is this function's frame, above it the first argument's text */
    uintptr_t here = (uintptr_t)__builtin_frame_address(0); /* sanitizers have variables elsewhere */
    assert_true(here < start_of_stack && start_of_stack - here < 8 << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_may_mount), cmocka_unit_test(test_may_not_mount),
                                       cmocka_unit_test(test_is_roots),  cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_ending),    cmocka_unit_test(test_stat)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
