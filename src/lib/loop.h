/* SPDX-License-Identifier: MIT */
/*
 * How requests come from the kernel and answers go back: one vtable for each transport.
 *
 * Model. A session has channels, one for each thread that serves. A channel's thread runs serve() until the connection
 * ends: it fetches a request into channel->request, hands it to fsp_session_serve(), and goes on. When the operation
 * has not answered by then, leave() sees to it that the channel has another object to go on with. An answer, from any
 * thread, goes through send() of the loop whose channel fetched the request; after that the object is the loop's again.
 */
#ifndef LINFSP_LIB_LOOP_H
#define LINFSP_LIB_LOOP_H

#include <stddef.h>
#include <sys/uio.h>

struct fsp_channel;
struct linfsp_request;

struct fsp_loop {
    const char *name; /* as linfsp_volume_transport says it */
    /* The body of a channel's thread. Returns 0 when the connection ended, or the negative errno that broke it. */
    int (*serve)(struct fsp_channel *channel);
    /* Sends one whole answer of size bytes; it begins with struct fuse_out_header, which vector[0] has in one piece.
     * Settles the request. 0, or -ENOENT: the request is gone. */
    int (*send)(struct linfsp_request *request, const struct iovec *vector, int count, size_t size);
    /* channel->request has been left to whoever answers it. */
    void (*leave)(struct fsp_channel *channel);
};

extern const struct fsp_loop fsp_loop_dev;
extern const struct fsp_loop fsp_loop_uring;
/* Beside it, over /dev/fuse: what never comes by a ring (FORGET, INTERRUPT). */
extern const struct fsp_loop fsp_loop_remainder;

#endif
