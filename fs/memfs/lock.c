/* SPDX-License-Identifier: MIT */
#include "lock.h"

#define SPINS 64

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

void lock_wait(struct lock *lock, bool exclusive) {
    for (int spins = 0;; spins++) {
        if (lock_try(lock, exclusive))
            return;
        if (spins < SPINS) {
            relax();
            continue;
        }
        uint32_t state = atomic_load_explicit(&lock->state, memory_order_relaxed);
        if (state == 0 || (!exclusive && !(state & (LOCK_WRITER | LOCK_WAITING))))
            continue;
        if (!(state & LOCK_WAITING) && !atomic_compare_exchange_strong(&lock->state, &state, state | LOCK_WAITING))
            continue;
        syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, state | LOCK_WAITING, NULL, NULL, 0);
    }
}
