/* SPDX-License-Identifier: MIT */
#include "util/sockets.h"

#include <string.h>
#include <sys/socket.h>

#include "util/cleanup.h"

#define FDS_MAX 32

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int socket_send(int socket, const void *data, size_t size, const int *fds, size_t n_fds) {
    struct iovec part = {(void *)data, size};
    union control control = {0};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > FDS_MAX)
        return -EINVAL;
    if (n_fds > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* Collects the descriptors of a message, closing those beyond max. Returns how many there were. */
static size_t collect(struct msghdr *message, int *fds, size_t max, size_t *ret_kept) {
    size_t seen = 0, kept = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++, seen++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            if (kept < max)
                fds[kept++] = fd;
            else
                close(fd);
        }
    }
    *ret_kept = kept;
    return seen;
}

ssize_t socket_receive(int socket, void *data, size_t size, int *ret_fds, size_t max_fds, size_t *ret_n_fds) {
    struct iovec part = {data, size};
    union control control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    int fds[FDS_MAX];
    size_t n_fds = 0;
    ssize_t received;
    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    size_t seen = collect(&message, fds, max_fds < FDS_MAX ? max_fds : FDS_MAX, &n_fds);
    if (seen > n_fds || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        for (size_t i = 0; i < n_fds; i++)
            close(fds[i]);
        return -EMSGSIZE;
    }
    if (n_fds > 0) /* the caller may want none */
        memcpy(ret_fds, fds, n_fds * sizeof(int));
    *ret_n_fds = n_fds;
    return received;
}
