/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/placement.h"

#define CHANNELS 4
#define CPUS 2

/* A machine on which an arrangement yields so many requests a second. */
static struct fsp_placement placement;
static uint64_t rate_of_any, rate_of_each, rate_of_all, rates_of_cpus[CPUS];
static bool several;
static int64_t now;
static unsigned ticks_with_several_readers;

static uint64_t rate(void) {
    struct fsp_arrangement arrangement = fsp_placement_current(&placement);
    if (arrangement.cpu >= 0)
        return rates_of_cpus[arrangement.cpu];
    if (arrangement.cpu == FSP_A_CPU_EACH)
        return rate_of_each;
    return arrangement.readers > 1 ? rate_of_all : rate_of_any;
}

static bool run(int64_t ms) {
    bool chosen = false;
    for (int64_t end = now + ms * 1000000; now < end;) {
        int64_t pause = fsp_placement_pause(&placement);
        assert_true(pause > 0);
        uint64_t requests = rate() * (uint64_t)pause / 1000000000;
        ticks_with_several_readers += fsp_placement_current(&placement).readers > 1;
        now += pause;
        chosen = fsp_placement_tick(&placement, requests, several, pause, now);
    }
    return chosen;
}

static int begin(void **state) {
    fsp_placement_init(&placement, CHANNELS, CPUS);
    rate_of_any = rate_of_each = rate_of_all = rates_of_cpus[0] = rates_of_cpus[1] = 20000;
    several = false;
    now = 1;
    ticks_with_several_readers = 0;
    return 0;
}

static void expect(unsigned readers, int cpu) {
    assert_int_equal(fsp_placement_current(&placement).readers, readers);
    assert_int_equal(fsp_placement_current(&placement).cpu, cpu);
}

static void test_few_requests_change_nothing(void **state) {
    rate_of_any = 3000;
    rates_of_cpus[1] = 100000;
    assert_false(run(500));
    expect(1, FSP_ANY_CPU);
}

static void test_the_callers_cpu_is_found_and_followed(void **state) {
    rates_of_cpus[1] = 100000;
    assert_true(run(30));
    expect(1, 1);
    rates_of_cpus[1] = 20000;
    rates_of_cpus[0] = 100000;
    assert_true(run(15));
    expect(1, 0);
}

static void test_one_caller_gets_one_reader(void **state) {
    rate_of_each = rate_of_all = 200000; /* never to be found out */
    assert_true(run(3000));
    expect(1, FSP_ANY_CPU);
    assert_int_equal(ticks_with_several_readers, 0);
}

static void test_several_callers_get_a_reader_each(void **state) {
    several = true;
    rate_of_each = 100000;
    assert_true(run(100));
    expect(CPUS, FSP_A_CPU_EACH);
    several = false;
    assert_true(run(30));
    several = true;
    assert_true(run(30));
    expect(CPUS, FSP_A_CPU_EACH);
}

static void test_small_gains_are_none(void **state) {
    rates_of_cpus[0] = 21000;
    assert_true(run(300));
    expect(1, FSP_ANY_CPU);
}

/* How often it begins to try within so much time. */
static unsigned count_trials(int64_t ms) {
    unsigned trials = 0;
    bool tried = false;
    for (int64_t end = now + ms * 1000000; now < end; run(1)) {
        bool tries = placement.state == FSP_PLACEMENT_TRIES;
        trials += tries && !tried;
        tried = tries;
    }
    return trials;
}

static void test_what_wins_again_is_kept_for_longer(void **state) {
    several = true;
    unsigned at_first = count_trials(5000);
    run(10000);
    unsigned later = count_trials(5000);
    assert_true(later > 0);
    assert_true(later * 2 <= at_first);
}

static void test_it_ends_with_the_requests(void **state) {
    rates_of_cpus[0] = 100000;
    assert_true(run(30));
    expect(1, 0);
    rate_of_any = rates_of_cpus[0] = rates_of_cpus[1] = 10;
    assert_false(run(50));
    expect(1, FSP_ANY_CPU);
}

static void test_one_cpu_or_channel_leaves_no_choice(void **state) {
    fsp_placement_init(&placement, CHANNELS, 1);
    assert_false(run(100));
    expect(1, FSP_ANY_CPU);
    fsp_placement_init(&placement, 1, CPUS);
    several = true;
    assert_true(run(300));
    assert_int_equal(ticks_with_several_readers, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_few_requests_change_nothing, begin),
        cmocka_unit_test_setup(test_the_callers_cpu_is_found_and_followed, begin),
        cmocka_unit_test_setup(test_one_caller_gets_one_reader, begin),
        cmocka_unit_test_setup(test_several_callers_get_a_reader_each, begin),
        cmocka_unit_test_setup(test_small_gains_are_none, begin),
        cmocka_unit_test_setup(test_what_wins_again_is_kept_for_longer, begin),
        cmocka_unit_test_setup(test_it_ends_with_the_requests, begin),
        cmocka_unit_test_setup(test_one_cpu_or_channel_leaves_no_choice, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
