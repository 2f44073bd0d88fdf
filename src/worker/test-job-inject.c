/* SPDX-License-Identifier: MIT */
/* Putting /dev/linfsp into a container, and taking it out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "catcher/protocol.h"
#include "worker/test-host.h"

static void inject_and_eject(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    const struct job_result *result = inject(&worker, &container, false);
    assert_int_equal(result->error, 0);
    assert_false(result->inject.nested || result->spent);
    assert_true(result->helpers.n_watches > 0);
    assert_mounted(&container, "/dev/linfsp", " ro,nosuid,nodev");
    assert_mounted(&container, "/unc", " - autofs linfsp-unc "); /* its root is in memory: nothing is left behind */
    assert_true(exists_in(&container, "dev/fuse"));
    assert_false(exists_in(&container, "usr/bin/fusermount3"));
    assert_not_mounted(NULL, "/dev/linfsp");

    assert_true(inject(&worker, &container, false)->inject.nested);

    struct job eject = job_for(JOB_EJECT, &container);
    assert_int_equal(work(&worker, &eject, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&container, "/dev/linfsp");
    assert_false(exists_in(&container, "dev/linfsp") || exists_in(&container, "unc") ||
                 exists_in(&container, "dev/fuse"));
    assert_false(exists_in(&container, "usr/bin/fusermount3"));
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* Nothing of /unc is in the layer while it is there, nor later; and it can be had again. */
static void unc_in_layers(void **state) {
    NEEDS_A_HOST();
    struct stat before, after;
    assert_true(make_layers(true));
    assert_int_equal(stat(LAYERS "/upper", &before), 0);
    layered = true;
    struct container container = container_start(false);
    layered = false;
    struct worker worker = worker_new();
    for (int round = 0; round < 2; round++) {
        assert_int_equal(inject(&worker, &container, false)->error, 0);
        assert_mounted(&container, "/unc", " - autofs linfsp-unc ");
        assert_not_mounted(&container, "/dev/linfsp/unc");
        char target[8] = "";
        assert_int_equal(readlinkat(run_dir, "silos/1/unc", target, sizeof target), 4);
        assert_memory_equal(target, "/unc", 4);
        layer_has("", "");
        assert_true(inject(&worker, &container, false)->inject.nested);
        struct job eject = job_for(JOB_EJECT, &container);
        assert_int_equal(work(&worker, &eject, &container.pidfd, 1)->error, 0);
        assert_not_mounted(&container, "/unc");
        assert_false(exists_in(&container, "unc"));
        layer_has("", "");
        assert_int_equal(stat(LAYERS "/upper", &after), 0);
        assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
    }
    /* what is the container's own stays, also the mark of what it has removed */
    _cleanup_close_ int upper = open(LAYERS "/upper", O_PATH | O_CLOEXEC);
    assert_int_equal(mknodat(upper, "unc", S_IFCHR, 0), 0);
    assert_int_equal(inject(&worker, &container, false)->error, 0);
    assert_mounted(&container, "/dev/linfsp/unc", " - autofs linfsp-unc ");
    layer_has("", "unc");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
    remove_tree(LAYERS);
}

/* The job for the /unc of an injection: moves it there, or (withdraws) back. */
static struct job unc_of(const struct job *injection, bool withdraws) {
    struct job job = *injection;
    job.type = JOB_ROOT_UNC;
    job.inject.unc_waits = withdraws;
    return job;
}

/* In a root in memory and in an overlayfs. */
static void unc_that_waits(void **state) {
    NEEDS_A_HOST();
    assert_true(make_layers(true));
    for (int round = 0; round < 2; round++) {
        layered = round == 1;
        struct container container = container_start(false);
        layered = false;
        struct worker worker = worker_new();
        struct job injection = job_for(JOB_INJECT, &container);
        snprintf(injection.inject.folder, sizeof injection.inject.folder, FOLDER);
        injection.inject.folder_number = 4711 + (uint64_t)round;
        injection.inject.unc_waits = true;
        const struct job_result *result = work(&worker, &injection, &container.pidfd, 1);
        assert_int_equal(result->error, 0);
        assert_true(result->inject.unc_waits);
        assert_false(exists_in(&container, "unc"));
        assert_mounted(&container, "/dev/linfsp/unc", " - autofs linfsp-unc ");
        for (int times = 0; times < 2; times++) {
            struct job comes = unc_of(&injection, false), again = comes, goes = unc_of(&injection, true);
            assert_int_equal(work(&worker, &comes, &container.pidfd, 1)->error, 0);
            assert_mounted(&container, "/unc", " - autofs linfsp-unc ");
            /* its worker died before it could say so */
            assert_int_equal(work(&worker, &again, &container.pidfd, 1)->error, 0);
            assert_not_mounted(&container, "/dev/linfsp/unc");
            assert_int_equal(work(&worker, &goes, &container.pidfd, 1)->error, 0);
            assert_not_mounted(&container, "/unc");
            assert_false(exists_in(&container, "unc"));
            assert_mounted(&container, "/dev/linfsp/unc", " - autofs linfsp-unc ");
            assert_int_equal(work(&worker, &goes, &container.pidfd, 1)->error, 0);
        }
        layer_has("", "");
        assert_int_equal(worker_end(&worker), 0);
        container_end(&container);
        close_back();
    }
    remove_tree(LAYERS);
}

/* In a root that is no overlayfs the stand-in is a link. It can be removed when the container has ended, too. */
static void links_of_the_stand_in(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job make = job_for(JOB_PHANTOM, &container), end = {.type = JOB_PHANTOM, .target.host = true};
    make.phantom.there = true;
    const struct job_result *result = work(&worker, &make, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_int_equal(result->phantom.made, 2);
    assert_int_equal(n_fds_back, 1);
    _cleanup_close_ int folder = fds_back[0];
    n_fds_back = 0;
    struct stat status;
    assert_int_equal(fstatat(folder, "fusermount3", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(unlinkat(folder, "fusermount", 0), 0);
    assert_int_equal(symlinkat("elsewhere", folder, "fusermount"), 0);
    container_end(&container);
    assert_int_equal(work(&worker, &end, &folder, 1)->error, 0);
    assert_int_equal(fstatat(folder, "fusermount3", &status, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(fstatat(folder, "fusermount", &status, AT_SYMLINK_NOFOLLOW), 0); /* not ours */
    assert_int_equal(worker_end(&worker), 0);
}

/* fs.mount-max, or anything else: what was mounted already must not stay, and be taken for another silo's. */
static void half_an_injection_is_undone(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    assert_int_equal(unlinkat(run_dir, "silos/1/unc", AT_REMOVEDIR), 0);
    const struct job_result *result = inject(&worker, &container, false);
    assert_int_equal(result->error, -ENOENT);
    assert_not_mounted(&container, "/dev/linfsp");
    assert_false(exists_in(&container, "dev/linfsp"));
    assert_int_equal(mkdirat(run_dir, "silos/1/unc", 0755), 0);
    result = inject(&worker, &container, false);
    assert_int_equal(result->error, 0);
    assert_false(result->inject.nested);
    assert_mounted(&container, "/dev/linfsp/unc", " linfsp-unc ");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* How many files the catcher was told of since the last call, and the inode number of the last one. */
static unsigned marked(enum catcher_kind kind, ino_t *ret_inode) {
    struct catcher_message message;
    int file;
    size_t n_fds = 0;
    unsigned count = 0;
    while (socket_receive(catcher[0], &message, sizeof message, &file, 1, &n_fds) == sizeof message && n_fds == 1) {
        struct stat status;
        assert_int_equal(fstat(file, &status), 0);
        close(file);
        if (message.what != CATCHER_MARK || message.kind != kind)
            continue;
        *ret_inode = status.st_ino;
        count++;
    }
    return count;
}

static ino_t put_program(int folder, const char *name, const char *content, size_t size) {
    struct stat status;
    _cleanup_close_ int file = openat(folder, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(file >= 0);
    assert_int_equal(write(file, content, size), (ssize_t)size);
    assert_int_equal(fstat(file, &status), 0);
    return status.st_ino;
}

static void helpers_of_the_image_are_found_by_what_they_are(void **state) {
    NEEDS_A_HOST();
    static const char helper[] = "\177ELF and _FUSE_COMMFD in it", other[] = "\177ELF";
    static const char script[] = "#!/bin/sh\necho _FUSE_COMMFD\n";
    struct container container = container_start(false);
    _cleanup_close_ int folder = open_in(&container, "usr/bin");
    struct worker worker = worker_new();
    ino_t expected = put_program(folder, "fusermount3", helper, sizeof helper), found = 0;
    (void)marked(CATCHER_HELPER, &found);
    assert_int_equal(inject(&worker, &container, false)->error, 0);
    assert_int_equal(marked(CATCHER_HELPER, &found), 1);
    assert_int_equal(found, expected);
    assert_not_mounted(&container, "/usr/bin/fusermount3");

    put_program(folder, "fusermount3", script, sizeof script - 1);
    put_program(folder, "umount", other, sizeof other);
    put_program(folder, "fusermount", other, sizeof other);
    struct job job = job_for(JOB_HELPERS, &container);
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, 0);
    assert_int_equal(marked(CATCHER_HELPER, &found), 0);
    job.helpers.unmounters = true;
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, 0);
    assert_int_equal(marked(CATCHER_UNMOUNTER, &found), 1);

    job.helpers.unmounters = false;
    expected = put_program(folder, "busybox", other, sizeof other);
    assert_int_equal(linkat(folder, "busybox", folder, "chroot", 0), 0); /* one file by two names */
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, 0);
    assert_int_equal(marked(CATCHER_MANY, &found), 2);
    assert_int_equal(found, expected);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static void early_means_not_yet(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = job_for(JOB_INJECT, &container);
    snprintf(job.inject.folder, sizeof job.inject.folder, FOLDER);
    snprintf(job.inject.rootfs, sizeof job.inject.rootfs, "/usr"); /* has no /dev at all */
    job.inject.early = true;
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_true(result->inject.not_yet);
    assert_false(exists_in(&container, "dev/linfsp"));
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static void a_user_namespace_spends_the_worker(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(true);
    struct worker worker = worker_new();
    const struct job_result *result = inject(&worker, &container, false);
    assert_int_equal(result->error, 0);
    assert_true(result->spent);
    assert_mounted(&container, "/dev/linfsp", " ro,nosuid,nodev");
    struct stat status;
    _cleanup_close_ int folder = open_in(&container, "dev/fuse");
    assert_int_equal(fstat(folder, &status), 0);
    assert_int_equal(status.st_uid, USER);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inject_and_eject),
        cmocka_unit_test(unc_in_layers),
        cmocka_unit_test(unc_that_waits),
        cmocka_unit_test(links_of_the_stand_in),
        cmocka_unit_test(half_an_injection_is_undone),
        cmocka_unit_test(helpers_of_the_image_are_found_by_what_they_are),
        cmocka_unit_test(early_means_not_yet),
        cmocka_unit_test(a_user_namespace_spends_the_worker),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
