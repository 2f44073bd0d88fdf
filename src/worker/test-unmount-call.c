/* SPDX-License-Identifier: MIT */
/*
 * umount2 in the memory of a real program, which is a child of this test. The child's umount2(2) is refused by seccomp,
 * as a container's is. It has a mount namespace of its own, in which a script stands where the stand-in would.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "util/cleanup.h"
#include "util/paths.h"
#include "util/process.h"
#include "worker/unmount-call.h"

#define STAND_IN LINFSP_DEVICE_DIR "/bin/fusermount3"
#define SAID "/dev/said" /* by the script: its arguments */

/* A program with a helper, which only waits. */
struct program {
    pid_t pid, helper;
    int go; /* closed: it may unmount */
};

static bool refuse_umount2(void) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_umount2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = ARRAY_SIZE(rules), .filter = rules};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

static bool put_script(const char *script) {
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/dev", "tmpfs", 0, NULL) < 0 || mkdir(LINFSP_DEVICE_DIR, 0755) < 0 ||
        mkdir(LINFSP_DEVICE_DIR "/bin", 0755) < 0)
        return false;
    int fd = open(STAND_IN, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    bool good = fd >= 0 && write(fd, script, strlen(script)) == (ssize_t)strlen(script);
    return close(fd) == 0 && good;
}

static volatile sig_atomic_t signals;

static void on_signal(int signal) {
    signals++;
}

/* What umount2 must have left as it was: its three children were waited for. */
static bool is_undisturbed(void) {
    sigset_t blocked;
    return signals == 3 && sigprocmask(SIG_SETMASK, NULL, &blocked) == 0 && sigismember(&blocked, SIGUSR1) == 1 &&
           sigismember(&blocked, SIGTERM) == 0 && waitpid(-1, NULL, WNOHANG) == 0;
}

static bool said(const char *expected) {
    char text[256] = "";
    _cleanup_close_ int fd = open(SAID, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strcmp(text, expected) == 0;
}

/* Returns an exit status: which check failed; 0: none. */
static int unmount_all(void) {
    if (umount2("/mounted here", MNT_DETACH) != 0)
        return 2;
    if (!said("-Equz -- /mounted here\n"))
        return 3;
    if (umount2("/b", 0) != 0 || !said("-Equ -- /b\n"))
        return 4;
    errno = 0;
    if (umount2("/refuse", 0) != -1 || errno != EPERM)
        return 5;
    return is_undisturbed() ? 0 : 6;
}

static struct program program_start(void) {
    int go[2], ready[2];
    struct program program = {.pid = -1};
    assert_int_equal(pipe2(go, O_CLOEXEC) + pipe2(ready, O_CLOEXEC), 0);
    program.pid = fork();
    if (program.pid == 0) {
        sigset_t blocked;
        char byte;
        close(go[1]);
        bool good = put_script("#!/bin/sh\necho \"$@\" >" SAID "\n[ \"$3\" != /refuse ]\n");
        pid_t parent = getpid(), helper = fork();
        if (helper == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            while (getppid() == parent) /* which may have ended before that */
                sleep(1);
            _exit(0);
        }
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGUSR1);
        signal(SIGCHLD, on_signal);
        sigprocmask(SIG_SETMASK, &blocked, NULL);
        good = good && refuse_umount2() && write(ready[1], &helper, sizeof helper) == sizeof helper &&
               read(go[0], &byte, 1) == 0;
        _exit(good ? unmount_all() : 1);
    }
    close(go[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &program.helper, sizeof program.helper), sizeof program.helper);
    close(ready[0]);
    program.go = go[1];
    return program;
}

static int program_end(struct program *program) {
    int status;
    close_fd(&program->go);
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static struct job_base base;
static bool known;

static int change(const struct program *program, const struct job_target *target) {
    return unmount_call_change(&base, target, program->pid, program->helper);
}

static struct job_target target_of(const struct program *program) {
    struct job_target target = {0};
    assert_int_equal(process_namespace(program->pid, "mnt", &target.mount_namespace.inode), 0);
    return target;
}

#define NEEDS_ROOT()                                                                                                   \
    if (geteuid() != 0 || !known)                                                                                      \
    skip()

static void a_refused_unmount_runs_the_stand_in(void **state) {
    NEEDS_ROOT();
    struct program program = program_start();
    struct job_target target = target_of(&program);
    assert_int_equal(change(&program, &target), 0);
    assert_int_equal(change(&program, &target), 0); /* a second time there is nothing to do */
    assert_int_equal(program_end(&program), 0);
}

static void without_the_change_it_is_refused(void **state) {
    NEEDS_ROOT();
    struct program program = program_start();
    assert_int_equal(program_end(&program), 2);
}

static void another_process_is_left_alone(void **state) {
    NEEDS_ROOT();
    struct program program = program_start();
    struct job_target target = target_of(&program), other = {.mount_namespace.inode = 1};
    assert_int_equal(change(&program, &other), -ESRCH);
    assert_int_equal(unmount_call_change(&base, &target, program.pid, getpid()), -ESRCH); /* no child of its */
    assert_int_equal(unmount_call_change(&base, &target, getpid(), program.pid), -ESRCH); /* not in that namespace */
    assert_int_equal(program_end(&program), 2);
}

static void a_pattern_is_found_wherever_it_is(void **state) {
    static const int16_t pattern[] = {1, UNMOUNT_ANY, 3};
    static const uint8_t code[] = {1, 1, 2, 1, 9, 3, 1, 0};
    const struct unmount_abi abi = {.pattern = pattern, .pattern_size = ARRAY_SIZE(pattern)};
    assert_int_equal(unmount_call_find(&abi, code, sizeof code), 3);
    assert_int_equal(unmount_call_find(&abi, code, 6), 3);
    assert_int_equal(unmount_call_find(&abi, code, 5), 5); /* its end is not there */
    assert_int_equal(unmount_call_find(&abi, code, 2), 2);
    assert_int_equal(unmount_call_find(&abi, code, 0), 0);
}

static void what_is_too_far_away_is_not_called(void **state) {
    uint8_t instructions[UNMOUNT_CALL_MAX];
    if (!known)
        skip();
    assert_true(unmount_abi_make_call(0x10000, 0x20000, instructions) > 0);
    assert_int_equal(unmount_abi_make_call(0x10000, 0x7fff00000000, instructions), -ERANGE);
}

int main(void) {
    known = unmount_abi_find(ELFCLASS64, EM_X86_64) != NULL;
    base.proc_self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_unmount_runs_the_stand_in), cmocka_unit_test(without_the_change_it_is_refused),
        cmocka_unit_test(another_process_is_left_alone),       cmocka_unit_test(a_pattern_is_found_wherever_it_is),
        cmocka_unit_test(what_is_too_far_away_is_not_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
