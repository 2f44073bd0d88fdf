/* SPDX-License-Identifier: MIT */
/* Mounting a disk in a container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

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

/* A process in user and mount namespaces that were made in a container. */
static struct container nest(const struct container *container) {
    struct container nested = {.pidfd = -1};
    int pair[2];
    char path[64], byte = 0;
    _cleanup_close_ int root = open_in(container, ".");
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", container->pid);
    _cleanup_close_ int mount_namespace = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    nested.pid = fork();
    if (nested.pid == 0) {
        bool good = setns(mount_namespace, CLONE_NEWNS) == 0 && fchdir(root) == 0 && chroot(".") == 0 &&
                    unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
        if (write(pair[1], good ? "y" : "n", 1) == 1)
            pause();
        _exit(0);
    }
    assert_int_equal(read(pair[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(pair[0]);
    close(pair[1]);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", nested.pid, i ? "gid_map" : "uid_map");
        _cleanup_close_ int map = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(map, "0 0 1\n", 6), 6);
    }
    nested.pidfd = pidfd_open(nested.pid, 0);
    nested.target = container->target;
    assert_int_equal(mount_namespace_of(nested.pid, &nested.target.mount_namespace), 0);
    return nested;
}

static void a_namespace_nested_in_a_container(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false), stranger = container_start(false);
    struct worker worker = worker_new();
    container.target.silo = 1; /* whose folder it gets */
    assert_int_equal(inject(&worker, &container, false)->error, 0);
    struct container nested = nest(&container), of_stranger = nest(&stranger);

    struct job job = disk_for(&container, "z");
    job.mount.client = nested.pid;
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_true(result->spent);
    assert_int_equal(result->mount.nested.inode, nested.target.mount_namespace.inode);
    assert_mounted(&nested, "/mnt/z", "nosuid,nodev");
    assert_not_mounted(&container, "/mnt/z");
    has_intent("nested ");
    struct job end = unmount_of(&container, result);
    end.unmount.nested = result->mount.nested;
    assert_int_equal(worker_end(&worker), 0);
    worker = worker_new();
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0); /* found without being told a process */
    assert_not_mounted(&nested, "/mnt/z");

    /* in none of these is the container's folder: what they ask for is made in the container itself, if at all */
    const pid_t others[] = {of_stranger.pid, stranger.pid, container.pid, getpid(), 0};
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        job = disk_for(&container, "y");
        job.mount.client = others[i];
        result = work(&worker, &job, &container.pidfd, 1);
        assert_int_equal(result->error, 0);
        assert_int_equal(result->mount.nested.inode, 0);
        assert_mounted(&container, "/mnt/y", "nosuid,nodev");
        assert_not_mounted(&of_stranger, "/mnt/y");
        end = unmount_of(&container, result);
        assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    }

    /* its namespace has gone: there is nothing to undo, and nothing else is undone */
    end.unmount.nested = nested.target.mount_namespace;
    container_end(&nested);
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&of_stranger);
    container_end(&stranger);
    container_end(&container);
}

static void unmount_letter(const struct worker *worker, const struct container *container,
                           const struct job_result *mounted) {
    struct job end = unmount_of(container, mounted);
    end.unmount.letters_mount_id = mounted->mount.letters_mount_id;
    assert_int_equal(n_fds_back, 2); /* fuse and a clone: the folder around what is in no layer is not held */
    assert_int_equal(work(worker, &end, &container->pidfd, 1)->error, 0);
}

/* Has the worker remove what overlayfs copied into the layer for a letter. */
static void settle_layer(const struct worker *worker, const struct container *container) {
    struct job job = job_for(JOB_UNMOUNT, container);
    job.unmount.made.by_service = true;
    assert_int_equal(work(worker, &job, &container->pidfd, 1)->error, 0);
}

/* A letter is in the layer neither while it is mounted nor later; files beside it are. */
static void a_letter_in_layers(void **state) {
    NEEDS_A_HOST();
    for (int with_mnt = 0; with_mnt < 2; with_mnt++) {
        assert_true(make_layers(with_mnt));
        layered = true;
        struct container container = container_start(false);
        layered = false;
        struct worker worker = worker_new();
        for (int round = 0; round < 2; round++) {
            struct job job = disk_for(&container, "z");
            const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
            assert_int_equal(result->error, 0);
            assert_true(result->mount.made);
            assert_int_equal(result->mount.made_letters, !with_mnt);
            assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
            layer_has("", with_mnt ? "mnt" : "");
            if (with_mnt)
                layer_has("/mnt", "");
            unmount_letter(&worker, &container, result);
            assert_not_mounted(&container, "/mnt/z");
            assert_false(exists_in(&container, "mnt/z"));
            assert_int_equal(exists_in(&container, "mnt"), with_mnt);
            if (round == 0) { /* somebody is in /mnt, where it is one of a layer below */
                _cleanup_close_ int used = open_in(&container, "mnt");
                assert_int_equal(used >= 0, with_mnt);
                settle_layer(&worker, &container);
                layer_has("", with_mnt ? "mnt" : "");
            }
            settle_layer(&worker, &container);
            layer_has("", "");
            assert_int_equal(exists_in(&container, "mnt"), with_mnt);
        }
        _cleanup_close_ int root = open_in(&container, "");
        assert_int_equal(mkdirat(root, "mnt", 0755), with_mnt ? -1 : 0);
        assert_int_equal(mkdirat(root, "mnt/own", 0755), 0);
        layer_has("/mnt", "own");
        assert_int_equal(worker_end(&worker), 0);
        close_fd(&root);
        container_end(&container);
        remove_tree(LAYERS);
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
        cmocka_unit_test(a_namespace_nested_in_a_container),
        cmocka_unit_test(a_letter_in_layers),
        cmocka_unit_test(letters_that_are_taken),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
