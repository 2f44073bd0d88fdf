/* SPDX-License-Identifier: MIT */
/* Keepers: whichever of the three processes is killed, there is a catcher again, and one only. They all go with the
 * service, which is this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catcher/keeper.h"
#include "util/test-emulation.h"

#define PATIENCE_MS 10000

/* What a catcher of this test says when it has started. */
struct word {
    pid_t first, second, catcher;
    uint64_t before;
};

static int service = -1;

static pid_t parent_of(pid_t pid) {
    char path[64];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
        parent = 0;
    if (file)
        (void)fclose(file);
    return parent;
}

static _Noreturn void be_first(int socket) {
    struct word word = {.before = keeper_run(socket)};
    word.catcher = getpid();
    word.second = getppid();
    word.first = parent_of(word.second);
    (void)send(socket, &word, sizeof word, MSG_NOSIGNAL);
    char byte;
    while (recv(socket, &byte, 1, 0) < 0) {
    }
    _exit(CATCHER_EXIT_DONE);
}

static struct word next_word(void) {
    struct word word = {0};
    struct pollfd readable = {.fd = service, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    assert_int_equal(recv(service, &word, sizeof word, 0), sizeof word);
    return word;
}

static void reap(void) {
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}

static bool is_there(pid_t pid) {
    reap();
    return kill(pid, 0) == 0;
}

static void await_end(pid_t pid) {
    for (int turn = 0; turn < PATIENCE_MS / 10 && is_there(pid); turn++)
        (void)poll(NULL, 0, 10);
    assert_false(is_there(pid));
}

static int set_up(void **state) {
    int pair[2];
    /* whose parent has ended becomes ours, and can be waited for */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        be_first(pair[1]);
    }
    close(pair[1]);
    service = pair[0];
    return pid < 0 ? -1 : 0;
}

/* With the service all end. */
static int tear_down(void **state) {
    close(service);
    int waited = 0;
    while ((waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) && waited++ < PATIENCE_MS / 10)
        (void)poll(NULL, 0, 10);
    return errno == ECHILD ? 0 : -1;
}

static struct word kill_and_await(const pid_t *victims, size_t n, const struct word *before) {
    for (size_t i = 0; i < n; i++)
        assert_int_equal(kill(victims[i], SIGKILL), 0);
    struct word after = next_word();
    await_end(before->catcher);
    assert_true(after.catcher != before->catcher);
    assert_int_equal(after.before, before->before + 1);
    assert_int_equal(parent_of(after.catcher), after.second);
    assert_int_equal(parent_of(after.second), after.first);
    return after;
}

static void a_catcher_is_started_again(void **state) {
    struct word word = next_word();
    assert_int_equal(word.before, 0);
    struct word after = kill_and_await(&word.catcher, 1, &word);
    assert_int_equal(after.second, word.second);
}

static void a_second_keeper_is_started_again(void **state) {
    struct word word = next_word();
    struct word after = kill_and_await(&word.second, 1, &word);
    assert_int_equal(after.first, word.first);
}

static void a_first_keeper_is_replaced(void **state) {
    struct word word = next_word();
    for (int turn = 0; turn < 3; turn++)
        word = kill_and_await(&word.first, 1, &word);
}

static void two_of_them_are_started_again(void **state) {
    struct word word = next_word();
    const pid_t above[] = {word.first, word.catcher};
    word = kill_and_await(above, 2, &word);
    const pid_t below[] = {word.second, word.catcher};
    (void)kill_and_await(below, 2, &word);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_catcher_is_started_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_keeper_is_started_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_first_keeper_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_of_them_are_started_again, set_up, tear_down),
    };
    if (test_is_emulated())
        return TEST_SKIPPED; /* QEMU's user emulation has no PR_SET_CHILD_SUBREAPER */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
