/* SPDX-License-Identifier: MIT */
#include "lib/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/session.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/sockets.h"

int fsp_stream_init(struct linfsp_stream *stream, int socket, int timeout_ms) {
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    stream->socket = socket;
    stream->error = 0;
    stream->deadline = 0;
    stream->used = stream->size = 0;
    if (setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0 ||
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
        return -errno;
    return 0;
}

/* Remembers the first error. */
static int fail(struct linfsp_stream *stream, int error) {
    if (error == -EAGAIN)
        error = -ETIMEDOUT;
    if (error < 0 && !stream->error)
        stream->error = error;
    return stream->error;
}

static bool is_late(const struct linfsp_stream *stream) {
    return stream->deadline && clock_ns() > stream->deadline;
}

/* Sends the packet that has been put together in the stream's buffer. */
static int send_packet(struct linfsp_stream *stream, enum fsp_packet_type type, size_t size, const int *fds,
                       size_t n_fds) {
    if (stream->error)
        return stream->error;
    if (is_late(stream))
        return fail(stream, -ETIMEDOUT);
    stream->head =
        (struct fsp_packet){.magic = FSP_STREAM_MAGIC, .version = FSP_STREAM_VERSION, .type = (uint16_t)type};
    return fail(stream, socket_send(stream->socket, stream->packet, sizeof stream->head + size, fds, n_fds));
}

int fsp_stream_flush(struct linfsp_stream *stream) {
    size_t size = stream->used;
    stream->used = 0;
    return size > 0 ? send_packet(stream, FSP_PACKET_DATA, size, NULL, 0) : stream->error;
}

int fsp_stream_send(struct linfsp_stream *stream, enum fsp_packet_type type, const void *content, size_t size,
                    const int *fds, size_t n_fds) {
    int r = fsp_stream_flush(stream);
    if (r < 0)
        return r;
    if (size > 0)
        memcpy(stream->packet + sizeof stream->head, content, size);
    return send_packet(stream, type, size, fds, n_fds);
}

int fsp_stream_receive(struct linfsp_stream *stream, int *ret_fds, size_t max_fds, size_t *ret_n_fds) {
    size_t n_fds = 0;
    stream->used = stream->size = 0;
    if (stream->error)
        return stream->error;
    if (is_late(stream))
        return fail(stream, -ETIMEDOUT);
    ssize_t size = socket_receive(stream->socket, stream->packet, sizeof stream->packet, ret_fds, max_fds, &n_fds);
    if (size <= 0)
        return fail(stream, size == 0 ? -ECONNRESET : (int)size);
    if ((size_t)size < sizeof stream->head || stream->head.magic != FSP_STREAM_MAGIC ||
        stream->head.version != FSP_STREAM_VERSION) {
        for (size_t i = 0; i < n_fds; i++)
            close(ret_fds[i]);
        return fail(stream, -EPROTO);
    }
    stream->size = (size_t)size - sizeof stream->head;
    if (ret_n_fds)
        *ret_n_fds = n_fds;
    return stream->head.type;
}

/* ---- for file systems ------------------------------------------------------------------------------------------ */

int linfsp_stream_write(linfsp_stream *stream, const void *data, size_t size) {
    const unsigned char *from = data;
    while (size > 0 && !stream->error) {
        size_t room = FSP_STREAM_PACKET - stream->used, step = size < room ? size : room;
        memcpy(stream->packet + sizeof stream->head + stream->used, from, step);
        stream->used += step;
        from += step;
        size -= step;
        if (stream->used == FSP_STREAM_PACKET)
            (void)fsp_stream_flush(stream);
    }
    return stream->error;
}

int linfsp_stream_send_fd(linfsp_stream *stream, int fd) {
    return fsp_stream_send(stream, FSP_PACKET_FD, NULL, 0, &fd, 1);
}

int linfsp_stream_read(linfsp_stream *stream, void *ret_data, size_t size) {
    unsigned char *to = ret_data;
    if (stream->error)
        return stream->error;
    while (size > 0) {
        if (stream->used == stream->size) {
            int type = fsp_stream_receive(stream, NULL, 0, NULL);
            if (type < 0)
                return type;
            if (type == FSP_PACKET_REFUSED && stream->size == sizeof(int32_t)) { /* it could not say all */
                int32_t error;
                memcpy(&error, fsp_stream_content(stream), sizeof error);
                return fail(stream, error < 0 ? error : -EPROTO);
            }
            if (type != FSP_PACKET_DATA || stream->size == 0)
                return fail(stream, -EPROTO);
        }
        size_t left = stream->size - stream->used, step = size < left ? size : left;
        memcpy(to, stream->packet + sizeof stream->head + stream->used, step);
        stream->used += step;
        to += step;
        size -= step;
    }
    return 0;
}

int linfsp_stream_receive_fd(linfsp_stream *stream, int *ret_fd) {
    int fd = -1;
    size_t n_fds = 0;
    if (stream->used != stream->size)
        return fail(stream, -EPROTO);
    int type = fsp_stream_receive(stream, &fd, 1, &n_fds);
    if (type < 0)
        return type;
    if (type != FSP_PACKET_FD || n_fds != 1) {
        if (n_fds)
            close(fd);
        return fail(stream, -EPROTO);
    }
    *ret_fd = fd;
    return 0;
}
