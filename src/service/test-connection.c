/* SPDX-License-Identifier: MIT */
/* A request whose worker dies before it has received the request is refused once, and done never. */
#include "service/test-service.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "service/connection.h"
#include "wire/codec.h"

/* It has a descriptor with it, so it stays in the socket's queue until a worker takes it out. */
static void ask_for_a_volume(uint32_t serial) {
    struct wire_create_volume request;
    _cleanup_close_ int point = open("/run", O_PATH | O_DIRECTORY | O_CLOEXEC);
    wire_begin(&request, WIRE_CREATE_VOLUME, serial);
    request.flags = WIRE_CREATE_MOUNT_POINT_FD;
    WIRE_SET(request.file_system_name, "test");
    WIRE_SET(request.prefix, "\\server\\share");
    WIRE_SET(request.mount_point, "/run");
    send_to_service(&request, &point, 1);
}

static void its_worker_dies(void **state) {
    NEEDS_A_HOST();
    ask_for_a_volume(7);
    assert_int_equal(client_is_told(), -EAGAIN);
    answer(JOB_MOUNT, &(struct job_result){.error = -EIO, .unanswered = true}, NULL);
    /* nobody knows what had been made. Once that is undone, a second volume could be made */
    answer(JOB_UNMOUNT, &(struct job_result){0}, NULL);
    assert_int_equal(client_is_told(), -EIO);
    assert_false(is_submitted(JOB_MOUNT));
    assert_true(is_submitted(JOB_DISCARD));
    assert_int_equal(client_is_told(), -EAGAIN);
    assert_int_equal(service.host->volumes, 0);
}

/* It was received: the next message is another one. */
static void its_worker_says_no(void **state) {
    NEEDS_A_HOST();
    ask_for_a_volume(7);
    assert_true(recv(service.connections->fd, &(char){0}, 1, MSG_DONTWAIT) == 1); /* as the worker does */
    answer(JOB_MOUNT, &(struct job_result){.error = -EACCES, .message = "no"}, NULL);
    assert_int_equal(client_is_told(), -EACCES);
    assert_false(is_submitted(JOB_DISCARD));
    assert_int_equal(service.host->volumes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_worker_dies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_worker_says_no, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("connection", tests, make_host, NULL);
}
