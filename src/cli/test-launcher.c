/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/launcher.h"
#include "winfsp/text.h"

static const char *const arguments[] = {"\\mem\\a b", "\"; rm -rf / %1", ""};

static void check(const char *line, const char *expected) {
    struct command command;
    assert_int_equal(command_make("/p", line, arguments, 3, &command), 0);
    char *text = command_text(&command);
    assert_string_equal(text, expected);
    assert_null(command.words[command.count]);
    free(text);
    command_free(&command);
}

static void a_line_becomes_words(void **state) {
    check("", "/p");
    check("  -a\t-b  ", "/p -a -b");
    check("-u %1 -m%3", "/p -u \"\\mem\\a b\" -m");
    check("\"a b\"c d\"\" \"\"", "/p \"a bc\" d \"\"");
    check("100%% \"%3\"", "/p 100% \"\"");
}

static void an_argument_stays_one_word(void **state) {
    struct command command;
    assert_int_equal(command_make("/p", "%2 x%2x", arguments, 3, &command), 0);
    assert_int_equal(command.count, 3);
    assert_string_equal(command.words[1], arguments[1]);
    assert_string_equal(command.words[2], "x\"; rm -rf / %1x");
    command_free(&command);
}

static void what_cannot_be_made_is_refused(void **state) {
    static const char *const wrong[] = {"%4", "%0", "%", "%x", "\"a", "a %1 %9"};
    struct command command;
    char many[2 * LAUNCHER_WORDS_MAX + 1] = "";
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(command_make("/p", wrong[i], arguments, 3, &command), -EINVAL);
    memset(many, 'x', sizeof many - 1);
    for (size_t i = 1; i < sizeof many - 1; i += 2)
        many[i] = ' ';
    assert_int_equal(command_make("/p", many, arguments, 3, &command), -EINVAL);
}

static void others_may_do_what_security_says(void **state) {
    FSP_LAUNCH_REG_RECORD record = {0};
    uid_t other = geteuid() + 4242;
    assert_true(launcher_may(&record, 0, 0, 0x10));
    assert_true(launcher_may(&record, geteuid(), 5, 0x30));
    assert_false(launcher_may(&record, other, other, 0x4));
    record.Security = fsp_utf8_to_wide_new("D:P(A;;RPLC;;;WD)");
    assert_true(launcher_may(&record, other, other, 0x10));
    assert_true(launcher_may(&record, other, other, 0x4));
    assert_false(launcher_may(&record, other, other, 0x20));
    free(record.Security);
    record.Security = fsp_utf8_to_wide_new("D:P(nonsense");
    assert_false(launcher_may(&record, other, other, 0x10));
    free(record.Security);
}

static int end_of(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static pid_t spawn(const char *script, const char *secret, int *ret_output,
                   PWSTR run_as) { // NOLINT(readability-non-const-parameter)
    FSP_LAUNCH_REG_RECORD record = {.RunAs = run_as, .WorkDirectory = fsp_utf8_to_wide_new("/tmp")};
    struct command command = {.words = {"/bin/sh", "-c", (char *)(uintptr_t)script}, .count = 3};
    pid_t pid = launcher_spawn(&record, &command, secret, ret_output);
    free(record.WorkDirectory);
    return pid;
}

static void a_program_gets_its_secret(void **state) {
    char text[32] = "";
    int output = -1;
    pid_t pid = spawn("read s; [ \"$s\" = 'ge heim' ] && [ \"$PWD\" = /tmp ] && echo OK", "ge heim", &output, NULL);
    assert_true(pid > 0);
    assert_int_equal(read(output, text, sizeof text), 3);
    assert_string_equal(text, "OK\n");
    close(output);
    assert_int_equal(end_of(pid), 0);
}

static void a_program_without_secret_reads_nothing(void **state) {
    int output = -1;
    pid_t pid = spawn("read s && exit 1; exit 7", NULL, &output, NULL);
    assert_true(pid > 0);
    assert_int_equal(output, -1);
    assert_int_equal(end_of(pid), 7);
}

static void what_fails_before_the_program_is_said(void **state) {
    FSP_LAUNCH_REG_RECORD record = {0};
    struct command command = {.words = {"/nonexistent/program"}, .count = 1};
    int output = -1;
    assert_int_equal(launcher_spawn(&record, &command, NULL, &output), -ENOENT);
    PWSTR nobody = fsp_utf8_to_wide_new("no such user");
    assert_int_equal(spawn("true", NULL, &output, nobody), -ESRCH);
    free(nobody);
}

static void a_program_runs_as_its_user(void **state) {
    int output = -1;
    if (geteuid() != 0)
        skip();
    PWSTR user = fsp_utf8_to_wide_new("LocalService");
    pid_t pid = spawn("[ \"$(id -un)\" = nobody ] && [ \"$(id -G)\" = \"$(id -G nobody)\" ]", NULL, &output, user);
    free(user);
    assert_true(pid > 0);
    assert_int_equal(end_of(pid), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_becomes_words),
        cmocka_unit_test(an_argument_stays_one_word),
        cmocka_unit_test(what_cannot_be_made_is_refused),
        cmocka_unit_test(others_may_do_what_security_says),
        cmocka_unit_test(a_program_gets_its_secret),
        cmocka_unit_test(a_program_without_secret_reads_nothing),
        cmocka_unit_test(what_fails_before_the_program_is_said),
        cmocka_unit_test(a_program_runs_as_its_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
