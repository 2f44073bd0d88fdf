/* SPDX-License-Identifier: MIT */
/*
 * A FUSE program that mounts by the helper, as libfuse does, and unmounts by umount2(2), as libfuse of root does:
 *
 *     ends-itself MOUNT-POINT
 *
 * It checks what umount2 must leave as it is: the signals that are blocked, the children of its own, and the error for
 * what is no mount of its own.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t children;

static void on_child(int signal) {
    children++;
}

static void check(int good, const char *what) {
    if (good)
        return;
    fprintf(stderr, "ends-itself: %s (%s)\n", what, strerror(errno));
    exit(1);
}

static int receive(int socket) {
    char byte, space[CMSG_SPACE(sizeof(int))];
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    int fd = -1;
    if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static int mount_by_helper(const char *path) {
    int pair[2], status;
    char number[16];
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    pid_t helper = fork();
    if (helper == 0) {
        snprintf(number, sizeof number, "%d", pair[1]);
        setenv("_FUSE_COMMFD", number, 1);
        execlp("fusermount3", "fusermount3", "-o", "fsname=ends", "--", path, NULL);
        _exit(127);
    }
    close(pair[1]);
    int fd = receive(pair[0]);
    check(waitpid(helper, &status, 0) == helper && status == 0, "the helper failed");
    close(pair[0]);
    return fd;
}

static int is_mounted(const char *path) {
    char line[4096];
    int found = 0;
    FILE *table = fopen("/proc/self/mounts", "r");
    while (table && fgets(line, sizeof line, table))
        found |= strncmp(line, "ends ", 5) == 0 && strstr(line, path);
    if (table)
        fclose(table);
    return found;
}

int main(int argc, char **argv) {
    sigset_t blocked, now;
    int status;
    check(argc == 2, "ends-itself MOUNT-POINT");
    int fuse = mount_by_helper(argv[1]);
    check(fuse >= 0 && is_mounted(argv[1]), "nothing was mounted");
    signal(SIGCHLD, on_child);
    pid_t child = fork(); /* it has what its parent has; it is waited for by nobody but its parent */
    if (child == 0) {
        pause();
        _exit(0);
    }
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    check(umount2("/tmp", MNT_DETACH) == -1 && errno == EPERM, "umount2 of what is no mount of ours");
    check(umount2("/proc", 0) == -1 && errno == EPERM, "umount2 of the container's /proc");
    check(umount2(argv[1], MNT_DETACH) == 0, "umount2");
    check(!is_mounted(argv[1]), "it is mounted still");
    check(umount2(argv[1], MNT_DETACH) == -1 && errno == EPERM, "umount2 a second time");
    sigprocmask(SIG_SETMASK, NULL, &now);
    check(sigismember(&now, SIGUSR2) == 1 && sigismember(&now, SIGTERM) == 0, "other signals are blocked than before");
    children = 0; /* of helpers, as libfuse has them */
    check(waitpid(-1, &status, WNOHANG) == 0, "wait finds a child that is not the program's");
    kill(child, SIGKILL);
    check(waitpid(child, &status, 0) == child, "its own child");
    check(children == 1, "SIGCHLD of its own child");
    close(fuse);
    return 0;
}
