/* SPDX-License-Identifier: MIT */
/* A volume that is taken over from the service before is not forgotten while it is mounted. */
#include "service/test-service.h"

#include <signal.h>
#include <string.h>

#include "service/unc.h"
#include "service/volume.h"

#define ID 5
#define OTHER 4

/* As the journal has it, in a silo that is set up. */
static struct volume *volume_of_journal(const char *prefix) {
    set_up_silo();
    struct volume *volume = volume_new(&service);
    assert_non_null(volume);
    volume->silo = the_silo()->number;
    volume->mount_id = 42;
    strcpy(volume->mount_point, "/mnt/y");
    strcpy(volume->prefix, prefix);
    return volume;
}

static void a_volume_goes_on(void **state) {
    NEEDS_A_HOST();
    struct volume *volume = volume_of_journal("server/share");
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    assert_int_equal(volume->state, VOLUME_LIVE);
    assert_true(volume->published);
    assert_false(is_submitted(JOB_UNMOUNT));
    volume_free(volume);
}

static void one_whose_prefix_is_taken_is_unmounted(void **state) {
    NEEDS_A_HOST();
    char spelled[PREFIX_MAX], taken[PREFIX_MAX];
    struct volume *volume = volume_of_journal("server/share");
    struct job job;
    assert_int_equal(unc_claim(service.unc, "server/share", OTHER, spelled, taken), 0);
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    assert_int_equal(volume->state, VOLUME_ENDING);
    answer(JOB_UNMOUNT, &(struct job_result){0}, &job);
    assert_int_equal(job.unmount.mount_id, 42);
    assert_int_equal(job.unmount.staged, ID);
    assert_int_equal(the_silo()->volumes, 0);
    uint64_t holder = 0;
    assert_int_equal(unc_find(service.unc, "server/share", &holder), UNC_SHARE);
    assert_int_equal(holder, OTHER);
    unc_release(service.unc, OTHER);
}

static void one_without_a_silo_is_the_callers(void **state) {
    NEEDS_A_HOST();
    struct volume *volume = volume_of_journal("server/share");
    volume->silo++;
    assert_int_equal(volume_restore(&service, volume, ID), -ESRCH);
    volume_free(volume);
    assert_null(service.volumes);
}

/* Its unmount cannot be queued: it stays in the tables, and is tried again. */
static void an_unmount_that_cannot_be_queued(void **state) {
    NEEDS_A_HOST();
    struct volume *volume = volume_of_journal("");
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    refuse = JOB_UNMOUNT;
    volume_end(volume, "test", true);
    assert_int_equal(volume->state, VOLUME_ENDING);
    assert_non_null(volume->unmount_timer);
    assert_int_equal(the_silo()->volumes, 1);
    refuse = 0;
    volume->state = VOLUME_LIVE; /* as the timer has it */
    volume_end(volume, "test", true);
    answer(JOB_UNMOUNT, &(struct job_result){0}, NULL);
    assert_int_equal(the_silo()->volumes, 0);
}

/* The container's first process and the server have been killed at once: the mount is there still, and a worker cannot
 * go there by the process that has ended. */
static void an_unmount_waits_for_an_anchor(void **state) {
    NEEDS_A_HOST();
    struct job job;
    struct volume *volume = volume_of_journal("");
    pid_t second = start_second_process(0);
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    lose_anchor();
    volume_lost_connection(volume);
    assert_int_equal(volume->state, VOLUME_ENDING);
    assert_false(is_submitted(JOB_UNMOUNT));
    find_anchor(second);
    answer(JOB_UNMOUNT, &(struct job_result){0}, &job);
    assert_int_equal(job.target.init_pid, second);
    assert_int_equal(the_silo()->volumes, 0);
    assert_int_equal(kill(second, SIGKILL), 0);
}

static void an_unmount_that_comes_too_late_for_its_anchor(void **state) {
    NEEDS_A_HOST();
    struct job job;
    struct volume *volume = volume_of_journal("");
    pid_t second = start_second_process(0), third = start_second_process(0);
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    volume_lost_connection(volume);
    lose_anchor();
    answer(JOB_UNMOUNT, &(struct job_result){.gone = true}, &job);
    assert_int_equal(job.target.init_pid, container);
    assert_false(is_submitted(JOB_UNMOUNT));
    find_anchor(second);
    lose_anchor();
    find_anchor(third); /* before the worker says that the second one is gone */
    answer(JOB_UNMOUNT, &(struct job_result){.gone = true}, &job);
    assert_int_equal(job.target.init_pid, second);
    answer(JOB_UNMOUNT, &(struct job_result){0}, &job);
    assert_int_equal(job.target.init_pid, third);
    assert_int_equal(the_silo()->volumes, 0);
    assert_int_equal(kill(third, SIGKILL), 0);
}

static void an_unmount_for_which_no_anchor_is_left(void **state) {
    NEEDS_A_HOST();
    struct volume *volume = volume_of_journal("");
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    lose_anchor();
    volume_lost_connection(volume);
    answer(JOB_SURVIVOR, &(struct job_result){0}, NULL);
    assert_int_equal(the_silo()->state, SILO_DEAD);
    answer(JOB_UNMOUNT, &(struct job_result){.gone = true}, NULL);
    assert_int_equal(the_silo()->volumes, 0);
}

static void an_unmount_of_a_service_that_stops(void **state) {
    NEEDS_A_HOST();
    struct volume *volume = volume_of_journal("");
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    lose_anchor();
    volume_lost_connection(volume);
    service.stopping = true;
    volume_end(volume, "the service stops", true);
    answer(JOB_UNMOUNT, &(struct job_result){.gone = true}, NULL);
    assert_int_equal(the_silo()->volumes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_volume_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_whose_prefix_is_taken_is_unmounted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_without_a_silo_is_the_callers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unmount_that_cannot_be_queued, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unmount_waits_for_an_anchor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unmount_that_comes_too_late_for_its_anchor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unmount_for_which_no_anchor_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unmount_of_a_service_that_stops, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("volume", tests, make_host, NULL);
}
