/* SPDX-License-Identifier: MIT */
/*
 * A FUSE program that mounts and unmounts as libfuse does for root: fusermount3 mounts for it, since mount(2) is
 * refused in a container, but it calls umount2(2) itself at its end. `unmounts-itself FOLDER` serves an empty root
 * there until SIGTERM. Exits 0 when umount2(2) succeeded, 11 when it did not; errno's text on standard error. It needs
 * libc only, so that it can be linked statically and for other machines.
 */
#include <errno.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_term(int signal) {
    ended = 1;
}

static int receive(int socket) {
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = -1;
    if (recvmsg(socket, &message, 0) > 0 && CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static int mount_by_helper(const char *folder) {
    int sockets[2], status;
    char number[16];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
        return -1;
    snprintf(number, sizeof number, "%d", sockets[1]);
    setenv("_FUSE_COMMFD", number, 1);
    pid_t helper = fork();
    if (helper == 0) {
        execlp("fusermount3", "fusermount3", "-o", "rw,nosuid,nodev", "--", folder, (char *)NULL);
        _exit(127);
    }
    close(sockets[1]);
    int fuse = receive(sockets[0]);
    close(sockets[0]);
    (void)waitpid(helper, &status, 0);
    return fuse;
}

static void answer(int fuse, const struct fuse_in_header *request, int error, const void *body, size_t size) {
    struct {
        struct fuse_out_header header;
        unsigned char body[256];
    } reply = {.header = {.error = error, .unique = request->unique}};
    if (size)
        memcpy(reply.body, body, size);
    reply.header.len = (unsigned)(sizeof reply.header + size);
    if (write(fuse, &reply, reply.header.len) < 0)
        perror("answer");
}

static void serve_one(int fuse) {
    static unsigned char buffer[1 << 20];
    ssize_t size = read(fuse, buffer, sizeof buffer);
    const struct fuse_in_header *request = (const void *)buffer;
    if (size < (ssize_t)sizeof *request)
        return;
    struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 65536};
    struct fuse_attr_out attributes = {
        .attr_valid = 1, .attr = {.ino = 1, .mode = S_IFDIR | 0755, .nlink = 2, .uid = getuid(), .gid = getgid()}};
    if (request->opcode == FUSE_INIT)
        answer(fuse, request, 0, &init, sizeof init);
    else if (request->opcode == FUSE_GETATTR)
        answer(fuse, request, 0, &attributes, sizeof attributes);
    else
        answer(fuse, request, -ENOSYS, NULL, 0);
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = on_term};
    sigset_t term, before; /* it ends where it waits for requests, and nowhere else */
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &before);
    sigaction(SIGTERM, &action, NULL);
    int fuse = argc == 2 ? mount_by_helper(argv[1]) : -1;
    if (fuse < 0) {
        fprintf(stderr, "unmounts-itself: not mounted\n");
        return 10;
    }
    while (!ended) {
        struct pollfd item = {.fd = fuse, .events = POLLIN};
        if (ppoll(&item, 1, NULL, &before) > 0)
            serve_one(fuse);
    }
    close(fuse);
    if (umount2(argv[1], MNT_DETACH) < 0) {
        fprintf(stderr, "failed to unmount %s: %s\n", argv[1], strerror(errno));
        return 11;
    }
    return 0;
}
