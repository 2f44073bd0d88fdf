/* SPDX-License-Identifier: MIT */
/* The life line against the other end of a socket: answers, events in between, silence, nonsense, and the end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/volume.h"
#include "util/clock.h"

#define VOLUME 77

static struct linfsp_volume volume;
static struct fsp_lifeline *const line = &volume.lifeline;
static int service; /* our end */

static int set_up(void **state) {
    int pair[2];
    struct wire_volume_created created;
    memset(&volume, 0, sizeof volume);
    wire_begin(&created, WIRE_VOLUME_CREATED, 1);
    created.volume = VOLUME;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || fsp_lifeline_init(line) < 0)
        return -1;
    service = pair[0];
    fsp_lifeline_attached(line, pair[1], &created);
    volume.session.granted = LINFSP_WANT_PASSTHROUGH;
    volume.session.fds[0] = line->fuse = pair[0]; /* any */
    return 0;
}

static int tear_down(void **state) {
    close(service);
    fsp_lifeline_destroy(line);
    return 0;
}

static void send_plain(uint16_t type, uint32_t serial) {
    struct wire_plain message;
    wire_begin(&message, type, serial);
    assert_int_equal(wire_send(service, &message, NULL, 0), 0);
}

static void send_error(uint32_t serial, int error) {
    struct wire_error message;
    wire_begin(&message, WIRE_ERROR, serial);
    message.error = error;
    WIRE_SET(message.message, "no");
    assert_int_equal(wire_send(service, &message, NULL, 0), 0);
}

static void send_ended(uint64_t of) {
    struct wire_volume_ended message;
    wire_begin(&message, WIRE_VOLUME_ENDED, 0);
    message.volume = of;
    assert_int_equal(wire_send(service, &message, NULL, 0), 0);
}

static union wire_message received;

/* The next request; how many fds it brought. */
static size_t receive_request(void) {
    int fds[WIRE_FDS_MAX];
    size_t n = 0;
    assert_int_equal(wire_receive(service, &received, fds, &n, NULL), 1);
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
    return n;
}

/* ---- the service's side of one question ------------------------------------------------------------------------ */

enum behaviour { ANSWERS, EVENT_FIRST, STALE_FIRST, REFUSES, CLOSES, WRONG_TYPE, NEGATIVE, GARBAGE };

static void *serve(void *how) {
    enum behaviour behaviour = (enum behaviour)(uintptr_t)how;
    struct wire_backing_opened answer;
    size_t brought = receive_request();
    uint32_t serial = received.header.serial;
    wire_begin(&answer, WIRE_BACKING_OPENED, serial);
    answer.backing_id = behaviour == NEGATIVE ? -3 : 5;
    if (behaviour == EVENT_FIRST)
        send_ended(VOLUME);
    if (behaviour == STALE_FIRST)
        send_plain(WIRE_DONE, serial - 1);
    if (behaviour == REFUSES)
        send_error(serial, EOPNOTSUPP);
    else if (behaviour == WRONG_TYPE)
        send_plain(WIRE_DONE, serial);
    else if (behaviour == GARBAGE)
        assert_int_equal(send(service, "garbage", 7, 0), 7);
    else if (behaviour == CLOSES)
        shutdown(service, SHUT_RDWR);
    else
        assert_int_equal(wire_send(service, &answer, NULL, 0), 0);
    return (void *)brought;
}

static int ask(enum behaviour behaviour) {
    pthread_t thread;
    void *brought;
    pthread_create(&thread, NULL, serve, (void *)(uintptr_t)behaviour);
    int r = linfsp_backing_open(&volume, STDIN_FILENO);
    pthread_join(thread, &brought);
    assert_int_equal(received.header.type, WIRE_OPEN_BACKING);
    assert_int_equal(received.open_backing.volume, VOLUME);
    assert_int_equal((size_t)brought, 2); /* the connection's and the file's */
    return r;
}

static bool watcher_is_told(void) {
    struct pollfd item = {.fd = line->event, .events = POLLIN};
    return poll(&item, 1, 0) == 1;
}

static void test_answers(void **state) {
    assert_int_equal(ask(ANSWERS), 5);
    assert_false(watcher_is_told());
    assert_int_equal(ask(STALE_FIRST), 5);
    assert_int_equal(ask(REFUSES), -EOPNOTSUPP);
    assert_int_equal(ask(WRONG_TYPE), -EPROTO);
    assert_int_equal(ask(NEGATIVE), -EPROTO);
    assert_true(line->socket >= 0);
}

static void test_event_in_between(void **state) {
    assert_int_equal(ask(EVENT_FIRST), 5);
    assert_true(line->ended);
    assert_true(watcher_is_told());
    assert_int_equal(linfsp_backing_open(&volume, STDIN_FILENO), -ENOTCONN);
}

static void test_service_dies(void **state) {
    assert_int_equal(ask(CLOSES), -ENOTCONN);
    assert_int_equal(line->socket, -1);
    assert_false(line->ended); /* another may come */
    assert_true(watcher_is_told());
    assert_int_equal(linfsp_backing_open(&volume, STDIN_FILENO), -ENOTCONN);
    assert_int_equal(linfsp_backing_close(&volume, 5), 0); /* kept for the next service */
    assert_int_equal(line->n_closes, 1);
}

