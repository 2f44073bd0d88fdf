/* SPDX-License-Identifier: MIT */
/*
 * An ordinary user's containers, whose namespaces' numbers are to be had again:
 *
 *     box ROOT      a container (a user namespace, a mount namespace, a root of its own; no pid namespace) that sleeps
 * until it gets SIGTERM. Prints the inode number of its mount namespace when LinFsp is in it. box --connect PID   run
 * outside, holds the box's /dev/linfsp by a descriptor, waits for a line on standard input, and then asks whoever
 * listens there who it is. Prints "answered" or "refused".
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../user-namespace.h"
#include "wire/protocol.h"

static int be_box(const char *root) {
    char self[4096];
    struct stat status;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0)
        err(1, "/proc/self/exe");
    self[length] = 0;
    enter_user_namespace();
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("none", root, "tmpfs", 0, NULL) < 0 ||
        chdir(root) < 0 || mkdir("dev", 0755) < 0 || mount("none", "dev", "tmpfs", 0, NULL) < 0)
        err(1, "%s", root);
    int program = open("box", O_CREAT | O_WRONLY | O_CLOEXEC, 0755), from = open(self, O_RDONLY | O_CLOEXEC);
    static char buffer[4 << 20];
    ssize_t size = read(from, buffer, sizeof buffer);
    if (program < 0 || size <= 0 || write(program, buffer, (size_t)size) != size || close(program) < 0)
        err(1, "%s", self);
    if (stat("/proc/self/ns/mnt", &status) < 0 || chroot(".") < 0)
        err(1, "chroot");
    snprintf(self, sizeof self, "%llu", (unsigned long long)status.st_ino);
    execl("/box", "box", "--sleep", self, NULL);
    err(1, "/box");
}

static int sleep_there(const char *number) {
    while (access("/dev/linfsp/disk", F_OK) < 0)
        usleep(10000);
    puts(number);
    fflush(stdout);
    pause();
    return 0;
}

static int connect_later(const char *pid) {
    char path[64], byte;
    snprintf(path, sizeof path, "/proc/%s/root/dev/linfsp", pid);
    int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        err(1, "%s", path);
    /* its user namespace stays, so that the lowest free number is that of its mount namespace */
    snprintf(path, sizeof path, "/proc/%s/ns/user", pid);
    if (open(path, O_RDONLY | O_CLOEXEC) < 0)
        err(1, "%s", path);
    puts("held");
    fflush(stdout);
    if (read(0, &byte, 1) != 1)
        return 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/disk", folder);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    struct wire_plain message = {
        .header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_GET_STATUS, .size = sizeof message}};
    static char answer[32768];
    struct timeval soon = {.tv_sec = 3};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    bool answered = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                    send(fd, &message, sizeof message, MSG_NOSIGNAL) > 0 && recv(fd, answer, sizeof answer, 0) > 0;
    puts(answered ? "answered" : "refused");
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2)
        return be_box(argv[1]);
    if (argc == 3 && strcmp(argv[1], "--sleep") == 0)
        return sleep_there(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--connect") == 0)
        return connect_later(argv[2]);
    errx(2, "usage: box ROOT | box --connect PID");
}
