/* SPDX-License-Identifier: MIT */
/* Mounting a disk in a container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/test-host.h"

static void has_intent(const char *part) {
    char text[512];
    _cleanup_close_ int file = openat(run_dir, "journal/intent-7", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, text, sizeof text - 1);
    assert_true(length > 0);
    text[length] = 0;
    if (!strstr(text, part))
        fail_msg("no \"%s\" in: %s", part, text);
}

static void a_disk(void **state) {
    NEEDS_A_HOST();
    for (int user_namespace = 0; user_namespace < 2; user_namespace++) {
        struct container container = container_start(user_namespace);
        struct worker worker = worker_new();
        struct job job = disk_for(&container, "z");
        const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
        assert_int_equal(result->error, 0);
        assert_int_equal(result->spent, user_namespace);
        assert_string_equal(result->mount.mount_point, "/mnt/z");
        assert_true(result->mount.made);
        assert_int_equal(n_fds_back, 3); /* the connection, a clone, /mnt */
        assert_mounted(&container, "/mnt/z", "nosuid,nodev");
        assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
        assert_not_mounted(NULL, "/mnt/z");
        has_intent("made z\n");
        struct job end = unmount_of(&container, result);
        if (user_namespace) {
            assert_int_equal(worker_end(&worker), 0);
            worker = worker_new();
        }
        const int fds[] = {container.pidfd, fds_back[2]};
        fds_back[2] = -1;
        assert_int_equal(work(&worker, &end, fds, 2)->error, 0);
        close(fds[1]);
        assert_not_mounted(&container, "/mnt/z");
        assert_false(exists_in(&container, "mnt/z"));
        assert_int_equal(worker_end(&worker), 0);
        container_end(&container);
    }
}

static void letters_that_are_taken(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int letters = open_in(&container, "mnt");
    assert_int_equal(mkdirat(letters, "z", 0755), 0);
    assert_int_equal(mkdirat(letters, "z/full", 0755), 0);
    struct job job = disk_for(&container, "z");
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, -EEXIST);
    assert_int_equal(n_fds_back, 0);
    assert_not_mounted(&container, "/mnt/z");
    job = disk_for(&container, "*");
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_string_equal(result->mount.mount_point, "/mnt/y");
    assert_int_equal(worker_end(&worker), 0);
    close_back();
    container_end(&container);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk),
        cmocka_unit_test(letters_that_are_taken),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
