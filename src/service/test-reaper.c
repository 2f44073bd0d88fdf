/* SPDX-License-Identifier: MIT */
/* Descriptors whose close(2) waits: a TCP socket lingers while its peer does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "service/reaper.h"
#include "util/cleanup.h"

#define SOCKETS 100
#define CHILDREN_MAX 64 /* as in reaper.c */
#define LINGER_S 4

static int peers[SOCKETS];

/* A socket whose close takes LINGER_S; the other end is kept. */
static int a_socket_that_lingers(int listener, int *ret_peer) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_S};
    char data[65536] = {0};
    int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(connect(own, (struct sockaddr *)&address, sizeof address), 0);
    *ret_peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*ret_peer >= 0);
    assert_int_equal(setsockopt(own, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    while (send(own, data, sizeof data, MSG_DONTWAIT) > 0) {
    }
    return own;
}

/* How many children the only child of this process has; -1: it has ended. */
static int grandchildren(void) {
    char path[64];
    int child = 0, number = 0, one;
    _cleanup_fclose_ FILE *own = fopen("/proc/thread-self/children", "re");
    if (!own || fscanf(own, "%d", &child) != 1)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", child, child);
    _cleanup_fclose_ FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &one) == 1)
        number++;
    return number;
}

/* Whether the other end of the peer is closed: there is nothing more to read. */
static bool is_closed(int peer) {
    char data[65536];
    ssize_t n;
    while ((n = recv(peer, data, sizeof data, MSG_DONTWAIT)) > 0) {
    }
    return n == 0;
}

static void only_so_many_hang(void **state) {
    struct reaper *reaper;
    const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), most = 0, closed = 0;
    if (listener < 0 || bind(listener, (const struct sockaddr *)&any, sizeof any) < 0 || listen(listener, 8) < 0)
        skip(); /* no loopback interface */
    assert_int_equal(reaper_new(&reaper), 0);
    for (int i = 0; i < SOCKETS; i++)
        reaper_close_alone(reaper, a_socket_that_lingers(listener, &peers[i]));
    for (int i = 0; i < 50; i++) {
        int number = grandchildren();
        most = number > most ? number : most;
        usleep(10000);
    }
    assert_in_range(most, CHILDREN_MAX - 8, CHILDREN_MAX);
    /* those that were kept are closed when others have been; each message looks after them */
    for (int turn = 0; turn < 1000 && closed < SOCKETS; turn++) {
        closed = 0;
        for (int i = 0; i < SOCKETS; i++)
            closed += is_closed(peers[i]);
        reaper_close(reaper, dup(0));
        usleep(20000);
    }
    assert_int_equal(closed, SOCKETS);
    reaper_free(reaper);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_so_many_hang)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
