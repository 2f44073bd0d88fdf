/* SPDX-License-Identifier: MIT */
/*
 * A process that is about to execute a program executes another one instead; and if its tracer is killed at any of the
 * steps, it goes on with the one or the other, unharmed. This test is the tracer's kernel interface: its ptrace counts
 * the calls, and kills the tracer before the one that is wanted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catcher/tracees.h"
#include "util/test-emulation.h"

#define OWN 10
#define STAND_IN 20
#define STEPS_MAX 200

static const char *own_program, *stand_in_program;
static const char *taken_program; /* late: which is asked about */
static unsigned calls, deadly; /* 0: none is */
static bool late; /* it is taken when its program runs already */

/* As libc has it: a look at a word goes through memory, and errno tells an error from -1. */
long ptrace(enum __ptrace_request request, ...) {
    va_list arguments;
    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *), *data = va_arg(arguments, void *);
    va_end(arguments);
    if (++calls == deadly)
        (void)kill(getpid(), SIGKILL);
    long word = 0;
    bool looks = request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;
    long r = syscall(SYS_ptrace, request, pid, address, looks ? &word : data);
    return looks && r == 0 ? word : r;
}

/* What the processes of one trial share. */
struct trial {
    int go[2]; /* a byte: the subject may execute */
    int alive[2]; /* nothing is ever written: its end is the subject's */
};

/* The subject's program has begun to run, and waits. */
static void wait_until_it_runs(pid_t subject, const struct stat *program) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)subject);
    while (stat(path, &status) < 0 || status.st_ino != program->st_ino || status.st_dev != program->st_dev)
        usleep(1000);
    usleep(10000);
}

_Noreturn static void be_traced(const struct trial *trial) {
    char byte;
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    close(trial->alive[0]);
    if (read(trial->go[0], &byte, 1) == 1)
        execl(own_program, own_program, "one", "two", late ? "wait" : NULL, (char *)NULL);
    _exit(2);
}

/* Its exit status: how many calls it made; 254: it may not trace. */
_Noreturn static void trace(const struct trial *trial, pid_t subject, unsigned deadly_call) {
    struct pollfd end = {.fd = trial->alive[0], .events = POLLIN};
    close(trial->alive[1]);
    struct stat program, own;
    deadly = deadly_call;
    if (!late && tracee_take(subject, CATCHER_HELPER) < 0)
        _exit(254);
    if (stat(taken_program, &program) < 0 || stat(own_program, &own) < 0 || write(trial->go[1], "", 1) != 1)
        _exit(255);
    if (late) {
        wait_until_it_runs(subject, &own);
        const struct file_key key = {program.st_dev, program.st_ino};
        if (tracee_take_late(subject, subject, CATCHER_HELPER, &key) < 0)
            _exit(254);
    }
    while (poll(&end, 1, 1) == 0)
        tracees_wait();
    exit((int)calls); /* not _exit: what was run is counted */
}

static int status_of(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Returns the exit status of the process that is traced; a signal as 128 and more. */
static int outcome(unsigned deadly_call, int *ret_tracer) {
    struct trial trial;
    assert_int_equal(pipe2(trial.go, O_CLOEXEC), 0);
    assert_int_equal(pipe(trial.alive), 0);
    pid_t subject = fork();
    if (subject == 0)
        be_traced(&trial);
    pid_t tracer = fork();
    if (tracer == 0)
        trace(&trial, subject, deadly_call);
    close(trial.alive[1]);
    *ret_tracer = status_of(tracer);
    bool refused = *ret_tracer == 254;
    close(trial.go[0]);
    close(trial.go[1]);
    close(trial.alive[0]);
    int status = status_of(subject);
    if (refused)
        skip(); /* nobody may trace here */
    return status;
}

static void kill_at_each_step(void) {
    int in_all, tracer;
    size_t own = 0, others = 0;
    unlink(CATCHER_STAND_IN);
    assert_int_equal(symlink(stand_in_program, CATCHER_STAND_IN), 0);
    assert_int_equal(outcome(0, &in_all), STAND_IN);
    assert_in_range(in_all, 8, STEPS_MAX);
    for (unsigned step = 2; step <= (unsigned)in_all; step++) { /* the first call takes it */
        int status = outcome(step, &tracer);
        assert_int_equal(tracer, 128 + SIGKILL);
        print_message("killed before call %u of %d: %s\n", step, in_all,
                      status == OWN        ? "its own"
                      : status == STAND_IN ? "the stand-in"
                                           : "neither");
        assert_true(status == OWN || status == STAND_IN);
        own += status == OWN;
        others += status == STAND_IN;
    }
    assert_true(own > 0 && others > 0);
}

static void test_killed_at_each_step(void **state) {
    late = false;
    kill_at_each_step();
}

static void test_taken_while_it_runs(void **state) {
    late = true;
    kill_at_each_step();
}

static void test_without_a_stand_in(void **state) {
    int tracer;
    unlink(CATCHER_STAND_IN);
    late = false;
    assert_int_equal(outcome(0, &tracer), OWN);
    late = true;
    assert_int_equal(outcome(0, &tracer), OWN);
}

/* An execve that failed: what runs under that number is not the program that was asked about. */
static void test_another_program(void **state) {
    int tracer;
    late = true;
    taken_program = stand_in_program;
    (void)symlink(stand_in_program, CATCHER_STAND_IN);
    assert_int_equal(outcome(0, &tracer), OWN);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_each_step), cmocka_unit_test(test_taken_while_it_runs),
        cmocka_unit_test(test_without_a_stand_in), cmocka_unit_test(test_another_program)};
    if (test_is_emulated())
        return TEST_SKIPPED; /* no ptrace */
    own_program = argv[1];
    stand_in_program = argv[2];
    taken_program = own_program;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
