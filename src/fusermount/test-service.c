/* SPDX-License-Identifier: MIT */
/* The helper's requests, against a service played by a child process over a socket pair. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "fusermount/service.h"
#include "util/cleanup.h"
#include "wire/codec.h"

#define VOLUME 42

static union wire_message request, reply;
static char message[WIRE_TEXT_MAX];

struct peer {
    int socket;
    pid_t pid;
};

/* Runs play as the service; it returns whether what it saw was right. */
static struct peer start(bool (*play)(int socket)) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pair[0]);
        alarm(20);
        _exit(play(pair[1]) ? 0 : 1);
    }
    close(pair[1]);
    return (struct peer){pair[0], pid};
}

static void finish(struct peer *peer) {
    int status;
    close(peer->socket);
    assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
    assert_int_equal(status, 0);
}

static bool take(int socket, uint16_t type, int *ret_fd) {
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    if (wire_receive(socket, &request, fds, &n_fds, NULL) != 1 || request.header.type != type)
        return false;
    *ret_fd = n_fds == 1 ? fds[0] : -1;
    return true;
}

static bool tell_end(int socket, uint64_t volume) {
    wire_begin(&reply, WIRE_VOLUME_ENDED, 0);
    reply.volume_ended.volume = volume;
    WIRE_SET(reply.volume_ended.reason, "unmounted");
    return wire_send(socket, &reply, NULL, 0) == 0;
}

static bool answer_done(int socket) {
    wire_begin(&reply, WIRE_DONE, request.header.serial);
    return wire_send(socket, &reply, NULL, 0) == 0;
}

static bool answer_error(int socket, int error, const char *text) {
    wire_begin(&reply, WIRE_ERROR, request.header.serial);
    reply.error.error = error;
    WIRE_SET(reply.error.message, text);
    return wire_send(socket, &reply, NULL, 0) == 0;
}

/* ---- mount ----------------------------------------------------------------------------------------------------- */

