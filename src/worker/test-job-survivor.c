/* SPDX-License-Identifier: MIT */
/* Who lives on in a silo whose topmost process has ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "util/process.h"
#include "worker/test-host.h"

/* A process in the container's mount namespace that is no child of this test: those are taken for the service's. */
static pid_t start_orphan(const struct container *container) {
    int ends[2];
    pid_t pid = -1;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t helper = fork();
    assert_true(helper >= 0);
    if (helper == 0) {
        bool good = setns(container->pidfd, CLONE_NEWNS) == 0;
        pid = good ? fork() : -1;
        if (pid == 0) {
            pid = getpid();
            if (write(ends[1], &pid, sizeof pid) == sizeof pid)
                pause();
        }
        _exit(good ? 0 : 1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &pid, sizeof pid), sizeof pid);
    close(ends[0]);
    assert_int_equal(waitpid(helper, NULL, 0), helper);
    return pid;
}

static struct job_result seek(const struct worker *worker, const struct container *container, bool is_injected) {
    struct job job = job_for(JOB_SURVIVOR, container);
    job.target.host = true;
    job.survivor.is_injected = is_injected;
    return *work(worker, &job, NULL, 0);
}

static void one_that_lives(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job_result result = seek(&worker, &container, true);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.survivor.pid, 0);
    pid_t orphan = start_orphan(&container);
    uint64_t start = 0;
    assert_int_equal(process_start(orphan, &start), 0);
    if (!container.target.mount_namespace.id)
        assert_int_equal(inject(&worker, &container, false)->error, 0);
    result = seek(&worker, &container, true);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.survivor.pid, orphan);
    assert_int_equal(result.survivor.start, start);
    /* another namespace that has got the inode number */
    container.target.mount_namespace.id ^= container.target.mount_namespace.id ? 1 : 0;
    result = seek(&worker, &container, false);
    assert_int_equal(result.error, 0);
    assert_int_equal(result.survivor.pid, 0);
    assert_int_equal(result.survivor.stranger, orphan);
    assert_int_equal(kill(orphan, SIGKILL), 0);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* This kernel may have ids: without one the silo's folder at /dev/linfsp is the proof. */
static void the_proof_of_a_folder(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    pid_t orphan = start_orphan(&container);
    container.target.silo = 1;
    uint64_t id = container.target.mount_namespace.id;
    container.target.mount_namespace.id = 0;
    assert_int_equal(seek(&worker, &container, true).survivor.pid, 0);
    container.target.mount_namespace.id = id;
    assert_int_equal(inject(&worker, &container, false)->error, 0);
    container.target.mount_namespace.id = 0;
    assert_int_equal(seek(&worker, &container, true).survivor.pid, orphan);
    assert_int_equal(seek(&worker, &container, false).survivor.pid, 0);
    container.target.silo = 2;
    assert_int_equal(seek(&worker, &container, true).survivor.pid, 0);
    assert_int_equal(kill(orphan, SIGKILL), 0);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* As many of the service's own as processes are asked for a proof, children of this test. /proc lists them first. */
static void one_behind_the_services_own(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    pid_t own[16];
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        own[i] = fork();
        assert_true(own[i] >= 0);
        if (own[i] == 0) {
            if (setns(container.pidfd, CLONE_NEWNS) == 0)
                pause();
            _exit(1);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        uint64_t inode = 0;
        for (int turn = 0; turn < 500 && inode != container.target.mount_namespace.inode; turn++) {
            (void)process_namespace(own[i], "mnt", &inode);
            usleep(10000);
        }
        assert_int_equal(inode, container.target.mount_namespace.inode);
    }
    pid_t orphan = start_orphan(&container);
    if (!container.target.mount_namespace.id)
        assert_int_equal(inject(&worker, &container, false)->error, 0);
    assert_int_equal(seek(&worker, &container, true).survivor.pid, orphan);
    assert_int_equal(kill(orphan, SIGKILL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        assert_int_equal(kill(own[i], SIGKILL), 0);
        assert_int_equal(waitpid(own[i], NULL, 0), own[i]);
    }
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_lives),
        cmocka_unit_test(the_proof_of_a_folder),
        cmocka_unit_test(one_behind_the_services_own),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
