/* SPDX-License-Identifier: MIT */
/* Descriptors that a worker takes out of a client's message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>

#include "wire/codec.h"
#include "worker/test-host.h"

/* Has the worker take two descriptors out of a client's message, as its backing file. */
static int backing_error(const struct worker *worker, const struct container *container, int fuse, int file) {
    int pair[2];
    struct wire_open_backing message;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    memset(&message, 0, sizeof message);
    wire_begin(&message, WIRE_OPEN_BACKING, 1);
    const int carried[] = {fuse, file};
    assert_int_equal(wire_send(pair[0], &message, carried, 2), 0);
    struct job job = job_for(JOB_BACKING, container);
    job.client_fds = 2;
    int error = work(worker, &job, &pair[1], 1)->error;
    close(pair[0]);
    close(pair[1]);
    return error;
}

static void backing_files_that_are_refused(void **state) {
    NEEDS_A_HOST();
    static const int flags[] = {O_RDONLY, O_WRONLY, O_PATH, O_RDWR | O_APPEND};
    struct container container = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int fuse = open(LINFSP_RUN_DIR "/private/fuse", O_RDWR | O_CLOEXEC);
    _cleanup_close_ int made = open("/run/file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        _cleanup_close_ int file = open("/run/file", flags[i] | O_CLOEXEC);
        assert_int_equal(backing_error(&worker, &container, fuse, file), -EPERM);
    }
    _cleanup_close_ int kernel = open("/proc/self/comm", O_RDWR | O_CLOEXEC);
    assert_int_equal(backing_error(&worker, &container, fuse, kernel), -EPERM);
    assert_int_equal(backing_error(&worker, &container, made, made), -EINVAL);
    assert_true(backing_error(&worker, &container, fuse, made) < 0); /* the kernel: it is no connection yet */
    /* and the worker has kept nothing: its descriptors are those it was born with */
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static void a_message_that_is_discarded(void **state) {
    NEEDS_A_HOST();
    struct worker worker = worker_new();
    int pair[2], ends[2];
    struct wire_open_backing message;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    memset(&message, 0, sizeof message);
    wire_begin(&message, WIRE_OPEN_BACKING, 1);
    assert_int_equal(wire_send(pair[0], &message, &ends[1], 1), 0);
    close(ends[1]);
    struct job job = {.type = JOB_DISCARD};
    assert_int_equal(work(&worker, &job, &pair[1], 1)->error, 0);
    char byte; /* all ends of the pipe are closed: the one in the queue, and the worker's */
    assert_int_equal(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(worker_end(&worker), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backing_files_that_are_refused),
        cmocka_unit_test(a_message_that_is_discarded),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
