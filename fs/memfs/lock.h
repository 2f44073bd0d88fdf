/* SPDX-License-Identifier: MIT */
/*
 * A reader-writer lock in four bytes: every node has one, and a volume may have millions.
 *
 * Model. state counts the readers; WRITER is set while someone has the lock to itself, WAITING once someone sleeps for
 * it. While WAITING is set nobody enters, readers neither, so that writers are not starved; whoever leaves last clears
 * it and wakes all, and they compete anew. Not recursive.
 */
#ifndef MEMFS_LOCK_H
#define MEMFS_LOCK_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

struct lock {
    _Atomic uint32_t state;
};

#define LOCK_WRITER (UINT32_C(1) << 31)
#define LOCK_WAITING (UINT32_C(1) << 30)

/* Until held: while held by others in a way that excludes us, and a while of spinning has not helped, sleep. */
void lock_wait(struct lock *lock, bool exclusive);

static inline bool lock_try(struct lock *lock, bool exclusive) {
    uint32_t state = atomic_load_explicit(&lock->state, memory_order_relaxed);
    if (exclusive ? state != 0 : (state & (LOCK_WRITER | LOCK_WAITING)) != 0)
        return false;
    return atomic_compare_exchange_strong_explicit(&lock->state, &state, exclusive ? LOCK_WRITER : state + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void lock_shared(struct lock *lock) {
    if (!lock_try(lock, false))
        lock_wait(lock, false);
}

static inline void lock_exclusive(struct lock *lock) {
    if (!lock_try(lock, true))
        lock_wait(lock, true);
}

static inline void lock_wake(struct lock *lock) {
    syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static inline void unlock_shared(struct lock *lock) {
    uint32_t left = atomic_fetch_sub_explicit(&lock->state, 1, memory_order_release) - 1;
    if (left == LOCK_WAITING && atomic_compare_exchange_strong(&lock->state, &left, 0))
        lock_wake(lock);
}

static inline void unlock_exclusive(struct lock *lock) {
    if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) & LOCK_WAITING)
        lock_wake(lock);
}

#endif