static void test_nonsense_breaks_the_line(void **state) {
    assert_int_equal(ask(GARBAGE), -ENOTCONN);
    assert_int_equal(line->socket, -1);
}

/* What a later service may say. */
static void test_unknown_messages_are_passed_over(void **state) {
    struct wire_plain later;
    wire_begin(&later, WIRE_DONE, 0);
    later.header.type = 60;
    assert_int_equal(wire_size_of(later.header.type), 0);
    assert_int_equal(wire_send(service, &later, NULL, 0), 0);
    fsp_lifeline_process(line);
    assert_int_not_equal(line->socket, -1);
    assert_int_equal(ask(ANSWERS), 5);
}

static void test_not_granted(void **state) {
    volume.session.granted = 0;
    assert_int_equal(linfsp_backing_open(&volume, STDIN_FILENO), -EOPNOTSUPP);
    assert_int_equal(recv(service, &received, sizeof received, MSG_DONTWAIT), -1);
}

static void test_close_does_not_wait(void **state) {
    assert_int_equal(linfsp_backing_close(&volume, 5), 0);
    assert_int_equal(receive_request(), 1);
    assert_int_equal(received.header.type, WIRE_CLOSE_BACKING);
    assert_int_equal(received.close_backing.backing_id, 5);
    send_plain(WIRE_DONE, received.header.serial);
    assert_int_equal(ask(ANSWERS), 5); /* its answer disturbs nobody */
}

