/* SPDX-License-Identifier: MIT */
/* A silo's life where workers are lacking. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>

#include "service/test-service.h"
#include "util/process.h"

static void a_silo_is_set_up(void **state) {
    NEEDS_A_HOST();
    ask_to_prepare();
    assert_non_null(the_silo());
    assert_int_equal(the_silo()->state, SILO_INJECTING);
    assert_int_equal(client_is_told(), -EAGAIN);
    answer(JOB_INJECT, &(struct job_result){0}, NULL);
    assert_int_equal(the_silo()->state, SILO_READY);
    assert_int_equal(client_is_told(), 0);
}

/* Whether a rule switches LinFsp off for it is not known, and never will be. */
static void a_silo_that_cannot_be_asked_about(void **state) {
    NEEDS_A_HOST();
    add_rule("engine", "docker");
    add_rule("linfsp", "off");
    refuse = JOB_DESCRIBE;
    ask_to_prepare();
    assert_int_equal(the_silo()->state, SILO_FAILED);
    assert_int_equal(client_is_told(), -EIO);
    silo_eject(the_silo());
    assert_null(the_silo());
}

static void a_hook_waits_for_a_rule(void **state) {
    NEEDS_A_HOST();
    add_rule("linfsp", "off");
    ask_to_prepare();
    assert_int_equal(the_silo()->state, SILO_NEW);
    assert_int_equal(client_is_told(), -EAGAIN);
    answer(JOB_DESCRIBE, &(struct job_result){0}, NULL);
    assert_int_equal(the_silo()->state, SILO_OFF);
    assert_int_equal(client_is_told(), 0);
}

static void an_injection_that_cannot_be_queued(void **state) {
    NEEDS_A_HOST();
    add_rule("engine", "docker");
    add_rule("linfsp", "off");
    ask_to_prepare();
    refuse = JOB_INJECT;
    answer(JOB_DESCRIBE, &(struct job_result){0}, NULL);
    assert_int_equal(the_silo()->state, SILO_FAILED);
    assert_int_equal(client_is_told(), -EIO);
}

/* A worker died over it, and another cannot be had. */
static void a_retry_that_cannot_be_queued(void **state) {
    NEEDS_A_HOST();
    assert_int_equal(silo_consider(&service, container, false), 1);
    refuse = JOB_INJECT;
    answer(JOB_INJECT, &(struct job_result){.error = -EIO, .unanswered = true}, NULL);
    assert_true(!the_silo() || silo_is_settled(the_silo()));
    refuse = 0;
    assert_int_equal(silo_consider(&service, container, false), 1);
    assert_non_null(the_silo());
}

/* It is forgotten when the worker answers, not before: what it puts in is to be known until then. */
static void a_silo_that_ends_while_it_is_set_up(void **state) {
    NEEDS_A_HOST();
    assert_int_equal(silo_consider(&service, container, false), 1);
    silo_end(the_silo());
    assert_non_null(the_silo());
    assert_int_equal(the_silo()->state, SILO_DYING);
    assert_false(silo_is_known(&service, the_silo()->mount_namespace.inode));
    answer(JOB_INJECT, &(struct job_result){0}, NULL);
    assert_null(the_silo());
}

/* The container's control group is a worker's to look at: the service waits for nobody's folders. */
static void who_mounts_by_itself(void **state) {
    NEEDS_A_HOST();
    struct job job;
    for (int mounts = 0; mounts < 2; mounts++) {
        assert_int_equal(silo_consider(&service, container, false), 1);
        answer(JOB_INJECT, &(struct job_result){.inject.mounts = mounts}, &job);
        assert_true(job.inject.may_mount);
        assert_int_equal(the_silo()->caught, !mounts);
        silo_end(the_silo());
    }
    assert_int_equal(silo_consider(&service, container, true), 1);
    answer(JOB_INJECT, &(struct job_result){0}, &job);
    assert_false(job.inject.may_mount); /* its runtime is at work */
    assert_true(the_silo()->caught);
    assert_int_equal(silo_consider(&service, container, false), 1);
    assert_false(the_silo()->caught);
    answer(JOB_FUSE_DEVICE, &(struct job_result){0}, &job);
    assert_int_equal(job.device.program, container);
    assert_true(the_silo()->caught && is_submitted(JOB_HELPERS));
}

