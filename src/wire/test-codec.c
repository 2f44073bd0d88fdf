/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "util/cleanup.h"
#include "util/test-emulation.h"
#include "wire/codec.h"

static const uint16_t types[] = {
    WIRE_CREATE_VOLUME,
    WIRE_ATTACH_VOLUME,
    WIRE_UNMOUNT,
    WIRE_LIST_VOLUMES,
    WIRE_LIST_SILOS,
    WIRE_GET_STATUS,
    WIRE_STOP,
    WIRE_RESOLVE_PREFIX,
    WIRE_OPEN_BACKING,
    WIRE_CLOSE_BACKING,
    WIRE_FUSERMOUNT,
    WIRE_SHARE,
    WIRE_UNSHARE,
    WIRE_PREPARE_SILO,
    WIRE_RELOAD,
    WIRE_ASK_POLICY,
    WIRE_VERDICT,
    WIRE_WATCH_EVENTS,
    WIRE_EVENT,
    WIRE_ERROR,
    WIRE_DONE,
    WIRE_VOLUME_CREATED,
    WIRE_VOLUME,
    WIRE_SILO,
    WIRE_STATUS,
    WIRE_BACKING_OPENED,
    WIRE_VOLUME_ENDED,
    WIRE_LIST_OPENED,
    WIRE_OPENED,
    WIRE_OFFER_CLASSES,
    WIRE_START_WANTED,
    WIRE_START_FAILED,
    WIRE_HOLD_VOLUME,
    WIRE_VOLUME_HELD,
    WIRE_TAKE_OVER,
    WIRE_HAND_OVER,
    WIRE_HAND_OVER_BEGUN,
    WIRE_HAND_OVER_WANTED,
};

static int count_fds(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* Each test gets a connected pair, and must leave as many descriptors open as it found. */
struct fixture {
    int ends[2];
    int fds_before;
};

static int set_up(void **state) {
    static struct fixture fixture;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fixture.ends) < 0)
        return -1;
    fixture.fds_before = count_fds();
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    int leaked = count_fds() - fixture->fds_before;
    close_fd(&fixture->ends[0]);
    close_fd(&fixture->ends[1]);
    return leaked == 0 ? 0 : -1;
}

static int check(const union wire_message *message, size_t size, const char **ret_why) {
    *ret_why = NULL;
    return wire_check(message, size, ret_why);
}

static void begin(union wire_message *message, uint16_t type) {
    memset(message, 0xa5, sizeof *message);
    wire_begin(message, type, 1);
    if (type == WIRE_ERROR)
        message->error.error = EPERM;
    if (type == WIRE_HOLD_VOLUME) {
        message->hold_volume.fds = 1;
        message->hold_volume.state_size = 4096;
    }
}

static void every_type_has_a_size_and_passes(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        union wire_message message;
        const char *why;
        begin(&message, types[i]);
        assert_int_equal(message.header.size, wire_size_of(types[i]));
        assert_true(wire_size_of(types[i]) >= sizeof(struct wire_header));
        assert_int_equal(check(&message, wire_size_of(types[i]), &why), 0);
        assert_null(why);
        assert_string_not_equal(wire_type_name(types[i]), "unknown");
    }
    assert_string_equal(wire_type_name(WIRE_CREATE_VOLUME), "create_volume");
    assert_string_equal(wire_type_name(WIRE_VOLUME_ENDED), "volume_ended");
    for (unsigned type = 0, known = 0; type <= UINT16_MAX; type++) {
        known += wire_size_of((uint16_t)type) != 0;
        assert_true(type < UINT16_MAX || known == ARRAY_SIZE(types));
    }
    assert_string_equal(wire_type_name(0), "unknown");
    assert_string_equal(wire_type_name(UINT16_MAX), "unknown");
}

