/* SPDX-License-Identifier: MIT */
/* When a worker is given up: for what it waits for, and not for what the host lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "service/patience.h"
#include "util/test-emulation.h"

#define SECOND_NS 1000000000ull

/* In each second: the state in which it is seen, the CPU time that it used, and the delay that the kernel tells.
 * Returns after how many seconds it is given up. */
static unsigned given_up_after(char state, uint64_t cpu_ns, uint64_t delay_ns) {
    struct patience patience;
    struct process_schedule schedule = {.state = state, .cpu_ns = 77, .delay_ns = 99};
    uint64_t now = 12345;
    patience_begin(&patience, now);
    for (unsigned second = 1; second < 100; second++) {
        now += PATIENCE_LOOK_USEC;
        schedule.cpu_ns += cpu_ns;
        schedule.delay_ns += delay_ns;
        if (patience_is_over(&patience, now, &schedule))
            return second;
    }
    return 100;
}

static void who_waits_is_given_up(void **state) {
    assert_int_equal(given_up_after('D', 0, 0), 5);
    assert_int_equal(given_up_after('S', 0, 0), 5);
    assert_int_equal(given_up_after('T', 0, 0), 5);
    /* it gets one answer after the other, each of them late */
    assert_int_equal(given_up_after('S', SECOND_NS / 100, SECOND_NS / 10), 6);
}

static void who_has_no_cpu_is_not(void **state) {
    assert_int_equal(given_up_after('R', 0, 0), 60);
    assert_int_equal(given_up_after('R', SECOND_NS / 20, SECOND_NS * 19 / 20), 60);
    assert_true(given_up_after('S', SECOND_NS / 10, SECOND_NS * 7 / 10) > 10);
}

static void who_uses_the_cpu_without_end_is_given_up(void **state) {
    assert_in_range(given_up_after('R', SECOND_NS, 0), 5, 6);
    assert_in_range(given_up_after('R', SECOND_NS * 3 / 4, SECOND_NS / 4), 6, 8);
}

static void without_the_kernels_word_all_time_counts(void **state) {
    struct patience patience;
    patience_begin(&patience, 0);
    for (uint64_t second = 1; second <= 4; second++)
        assert_false(patience_is_over(&patience, second * PATIENCE_LOOK_USEC, NULL));
    assert_true(patience_is_over(&patience, 5 * PATIENCE_LOOK_USEC, NULL));
}

static void a_service_that_stood_still_has_patience(void **state) {
    const struct process_schedule schedule = {.state = 'S'};
    struct patience patience;
    patience_begin(&patience, 0);
    assert_false(patience_is_over(&patience, 30 * PATIENCE_LOOK_USEC, &schedule));
    assert_true(patience_is_over(&patience, 61 * PATIENCE_LOOK_USEC, &schedule));
}

static void the_kernel_tells_of_a_process(void **state) {
    struct process_schedule before, after;
    if (test_is_emulated())
        skip(); /* the emulator writes /proc/self/stat */
    assert_int_equal(process_schedule(getpid(), &before), 0);
    for (volatile unsigned i = 0; i < 50000000; i++) {
    }
    assert_int_equal(process_schedule(getpid(), &after), 0);
    assert_int_equal(after.state, 'R');
    assert_true(after.cpu_ns > before.cpu_ns);
    assert_true(process_schedule(-1, &after) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_is_given_up),
        cmocka_unit_test(who_has_no_cpu_is_not),
        cmocka_unit_test(who_uses_the_cpu_without_end_is_given_up),
        cmocka_unit_test(without_the_kernels_word_all_time_counts),
        cmocka_unit_test(a_service_that_stood_still_has_patience),
        cmocka_unit_test(the_kernel_tells_of_a_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
