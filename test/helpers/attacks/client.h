/* SPDX-License-Identifier: MIT */
/* What attack programs say to the service, and hear from it. */
#ifndef LINFSP_TEST_ATTACKS_CLIENT_H
#define LINFSP_TEST_ATTACKS_CLIENT_H

#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire/protocol.h"

union answer {
    struct wire_header header;
    struct wire_error error;
    struct wire_volume_created created;
    char room[WIRE_MESSAGE_MAX];
};

#define ANSWER_FDS_MAX 20

static inline int try_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline int connect_to(const char *path) {
    int fd = try_connect(path);
    return fd < 0 ? (err(1, "%s", path), -1) : fd;
}

/* Sends a packet with some descriptors. */
static inline ssize_t send_fds(int socket, const void *message, size_t size, const int *fds, size_t n_fds) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * ANSWER_FDS_MAX)];
    } control = {0};
    struct iovec part = {(void *)message, size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (n_fds > 0) {
        packet.msg_control = &control;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        *CMSG_FIRSTHDR(&packet) = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * n_fds)};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&packet)), fds, sizeof(int) * n_fds);
    }
    return sendmsg(socket, &packet, MSG_NOSIGNAL);
}

/* Receives a packet; *ret_fd is its first descriptor, or -1, and the others are closed. *ret_pid, unless NULL: who sent
 * it, on a socket with SO_PASSCRED. */
static inline ssize_t receive_fd(int socket, void *message, size_t size, int *ret_fd, pid_t *ret_pid) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * ANSWER_FDS_MAX) + CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = {message, size};
    struct msghdr packet = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *ret_fd = -1;
    ssize_t received = recvmsg(socket, &packet, MSG_CMSG_CLOEXEC);
    if (received < 0)
        return received;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&packet); header; header = CMSG_NXTHDR(&packet, header)) {
        if (header->cmsg_type == SCM_CREDENTIALS && ret_pid)
            *ret_pid = ((struct ucred *)CMSG_DATA(header))->pid;
        if (header->cmsg_type != SCM_RIGHTS)
            continue;
        const int *fds = (const int *)CMSG_DATA(header);
        *ret_fd = fds[0];
        for (size_t i = 1; CMSG_LEN((i + 1) * sizeof(int)) <= header->cmsg_len; i++)
            close(fds[i]);
    }
    return received;
}

static inline struct wire_create_volume create_request(void) {
    struct wire_create_volume request = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_CREATE_VOLUME, .size = sizeof request}};
    strcpy(request.file_system_name, "attack");
    return request;
}

static inline struct wire_fusermount fusermount_request(const char *mount_point) {
    struct wire_fusermount request = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_FUSERMOUNT, .size = sizeof request}};
    snprintf(request.mount_point, sizeof request.mount_point, "%s", mount_point);
    return request;
}

/* Asks, and says on standard output what came of it: "made", "refused: ..." or "ended". Returns the volume's
 * descriptor, or -1. */
static inline int ask_and_tell(int socket, const void *request, size_t size, int folder) {
    static union answer answer;
    int fd = -1;
    if (send_fds(socket, request, size, &folder, folder >= 0) < 0 ||
        receive_fd(socket, &answer, sizeof answer, &fd, NULL) <= 0)
        puts("ended");
    else if (answer.header.type == WIRE_ERROR)
        printf("refused: %s\n", answer.error.message);
    else
        puts(answer.header.type == WIRE_VOLUME_CREATED ? "made" : "answered");
    fflush(stdout);
    return fd;
}

static inline void say_ready(void) {
    puts("ready");
    fflush(stdout);
}

#endif
