/* SPDX-License-Identifier: MIT */
/*
 * A lock that many share or one holds, and that any thread may release.
 *
 * Model. An operation that is answered later (STATUS_PENDING) keeps its file locked until then, and another thread
 * answers it: a pthread_rwlock may not be released there. The state is a counter: -1 held, else the number of holders
 * that share. A thread that has to wait announces itself; new shared holders then wait as well, so that a writer's turn
 * comes.
 */
#ifndef WINFSP_LOCK_H
#define WINFSP_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>

struct fsp_lock {
    atomic_int state;
    atomic_int writers; /* that wait */
};

void fsp_lock_shared(struct fsp_lock *lock);
void fsp_lock_exclusive(struct fsp_lock *lock);
/* False: it would have to wait. */
bool fsp_try_lock_shared(struct fsp_lock *lock);
bool fsp_try_lock_exclusive(struct fsp_lock *lock);
void fsp_unlock(struct fsp_lock *lock);

#endif
