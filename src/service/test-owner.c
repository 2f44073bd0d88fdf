/* SPDX-License-Identifier: MIT */
/* What silos of user namespaces cost is counted for whoever owns them on the host. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/owner.h"
#include "service/service.h"
#include "service/silo.h"
#include "util/cleanup.h"

#define LIMIT 3
#define TOGETHER (8 * LIMIT)

static struct service service;
static struct silo silos[TOGETHER + 2];

static int set_up(void **state) {
    service = (struct service){.limits = {.silos_per_user = LIMIT}};
    for (size_t i = 0; i < ARRAY_SIZE(silos); i++)
        silos[i] = (struct silo){.service = &service, .target = {.user_namespace = true, .owner_uid = 1000}};
    return 0;
}

static int tear_down(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(silos); i++)
        owner_leave(&silos[i]);
    assert_int_equal(service.owned_silos, 0);
    assert_null(service.owners);
    return 0;
}

static void an_owner_has_a_limit(void **state) {
    for (size_t i = 0; i < LIMIT; i++)
        assert_int_equal(owner_admit(&silos[i]), 0);
    assert_int_equal(owner_admit(&silos[LIMIT]), -EDQUOT);
    assert_null(silos[LIMIT].owner);
    owner_leave(&silos[0]);
    assert_int_equal(owner_admit(&silos[LIMIT]), 0);
    assert_int_equal(owner_admit(&silos[0]), -EDQUOT);
    silos[0].target.owner_uid = 1001;
    assert_int_equal(owner_admit(&silos[0]), 0);
}

static void all_owners_together_have_one(void **state) {
    for (size_t i = 0; i < TOGETHER + 1; i++)
        silos[i].target.owner_uid = 1000 + (uid_t)i;
    for (size_t i = 0; i < TOGETHER; i++)
        assert_int_equal(owner_admit(&silos[i]), 0);
    assert_int_equal(owner_admit(&silos[TOGETHER]), -EDQUOT);
    owner_leave(&silos[5]);
    assert_int_equal(owner_admit(&silos[TOGETHER]), 0);
}

static void roots_are_not_counted(void **state) {
    for (size_t i = 0; i < ARRAY_SIZE(silos); i++) {
        silos[i].target.owner_uid = 0;
        assert_int_equal(owner_admit(&silos[i]), 0);
    }
    silos[0].target = (struct job_target){.user_namespace = false, .owner_uid = 1000};
    assert_int_equal(owner_admit(&silos[0]), 0);
    assert_int_equal(service.owned_silos, 0);
}

/* What was served before the service started anew goes on, over the limit; more is refused. */
static void what_was_there_stays(void **state) {
    for (size_t i = 0; i < LIMIT + 2; i++)
        owner_adopt(&silos[i]);
    assert_int_equal(service.owned_silos, LIMIT + 2);
    assert_int_equal(owner_admit(&silos[LIMIT + 2]), -EDQUOT);
    for (size_t i = 0; i < 3; i++)
        owner_leave(&silos[i]);
    assert_int_equal(owner_admit(&silos[LIMIT + 2]), 0);
}

static void leaving_twice_is_leaving_once(void **state) {
    assert_int_equal(owner_admit(&silos[0]), 0);
    assert_int_equal(owner_admit(&silos[1]), 0);
    owner_leave(&silos[0]);
    owner_leave(&silos[0]);
    assert_int_equal(service.owned_silos, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(an_owner_has_a_limit), TEST(all_owners_together_have_one),
                                       TEST(roots_are_not_counted), TEST(what_was_there_stays),
                                       TEST(leaving_twice_is_leaving_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
