/* SPDX-License-Identifier: MIT */
/* Unmounting, where not all is as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "worker/test-host.h"

static void an_unmount_that_is_not_lazy(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    struct job end = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    _cleanup_close_ int user = open_in(&container, "mnt/z");
    assert_true(user >= 0);
    end.unmount.not_lazy = true;
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, -EBUSY);
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    close_fd(&user);
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&container, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* The number that a process's next descriptor will have. */
static rlim_t next_descriptor(pid_t pid) {
    char path[64], target[64];
    for (rlim_t number = 0;; number++) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, (int)number);
        if (readlink(path, target, sizeof target) < 0)
            return number;
    }
}

/* The worker cannot enter the container just now: that does not make the container, and its mount, gone. */
static void a_container_that_cannot_be_entered(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    struct job end = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    struct rlimit normal, few = {.rlim_cur = next_descriptor(worker.pid) + 1}; /* the pidfd */
    assert_int_equal(prlimit(worker.pid, RLIMIT_NOFILE, NULL, &normal), 0);
    few.rlim_max = normal.rlim_max;
    assert_int_equal(prlimit(worker.pid, RLIMIT_NOFILE, &few, NULL), 0);
    const struct job_result *result = work(&worker, &end, &container.pidfd, 1);
    assert_int_equal(result->error, -EMFILE);
    assert_true(result->unanswered);
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    job = disk_for(&container, "y");
    assert_int_equal(work(&worker, &job, &container.pidfd, 1)->error, -EMFILE);
    assert_int_equal(prlimit(worker.pid, RLIMIT_NOFILE, &normal, NULL), 0);
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&container, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* The mount's number may be used again by the time it is unmounted: then it is another connection's. */
static void an_unmount_of_something_else(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    struct job end = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    int fuse = fds_back[0];
    fds_back[0] = -1;
    end.unmount.fuse_device++;
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    close(fuse);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

/* An empty /mnt that cannot be written: the worker puts a tmpfs over it. */
static void make_mnt_read_only(const struct container *container) {
    char path[64];
    int status = -1;
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", container->pid);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        _exit(fd < 0 || setns(fd, CLONE_NEWNS) < 0 || mount("container-mnt", "/mnt", "tmpfs", MS_RDONLY, NULL) < 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* A volume took over the folder of an earlier one, which had made it in the tmpfs over /mnt: it was not told of that.
 */
static void a_folder_of_an_earlier_volume(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct worker worker = worker_new();
    make_mnt_read_only(&container);
    struct job job = disk_for(&container, "z");
    const struct job_result *made = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(made->error, 0);
    struct job end = unmount_of(&container, made);
    bool covered = made->mount.letters_mount_id != 0;
    end.unmount.letters_mount_id = 0;
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_true(covered);
    assert_not_mounted(&container, "/mnt/z");
    assert_false(exists_in(&container, "mnt/z"));
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
}

static void a_container_that_is_gone(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct container kept = container;
    struct worker worker = worker_new();
    _cleanup_close_ int pidfd = kept.pidfd = fcntl(container.pidfd, F_DUPFD_CLOEXEC, 3);
    container_end(&container);
    struct job job = disk_for(&kept, "z");
    assert_int_equal(work(&worker, &job, &pidfd, 1)->error, -ESRCH);
    assert_true(inject(&worker, &kept, false)->error < 0);
    struct job end = job_for(JOB_UNMOUNT, &kept);
    end.unmount.mount_id = 1;
    assert_int_equal(work(&worker, &end, &pidfd, 1)->error, 0);
    assert_int_equal(worker_end(&worker), 0);
}

/* A pid that is another process's by now: the pidfd is of one that ended. */
static void a_container_whose_pid_is_anothers(void **state) {
    NEEDS_A_HOST();
    struct container gone = container_start(false), here = container_start(false);
    struct worker worker = worker_new();
    _cleanup_close_ int pidfd = fcntl(gone.pidfd, F_DUPFD_CLOEXEC, 3);
    container_end(&gone);
    struct job job = disk_for(&here, "z");
    assert_int_equal(work(&worker, &job, &pidfd, 1)->error, -ESRCH);
    job = disk_for(&here, "z");
    job.target.mount_namespace.inode++;
    assert_int_equal(work(&worker, &job, &here.pidfd, 1)->error, -ESRCH);
    assert_not_mounted(&here, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&here);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unmount_that_is_not_lazy),   cmocka_unit_test(a_container_that_cannot_be_entered),
        cmocka_unit_test(an_unmount_of_something_else),  cmocka_unit_test(a_container_that_is_gone),
        cmocka_unit_test(a_folder_of_an_earlier_volume), cmocka_unit_test(a_container_whose_pid_is_anothers),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
