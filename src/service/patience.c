/* SPDX-License-Identifier: MIT */
#include "service/patience.h"

#include <stddef.h>

#define SLACK_USEC (PATIENCE_LOOK_USEC / 10) /* a timer comes when it can */

void patience_begin(struct patience *patience, uint64_t now) {
    *patience = (struct patience){.begin = now, .last = now};
}

static uint64_t grown_usec(uint64_t before_ns, uint64_t now_ns) {
    return now_ns > before_ns ? (now_ns - before_ns) / 1000 : 0;
}

/* How much of this step the worker wanted to run, and had no CPU. */
static uint64_t starved_usec(const struct patience *patience, const struct process_schedule *schedule, uint64_t step) {
    const struct process_schedule *before = &patience->before;
    bool first = !before->state;
    uint64_t ran = first ? 0 : grown_usec(before->cpu_ns, schedule->cpu_ns);
    uint64_t delayed = first ? 0 : grown_usec(before->delay_ns, schedule->delay_ns);
    /* the kernel counts a delay when it is over: this one is not */
    if (schedule->state == 'R' && ran < step / 2)
        delayed = step - ran;
    return delayed < step ? delayed : step;
}

bool patience_is_over(struct patience *patience, uint64_t now, const struct process_schedule *schedule) {
    uint64_t step = now - patience->last;
    if (step > 2 * PATIENCE_LOOK_USEC)
        step = 2 * PATIENCE_LOOK_USEC;
    patience->counted += schedule ? step - starved_usec(patience, schedule, step) : step;
    patience->last = now;
    if (schedule)
        patience->before = *schedule;
    return patience->counted + SLACK_USEC >= PATIENCE_USEC || now - patience->begin >= PATIENCE_LIMIT_USEC;
}
