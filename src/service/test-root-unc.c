/* SPDX-License-Identifier: MIT */
/* A silo has /unc when there is a network volume, and claims cost nothing more for silos that have it, or cannot. */
#include "service/test-service.h"

#include <errno.h>

#include "service/root-unc.h"
#include "service/unc.h"

#define VOLUME 5

static void container_that_waits(void) {
    assert_int_equal(silo_consider(&service, container, false), 1);
    answer(JOB_INJECT, &(struct job_result){.inject.unc_waits = true}, NULL);
    assert_true(the_silo()->unc_waits);
}

static void claim(uint64_t volume) {
    char prefix[32], spelled[PREFIX_MAX], taken[PREFIX_MAX];
    snprintf(prefix, sizeof prefix, "server/share-%d", (int)volume);
    assert_int_equal(unc_claim(service.unc, prefix, volume, spelled, taken), 0);
    root_unc_wanted(&service, NULL);
}

static void release(uint64_t volume) {
    unc_release(service.unc, volume);
    root_unc_unwanted(&service);
}

static void it_comes_with_the_first_claim(void **state) {
    NEEDS_A_HOST();
    root_unc_start(&service);
    container_that_waits();
    assert_false(is_submitted(JOB_ROOT_UNC));
    claim(VOLUME);
    answer(JOB_ROOT_UNC, &(struct job_result){0}, NULL);
    assert_false(the_silo()->unc_waits);
    claim(VOLUME + 1);
    assert_false(is_submitted(JOB_ROOT_UNC));
    release(VOLUME);
    release(VOLUME + 1);
}

static void a_silo_that_comes_later_has_it_at_once(void **state) {
    NEEDS_A_HOST();
    root_unc_start(&service);
    claim(VOLUME);
    container_that_waits(); /* the claim came while it was set up */
    answer(JOB_ROOT_UNC, &(struct job_result){0}, NULL);
    assert_false(the_silo()->unc_waits);
    release(VOLUME);
}

static void a_silo_of_the_service_before_has_it_at_the_start(void **state) {
    NEEDS_A_HOST();
    char spelled[PREFIX_MAX], taken[PREFIX_MAX];
    container_that_waits();
    assert_int_equal(unc_claim(service.unc, "server/share", VOLUME, spelled, taken), 0);
    root_unc_start(&service);
    answer(JOB_ROOT_UNC, &(struct job_result){0}, NULL);
    assert_false(the_silo()->unc_waits);
    release(VOLUME);
}

/* Each claim would send a worker into each container that has something at /unc. */
static void a_silo_with_its_own_is_not_tried_at_each_claim(void **state) {
    NEEDS_A_HOST();
    root_unc_start(&service);
    container_that_waits();
    claim(VOLUME);
    answer(JOB_ROOT_UNC, &(struct job_result){.error = -EEXIST}, NULL);
    for (uint64_t i = 1; i < 4; i++) {
        claim(VOLUME + i);
        assert_false(is_submitted(JOB_ROOT_UNC));
    }
    service.uncs.turn_began -= 11 * 1000000ull; /* it may have been removed */
    claim(VOLUME + 4);
    answer(JOB_ROOT_UNC, &(struct job_result){0}, NULL);
    for (uint64_t i = 0; i < 5; i++)
        release(VOLUME + i);
}

static void a_worker_that_died_over_it_is_followed_by_another(void **state) {
    NEEDS_A_HOST();
    root_unc_start(&service);
    container_that_waits();
    claim(VOLUME);
    answer(JOB_ROOT_UNC, &(struct job_result){.error = -EIO, .unanswered = true}, NULL);
    answer(JOB_ROOT_UNC, &(struct job_result){0}, NULL);
    assert_false(the_silo()->unc_waits);
    release(VOLUME);
}

static void a_silo_that_ends_is_forgotten(void **state) {
    NEEDS_A_HOST();
    root_unc_start(&service);
    container_that_waits();
    silo_end(the_silo());
    claim(VOLUME);
    assert_false(is_submitted(JOB_ROOT_UNC));
    assert_true(list_empty(&service.uncs.without));
    release(VOLUME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_comes_with_the_first_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silo_that_comes_later_has_it_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silo_of_the_service_before_has_it_at_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silo_with_its_own_is_not_tried_at_each_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_worker_that_died_over_it_is_followed_by_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_silo_that_ends_is_forgotten, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("root-unc", tests, make_host, NULL);
}
