/* SPDX-License-Identifier: MIT */
/*
 * The codec: what a peer sends is refused or sound, and no descriptor is lost.
 *
 * Input: byte 0: how many descriptors go with it (low six bits), bit 7: raw; byte 1: the type. Raw: the rest is the
 * packet. Else a fresh message of that type is changed by the rest, a sequence of: offset (two bytes, little endian),
 * length (one byte), bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"
#include "util/cleanup.h"
#include "wire/codec.h"

static size_t build(union wire_message *message, uint16_t type, const uint8_t *data, size_t size) {
    size_t whole = wire_size_of(type);
    if (whole == 0)
        whole = sizeof(struct wire_header);
    memset(message, 0, sizeof *message);
    wire_begin(message, wire_size_of(type) ? type : WIRE_DONE, 7);
    message->header.type = type;
    while (size >= 3) {
        size_t offset = data[0] | (size_t)data[1] << 8, length = data[2];
        data += 3;
        size -= 3;
        length = length < size ? length : size;
        if (offset + length <= sizeof *message)
            memcpy(message->bytes + offset, data, length);
        data += length;
        size -= length;
    }
    return whole;
}

static void send_packet(int socket, const union wire_message *message, size_t size, size_t n_fds) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * 63)];
        struct cmsghdr alignment;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > 0) {
        packet.msg_control = &control;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        for (size_t i = 0; i < n_fds; i++)
            memcpy(CMSG_DATA(rights) + i * sizeof(int), &socket, sizeof(int));
    }
    PROPERTY(sendmsg(socket, &packet, MSG_NOSIGNAL) == (ssize_t)size);
}

static int lowest_free_fd(void) {
    int fd = dup(0);
    close(fd);
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    static union wire_message sent, received;
    size_t n_sent = data[0] & 63, whole;
    if (data[0] & 0x80) {
        whole = size - 2 < sizeof sent ? size - 2 : sizeof sent;
        memset(&sent, 0, sizeof sent);
        memcpy(&sent, data + 2, whole);
    } else
        whole = build(&sent, data[1], data + 2, size - 2);

    int ends[2];
    PROPERTY(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    int before = lowest_free_fd();
    send_packet(ends[1], &sent, whole, n_sent);
    int fds[WIRE_FDS_MAX];
    size_t n_fds = 0;
    const char *why = NULL, *also_why = NULL;
    int checked = wire_check(&sent, whole, &also_why);
    int result = wire_receive(ends[0], &received, fds, &n_fds, &why);
    if (result == 1) {
        PROPERTY(checked == 0);
        PROPERTY(n_fds == n_sent);
        PROPERTY(memcmp(&sent, &received, whole) == 0);
        PROPERTY(whole == wire_size_of(received.header.type));
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
    } else if (result == 0) {
        PROPERTY(whole == 0 && n_sent == 0);
    } else {
        PROPERTY(result == -EBADMSG || result == -EPROTO || result == -EOPNOTSUPP);
        PROPERTY(why);
        PROPERTY(checked == 0 || also_why);
    }
    PROPERTY(lowest_free_fd() == before);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
