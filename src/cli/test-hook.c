/* SPDX-License-Identifier: MIT */
/* `linfsp hook`, as a runtime runs it (the first argument is the command): whatever it is given, it succeeds within a
 * second and says what it could not do. */
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
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/clock.h"
#include "util/test-emulation.h"

#define PATIENCE_S 10 /* it takes 900 ms at most, on a machine that has time for it */

static const char *command;
static char said[8192], folder[] = "/tmp/test-hook.XXXXXX";

/* Reads all that is said. */
static void listen_to(int fd) {
    size_t size = 0;
    ssize_t n;
    struct pollfd item = {.fd = fd, .events = POLLIN};
    while (poll(&item, 1, PATIENCE_S * 1000) == 1 && (n = read(fd, said + size, sizeof said - 1 - size)) > 0)
        size += (size_t)n;
    said[size] = 0;
}

/* Runs it on that input, which is left open where keep_open. Returns its exit status. */
static int hook(const char *state, size_t size, bool keep_open) {
    int in[2], out[2], status;
    assert_int_equal(pipe(in) | pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 2);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        execl(command, "linfsp", "hook", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    for (size_t at = 0; at < size;) {
        ssize_t n = write(in[1], state + at, size - at);
        if (n < 0) /* it wants no more */
            break;
        at += (size_t)n;
    }
    if (!keep_open)
        close(in[1]);
    listen_to(out[0]);
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (keep_open)
        close(in[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void starts_all_the_same(const char *state, const char *part) {
    assert_int_equal(hook(state, strlen(state), false), 0);
    if (!strstr(said, part))
        fail_msg("no \"%s\" in: %s", part, said);
}

static void states_that_are_none(void **state) {
    static const char *const texts[] = {"", "{", "[]", "1", "nothing", "\"x\"", "null", "{]"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        starts_all_the_same(texts[i], "not a container's state");
}

static void states_that_lack_something(void **state) {
    starts_all_the_same("{}", "names no process");
    starts_all_the_same("{\"pid\": 0, \"bundle\": \"/x\"}", "names no process");
    starts_all_the_same("{\"pid\": 1, \"bundle\": \"/x\"}", "names no process");
    starts_all_the_same("{\"pid\": -5, \"bundle\": \"/x\"}", "names no process");
    starts_all_the_same("{\"pid\": 9999999999, \"bundle\": \"/x\"}", "names no process");
    starts_all_the_same("{\"pid\": \"x\", \"bundle\": \"/x\"}", "names no process");
    starts_all_the_same("{\"pid\": 77}", "names no bundle");
    starts_all_the_same("{\"pid\": 77, \"bundle\": 5}", "names no bundle");
    starts_all_the_same("{\"pid\": 77, \"bundle\": \"/nowhere\"}", "/nowhere/config.json: No such file");
}

static void bundle_says(const char *configuration, const char *part) {
    char path[64], text[128];
    snprintf(path, sizeof path, "%s/config.json", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(configuration, file);
    assert_int_equal(fclose(file), 0);
    snprintf(text, sizeof text, "{\"pid\": 77, \"bundle\": \"%s\"}", folder);
    starts_all_the_same(text, part);
    unlink(path);
}

static void bundles_that_are_none(void **state) {
    bundle_says("", "cannot find the container's root");
    bundle_says("[]", "cannot find the container's root");
    bundle_says("{}", "cannot find the container's root");
    bundle_says("{\"root\": 5}", "cannot find the container's root");
    bundle_says("{\"root\": {\"path\": \"\"}}", "cannot find the container's root");
    bundle_says("{\"root\": {\"path\": 7}}", "cannot find the container's root");
}

/* A runtime waits for it: it must not wait for a runtime. */
static void a_state_that_does_not_end(void **state) {
    int64_t before = clock_ms();
    assert_int_equal(hook("{\"pid\": ", 8, true), 0);
    assert_non_null(strstr(said, "in time"));
    assert_true(clock_ms() - before < PATIENCE_S * 1000);
}

static void a_state_without_measure(void **state) {
    size_t size = 2 << 20;
    _cleanup_free_ char *text = malloc(size);
    memset(text, '[', size);
    assert_int_equal(hook(text, size, false), 0);
    assert_non_null(strstr(said, "the container starts all the same"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_that_are_none), cmocka_unit_test(states_that_lack_something),
        cmocka_unit_test(bundles_that_are_none), cmocka_unit_test(a_state_that_does_not_end),
        cmocka_unit_test(a_state_without_measure)};
    if (test_is_emulated())
        return TEST_SKIPPED; /* a program that is executed is the kernel's, which knows another architecture */
    command = argv[1];
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