/* Answers every request that has arrived, and says how many those were. */
static unsigned answer_closes(unsigned char *ret_seen) {
    unsigned n = 0;
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    while (recv(service, &(char){0}, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
        assert_int_equal(wire_receive(service, &received, fds, &n_fds, NULL), 1);
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
        assert_int_equal(received.header.type, WIRE_CLOSE_BACKING);
        ret_seen[received.close_backing.backing_id]++;
        if (n % 2)
            send_error(received.header.serial, ENOENT);
        else
            send_plain(WIRE_DONE, received.header.serial);
        n++;
    }
    return n;
}

/* However many files are closed at once, the socket has no more in it than fits, and each gets its turn. */
static void test_burst_of_closes(void **state) {
    static unsigned char seen[5001];
    memset(seen, 0, sizeof seen);
    for (int id = 1; id <= 5000; id++)
        assert_int_equal(linfsp_backing_close(&volume, id), 0);
    for (unsigned total = 0; total < 5000;) {
        unsigned n = answer_closes(seen);
        assert_in_range(n, 1, FSP_CLOSING_MAX);
        total += n;
        fsp_lifeline_process(line);
    }
    for (int id = 1; id <= 5000; id++)
        assert_int_equal(seen[id], 1);
    assert_int_equal(line->n_closing, 0);
    assert_int_equal(linfsp_backing_close(&volume, 0), -EINVAL);
}

/* A service that does not read: nothing is lost, and nobody waits. */
static void test_closes_while_the_socket_is_full(void **state) {
    static unsigned char seen[101];
    struct wire_plain filler;
    wire_begin(&filler, WIRE_GET_STATUS, 1);
    unsigned fillers = 0;
    while (wire_send(line->socket, &filler, NULL, 0) == 0)
        fillers++;
    for (int id = 1; id <= 100; id++)
        assert_int_equal(linfsp_backing_close(&volume, id), 0);
    assert_true(line->closes_wait);
    while (fillers-- > 0)
        receive_request();
    fsp_lifeline_process(line); /* as the watcher does, after a while */
    memset(seen, 0, sizeof seen);
    for (unsigned total = 0; total < 100; fsp_lifeline_process(line))
        total += answer_closes(seen);
    for (int id = 1; id <= 100; id++)
        assert_int_equal(seen[id], 1);
}

/* What a service had when it died is given to the next one. */
static void test_closes_outlive_the_service(void **state) {
    static unsigned char seen[21];
    int pair[2];
    memset(seen, 0, sizeof seen);
    for (int id = 1; id <= 20; id++)
        assert_int_equal(linfsp_backing_close(&volume, id), 0);
    shutdown(service, SHUT_RDWR);
    fsp_lifeline_process(line);
    assert_int_equal(line->socket, -1);
    assert_int_equal(line->n_closes, 20);
    close(service);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    service = pair[0];
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    line->socket = pair[1];
    line->fuse = pair[0];
    line->attach_serial = 1000; /* as fsp_lifeline_reconnect has it */
    fsp_lifeline_process(line);
    assert_int_equal(answer_closes(seen), 0); /* not before it is ours again */
    send_plain(WIRE_DONE, 1000);
    fsp_lifeline_process(line);
    for (unsigned total = 0; total < 20; fsp_lifeline_process(line))
        total += answer_closes(seen);
    for (int id = 1; id <= 20; id++)
        assert_int_equal(seen[id], 1);
}

/* Whoever asked has given up: the file must not stay registered for nobody. */
static void test_late_answer_is_given_back(void **state) {
    struct wire_backing_opened answer;
    wire_begin(&answer, WIRE_BACKING_OPENED, 4711);
    answer.backing_id = 9;
    assert_int_equal(wire_send(service, &answer, NULL, 0), 0);
    fsp_lifeline_process(line);
    receive_request();
    assert_int_equal(received.header.type, WIRE_CLOSE_BACKING);
    assert_int_equal(received.close_backing.backing_id, 9);
}

static void test_why_it_ended(void **state) {
    struct wire_volume_ended message;
    wire_begin(&message, WIRE_VOLUME_ENDED, 0);
    message.volume = VOLUME;
    WIRE_SET(message.reason, "the service stops");
    assert_null(linfsp_volume_end_reason(&volume));
    assert_int_equal(wire_send(service, &message, NULL, 0), 0);
    fsp_lifeline_process(line);
    assert_string_equal(linfsp_volume_end_reason(&volume), "the service stops");
}

static void test_that_it_was_asked_for(void **state) {
    struct wire_volume_ended message;
    wire_begin(&message, WIRE_VOLUME_ENDED, 0);
    message.volume = VOLUME;
    WIRE_SET(message.reason, "unmounted");
    assert_int_equal(wire_send(service, &message, NULL, 0), 0);
    fsp_lifeline_process(line);
    assert_true(line->ended);
    assert_null(linfsp_volume_end_reason(&volume));
}

static void test_events(void **state) {
    fsp_lifeline_process(line); /* nothing there */
    assert_false(line->ended);
    send_ended(VOLUME + 1);
    fsp_lifeline_process(line);
    assert_false(line->ended);
    send_ended(VOLUME);
    fsp_lifeline_process(line);
    assert_true(line->ended);
}

static void test_unmount_is_asked_for_once(void **state) {
    fsp_lifeline_unmount(line);
    fsp_lifeline_unmount(line);
    receive_request();
    assert_int_equal(received.header.type, WIRE_UNMOUNT);
    assert_int_equal(received.unmount.volume, VOLUME);
    assert_string_equal(received.unmount.target, "");
    assert_int_equal(recv(service, &received, sizeof received, MSG_DONTWAIT | MSG_PEEK), -1);
    send_plain(WIRE_DONE, received.header.serial);
    fsp_lifeline_process(line);
    assert_true(line->unmount_answered);
    assert_false(line->unmount_refused);
}

static void test_unmount_refused(void **state) {
    fsp_lifeline_unmount(line);
    receive_request();
    send_error(received.header.serial, EBUSY);
    fsp_lifeline_process(line);
    assert_true(line->unmount_refused);
}

/* What the next service says to the cookie. The reconnect itself needs a service; this is what follows it. */
static void test_attach_answers(void **state) {
    line->attach_serial = 9;
    assert_int_equal(linfsp_backing_open(&volume, STDIN_FILENO), -ENOTCONN); /* not before it is ours again */
    send_plain(WIRE_DONE, 9);
    fsp_lifeline_process(line);
    assert_int_equal(line->attach_serial, 0);
    assert_false(line->ended);
    line->attach_serial = 10;
    send_error(10, ENOENT);
    fsp_lifeline_process(line);
    assert_true(line->ended);
}

static void *open_backing(void *unused) {
    return (void *)(intptr_t)linfsp_backing_open(&volume, STDIN_FILENO);
}

/* Somebody waits for an answer that takes its time: nobody else is held up by that. */
static void test_asking_holds_up_nobody(void **state) {
    struct wire_backing_opened answer;
    struct pollfd asked = {.fd = service, .events = POLLIN};
    pthread_t asker;
    void *result;
    assert_int_equal(pthread_create(&asker, NULL, open_backing, NULL), 0);
    assert_int_equal(poll(&asked, 1, 5000), 1);
    (void)receive_request();
    wire_begin(&answer, WIRE_BACKING_OPENED, received.header.serial);
    answer.backing_id = 5;
    int64_t before = clock_ms();
    fsp_lifeline_process(line);
    fsp_lifeline_unmount(line);
    assert_true(clock_ms() - before < 3 * 1000); /* an answer is waited for 5 s */
    (void)receive_request();
    assert_int_equal(received.header.type, WIRE_UNMOUNT);
    assert_int_equal(wire_send(service, &answer, NULL, 0), 0);
    assert_int_equal(pthread_join(asker, &result), 0);
    assert_int_equal((intptr_t)result, 5);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_answers),
        TEST(test_event_in_between),
        TEST(test_service_dies),
        TEST(test_nonsense_breaks_the_line),
        TEST(test_unknown_messages_are_passed_over),
        TEST(test_not_granted),
        TEST(test_close_does_not_wait),
        TEST(test_events),
        TEST(test_unmount_is_asked_for_once),
        TEST(test_unmount_refused),
        TEST(test_asking_holds_up_nobody),
        TEST(test_attach_answers),
        TEST(test_burst_of_closes),
        TEST(test_closes_while_the_socket_is_full),
        TEST(test_why_it_ended),
        TEST(test_closes_outlive_the_service),
        TEST(test_that_it_was_asked_for),
        TEST(test_late_answer_is_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