static void sizes_and_headers_must_be_exact(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        union wire_message message;
        const char *why;
        size_t size = wire_size_of(types[i]);
        begin(&message, types[i]);
        assert_int_equal(check(&message, size - 1, &why), -EBADMSG);
        assert_int_equal(check(&message, size + 1, &why), -EBADMSG);
        assert_int_equal(check(&message, 0, &why), -EBADMSG);
        message.header.size++;
        assert_int_equal(check(&message, size, &why), -EBADMSG);
        begin(&message, types[i]);
        message.header.magic ^= 1;
        assert_int_equal(check(&message, size, &why), -EPROTO);
        begin(&message, types[i]);
        message.header.version++;
        assert_int_equal(check(&message, size, &why), -EPROTO);
        assert_non_null(why);
    }
}

static void an_unknown_type_is_told_from_a_broken_message(void **state) {
    union wire_message message;
    const char *why;
    begin(&message, WIRE_DONE);
    message.header.type = WIRE_START_FAILED + 30;
    assert_int_equal(wire_size_of(message.header.type), 0);
    message.header.size = 1000;
    assert_int_equal(check(&message, 1000, &why), -EOPNOTSUPP);
    assert_int_equal(check(&message, 999, &why), -EBADMSG);
    message.header.version++;
    assert_int_equal(check(&message, 1000, &why), -EPROTO);
}

static void refuse_change(uint16_t type, size_t offset, const void *bytes, size_t size, const char *word) {
    union wire_message message;
    const char *why;
    begin(&message, type);
    memcpy(message.bytes + offset, bytes, size);
    assert_int_equal(check(&message, wire_size_of(type), &why), -EBADMSG);
    assert_non_null(strstr(why, word));
}

#define REFUSE(type, structure, member, bytes, word)                                                                   \
    refuse_change(type, offsetof(struct structure, member), bytes, sizeof(bytes) - 1, word)

static void strings_are_checked(void **state) {
    REFUSE(WIRE_UNMOUNT, wire_unmount, target, "a\nb", "control");
    REFUSE(WIRE_UNMOUNT, wire_unmount, target, "a\0b", "zero-filled");
    REFUSE(WIRE_UNMOUNT, wire_unmount, target, "\xff", "UTF-8");
    REFUSE(WIRE_UNMOUNT, wire_unmount, target, "\xe2\x82", "UTF-8"); /* the NUL behind is not a part of it */
    REFUSE(WIRE_ERROR, wire_error, message, "a\x1b[2J", "control");
    char full[WIRE_PATH_MAX];
    memset(full, 'a', sizeof full);
    refuse_change(WIRE_UNMOUNT, offsetof(struct wire_unmount, target), full, sizeof full, "terminated");
    union wire_message message;
    const char *why;
    begin(&message, WIRE_ERROR);
    strcpy(message.error.message, "two\nlines");
    assert_int_equal(check(&message, sizeof message.error, &why), 0);
    begin(&message, WIRE_UNMOUNT);
    memset(message.unmount.target, 'a', WIRE_PATH_MAX - 1);
    assert_int_equal(check(&message, sizeof message.unmount, &why), 0);
}

