/* SPDX-License-Identifier: MIT */
/* The stage's guard is known by its pidfd: a process that has its number later is not it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/stage.h"
#include "util/cleanup.h"

#define ATTEMPTS 100
#define SKIPPED 77

/* The pid of the child that there is. */
static pid_t only_child(void) {
    char path[64];
    int pid = 0;
    snprintf(path, sizeof path, "/proc/thread-self/children");
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    return file && fscanf(file, "%d", &pid) == 1 ? pid : -1;
}

static pid_t sleeper(void) {
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

/* A child with this number, which is free. */
static pid_t sleeper_with(pid_t wanted) {
    for (int i = 0; i < ATTEMPTS; i++) {
        _cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/ns_last_pid", "we");
        if (!file || fprintf(file, "%d", wanted - 1) < 0 || fflush(file) != 0)
            return -1;
        pid_t pid = sleeper();
        if (pid == wanted)
            return pid;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return -1;
}

/* In a pid namespace of its own. Returns an exit status. */
static int play(void) {
    int stage = open("/dev/null", O_RDONLY | O_CLOEXEC), guard = stage_guard(stage);
    pid_t number = guard < 0 ? -1 : 2; /* the first that we made */
    if (number < 0 || kill(number, SIGKILL) < 0 || waitpid(number, NULL, 0) != number)
        return 1;
    pid_t other = sleeper_with(number);
    if (other < 0)
        return SKIPPED;
    stage_unguard(guard);
    struct pollfd nobody = {.fd = -1};
    (void)poll(&nobody, 1, 100);
    int r = waitpid(other, NULL, WNOHANG) == 0 ? 0 : 2;
    kill(other, SIGKILL);
    return r;
}

static void who_has_its_number_later_is_not_it(void **state) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        pid_t inner = unshare(CLONE_NEWPID) < 0 ? -1 : fork();
        if (inner == 0)
            _exit(play());
        if (inner < 0 || waitpid(inner, &status, 0) != inner)
            _exit(SKIPPED);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
        skip();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void it_ends_when_it_is_told(void **state) {
    int stage = open("/dev/null", O_RDONLY | O_CLOEXEC), guard = stage_guard(stage), status;
    assert_true(guard >= 0);
    pid_t pid = only_child();
    assert_true(pid > 0);
    stage_unguard(guard);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    close(stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_when_it_is_told),
        cmocka_unit_test(who_has_its_number_later_is_not_it),
    };
    return cmocka_run_group_tests_name("stage", tests, NULL, NULL);
}
