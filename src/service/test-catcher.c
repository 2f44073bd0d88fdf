/* SPDX-License-Identifier: MIT */
/* The start of a catcher that does not start at once. The catchers are scripts of this test: itself, executed again. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "catcher/keeper.h"
#include "catcher/protocol.h"
#include "service/catcher.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/proc.h"
#include "util/test-emulation.h"

#define SOCKET 3 /* in a catcher */
#define SCRIPT "catcher-script" /* a line for each start: what it does; the first one is taken off */

static void write_script(const char *lines) {
    _cleanup_fclose_ FILE *file = fopen(SCRIPT, "we");
    assert_non_null(file);
    assert_true(fputs(lines, file) >= 0);
}

/* Takes the first line. */
static char next_line(void) {
    char lines[64] = "";
    int fd = open(SCRIPT, O_RDWR | O_CLOEXEC);
    ssize_t size = read(fd, lines, sizeof lines - 1);
    if (size <= 0)
        return 0;
    (void)pwrite(fd, lines + 1, (size_t)size - 1, 0);
    (void)ftruncate(fd, size - 1);
    close(fd);
    return lines[0];
}

static size_t lines_left(void) {
    struct stat status;
    assert_int_equal(stat(SCRIPT, &status), 0);
    return (size_t)status.st_size;
}

static int be_catcher(void) {
    const struct catcher_message started = {.what = CATCHER_STARTED};
    char byte;
    switch (next_line()) {
    case 's':
        (void)send(SOCKET, &started, sizeof started, MSG_NOSIGNAL);
        while (read(SOCKET, &byte, 1) < 0) /* until the service's end is closed */
            usleep(1000);
        return CATCHER_EXIT_DONE;
    case 'q': /* says nothing for long */
        sleep(CATCHER_START_LIMIT_MS / 1000 + 1);
        return CATCHER_EXIT_DONE;
    case 'n':
        return CATCHER_EXIT_NEVER;
    case 'k':
        raise(SIGKILL);
        return 1;
    default:
        return 1;
    }
}

static int start(const char *lines) {
    _cleanup_close_ int self = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    assert_true(self >= 0);
    write_script(lines);
    return catcher_start(self);
}

static void test_at_once(void **state) {
    _cleanup_close_ int socket = start("ss");
    assert_true(socket >= 0);
    assert_int_equal(lines_left(), 1);
}

static void test_after_faults(void **state) {
    _cleanup_close_ int socket = start("kfks");
    assert_true(socket >= 0);
    assert_int_equal(lines_left(), 0);
}

static void test_in_vain(void **state) {
    assert_true(start("kkkkkkkkkkkk") < 0);
    assert_int_equal(lines_left(), 12 - CATCHER_START_TRIES);
}

static void test_never(void **state) {
    assert_int_equal(start("nsss"), -EOPNOTSUPP);
    assert_int_equal(lines_left(), 3);
}

static void test_slow(void **state) {
    int64_t before = clock_ms();
    _cleanup_close_ int socket = start("qs");
    assert_true(socket >= 0);
    assert_true(clock_ms() - before >= CATCHER_START_LIMIT_MS);
    assert_int_equal(lines_left(), 1); /* it was not started twice */
}

int main(int argc, char **argv) {
    struct stat status;
    if (argc > 0 && strcmp(argv[0], "linfspd-catcher") == 0)
        return fstat(SOCKET, &status) == 0 && S_ISSOCK(status.st_mode) ? be_catcher() : 1;
    if (test_is_emulated())
        return TEST_SKIPPED; /* a program that is executed is the kernel's, which knows another architecture */
    char folder[] = "/tmp/test-catcher.XXXXXX";
    if (proc_begin() < 0 || !mkdtemp(folder) || chdir(folder) < 0)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_at_once), cmocka_unit_test(test_after_faults),
                                       cmocka_unit_test(test_in_vain), cmocka_unit_test(test_never),
                                       cmocka_unit_test(test_slow)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(SCRIPT);
    rmdir(folder);
    return failed;
}