static bool is_folder(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool play_mount(int socket) {
    int fd = -1, null = open("/dev/null", O_RDWR);
    if (!take(socket, WIRE_FUSERMOUNT, &fd) || !is_folder(fd) || (fcntl(fd, F_GETFL) & O_PATH) == 0 ||
        request.fusermount.flags != WIRE_FUSERMOUNT_AUTO_UNMOUNT ||
        strcmp(request.fusermount.options, "rw,fsname=a\\,b") != 0 ||
        strcmp(request.fusermount.mount_point, "/m?n") != 0)
        return false;
    tell_end(socket, 7); /* no answer */
    wire_begin(&reply, WIRE_VOLUME_CREATED, request.header.serial);
    reply.volume_created.volume = VOLUME;
    memset(reply.volume_created.cookie, 9, WIRE_COOKIE_SIZE);
    int fds[2] = {null, fd}; /* one more than was asked for */
    return wire_send(socket, &reply, fds, 2) == 0;
}

static size_t count_fds(void) {
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void mount_brings_one_descriptor(void **state) {
    struct service_volume volume;
    struct peer peer = start(play_mount);
    _cleanup_close_ int folder = open("/", O_PATH | O_CLOEXEC);
    size_t before = count_fds();
    int fuse = service_mount(peer.socket, folder, "/m\nn", "rw,fsname=a\\,b", true, &volume, message);
    assert_true(fuse >= 0);
    assert_int_equal(count_fds(), before + 1);
    struct stat status;
    assert_int_equal(fstat(fuse, &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    assert_int_equal(volume.id, VOLUME);
    assert_int_equal(volume.cookie[WIRE_COOKIE_SIZE - 1], 9);
    close(fuse);
    finish(&peer);
}

static bool play_refusal(int socket) {
    int fd;
    return take(socket, WIRE_FUSERMOUNT, &fd) && request.fusermount.flags == 0 &&
           answer_error(socket, EINVAL, "unknown option 'foo'");
}

static void refusal_is_passed_on(void **state) {
    struct service_volume volume;
    struct peer peer = start(play_refusal);
    _cleanup_close_ int folder = open("/", O_PATH | O_CLOEXEC);
    assert_int_equal(service_mount(peer.socket, folder, "/m", "foo", false, &volume, message), -EINVAL);
    assert_string_equal(message, "unknown option 'foo'");
    finish(&peer);
}

static bool play_death(int socket) {
    int fd;
    return take(socket, WIRE_FUSERMOUNT, &fd); /* and no answer */
}

static bool play_nonsense(int socket) {
    int fd;
    return take(socket, WIRE_FUSERMOUNT, &fd) && answer_done(socket);
}

static bool play_garbage(int socket) {
    int fd;
    return take(socket, WIRE_FUSERMOUNT, &fd) && send(socket, "garbage", 7, 0) == 7;
}

static void a_bad_service_is_told_from_a_refusal(void **state) {
    static const struct {
        bool (*play)(int socket);
        int result;
    } cases[] = {{play_death, -ECONNRESET}, {play_nonsense, -EPROTO}, {play_garbage, -EBADMSG}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct service_volume volume;
        struct peer peer = start(cases[i].play);
        _cleanup_close_ int folder = open("/", O_PATH | O_CLOEXEC);
        assert_int_equal(service_mount(peer.socket, folder, "/m", "", false, &volume, message), cases[i].result);
        assert_non_null(strstr(message, "LinFsp"));
        finish(&peer);
    }
}

static bool play_nothing(int socket) {
    int fd;
    return !take(socket, WIRE_FUSERMOUNT, &fd);
}

static void what_the_wire_cannot_carry_is_not_sent(void **state) {
    struct service_volume volume;
    struct peer peer = start(play_nothing);
    char long_text[4096];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(service_mount(peer.socket, 0, "/m", long_text, false, &volume, message), -ENAMETOOLONG);
    assert_string_equal(message, "mount options too long");
    assert_int_equal(service_unmount(peer.socket, 0, "/\xff", false, false, message), -ENOENT);
    finish(&peer);
}

/* ---- unmount, and after ---------------------------------------------------------------------------------------- */

static bool play_unmounts(int socket) {
    int fd;
    return take(socket, WIRE_UNMOUNT, &fd) && fd < 0 && strcmp(request.unmount.target, "/a b") == 0 &&
           request.unmount.volume == 0 && request.unmount.flags == WIRE_UNMOUNT_NOT_LAZY && !request.unmount.force &&
           answer_error(socket, EBUSY, "in use") && take(socket, WIRE_UNMOUNT, &fd) &&
           request.unmount.flags == WIRE_UNMOUNT_ENDED && answer_done(socket) && take(socket, WIRE_UNMOUNT, &fd) &&
           request.unmount.volume == VOLUME && !request.unmount.target[0] && answer_error(socket, ENOENT, "no volume");
}

static void unmount_is_by_path_or_number(void **state) {
    struct peer peer = start(play_unmounts);
    assert_int_equal(service_unmount(peer.socket, 0, "/a b", false, false, message), -EBUSY);
    assert_string_equal(message, "in use");
    assert_int_equal(service_unmount(peer.socket, 0, "/a b", true, true, message), 0);
    assert_int_equal(service_unmount(peer.socket, VOLUME, NULL, true, false, message), -ENOENT);
    finish(&peer);
}

static bool play_next_service(int socket) {
    int fd;
    return take(socket, WIRE_ATTACH_VOLUME, &fd) && request.attach_volume.volume == VOLUME &&
           request.attach_volume.cookie[3] == 5 && answer_done(socket) && tell_end(socket, 1) &&
           tell_end(socket, VOLUME);
}

static void the_life_line_is_followed(void **state) {
    struct service_volume volume = {.id = VOLUME};
    memset(volume.cookie, 5, sizeof volume.cookie);
    struct peer peer = start(play_next_service);
    assert_int_equal(service_attach(peer.socket, &volume), 0);
    assert_int_equal(service_listen(peer.socket, &volume), 0);
    assert_int_equal(service_listen(peer.socket, &volume), 1);
    assert_int_equal(service_listen(peer.socket, &volume), -ENOTCONN);
    finish(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mount_brings_one_descriptor),
        cmocka_unit_test(refusal_is_passed_on),
        cmocka_unit_test(a_bad_service_is_told_from_a_refusal),
        cmocka_unit_test(what_the_wire_cannot_carry_is_not_sent),
        cmocka_unit_test(unmount_is_by_path_or_number),
        cmocka_unit_test(the_life_line_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