static void numbers_are_checked(void **state) {
    REFUSE(WIRE_UNMOUNT, wire_unmount, force, "\2", "too large");
    REFUSE(WIRE_UNMOUNT, wire_unmount, flags, "\4", "flag");
    REFUSE(WIRE_CREATE_VOLUME, wire_create_volume, flags, "\x20", "flag");
    REFUSE(WIRE_CREATE_VOLUME, wire_create_volume, clones, "\x11", "too large");
    REFUSE(WIRE_CREATE_VOLUME, wire_create_volume, root_mode, "\0\x10", "flag");
    REFUSE(WIRE_CREATE_VOLUME, wire_create_volume, init.reserved, "\1", "reserved");
    REFUSE(WIRE_CREATE_VOLUME, wire_create_volume, letter, "Z", "letter");
    REFUSE(WIRE_CREATE_VOLUME, wire_create_volume, letter, "zz", "letter");
    REFUSE(WIRE_CREATE_VOLUME, wire_create_volume, letter, "zzzz", "terminated");
    REFUSE(WIRE_HOLD_VOLUME, wire_hold_volume, fds, "\0", "nothing to hold");
    REFUSE(WIRE_HOLD_VOLUME, wire_hold_volume, fds, "\x9", "too large");
    REFUSE(WIRE_HOLD_VOLUME, wire_hold_volume, has_state, "\2", "too large");
    REFUSE(WIRE_HOLD_VOLUME, wire_hold_volume, reserved, "\1", "reserved");
    REFUSE(WIRE_HOLD_VOLUME, wire_hold_volume, state_size, "\0\0\0\0\0\0\0\0", "size");
    REFUSE(WIRE_HOLD_VOLUME, wire_hold_volume, state_size, "\0\0\0\0\0\0\1", "size");
    REFUSE(WIRE_TAKE_OVER, wire_take_over, target, "a\nb", "control");
    REFUSE(WIRE_FUSERMOUNT, wire_fusermount, flags, "\2", "flag");
    REFUSE(WIRE_ERROR, wire_error, error, "\0\0", "range");
    REFUSE(WIRE_ERROR, wire_error, error, "\xff\xff\xff\xff", "range");
    REFUSE(WIRE_VOLUME, wire_volume, attached, "\2", "too large");
    REFUSE(WIRE_VOLUME, wire_volume, server_pid, "\0\0\0\x80", "too large");
}

