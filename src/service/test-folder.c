/* SPDX-License-Identifier: MIT */
/*
 * What processes of another silo open in a folder: a container was given the host's /unc/nas. It changes nothing for
 * the host, which owns the folder.
 */
#include "service/test-service.h"

#include <string.h>

#include "service/folder-work.h"
#include "service/volume.h"
#include "util/clock.h"

#define ID 5
#define LOCAL 6 /* of the container's group */

static const struct job_result done = {0}, failed = {.error = -EIO};

/* The host's folder of a server, with a share that the container serves there. */
static struct folder *make_folder(struct volume **ret_volume) {
    assert_int_equal(silo_consider(&service, container, false), 1);
    answer(JOB_INJECT, &done, NULL);
    struct folder *folder = folder_new(&service, service.host, "nas");
    struct volume *volume = volume_new(&service);
    assert_true(folder && volume);
    volume->silo = the_silo()->number;
    strcpy(volume->prefix, "nas/share");
    assert_int_equal(volume_restore(&service, volume, ID), 0);
    volume->orphan_timer = sd_event_source_disable_unref(volume->orphan_timer); /* nobody waits for its server */
    folder_show(folder, "share", volume);
    *ret_volume = volume;
    return folder;
}

/* Another one, which is reached by the same path in the container's group alone. */
static struct volume *make_local_volume(void) {
    struct volume *volume = volume_new(&service);
    assert_non_null(volume);
    volume->silo = the_silo()->number;
    assert_int_equal(volume_restore(&service, volume, LOCAL), 0);
    return volume;
}

static int walk_of_host(struct folder *folder, const char *text, struct volume *volume) {
    return folder_open(folder, text, &(struct walk){.token = 1}, volume, false);
}

static int walk_of_container(struct folder *folder, const char *text, struct volume *volume) {
    return folder_open(folder, text, &(struct walk){.token = 2, .uid = 1000, .silo = the_silo()->number}, volume,
                       false);
}

static void run_events(int64_t ms) {
    for (int64_t end = clock_ms() + ms, now; (now = clock_ms()) < end;)
        assert_true(sd_event_run(service.event, (uint64_t)(end - now) * 1000) >= 0);
}

static void free_all(struct volume *volume, struct volume *other) {
    folders_end(service.host);
    sd_event_source_disable_unref(service.close_timer);
    volume_free(volume);
    if (other)
        volume_free(other);
}

static void who_opened_a_share_first_is_known(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    struct name *name = folder_name(folder, "share");
    assert_int_equal(walk_of_container(folder, "share", volume), 0);
    answer(JOB_FOLDER, &done, NULL);
    assert_int_equal(name->state, NAME_SHOWN);
    assert_int_equal(name->opener, the_silo()->number);
    assert_int_equal(name->uid, 1000);
    assert_int_equal(walk_of_host(folder, "share", volume), 0);
    answer(JOB_FOLDER, &done, NULL);
    assert_int_equal(name->state, NAME_OPEN);
    assert_int_equal(name->opener, 0);
    assert_int_equal(name->uid, 0);
    free_all(volume, NULL);
}

static void a_local_share_does_not_take_a_name(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    struct volume *local = make_local_volume();
    struct name *name = folder_name(folder, "share");
    struct job job;
    assert_int_equal(walk_of_container(folder, "share", local), 0);
    answer(JOB_FOLDER, &done, &job);
    assert_int_equal(job.folder.volume, LOCAL);
    assert_true(job.folder.elsewhere);
    assert_int_equal(name->volume, ID);
    assert_true(list_empty(&local->name_list));
    assert_false(list_empty(&volume->name_list));
    assert_int_equal(name->since, 0);
    assert_int_equal(name->uid, 0);
    free_all(volume, local);
}

/* A share of the container's group is local to it below this path. */
static void a_local_folder_does_not_take_a_name(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    struct name *name = folder_name(folder, "share");
    assert_int_equal(walk_of_container(folder, "share", NULL), -ENOENT);
    assert_false(is_submitted(JOB_FOLDER));
    assert_int_equal(name->volume, ID);
    assert_int_equal(name->child, 0);
    free_all(volume, NULL);
}

