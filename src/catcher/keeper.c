/* SPDX-License-Identifier: MIT */
#include "catcher/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catcher/tables.h"
#include "util/clock.h"

/* Waits. Returns whether the service is still there. */
static bool wait_for_service(int socket, int64_t milliseconds) {
    struct pollfd end = {.fd = socket};
    return poll(&end, 1, (int)milliseconds) == 0;
}

static int wait_for_catcher(pid_t pid) {
    int status;
    pid_t ended;
    while ((ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR) {
    }
    return ended == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

uint64_t keeper_run(int socket) {
    int64_t delay = KEEPER_FIRST_DELAY_MS;
    for (uint64_t before = 0;; before++) {
        int64_t since = clock_ms();
        pid_t pid = fork();
        if (pid == 0)
            return before;
        int status = pid < 0 ? -1 : wait_for_catcher(pid);
        if (status == CATCHER_EXIT_DONE || status == CATCHER_EXIT_NEVER)
            _exit(status);
        if (clock_ms() - since >= KEEPER_STEADY_MS)
            delay = KEEPER_FIRST_DELAY_MS;
        if (!wait_for_service(socket, delay))
            _exit(CATCHER_EXIT_DONE);
        delay = delay * 2 < KEEPER_LAST_DELAY_MS ? delay * 2 : KEEPER_LAST_DELAY_MS;
    }
}
