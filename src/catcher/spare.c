/* SPDX-License-Identifier: MIT */
#include "catcher/spare.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

pid_t spare_fork(int *ret_socket) {
    int pair[2];
    pid_t self = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    pid_t pid = fork();
    int error = errno;
    if (pid == 0 && getppid() != self)
        _exit(EXIT_FAILURE);
    close(pair[pid == 0 ? 0 : 1]);
    if (pid < 0)
        close(pair[0]);
    else
        *ret_socket = pair[pid == 0 ? 1 : 0];
    return pid < 0 ? -error : pid;
}