static void made_mount_points_are_consistent(void **state) {
    static const struct {
        uint32_t flags;
        const char *letter, *name;
        int result;
    } cases[] = {
        {0, "z", "", 0},
        {WIRE_CREATE_MOUNT_POINT_FD, "", "", 0},
        {WIRE_CREATE_MOUNT_POINT_FD | WIRE_CREATE_MADE_MOUNT_POINT, "", "x", 0},
        {WIRE_CREATE_MADE_MOUNT_POINT, "", "x", -EBADMSG},
        {WIRE_CREATE_MOUNT_POINT_FD | WIRE_CREATE_MADE_MOUNT_POINT, "", "", -EBADMSG},
        {WIRE_CREATE_MOUNT_POINT_FD, "", "x", -EBADMSG},
        {WIRE_CREATE_MOUNT_POINT_FD, "*", "", -EBADMSG},
        {WIRE_CREATE_MOUNT_POINT_FD | WIRE_CREATE_MADE_MOUNT_POINT, "", "..", -EBADMSG},
        {WIRE_CREATE_MOUNT_POINT_FD | WIRE_CREATE_MADE_MOUNT_POINT, "", "a/b", -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        union wire_message message;
        const char *why;
        begin(&message, WIRE_CREATE_VOLUME);
        message.create_volume.flags = cases[i].flags;
        strcpy(message.create_volume.letter, cases[i].letter);
        strcpy(message.create_volume.made_name, cases[i].name);
        assert_int_equal(check(&message, sizeof message.create_volume, &why), cases[i].result);
    }
}

static void set_string_cuts_cleanly(void **state) {
    char member[8];
    memset(member, 'x', sizeof member);
    assert_int_equal(WIRE_SET(member, "abc"), 0);
    assert_memory_equal(member, "abc\0\0\0\0\0", 8);
    assert_int_equal(WIRE_SET(member, "1234567"), 0);
    assert_int_equal(WIRE_SET(member, "12345678"), -ENAMETOOLONG);
    assert_memory_equal(member, "1234567\0", 8);
    assert_int_equal(WIRE_SET(member, "12345\xe2\x82\xac"), -ENAMETOOLONG);
    assert_memory_equal(member, "12345\0\0\0", 8);
}

static void messages_travel_with_their_fds(void **state) {
    struct fixture *fixture = *state;
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 99;
    union wire_message message;
    struct wire_plain plain;
    assert_int_equal(wire_receive(fixture->ends[0], &message, fds, &n_fds, NULL), -EAGAIN);
    wire_begin(&plain, WIRE_DONE, 42);
    assert_int_equal(wire_send(fixture->ends[1], &plain, NULL, 0), 0);
    assert_int_equal(wire_receive(fixture->ends[0], &message, fds, &n_fds, NULL), 1);
    assert_int_equal(n_fds, 0);
    assert_int_equal(message.header.serial, 42);

    struct wire_volume_created created;
    wire_begin(&created, WIRE_VOLUME_CREATED, 43);
    int sent[1 + WIRE_CLONES_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(sent); i++)
        sent[i] = fixture->ends[1];
    assert_int_equal(wire_send(fixture->ends[1], &created, sent, ARRAY_SIZE(sent)), 0);
    assert_int_equal(wire_receive(fixture->ends[0], &message, fds, &n_fds, NULL), 1);
    assert_int_equal(n_fds, ARRAY_SIZE(sent));
    for (size_t i = 0; i < n_fds; i++) {
        assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
        close(fds[i]);
    }
    close_fd(&fixture->ends[1]);
    fixture->fds_before--;
    assert_int_equal(wire_receive(fixture->ends[0], &message, fds, &n_fds, NULL), 0);
    assert_int_equal(wire_send(fixture->ends[0], &plain, NULL, 0), -EPIPE); /* and no SIGPIPE */
}

static void full_sockets_say_so(void **state) {
    struct fixture *fixture = *state;
    struct wire_error error;
    wire_begin(&error, WIRE_ERROR, 1);
    error.error = 1;
    int result;
    for (int i = 0; (result = wire_send(fixture->ends[1], &error, NULL, 0)) == 0; i++)
        assert_true(i < 100000);
    assert_int_equal(result, -EAGAIN);
    assert_int_equal(wire_send(fixture->ends[1], &error, (int[WIRE_FDS_MAX + 1]){0}, WIRE_FDS_MAX + 1), -E2BIG);
}

/* Sends anything: size bytes, and n_fds descriptors in as many SCM_RIGHTS as are asked for. */
static void send_raw(int socket, const void *bytes, size_t size, size_t n_fds, size_t n_items) {
    char control[4096] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    size_t each = CMSG_SPACE(sizeof(int) * n_fds);
    for (size_t item = 0; item < n_items; item++) {
        struct cmsghdr rights = {
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * n_fds)};
        memcpy(control + item * each, &rights, sizeof rights);
        for (size_t i = 0; i < n_fds; i++)
            memcpy(control + item * each + CMSG_LEN(0) + i * sizeof(int), &socket, sizeof(int));
    }
    if (n_items > 0) {
        packet.msg_control = control;
        packet.msg_controllen = n_items * each;
    }
    assert_int_equal(sendmsg(socket, &packet, 0), size);
}

static void expect_refusal(struct fixture *fixture, const char *word) {
    union wire_message message;
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 77;
    const char *why = NULL;
    assert_int_equal(wire_receive(fixture->ends[0], &message, fds, &n_fds, &why), -EBADMSG);
    assert_non_null(why);
    assert_non_null(strstr(why, word));
    assert_int_equal(n_fds, 77);
    assert_int_equal(count_fds(), fixture->fds_before);
}

/* QEMU's user emulation loses the descriptors of a message that is truncated: there these tests say nothing of us. */
static void skip_under_emulation(void) {
    if (test_is_emulated())
        skip();
}

