/* SPDX-License-Identifier: MIT */
/* What is raised is real-time, sleeps as long as it likes, and is ordinary again when it does not sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/urgency.h"

/* In a child, which is raised: does it, and returns the policy that the child has then; -1: it cannot be raised here.
 */
static int policy_after(void (*act)(void)) {
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        urgency_lower_by_signal();
        if (urgency_raise() < 0)
            _exit(100);
        act();
        _exit(sched_getscheduler(0));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 100 ? -1 : WEXITSTATUS(status);
}

static void sleep_a_little(void) {
    for (int64_t end = clock_ms() + 300; clock_ms() < end;)
        usleep(1000);
}

/* Until it is ordinary, or for five seconds. */
static void spin(void) {
    for (int64_t end = clock_ms() + 5000; clock_ms() < end && sched_getscheduler(0) == SCHED_RR;) {
    }
}

static void a_process_that_sleeps_stays_urgent(void **state) {
    int policy = policy_after(sleep_a_little);
    if (policy < 0)
        skip();
    assert_int_equal(policy, SCHED_RR);
}

static void a_process_that_does_not_sleep_is_lowered(void **state) {
    int policy = policy_after(spin);
    if (policy < 0)
        skip();
    assert_int_equal(policy, SCHED_OTHER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_that_sleeps_stays_urgent),
        cmocka_unit_test(a_process_that_does_not_sleep_is_lowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
