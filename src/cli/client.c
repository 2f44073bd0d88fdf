/* SPDX-License-Identifier: MIT */
/* One request at a time on one connection, with a time limit: a service that hangs must not hang whoever asks what is
 * wrong with it. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/process.h"
#include "util/clock.h"
#include "util/paths.h"
#include "wire/connect.h"

#define RESTART_MS 1000

int client_open_quietly(int *ret_socket) {
    return wire_connect("disk", 0, ret_socket);
}

/* A socket without a service behind it, in a container, is that of a service that was killed, and may be just starting
 * again. */
int client_open(const struct verb *verb, int *ret_socket) {
    int result = client_open_quietly(ret_socket);
    if (result == -ENODEV && access(LINFSP_DEVICE_DIR "/disk", F_OK) == 0)
        result = wire_connect("disk", RESTART_MS, ret_socket);
    if (result == -ENODEV) {
        char text[512];
        wire_no_service_message(text, sizeof text);
        verb_fail(verb, "%s", text);
    } else if (result < 0)
        verb_fail(verb, "cannot connect to the service: %s", strerror(-result));
    return result;
}

/* Makes a failure of ours look like a refusal of the service's. */
static int broken(int result, const char *why, union wire_message *ret_last) {
    wire_begin(ret_last, WIRE_ERROR, 0);
    ret_last->error.error = -result;
    WIRE_SET(ret_last->error.message, why);
    return result;
}

static int receive(int socket, int64_t end, union wire_message *ret_last) {
    for (;;) {
        int64_t left = end - clock_ms();
        struct pollfd wait = {.fd = socket, .events = POLLIN};
        int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
        if (ready == 0)
            return broken(-ETIMEDOUT, "the service does not answer", ret_last);
        if (ready < 0 && errno != EINTR)
            return broken(-errno, "cannot wait for the service", ret_last);
        if (ready < 0)
            continue;
        int fds[WIRE_FDS_MAX];
        size_t n_fds = 0;
        const char *why = "cannot receive from the service";
        int result = wire_receive(socket, ret_last, fds, &n_fds, &why);
        for (size_t i = 0; i < n_fds; i++) /* nothing that the command asks for brings any */
            close_fd(&fds[i]);
        if (result == 0)
            return broken(-ECONNRESET, "the service ended the connection", ret_last);
        if (result == -EPROTO || result == -EBADMSG || result == -EOPNOTSUPP) {
            char text[256];
            snprintf(text, sizeof text, "the service's answer was not understood: %s", why);
            return broken(result, text, ret_last);
        }
        if (result < 0)
            return broken(result, why, ret_last);
        return 0;
    }
}

int client_call(int socket, const void *request, const int *fds, size_t n_fds, int timeout_ms,
                void (*each)(const union wire_message *reply, void *userdata), void *userdata,
                union wire_message *ret_last) {
    int64_t end = clock_ms() + timeout_ms;
    int result = wire_send(socket, request, fds, n_fds);
    if (result < 0)
        return broken(result, "cannot send to the service", ret_last);
    for (;;) {
        result = receive(socket, end, ret_last);
        if (result < 0)
            return result;
        uint16_t type = ret_last->header.type;
        if (type == WIRE_ERROR)
            return -ret_last->error.error;
        if (type != WIRE_VOLUME && type != WIRE_SILO && type != WIRE_OPENED)
            return 0;
        if (each)
            each(ret_last, userdata);
    }
}

int client_status(int socket, union wire_message *ret_status) {
    struct wire_plain request;
    wire_begin(&request, WIRE_GET_STATUS, 1);
    int result = client_call(socket, &request, NULL, 0, CLIENT_TIMEOUT_MS, NULL, NULL, ret_status);
    if (result == 0 && ret_status->header.type != WIRE_STATUS)
        return broken(-EPROTO, "the service answered something else than its status", ret_status);
    return result;
}