static void bad_packets_leak_nothing(void **state) {
    skip_under_emulation();
    struct fixture *fixture = *state;
    int socket = fixture->ends[1];
    struct wire_plain plain;
    wire_begin(&plain, WIRE_LIST_SILOS, 1);
    send_raw(socket, &plain, sizeof plain, 1, 1); /* a descriptor where none belongs */
    expect_refusal(fixture, "more descriptors");
    send_raw(socket, &plain, sizeof plain, WIRE_FDS_MAX, 1);
    expect_refusal(fixture, "more descriptors");
    send_raw(socket, &plain, sizeof plain, 253, 1); /* as many as the kernel takes */
    expect_refusal(fixture, "descriptors");
    send_raw(socket, &plain, sizeof plain, 2, 3); /* several SCM_RIGHTS */
    expect_refusal(fixture, "more descriptors");
    send_raw(socket, "garbage", 7, 3, 1);
    expect_refusal(fixture, "shorter");
    send_raw(socket, "", 0, 3, 1); /* no byte, but descriptors */
    expect_refusal(fixture, "shorter");
    static char large[WIRE_MESSAGE_MAX + 1];
    memcpy(large, &plain, sizeof plain);
    send_raw(socket, large, sizeof large, 2, 1);
    expect_refusal(fixture, "longer");
    struct wire_create_volume create;
    wire_begin(&create, WIRE_CREATE_VOLUME, 1);
    create.flags = WIRE_CREATE_MOUNT_POINT_FD;
    send_raw(socket, &create, sizeof create, 0, 0);
    expect_refusal(fixture, "missing");
    send_raw(socket, &create, sizeof create, 2, 1);
    expect_refusal(fixture, "more descriptors");
    struct wire_hold_volume hold;
    wire_begin(&hold, WIRE_HOLD_VOLUME, 1);
    hold.fds = 2;
    hold.has_state = 1;
    hold.state_size = 1;
    send_raw(socket, &hold, sizeof hold, 2, 1);
    expect_refusal(fixture, "missing");
    send_raw(socket, &hold, sizeof hold, 4, 1);
    expect_refusal(fixture, "more descriptors");
    union wire_message message;
    int fds[WIRE_FDS_MAX];
    size_t n_fds;
    send_raw(socket, "", 0, 0, 0); /* an empty packet counts as the end */
    assert_int_equal(wire_receive(fixture->ends[0], &message, fds, &n_fds, NULL), 0);
}

static void running_out_of_descriptors_is_an_error(void **state) {
    skip_under_emulation();
    struct fixture *fixture = *state;
    struct wire_create_volume create;
    wire_begin(&create, WIRE_CREATE_VOLUME, 1);
    create.flags = WIRE_CREATE_MOUNT_POINT_FD | WIRE_CREATE_MADE_MOUNT_POINT;
    strcpy(create.made_name, "z");
    send_raw(fixture->ends[1], &create, sizeof create, 2, 1);
    struct rlimit before, tight;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    _cleanup_close_ int next = dup(0); /* the lowest free one: room for just this, once it is closed */
    tight = before;
    tight.rlim_cur = (rlim_t)next + 1;
    close_fd(&next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    union wire_message message;
    int fds[WIRE_FDS_MAX];
    size_t n_fds;
    const char *why = NULL;
    int result = wire_receive(fixture->ends[0], &message, fds, &n_fds, &why);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, -EBADMSG);
    assert_non_null(strstr(why, "could not all be received"));
}

static void credentials_are_no_descriptors(void **state) {
    struct fixture *fixture = *state;
    int on = 1;
    assert_int_equal(setsockopt(fixture->ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    struct wire_plain plain;
    wire_begin(&plain, WIRE_GET_STATUS, 1);
    assert_int_equal(wire_send(fixture->ends[1], &plain, NULL, 0), 0);
    union wire_message message;
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 9;
    assert_int_equal(wire_receive(fixture->ends[0], &message, fds, &n_fds, NULL), 1);
    assert_int_equal(n_fds, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_size_and_passes),
        cmocka_unit_test(sizes_and_headers_must_be_exact),
        cmocka_unit_test(an_unknown_type_is_told_from_a_broken_message),
        cmocka_unit_test(strings_are_checked),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(made_mount_points_are_consistent),
        cmocka_unit_test(set_string_cuts_cleanly),
        cmocka_unit_test_setup_teardown(messages_travel_with_their_fds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_sockets_say_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_packets_leak_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(running_out_of_descriptors_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(credentials_are_no_descriptors, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
