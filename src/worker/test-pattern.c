/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "worker/pattern.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void finds(const char *path, const char *engine, const char *id, bool named) {
    struct pattern_found found;
    if (!pattern_in_path(path, &found))
        fail_msg("nothing is found in %s", path);
    assert_string_equal(found.engine, engine);
    assert_int_equal(found.id_length, strlen(id));
    assert_memory_equal(found.id, id, found.id_length);
    assert_int_equal(found.named, named);
}

static void finds_nothing(const char *path) {
    struct pattern_found found;
    if (pattern_in_path(path, &found))
        fail_msg("%s is found in %s", found.engine, path);
}

static void test_paths(void **state) {
    finds("0::/docker/" ID, "docker", ID, false);
    finds("0::/system.slice/docker-" ID ".scope", "docker", ID, false);
    finds("0::/machine.slice/libpod-" ID ".scope/container", "podman", ID, false);
    finds("0::/libpod_parent/libpod-" ID, "podman", ID, false);
    finds("0::/kubepods.slice/x.slice/cri-containerd-" ID ".scope", "containerd", ID, false);
    finds("0::/kubepods.slice/x.slice/crio-" ID ".scope", "cri-o", ID, false);
    finds("0::/kubepods/burstable/pod1/" ID, "containerd", ID, false);
    finds("0::/lxc.payload.web", "lxc", "web", true);
    finds("4:memory:/lxc/web/init.scope", "lxc", "web", true);
    finds("0::/machine.slice/machine-web.scope", "systemd-nspawn", "web", true);
    finds("0::/machine.slice/machine-web.scope/payload", "systemd-nspawn", "web", true);
}

static void test_innermost(void **state) {
    finds("0::/docker/" ID "/docker/" OTHER, "docker", OTHER, false);
    finds("0::/lxc.payload.host/docker/" ID, "docker", ID, false);
    finds("0::/docker/" ID "/lxc.payload.inner", "lxc", "inner", true);
}

static void test_none(void **state) {
    finds_nothing("");
    finds_nothing("0::/");
    finds_nothing("0::/user.slice/user-1000.slice/session-1.scope");
    finds_nothing("0::/docker/0123");
    finds_nothing("0::/docker/" ID "0"); /* one digit too many */
    finds_nothing("0::/lxc.payload./x");
    finds_nothing("0::/kubepods/pod1/container");
}

#define LINE(text) text, sizeof text

static void test_conmon(void **state) {
    struct pattern_found found;
    assert_true(pattern_in_conmon(LINE("conmon\0-c\0" ID "\0-n\0web\0--exit-command\0/usr/bin/podman"), &found));
    assert_string_equal(found.engine, "podman");
    assert_memory_equal(found.id, ID, found.id_length);
    assert_string_equal(found.name, "web");
    assert_true(pattern_in_conmon(LINE("conmon\0-c\0" ID), &found));
    assert_string_equal(found.engine, "cri-o");
    assert_null(found.name);
    assert_false(pattern_in_conmon(LINE("conmon\0-c\0short\0-n\0web"), &found));
    assert_false(pattern_in_conmon(LINE("conmon\0-c"), &found));
    assert_false(pattern_in_conmon("", 0, &found));
}

static void test_commands(void **state) {
    struct pattern_found found;
    assert_true(pattern_in_command("systemd-nspawn", LINE("systemd-nspawn\0-M\0web\0-b"), &found));
    assert_string_equal(found.name, "web");
    assert_true(pattern_in_command("systemd-nspawn", LINE("systemd-nspawn\0--machine=web"), &found));
    assert_string_equal(found.name, "web");
    assert_true(pattern_in_command("bwrap", LINE("bwrap\0--hostname\0box\0sh"), &found));
    assert_string_equal(found.engine, "bubblewrap");
    assert_string_equal(found.name, "box");
    assert_true(pattern_in_command("bwrap", "", 0, &found));
    assert_null(found.name);
    assert_false(pattern_in_command("sh", LINE("sh\0-M\0web"), &found));
}

static void test_shim(void **state) {
    struct pattern_found found;
    assert_true(pattern_in_shim(LINE("containerd-shim-runc-v2\0-namespace\0default\0-id\0web"), &found));
    assert_string_equal(found.id, "web");
    assert_int_equal(found.id_length, 3);
    assert_false(pattern_in_shim(LINE("containerd-shim-runc-v2\0-namespace\0k8s.io\0-id\0" ID), &found));
    assert_false(pattern_in_shim(LINE("containerd-shim-runc-v2\0-id"), &found));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths),    cmocka_unit_test(test_innermost),
                                       cmocka_unit_test(test_none),     cmocka_unit_test(test_conmon),
                                       cmocka_unit_test(test_commands), cmocka_unit_test(test_shim)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
