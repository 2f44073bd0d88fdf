/* SPDX-License-Identifier: MIT */
#include "winfsp/lock.h"

#include <pthread.h>

/* For all locks: waiting is rare. */
static pthread_mutex_t wait_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;
static atomic_int waiting;

static bool try_shared(struct fsp_lock *lock) {
    int state = atomic_load(&lock->state);
    while (state >= 0 && atomic_load(&lock->writers) == 0)
        if (atomic_compare_exchange_weak(&lock->state, &state, state + 1))
            return true;
    return false;
}

static bool try_exclusive(struct fsp_lock *lock) {
    int expected = 0;
    return atomic_compare_exchange_strong(&lock->state, &expected, -1);
}

static void wait_for(struct fsp_lock *lock, bool (*try)(struct fsp_lock *)) {
    pthread_mutex_lock(&wait_lock);
    atomic_fetch_add(&waiting, 1);
    while (!try(lock))
        pthread_cond_wait(&released, &wait_lock);
    atomic_fetch_sub(&waiting, 1);
    pthread_mutex_unlock(&wait_lock);
}

static void wake(void) {
    if (atomic_load(&waiting) == 0)
        return;
    pthread_mutex_lock(&wait_lock);
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&wait_lock);
}

void fsp_lock_shared(struct fsp_lock *lock) {
    if (!try_shared(lock))
        wait_for(lock, try_shared);
}

void fsp_lock_exclusive(struct fsp_lock *lock) {
    if (try_exclusive(lock))
        return;
    atomic_fetch_add(&lock->writers, 1);
    wait_for(lock, try_exclusive);
    atomic_fetch_sub(&lock->writers, 1);
    wake(); /* those that share waited for this writer's turn */
}

bool fsp_try_lock_shared(struct fsp_lock *lock) {
    return try_shared(lock);
}

bool fsp_try_lock_exclusive(struct fsp_lock *lock) {
    return try_exclusive(lock);
}

void fsp_unlock(struct fsp_lock *lock) {
    if (atomic_load(&lock->state) < 0)
        atomic_store(&lock->state, 0);
    else
        atomic_fetch_sub(&lock->state, 1);
    wake();
}
