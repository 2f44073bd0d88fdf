/* SPDX-License-Identifier: MIT */
/*
 * How requests come from the kernel and answers go back: one vtable for each transport.
 *
 * Model. A session has channels, one for each thread that serves. A channel's thread runs serve() until the connection
 * ends: it fetches a request into channel->request, hands it to fsp_session_serve(), and goes on with whatever
 * channel->request is then. An answer, from any thread, goes through send() of the loop whose channel fetched the
 * request.
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
    /* Sends one whole answer of size bytes; it begins with struct fuse_out_header. 0, or -ENOENT: the request is gone.
     */
    int (*send)(struct linfsp_request *request, const struct iovec *vector, int count, size_t size);
};

extern const struct fsp_loop fsp_loop_dev;

#endif
