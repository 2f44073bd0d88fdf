/* SPDX-License-Identifier: MIT */
/* The loop over /dev/fuse: one read a request, one write an answer. It works in every container. */
#include <errno.h>
#include <unistd.h>

#include "lib/session.h"

/* 1: a message of *ret_size bytes; 0: the connection has ended; or what broke it. */
static int fetch(struct fsp_channel *channel, size_t *ret_size) {
    for (;;) {
        if (atomic_load_explicit(&channel->session->cut, memory_order_relaxed))
            return 0;
        ssize_t n = read(channel->fd, channel->request->input, channel->request->input_size);
        if (n > 0) {
            *ret_size = (size_t)n;
            return 1;
        }
        if (n == 0 || errno == ENODEV || errno == ECONNABORTED)
            return 0;
        /* ENOENT: a request that was given up while it was being read */
        if (errno != EINTR && errno != EAGAIN && errno != ENOENT && errno != ENOMEM)
            return -errno;
    }
}

static int serve(struct fsp_channel *channel) {
    for (;;) {
        size_t size = 0;
        if (fsp_gate_closed(channel))
            fsp_gate_wait(channel);
        int r = fetch(channel, &size);
        if (r <= 0)
            return r;
        fsp_session_serve_message(channel, size);
    }
}

static int send_answer(struct linfsp_request *request, const struct iovec *vector, int count, size_t size) {
    int fd = request->channel->fd;
    ssize_t n;
    do
        n = count == 1 ? write(fd, vector->iov_base, vector->iov_len) : writev(fd, vector, count);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n == size ? 0 : -EIO;
}

const struct fsp_loop fsp_loop_dev = {
    .name = "dev",
    .serve = serve,
    .send = send_answer,
};
