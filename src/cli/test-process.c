/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/format.h"
#include "cli/process.h"
#include "util/cleanup.h"
#include "util/clock.h"

static int ask(const char *script, int timeout_ms, char *text, size_t size) {
    return program_ask((char *[]){"/bin/sh", "-c", (char *)(uintptr_t)script, NULL}, timeout_ms, text, size);
}

static void both_streams_and_the_status_come_back(void **state) {
    char text[64];
    assert_int_equal(ask("echo out; echo err >&2; exit 3", 5000, text, sizeof text), 3);
    assert_string_equal(text, "out\nerr\n");
    assert_int_equal(ask("kill -TERM $$", 5000, text, sizeof text), 128 + 15);
    assert_int_equal(program_ask((char *[]){"/no/such/program", NULL}, 5000, text, sizeof text), 127);
}

static void much_output_is_cut_and_does_not_block(void **state) {
    char text[16];
    assert_int_equal(
        ask("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i + 1)); done", 20000, text, sizeof text), 0);
    assert_string_equal(text, "0123456789\n0123");
}

static void what_hangs_is_killed_with_its_children(void **state) {
    char text[16];
    int64_t start = clock_ms();
    assert_int_equal(ask("sleep 30 & sleep 30", 100, text, sizeof text), -ETIMEDOUT);
    assert_true(clock_ms() - start < 5000);
}

static void programs_are_found_for_ordinary_users_too(void **state) {
    char path[256];
    setenv("PATH", "relative:/nowhere", 1);
    assert_int_equal(program_find("sh", path, sizeof path), 0);
    assert_true(path[0] == '/');
    assert_int_equal(program_find("no-such-program-here", path, sizeof path), -ENOENT);
    assert_int_equal(program_find("sh", path, 3), -ENOENT);
}

static void numbers_are_shown_for_people(void **state) {
    char text[64];
    static const struct {
        uint64_t number;
        const char *bytes, *duration;
    } cases[] = {
        {0, "0 B", "0 s"},
        {1023, "1023 B", "17 min 3 s"},
        {1536, "1.5 KiB", "25 min 36 s"},
        {7384, "7.2 KiB", "2 h 3 min"},
        {3 << 20, "3.0 MiB", "36 d 9 h"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        format_bytes(cases[i].number, text, sizeof text);
        assert_string_equal(text, cases[i].bytes);
        format_duration(cases[i].number, text, sizeof text);
        assert_string_equal(text, cases[i].duration);
    }
    format_time_utc(UINT64_C(1700000000123456789), text, sizeof text);
    assert_string_equal(text, "2023-11-14T22:13:20.123456789Z");
    format_time(0, text, sizeof text);
    assert_string_equal(text, "-");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_streams_and_the_status_come_back),
        cmocka_unit_test(much_output_is_cut_and_does_not_block),
        cmocka_unit_test(what_hangs_is_killed_with_its_children),
        cmocka_unit_test(programs_are_found_for_ordinary_users_too),
        cmocka_unit_test(numbers_are_shown_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
