/* SPDX-License-Identifier: MIT */
/* What a worker lets through for the service to keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "wire/codec.h"
#include "worker/test-host.h"

/* Has the worker check what a client wants kept: two descriptors, of which the second may be a state. */
static struct job_result hold(const struct worker *worker, const struct container *container, int first, int second,
                              bool has_state, uint64_t size) {
    int pair[2];
    struct wire_hold_volume message;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    wire_begin(&message, WIRE_HOLD_VOLUME, 1);
    message.fds = has_state ? 1 : 2;
    message.has_state = has_state;
    message.state_size = size;
    assert_int_equal(wire_send(pair[0], &message, (int[]){first, second}, 2), 0);
    struct job job = job_for(JOB_HOLD, container);
    job.client_fds = 2;
    job.hold.has_state = has_state;
    job.hold.state_size = size;
    struct job_result result = *work(worker, &job, &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
    return result;
}

static int memory_file(off_t size, unsigned seals) {
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0 && ftruncate(fd, size) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
    return fd;
}

/* The service keeps these in its own process: nothing whose end could wait for anybody gets there. */
static void what_the_service_is_to_keep(void **state) {
    NEEDS_A_HOST();
    const unsigned seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    struct container container = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int fuse = open(LINFSP_RUN_DIR "/private/fuse", O_RDWR | O_CLOEXEC);
    _cleanup_close_ int path = open(LINFSP_RUN_DIR "/private/fuse", O_PATH | O_CLOEXEC);
    _cleanup_close_ int file = open("/run/kept", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    _cleanup_close_ int good = memory_file(8192, seals), loose = memory_file(8192, F_SEAL_SHRINK);
    _cleanup_close_ int small = memory_file(4096, seals);
    assert_true(ftruncate(file, 8192) == 0);
    struct job_result result = hold(&worker, &container, fuse, fuse, false, 8192);
    assert_int_equal(result.error, 0);
    assert_true(result.made_state);
    result = hold(&worker, &container, fuse, good, true, 8192);
    assert_int_equal(result.error, 0);
    assert_false(result.made_state);
    assert_int_equal(hold(&worker, &container, fuse, file, false, 8192).error, -EINVAL);
    assert_int_equal(hold(&worker, &container, fuse, path, false, 8192).error, -EINVAL);
    assert_int_equal(hold(&worker, &container, file, good, true, 8192).error, -EINVAL);
    assert_int_equal(hold(&worker, &container, fuse, file, true, 8192).error, -EINVAL);
    assert_int_equal(hold(&worker, &container, fuse, loose, true, 8192).error, -EINVAL);
    assert_int_equal(hold(&worker, &container, fuse, small, true, 8192).error, -EINVAL);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_service_is_to_keep),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
