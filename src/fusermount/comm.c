/* SPDX-License-Identifier: MIT */
#include "fusermount/comm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "fusermount/report.h"
#include "util/cleanup.h"
#include "util/sockets.h"

static int failed(int error) {
    /* these words stand alone there too */
    fprintf(stderr, "sending file descriptor: %s\n", strerror(error));
    return -error;
}

int comm_open(const char *text) {
    struct stat status;
    int fd = atoi(text); /* anything else counts as 0, as with fusermount */
    if (fstat(fd, &status) < 0)
        return failed(errno);
    return S_ISSOCK(status.st_mode) ? fd : failed(ENOTSOCK);
}

int comm_send(int comm, int fuse) {
    int result = socket_send(comm, "", 1, &fuse, 1);
    return result < 0 ? failed(-result) : 0;
}

static void close_range_of(unsigned first, unsigned last) {
    if (first <= last)
        (void)syscall(SYS_close_range, first, last, 0);
}

static void close_all_but(int one, int other) {
    unsigned low = (unsigned)(one < other ? one : other), high = (unsigned)(one < other ? other : one);
    if (one < 0 || other < 0)
        low = high;
    close_range_of(STDERR_FILENO + 1, low - 1);
    if (low < high)
        close_range_of(low + 1, high - 1);
    close_range_of(high + 1, ~0u);
}

void comm_stay_behind(int comm, int service) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    (void)setsid();
    if (chdir("/") < 0)
        return;
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (nowhere >= 0 && fd != comm && fd != service)
            (void)dup2(nowhere, fd);
    close_all_but(comm, service);
}