static void a_name_that_was_made_for_a_walk_that_failed_goes(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    struct volume *local = make_local_volume();
    struct job job;
    assert_int_equal(walk_of_container(folder, "local", local), 0);
    assert_int_equal(folder_name(folder, "local")->volume, LOCAL);
    answer(JOB_FOLDER, &failed, NULL);
    answer(JOB_FOLDER, &done, &job);
    assert_int_equal(job.folder.action, FOLDER_HIDE);
    assert_null(folder_name(folder, "local"));
    assert_int_equal(walk_of_container(folder, "share", volume), 0);
    answer(JOB_FOLDER, &failed, NULL);
    assert_false(is_submitted(JOB_FOLDER));
    assert_int_equal(folder_name(folder, "share")->state, NAME_SHOWN);
    free_all(volume, local);
}

/* Too many workers were lost in the container. */
static void a_walk_for_which_no_worker_may_begin_changes_nothing(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    struct name *name = folder_name(folder, "share");
    refuse = JOB_FOLDER;
    assert_int_equal(walk_of_container(folder, "share", volume), -ENOMEM);
    assert_ptr_equal(folder_name(folder, "share"), name);
    assert_int_equal(name->state, NAME_SHOWN);
    refuse = 0;
    assert_int_equal(walk_of_host(folder, "share", volume), 0);
    answer(JOB_FOLDER, &done, NULL);
    refuse = JOB_FOLDER;
    assert_int_equal(walk_of_container(folder, "share", volume), -ENOMEM);
    assert_ptr_equal(folder_name(folder, "share"), name);
    assert_int_equal(name->state, NAME_OPEN);
    assert_true(name->listed);
    assert_int_equal(name->volume, ID);
    assert_int_equal(walk_of_host(folder, "share", volume), -ENOMEM); /* in a copy of its mount namespace */
    assert_int_equal(name->state, NAME_OPEN);
    struct volume *local = make_local_volume();
    assert_int_equal(walk_of_container(folder, "local", local), -ENOMEM);
    assert_null(folder_name(folder, "local"));
    refuse = 0;
    free_all(volume, local);
}

static void a_folder_stays_open_as_well(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    folder_show(folder, "below", NULL);
    assert_int_equal(walk_of_host(folder, "below", NULL), 0);
    answer(JOB_FOLDER, &done, NULL);
    refuse = JOB_FOLDER;
    assert_int_equal(walk_of_container(folder, "below", NULL), -ENOMEM);
    struct name *name = folder_name(folder, "below");
    assert_non_null(name);
    assert_int_equal(name->state, NAME_OPEN);
    refuse = 0;
    free_all(volume, NULL);
}

/* Nobody has it open. */
static void a_walk_of_the_hosts_for_which_no_worker_may_begin_hides_for_a_moment(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    struct job job;
    refuse_once = JOB_FOLDER;
    assert_int_equal(walk_of_host(folder, "share", volume), -ENOMEM);
    answer(JOB_FOLDER, &done, &job);
    assert_int_equal(job.folder.action, FOLDER_HIDE);
    assert_non_null(folder_name(folder, "share"));
    free_all(volume, NULL);
}

/* A container walks there just when the share is due, which it is a second after the host's walk. */
static void an_idle_share_is_unmounted_although_another_silo_walks_there(void **state) {
    NEEDS_A_HOST();
    struct volume *volume;
    struct folder *folder = make_folder(&volume);
    struct job job;
    assert_int_equal(walk_of_host(folder, "share", volume), 0);
    answer(JOB_FOLDER, &done, NULL);
    assert_int_equal(walk_of_container(folder, "share", volume), 0);
    run_events(2000);
    answer(JOB_FOLDER, &done, &job);
    assert_int_equal(job.folder.action, FOLDER_MOUNT);
    assert_int_equal(folder_name(folder, "share")->state, NAME_OPEN);
    run_events(1200);
    answer(JOB_FOLDER, &done, &job);
    assert_int_equal(job.folder.action, FOLDER_CLOSE);
    free_all(volume, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_opened_a_share_first_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_local_share_does_not_take_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_local_folder_does_not_take_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_was_made_for_a_walk_that_failed_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_for_which_no_worker_may_begin_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_stays_open_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_walk_of_the_hosts_for_which_no_worker_may_begin_hides_for_a_moment, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_idle_share_is_unmounted_although_another_silo_walks_there, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("folder", tests, make_host, NULL);
}