/* The list of all processes is for a worker to read. */
static void an_anchor_that_is_followed_by_another(void **state) {
    NEEDS_A_HOST();
    uint64_t start;
    struct job job;
    pid_t second = start_second_process(0);
    assert_int_equal(process_start(second, &start), 0);
    set_up_silo();
    lose_anchor();
    assert_int_equal(the_silo()->state, SILO_READY);
    assert_int_equal(silo_consider(&service, second, false), 1);
    /* a process of that number, but not the one that the worker saw */
    answer(JOB_SURVIVOR, &(struct job_result){.survivor = {.pid = second, .start = start + 1}}, NULL);
    assert_true(the_silo()->seeks_anchor);
    answer(JOB_SURVIVOR, &(struct job_result){.survivor = {.pid = second, .start = start}}, &job);
    assert_true(job.survivor.is_injected);
    assert_false(the_silo()->seeks_anchor);
    assert_int_equal(the_silo()->state, SILO_READY);
    assert_int_equal(the_silo()->target.init_pid, second);
    assert_int_equal(kill(second, SIGKILL), 0);
}

/* The timer of the next search does not wait. */
static void seek_now(void) {
    assert_non_null(the_silo());
    assert_false(is_submitted(JOB_SURVIVOR));
    assert_non_null(the_silo()->seek_timer);
    assert_true(sd_event_source_set_time(the_silo()->seek_timer, 0) >= 0);
    (void)client_is_told();
}

static void an_anchor_that_was_the_last(void **state) {
    NEEDS_A_HOST();
    set_up_silo();
    lose_anchor();
    /* a worker that died over it says nothing of the silo, nor does one that cannot be had */
    answer(JOB_SURVIVOR, &(struct job_result){.error = -EIO, .unanswered = true}, NULL);
    assert_true(the_silo()->seeks_anchor);
    refuse = JOB_SURVIVOR;
    seek_now();
    assert_true(the_silo()->seeks_anchor);
    refuse = 0;
    seek_now();
    answer(JOB_SURVIVOR, &(struct job_result){0}, NULL);
    assert_null(the_silo());
}

/* No process of the container's can be used, and each search is work. */
static void an_anchor_that_cannot_be_used(void **state) {
    NEEDS_A_HOST();
    const struct job_result ended = {.survivor = {.pid = getpid(), .start = 1}};
    set_up_silo();
    lose_anchor();
    for (int turn = 0; turn < 2; turn++) {
        answer(JOB_SURVIVOR, &ended, NULL);
        assert_true(is_submitted(JOB_SURVIVOR));
    }
    for (int turn = 0; turn < 40; turn++) {
        answer(JOB_SURVIVOR, &ended, NULL);
        seek_now();
    }
    refuse = JOB_SURVIVOR;
    answer(JOB_SURVIVOR, &(struct job_result){.error = -ENOMEM}, NULL);
    uint64_t now, then;
    assert_true(sd_event_now(service.event, CLOCK_MONOTONIC, &now) >= 0);
    assert_true(sd_event_source_get_time(the_silo()->seek_timer, &then) >= 0);
    assert_in_range(then, now + 50000000, now + 70000000); /* µs: later and later, up to a minute */
    for (int turn = 0; turn < 40; turn++)
        seek_now(); /* for all of a shortage */
    refuse = 0;
    seek_now();
    for (int turn = 1; turn < 30; turn++) {
        answer(JOB_SURVIVOR, &(struct job_result){.error = -EIO, .unanswered = true}, NULL);
        seek_now();
    }
    answer(JOB_SURVIVOR, &(struct job_result){.error = -EIO, .unanswered = true}, NULL);
    assert_null(the_silo());
}

static void map_root(pid_t pid, const char *map) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, map);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "0 4711 1", 8), 8);
}

/* The process that is left has made a user namespace in that of the container, and no map for it. */
static void an_anchor_without_ids(void **state) {
    NEEDS_A_HOST();
    pid_t second = start_second_process(CLONE_NEWUSER | CLONE_NEWNS);
    assert_int_equal(kill(container, SIGKILL), 0);
    container = second;
    map_root(container, "uid_map");
    map_root(container, "gid_map");
    second = start_second_process(CLONE_NEWUSER);
    set_up_silo();
    assert_int_equal(the_silo()->target.root_uid, 4711);
    lose_anchor();
    find_anchor(second);
    assert_int_equal(the_silo()->target.root_uid, 4711);
    assert_int_equal(the_silo()->target.root_gid, 4711);
    assert_int_equal(kill(second, SIGKILL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silo_is_set_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silo_that_cannot_be_asked_about, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hook_waits_for_a_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_mounts_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_anchor_that_is_followed_by_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_anchor_that_was_the_last, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_anchor_that_cannot_be_used, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_anchor_without_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_injection_that_cannot_be_queued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_retry_that_cannot_be_queued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silo_that_ends_while_it_is_set_up, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("silo", tests, make_host, NULL);
}
