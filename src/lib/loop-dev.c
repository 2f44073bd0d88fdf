/* SPDX-License-Identifier: MIT */
/* The loop over /dev/fuse: one read a request, one write an answer. It works in every container. */
#include <errno.h>
#include <unistd.h>

#include "lib/session.h"

int fsp_dev_read(struct fsp_channel *channel, size_t *ret_size) {
    if (atomic_load_explicit(&channel->session->cut, memory_order_relaxed))
        return 0;
    ssize_t n = read(channel->fd, channel->request->input, channel->request->input_size);
    if (n > 0) {
        *ret_size = (size_t)n;
        return 1;
    }
    return n == 0 || errno == ENODEV || errno == ECONNABORTED ? 0 : -errno;
}

static int fetch(struct fsp_channel *channel, size_t *ret_size) {
    int r;
    /* ENOENT: a request that was given up while it was being read */
    do
        r = fsp_dev_read(channel, ret_size);
    while (r == -EINTR || r == -EAGAIN || r == -ENOENT || r == -ENOMEM);
    return r;
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

int fsp_dev_send(struct linfsp_request *request, const struct iovec *vector, int count, size_t size) {
    int fd = request->channel->fd;
    ssize_t n;
    do
        n = count == 1 ? write(fd, vector->iov_base, vector->iov_len) : writev(fd, vector, count);
    while (n < 0 && errno == EINTR);
    int r = n < 0 ? -errno : (size_t)n == size ? 0 : -EIO;
    if (fsp_request_settle(request))
        fsp_request_release(request);
    return r;
}

void fsp_dev_leave(struct fsp_channel *channel) {
    struct linfsp_request *next;
    while (!(next = fsp_session_new_request(channel->session)))
        usleep(1000); /* out of memory: until an answer gives an object back */
    channel->request = next;
}

const struct fsp_loop fsp_loop_dev = {
    .name = "dev",
    .serve = serve,
    .send = fsp_dev_send,
    .leave = fsp_dev_leave,
};
