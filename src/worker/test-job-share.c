/* SPDX-License-Identifier: MIT */
/* Network volumes, on the stage and off it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "worker/test-host.h"

/* A process whose mount table is the stage's. */
static struct container stage_view(void) {
    struct container view = {.pid = fork(), .pidfd = -1};
    if (view.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (setns(stage, CLONE_NEWNS) == 0)
            raise(SIGSTOP);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(view.pid, &status, WUNTRACED), view.pid);
    assert_true(WIFSTOPPED(status));
    return view;
}

static void stage_view_end(const struct container *view) {
    kill(view->pid, SIGKILL);
    assert_int_equal(waitpid(view->pid, NULL, 0), view->pid);
}

static void a_network_volume(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct container view = stage_view();
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    job.mount.network = job.mount.allow_other = true;
    job.mount.volume = 7;
    const struct job_result *result = work(&worker, &job, &container.pidfd, 1);
    assert_int_equal(result->error, 0);
    assert_mounted(&view, "/volumes/7", "nosuid,nodev,noexec");
    assert_mounted(&container, "/mnt/z", " - fuse.TEST test ");
    struct job end = unmount_of(&container, result);
    end.unmount.staged = 7;
    assert_int_equal(work(&worker, &end, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&view, "/volumes/7");
    assert_not_mounted(&container, "/mnt/z");
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
    stage_view_end(&view);
}

static void a_share_and_back(void **state) {
    NEEDS_A_HOST();
    struct container container = container_start(false);
    struct container view = stage_view();
    struct worker worker = worker_new();
    struct job job = disk_for(&container, "z");
    job.mount.allow_other = true;
    struct job share = unmount_of(&container, work(&worker, &job, &container.pidfd, 1));
    int fuse = fds_back[0];
    fds_back[0] = -1;
    share.type = JOB_SHARE;
    share.unmount.staged = 8;
    assert_int_equal(work(&worker, &share, &container.pidfd, 1)->error, 0);
    assert_mounted(&view, "/volumes/8", "nosuid,nodev,noexec");
    share.unmount.mount_id = 0;
    assert_int_equal(work(&worker, &share, &container.pidfd, 1)->error, 0);
    assert_not_mounted(&view, "/volumes/8");
    close(fuse);
    assert_int_equal(worker_end(&worker), 0);
    container_end(&container);
    stage_view_end(&view);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_volume),
        cmocka_unit_test(a_share_and_back),
    };
    return open_worker_program(argv[1]) < 0 ? 1 : cmocka_run_group_tests(tests, make_all, NULL);
}
