/* SPDX-License-Identifier: MIT */
/*
 * The loop over /dev/fuse: one read a request, one write an answer. It works in every container.
 *
 * While requests come fast (placement.h) a reader that has answered looks again for a moment before it sleeps, letting
 * others have its core: to wake it on a core that has gone idle costs more than all the rest of a request. It stops
 * doing so for a while where others do want the core.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "lib/descriptor-flags.h"
#include "lib/kernel-order.h"
#include "lib/session.h"
#include "util/clock.h"

#define LINGER_NS INT64_C(40000)
/* Away from its core for so long: somebody else uses it. */
#define OTHERS_NS INT64_C(200000)
#define OTHERS_PAUSE_NS INT64_C(100000000)

int fsp_dev_read(struct fsp_channel *channel, size_t *ret_size) {
    if (atomic_load_explicit(&channel->session->cut, memory_order_relaxed))
        return 0;
    ssize_t n = read(channel->fd, channel->request->input, channel->request->input_size);
    if (n > 0) {
        fsp_kernel_asked();
        *ret_size = (size_t)n;
        return 1;
    }
    return n == 0 || errno == ENODEV || errno == ECONNABORTED ? 0 : -errno;
}

/* Only where no other thread reads from the same file. */
static void set_blocking(struct fsp_channel *channel, bool blocking) {
    if (channel->nonblocking == blocking &&
        fsp_fcntl(channel->fd, F_SETFL, blocking ? O_RDWR : O_RDWR | O_NONBLOCK) == 0)
        channel->nonblocking = !blocking;
}

static bool may_linger(const struct fsp_channel *channel, int64_t now) {
    return atomic_load_explicit(&channel->session->lingering, memory_order_relaxed) && now >= channel->linger_after;
}

/* -EAGAIN: nothing has come so far. */
static int fetch_lingering(struct fsp_channel *channel, size_t *ret_size) {
    int r;
    int64_t begin = clock_ns(), before = begin;
    if (!may_linger(channel, begin))
        return -EAGAIN;
    set_blocking(channel, false);
    while ((r = fsp_dev_read(channel, ret_size)) == -EAGAIN && before - begin < LINGER_NS) {
        sched_yield();
        int64_t now = clock_ns();
        if (now - before > OTHERS_NS)
            channel->linger_after = now + OTHERS_PAUSE_NS;
        before = now;
    }
    return r;
}

/* -EAGAIN: its turn is over. */
static int fetch(struct fsp_channel *channel, size_t *ret_size) {
    int r = fetch_lingering(channel, ret_size);
    if (r >= 0 || (r != -EAGAIN && r != -EINTR && r != -ENOENT && r != -ENOMEM))
        return r;
    set_blocking(channel, true);
    /* ENOENT: a request that was given up while it was being read */
    do {
        if (fsp_gate_closed(channel))
            return -EAGAIN;
        r = fsp_dev_read(channel, ret_size);
    } while (r == -EINTR || r == -EAGAIN || r == -ENOENT || r == -ENOMEM);
    return r;
}

static int serve(struct fsp_channel *channel) {
    for (;;) {
        size_t size = 0;
        if (fsp_gate_closed(channel))
            fsp_gate_wait(channel);
        int r = fetch(channel, &size);
        if (r == -EAGAIN)
            continue;
        if (r <= 0)
            return r;
        fsp_session_serve_message(channel, size);
    }
}

int fsp_dev_send(struct linfsp_request *request, const struct iovec *vector, int count, size_t size) {
    int fd = request->channel->fd;
    ssize_t n;
    fsp_kernel_answered();
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
