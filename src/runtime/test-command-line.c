/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/command-line.h"
#include "util/cleanup.h"

#define ARGUMENTS_MAX 20

struct line {
    const char *arguments[ARGUMENTS_MAX]; /* up to a NULL */
    const char *bundle, *config;
};

static int parse(const struct line *line, struct command_line *ret) {
    char *argv[ARGUMENTS_MAX + 1];
    int argc = 0;
    for (; line->arguments[argc]; argc++)
        argv[argc] = (char *)(uintptr_t)line->arguments[argc];
    argv[argc] = NULL;
    return command_line_parse(argc, argv, ret);
}

static void containers_that_are_made(void **state) {
    static const struct line lines[] = {
        {{"runc", "create", "name"}, ".", NULL},
        {{"runc", "run", "name"}, ".", NULL},
        /* containerd's shim, for Docker */
        {{"runc", "--root", "/var/run/docker/runtime-runc/moby", "--log", "/run/log.json", "--log-format", "json",
          "--systemd-cgroup", "create", "--bundle", "/run/b", "--pid-file", "/run/p", "--console-socket", "/run/c",
          "id"},
         "/run/b",
         NULL},
        /* conmon, for podman */
        {{"crun", "--cgroup-manager", "disabled", "--root=/run/crun", "create", "--bundle", "/b", "--pid-file", "p",
          "id"},
         "/b",
         NULL},
        {{"runc", "--log", "create", "run", "-b", "/b", "--no-pivot", "id"}, "/b", NULL},
        {{"runc", "run", "--bundle=/b=c", "id"}, "/b=c", NULL},
        {{"runc", "run", "--pid-file", "--bundle", "id"}, ".", NULL},
        {{"crun", "run", "-f", "other.json", "id"}, ".", "other.json"},
        {{"crun", "--debug", "run", "--config=other.json", "-b", "/b", "id"}, "/b", "other.json"},
        {{"crun", "run", "id", "-b", "/b"}, "/b", NULL},
        {{"runc", "create", "--", "-b"}, ".", NULL},
        {{"runc", "create", "--bundle"}, ".", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct command_line found;
        assert_int_equal(parse(&lines[i], &found), 1);
        assert_string_equal(found.bundle, lines[i].bundle);
        if (lines[i].config)
            assert_string_equal(found.config, lines[i].config);
        else
            assert_null(found.config);
    }
}

static void everything_else(void **state) {
    static const struct line lines[] = {
        {{NULL}},
        {{"runc"}},
        {{"runc", "--version"}},
        {{"runc", "--root"}},
        {{"runc", "--root", "create"}},
        {{"runc", "--root", "/run", "start", "create"}},
        {{"runc", "exec", "id", "create"}},
        {{"runc", "exec", "--bundle", "/b", "run", "run"}},
        {{"runc", "delete", "--force", "run"}},
        {{"crun", "features"}},
        {{"crun", ""}},
        {{"runc", "creates", "id"}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct command_line found;
        assert_int_equal(parse(&lines[i], &found), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_that_are_made),
        cmocka_unit_test(everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
