/* SPDX-License-Identifier: MIT */
/* The worker program: how it starts, what it answers, when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "worker/test-host.h"

static void no_work_without_a_welcome(void **state) {
    NEEDS_A_HOST();
    struct worker worker = worker_start();
    struct job_welcome other_version = {.size = sizeof(struct job) + 8, .service = getpid()};
    const int fds[JOB_WELCOME_FDS] = {run_dir, fuse_device, watches, stage, catcher[1], proc};
    assert_int_equal(socket_send(worker.socket, &other_version, sizeof other_version, fds, JOB_WELCOME_FDS), 0);
    assert_int_equal(worker_end(&worker), 1);

    worker = worker_start(); /* its service is not its parent */
    struct job_welcome stranger = {.size = sizeof(struct job), .service = 1};
    assert_int_equal(socket_send(worker.socket, &stranger, sizeof stranger, fds, JOB_WELCOME_FDS), 0);
    assert_int_equal(worker_end(&worker), 1);

    worker = worker_start(); /* and one that nobody ever speaks to */
    assert_int_equal(worker_end(&worker), 1);
}

static void unknown_jobs_are_answered(void **state) {
    NEEDS_A_HOST();
    struct worker worker = worker_new();
    struct job job = {.type = 0};
    assert_int_equal(work(&worker, &job, NULL, 0)->error, -EINVAL);
    job.type = 4711;
    assert_int_equal(work(&worker, &job, NULL, 0)->error, -EINVAL);
    assert_int_equal(worker_end(&worker), 0);
}

static void a_container_of_no_engine(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = job_for(JOB_DESCRIBE, &container);
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* The kernel forgets that it is to kill the worker with its parent at each change of credentials, and a job changes
 * them several times. The socket stays open here: only the parent's end is left to end the worker. */
static void the_worker_ends_with_its_parent(void **state) {
    NEEDS_A_HOST();
    int pair[2], pidfd = -1;
    char byte;
    size_t n = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    struct container container = container_start(false);
    pid_t service = fork();
    assert_true(service >= 0);
    if (service == 0) {
        struct worker worker = worker_new();
        const int lent[] = {worker.pidfd, worker.socket};
        if (inject(&worker, &container, false)->error == 0)
            (void)socket_send(pair[1], "", 1, lent, 2);
        pause();
        _exit(0);
    }
    int lent[2];
    assert_int_equal(socket_receive(pair[0], &byte, 1, lent, 2, &n), 1);
    assert_int_equal(n, 2);
    pidfd = lent[0];
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    assert_int_equal(poll(&ended, 1, 0), 0);
    assert_int_equal(kill(service, SIGKILL), 0);
    assert_int_equal(waitpid(service, NULL, 0), service);
    assert_int_equal(poll(&ended, 1, 5000), 1);
    close(lent[0]);
    close(lent[1]);
    close(pair[0]);
    close(pair[1]);
    container_end(&container);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_work_without_a_welcome),
        cmocka_unit_test(unknown_jobs_are_answered),
        cmocka_unit_test(a_container_of_no_engine),
        cmocka_unit_test(the_worker_ends_with_its_parent),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
