/* SPDX-License-Identifier: MIT */
/*
 * A FUSE program that asks no helper: it calls mount(2) and umount2(2) by itself, as ntfs-3g and davfs2 do, and has no
 * other way. `mounts-itself FOLDER [DATA]` mounts an empty root there and serves it until SIGTERM; then it unmounts.
 * Exits 0 when both calls succeeded, 10 when mount(2) failed, 11 when umount2(2) did; errno's text on standard error.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_term(int signal) {
    ended = 1;
}

static void answer(int fuse, const struct fuse_in_header *request, int error, void *body, size_t size) {
    struct {
        struct fuse_out_header header;
        unsigned char body[4096];
    } reply = {.header = {.error = error, .unique = request->unique}};
    memcpy(reply.body, body, size);
    reply.header.len = (unsigned)(sizeof reply.header + size);
    if (write(fuse, &reply, reply.header.len) < 0)
        perror("answer");
}

static void serve_one(int fuse) {
    static unsigned char buffer[1 << 20];
    ssize_t size = read(fuse, buffer, sizeof buffer);
    struct fuse_in_header *request = (struct fuse_in_header *)buffer;
    if (size < (ssize_t)sizeof *request)
        return;
    struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 65536};
    struct fuse_attr_out attributes = {
        .attr_valid = 1, .attr = {.ino = 1, .mode = S_IFDIR | 0755, .nlink = 2, .uid = getuid(), .gid = getgid()}};
    switch (request->opcode) {
    case FUSE_INIT:
        answer(fuse, request, 0, &init, sizeof init);
        return;
    case FUSE_GETATTR:
        answer(fuse, request, 0, &attributes, sizeof attributes);
        return;
    default:
        answer(fuse, request, -ENOSYS, NULL, 0);
    }
}

int main(int argc, char **argv) {
    struct sigaction action = {.sa_handler = on_term};
    char data[512];
    int fuse = open("/dev/fuse", O_RDWR);
    if (argc < 2 || fuse < 0) {
        perror("/dev/fuse");
        return 9;
    }
    sigaction(SIGTERM, &action, NULL);
    snprintf(data, sizeof data, "fd=%d,rootmode=40000,user_id=%u,group_id=%u%s%s", fuse, getuid(), getgid(),
             argc > 2 ? "," : "", argc > 2 ? argv[2] : "");
    if (mount("itself", argv[1], "fuse.itself", MS_NOSUID | MS_NODEV, data) < 0) {
        perror("mount");
        return 10;
    }
    puts("mounted");
    fflush(stdout);
    while (!ended) {
        struct pollfd item = {.fd = fuse, .events = POLLIN};
        if (poll(&item, 1, -1) > 0)
            serve_one(fuse);
    }
    pid_t server = fork(); /* somebody must answer while it is unmounted */
    if (server == 0) {
        for (struct pollfd item = {.fd = fuse, .events = POLLIN};
             poll(&item, 1, 3000) > 0 && !(item.revents & POLLERR);)
            serve_one(fuse);
        _exit(0);
    }
    if (umount2(argv[1], 0) < 0) {
        perror("umount2");
        return 11;
    }
    return 0;
}
