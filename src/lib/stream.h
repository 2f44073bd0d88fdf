/* SPDX-License-Identifier: MIT */
/*
 * A stream between two servers of a volume, while one hands it over to the other.
 *
 * It goes over a SOCK_SEQPACKET socket, in packets that begin with struct fsp_packet. What one side writes is collected
 * into packets of FSP_STREAM_PACKET bytes. A descriptor is a packet of its own, so each has its place between what was
 * written before and behind it. An error sticks: whoever writes may look at the last result only.
 */
#ifndef LINFSP_LIB_STREAM_H
#define LINFSP_LIB_STREAM_H

#include <stdint.h>

#include "linfsp/linfsp.h"

#define FSP_STREAM_MAGIC UINT32_C(0x4f48534c)
#define FSP_STREAM_VERSION 1 /* of the packets and of what the library itself says in them */
#define FSP_STREAM_PACKET 65536
#define FSP_STREAM_FDS_MAX 20

enum fsp_packet_type {
    FSP_PACKET_VOLUME = 1, /* struct fsp_hand_over; fds: the connection's, then the word */
    FSP_PACKET_DATA, /* the file system's own */
    FSP_PACKET_FD, /* the same: one descriptor */
    FSP_PACKET_END, /* of the file system's state */
    FSP_PACKET_REFUSED, /* int32_t, a negative errno: the server goes on */
};

struct fsp_packet {
    uint32_t magic;
    uint16_t version;
    uint16_t type; /* enum fsp_packet_type */
};

struct linfsp_stream {
    int socket; /* with time-outs set */
    int error; /* the first one; 0: none */
    int64_t deadline; /* ns, as clock_ns; 0: none */
    size_t used; /* writing: bytes that wait; reading: bytes of the packet that are read */
    size_t size; /* reading: of the packet's content */
    union {
        struct fsp_packet head;
        unsigned char packet[sizeof(struct fsp_packet) + FSP_STREAM_PACKET];
    };
};

/* A stream over a socket, which stays the caller's. timeout_ms: for each packet. Returns 0 or a negative errno. */
int fsp_stream_init(struct linfsp_stream *stream, int socket, int timeout_ms);
/* Sends what waits. */
int fsp_stream_flush(struct linfsp_stream *stream);
/* Sends a packet with size bytes of content, behind what waits. */
int fsp_stream_send(struct linfsp_stream *stream, enum fsp_packet_type type, const void *content, size_t size,
                    const int *fds, size_t n_fds);
/* Receives the next packet. Its content stands behind the head; fds are the caller's. Returns its type, or a negative
 * errno: -ECONNRESET where the other side has gone, -EPROTO where it is of another version or sends nonsense. */
int fsp_stream_receive(struct linfsp_stream *stream, int *ret_fds, size_t max_fds, size_t *ret_n_fds);

static inline const void *fsp_stream_content(const struct linfsp_stream *stream) {
    return stream->packet + sizeof(struct fsp_packet);
}

#endif
