/* SPDX-License-Identifier: MIT */
/* The cage: what is shut is shut, and what systemd's unit says is the same. Each case is a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cage/cage.h"

static const char *unit;

/* Runs the case in a child; returns its exit status. 77: it cannot be tried here. */
static int outcome(int (*run)(void)) {
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(run());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int expect(int number, int condition) {
    if (!condition)
        fprintf(stderr, "expectation %d does not hold (%s)\n", number, strerror(errno));
    return condition ? 0 : number;
}

static bool refused(long result, int error) {
    return result < 0 && errno == error;
}

static int in_the_service(void) {
    int r = cage_filter_service();
    if (r == -EINVAL)
        return 77;
    struct timespec now = {0};
    long page = sysconf(_SC_PAGESIZE);
    void *memory = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    clock_gettime(CLOCK_REALTIME, &now);
    return expect(1, r == 0) | expect(2, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) |
           expect(3, prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2) | expect(4, socket(AF_UNIX, SOCK_STREAM, 0) >= 0) |
           expect(5, socket(AF_NETLINK, SOCK_RAW, 0) >= 0) |
           expect(6, refused(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT)) |
           expect(7, refused(socket(AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT)) |
           expect(8, refused(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT)) |
           expect(9, refused(clock_settime(CLOCK_REALTIME, &now), EPERM)) |
           expect(10, refused(mprotect(memory, (size_t)page, PROT_READ | PROT_EXEC), EPERM)) |
           expect(11,
                  mmap(NULL, (size_t)page, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) |
           expect(12, fork() >= 0);
}

static int in_a_worker(void) {
    char *const arguments[] = {"true", NULL};
    int r = cage_filter_worker();
    if (r == -EINVAL)
        return 77;
    struct stat status;
    return expect(1, r == 0) | expect(2, refused(execv("/bin/true", arguments), EPERM)) |
           expect(3, refused(fork(), EPERM)) | expect(4, refused(socket(AF_UNIX, SOCK_STREAM, 0), EPERM)) |
           expect(5, refused(chmod("/dev/null", 0666), EPERM)) | expect(6, refused(kill(getpid(), 0), EPERM)) |
           expect(7, stat("/", &status) == 0) |
           expect(8, refused(syscall(SYS_tgkill, getppid(), getppid(), 0), EPERM)) |
           expect(9, syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
}

/* A catcher is a child of its keeper, which has shut its own cage. */
static int catcher_begins(void) {
    struct stat status;
    char *const arguments[] = {"true", NULL};
    int r = cage_filter_catcher();
    return expect(11, r == 0) | expect(12, refused(fork(), EPERM)) |
           expect(13, refused(execv("/bin/true", arguments), EPERM)) | expect(14, refused(setuid(0), EPERM)) |
           expect(15, refused(unlink("/nowhere"), EPERM)) | expect(16, refused(kill(getpid(), 0), EPERM)) |
           expect(20, refused(syscall(SYS_tgkill, getppid(), getppid(), 0), EPERM)) |
           expect(17, refused(prctl(PR_SET_DUMPABLE, 1), EPERM)) | expect(18, stat("/", &status) == 0) |
           expect(19, waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static int in_a_keeper(void) {
    char *const arguments[] = {"true", NULL};
    int status = -1, r = cage_filter_keeper();
    if (r == -EINVAL)
        return 77;
    if (expect(1, r == 0) | expect(2, refused(execv("/bin/true", arguments), EPERM)) |
        expect(3, refused(socket(AF_UNIX, SOCK_STREAM, 0), EPERM)) | expect(4, refused(kill(getpid(), 0), EPERM)) |
        expect(5, refused(mkdir("/nowhere", 0), EPERM)))
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(catcher_begins());
    return expect(6, pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)) |
           expect(WEXITSTATUS(status), WEXITSTATUS(status) == 0);
}

static int with_few_capabilities(void) {
    cap_flag_value_t has;
    cap_t mine = cap_get_proc();
    if (!mine || cap_get_flag(mine, CAP_SETPCAP, CAP_EFFECTIVE, &has) < 0 || has != CAP_SET)
        return 77;
    if (expect(1, cage_keep_capabilities(cage_service_capabilities, cage_n_service_capabilities) == 0))
        return 1;
    cap_t now = cap_get_proc();
    for (cap_value_t value = 0; value < cap_max_bits(); value++) {
        bool kept = false;
        for (size_t i = 0; i < cage_n_service_capabilities; i++)
            kept = kept || cage_service_capabilities[i] == value;
        if (!kept && (expect(2, cap_get_bound(value) == 0) ||
                      expect(3, cap_get_flag(now, value, CAP_PERMITTED, &has) == 0 && has == CAP_CLEAR)))
            return 2;
    }
    /* a second time, without CAP_SETPCAP by now: as where systemd has done it already */
    return expect(4, cage_keep_capabilities(cage_service_capabilities, cage_n_service_capabilities) == 0) |
           expect(5, cage_keep_capabilities(cage_worker_capabilities, cage_n_worker_capabilities) == 0);
}

static void run_case(int (*run)(void)) {
    int status = outcome(run);
    if (status == 77)
        skip();
    assert_int_equal(status, 0);
}

static void test_service(void **state) {
    run_case(in_the_service);
}

static void test_worker(void **state) {
    run_case(in_a_worker);
}

static void test_keeper(void **state) {
    run_case(in_a_keeper);
}

static void test_capabilities(void **state) {
    run_case(with_few_capabilities);
}

/* The unit's lines name the capabilities of the service, each once, and no others. */
static void test_unit(void **state) {
    char line[1024];
    size_t found = 0;
    FILE *file = fopen(unit, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char *state_of = NULL, *word = strncmp(line, "CapabilityBoundingSet=", 22) == 0 ? line + 22 : NULL;
        for (word = word ? strtok_r(word, " \n", &state_of) : NULL; word; word = strtok_r(NULL, " \n", &state_of)) {
            cap_value_t value;
            bool known = false;
            assert_int_equal(cap_from_name(word, &value), 0);
            for (size_t i = 0; i < cage_n_service_capabilities; i++)
                known = known || cage_service_capabilities[i] == value;
            assert_true(known);
            found++;
        }
    }
    fclose(file);
    assert_int_equal(found, cage_n_service_capabilities);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_service), cmocka_unit_test(test_worker),
                                       cmocka_unit_test(test_keeper), cmocka_unit_test(test_capabilities),
                                       cmocka_unit_test(test_unit)};
    unit = argc > 1 ? argv[1] : "packaging/linfspd.service.in";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
