/* SPDX-License-Identifier: MIT */
#include "fusermount/service.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "fusermount/report.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/utf8.h"
#include "wire/codec.h"
#include "wire/connect.h"

#define DEVICE "disk"
#define TIMEOUT_MS 30000
#define SERIAL 1

int service_connect(int wait_ms, int *ret_socket) {
    return wire_connect(DEVICE, wait_ms, ret_socket);
}

void service_report_no_connection(int error) {
    char text[512];
    if (error == -ENODEV)
        wire_no_service_message(text, sizeof text);
    else
        snprintf(text, sizeof text, "cannot connect to the LinFsp service: %s",
                 error == -EAGAIN ? "it has too many connections; try again" : strerror(-error));
    report("%s", text);
}

static int wait_readable(int socket, int64_t end) {
    for (;;) {
        int64_t left = end - clock_ms();
        struct pollfd item = {.fd = socket, .events = POLLIN};
        int ready = poll(&item, 1, left > 0 ? (int)left : 0);
        if (ready > 0)
            return 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

/* The one answer to a request; events that come between are none of it. *ret_fd is the descriptor that came with it, or
 * -1. */
static int receive(int socket, union wire_message *ret_answer, int *ret_fd) {
    int64_t end = clock_ms() + TIMEOUT_MS;
    for (;;) {
        int fds[WIRE_FDS_MAX];
        size_t n_fds = 0;
        int result = wait_readable(socket, end);
        if (result == 0)
            result = wire_receive(socket, ret_answer, fds, &n_fds, NULL);
        if (result == 0)
            return -ECONNRESET;
        if (result < 0 && result != -EAGAIN)
            return result;
        for (size_t i = 1; result > 0 && i < n_fds; i++)
            close_fd(&fds[i]);
        int fd = result > 0 && n_fds > 0 ? fds[0] : -1;
        if (result > 0 && ret_answer->header.serial == SERIAL) {
            *ret_fd = fd;
            return 0;
        }
        close_fd(&fd);
    }
}

static int failed(int error, const char *what, char message[WIRE_TEXT_MAX]) {
    snprintf(message, WIRE_TEXT_MAX, "%s: %s", what, strerror(-error));
    return error;
}

/* Sends request and awaits an answer of the type expected. */
static int ask(int socket, const void *request, const int *fd, uint16_t expected, union wire_message *ret_answer,
               int *ret_fd, char message[WIRE_TEXT_MAX]) {
    *ret_fd = -1;
    int result = wire_send(socket, request, fd, fd ? 1 : 0);
    if (result < 0)
        return failed(result, "cannot send to the LinFsp service", message);
    _cleanup_close_ int came = -1;
    result = receive(socket, ret_answer, &came);
    if (result < 0)
        return failed(result, "no answer from the LinFsp service", message);
    if (ret_answer->header.type == WIRE_ERROR) {
        snprintf(message, WIRE_TEXT_MAX, "%s", ret_answer->error.message);
        return -ret_answer->error.error;
    }
    if (ret_answer->header.type != expected)
        return failed(-EPROTO, "the LinFsp service answered something else", message);
    *ret_fd = steal_fd(&came);
    return 0;
}

int service_mount(int socket, int mount_point, const char *path, const char *options, bool auto_unmount,
                  struct service_volume *ret_volume, char ret_message[WIRE_TEXT_MAX]) {
    static union wire_message answer;
    union wire_message *request = &answer;
    const char *why;
    char shown[WIRE_PATH_MAX];
    int fuse;
    wire_begin(request, WIRE_FUSERMOUNT, SERIAL);
    request->fusermount.flags = auto_unmount ? WIRE_FUSERMOUNT_AUTO_UNMOUNT : 0;
    utf8_printable(path, shown, sizeof shown); /* for display only: the descriptor is what counts */
    WIRE_SET(request->fusermount.mount_point, shown);
    if (WIRE_SET(request->fusermount.options, options) < 0) {
        snprintf(ret_message, WIRE_TEXT_MAX, "mount options too long");
        return -ENAMETOOLONG;
    }
    utf8_printable(options, request->fusermount.options, sizeof request->fusermount.options); /* names are shown only */
    if (wire_check(request, sizeof request->fusermount, &why) < 0) {
        snprintf(ret_message, WIRE_TEXT_MAX, "mount options: %s", why);
        return -EINVAL;
    }
    int result = ask(socket, request, &mount_point, WIRE_VOLUME_CREATED, &answer, &fuse, ret_message);
    if (result < 0)
        return result;
    ret_volume->id = answer.volume_created.volume;
    memcpy(ret_volume->cookie, answer.volume_created.cookie, sizeof ret_volume->cookie);
    return fuse; /* the codec lets no WIRE_VOLUME_CREATED pass without one */
}

int service_unmount(int socket, uint64_t volume, const char *path, bool lazy, bool ended,
                    char ret_message[WIRE_TEXT_MAX]) {
    static union wire_message answer;
    struct wire_unmount request;
    int none;
    wire_begin(&request, WIRE_UNMOUNT, SERIAL);
    request.volume = volume;
    request.flags = (lazy ? 0 : WIRE_UNMOUNT_NOT_LAZY) | (ended ? WIRE_UNMOUNT_ENDED : 0);
    if (volume == 0 && WIRE_SET(request.target, path ? path : "") < 0)
        return failed(-ENAMETOOLONG, path, ret_message);
    /* names that are no UTF-8 name no volume: the service shows none such */
    if (wire_check((const union wire_message *)&request, sizeof request, NULL) < 0)
        return failed(-ENOENT, path, ret_message);
    int result = ask(socket, &request, NULL, WIRE_DONE, &answer, &none, ret_message);
    close_fd(&none);
    return result;
}

uint64_t service_find(int socket, unsigned device, char ret_path[WIRE_PATH_MAX]) {
    static union wire_message answer;
    struct wire_plain request;
    uint64_t found = 0;
    int none;
    wire_begin(&request, WIRE_LIST_VOLUMES, SERIAL);
    if (wire_send(socket, &request, NULL, 0) < 0)
        return 0;
    while (receive(socket, &answer, &none) == 0 && answer.header.type == WIRE_VOLUME) {
        close_fd(&none);
        if (answer.volume.fuse_device == device) {
            found = answer.volume.id;
            snprintf(ret_path, WIRE_PATH_MAX, "%s", answer.volume.mount_point);
        }
    }
    return found;
}

int service_attach(int socket, const struct service_volume *volume) {
    static union wire_message answer;
    char message[WIRE_TEXT_MAX];
    struct wire_attach_volume request;
    int none;
    wire_begin(&request, WIRE_ATTACH_VOLUME, SERIAL);
    request.volume = volume->id;
    memcpy(request.cookie, volume->cookie, sizeof request.cookie);
    int result = ask(socket, &request, NULL, WIRE_DONE, &answer, &none, message);
    close_fd(&none);
    return result;
}

int service_listen(int socket, const struct service_volume *volume) {
    static union wire_message message;
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    int result = wire_receive(socket, &message, fds, &n_fds, NULL);
    for (size_t i = 0; result > 0 && i < n_fds; i++)
        close_fd(&fds[i]);
    if (result == -EAGAIN)
        return 0;
    if (result <= 0)
        return -ENOTCONN;
    return message.header.type == WIRE_VOLUME_ENDED && message.volume_ended.volume == volume->id;
}
