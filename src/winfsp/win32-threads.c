/* SPDX-License-Identifier: MIT */
/*
 * What winfsp/win32-threads.h is made of, on Linux.
 *
 * Model. Locks are those of lock.h, in the program's own memory, where zero is a free one. Threads, events, condition
 * variables and timers share one mutex and one condition. Each change wakes all waiting threads, and each of them
 * checks its own object: file systems wait seldom. Events and threads are given to their waiters by whoever sets them,
 * first come, first served: a waiter that was released stays so, whatever becomes of the event before it runs.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/lock.h"
#include "winfsp/platform.h"

#define NANOSECONDS INT64_C(1000000000)

DWORD *FspLinuxLastError(VOID) {
    static _Thread_local DWORD error;
    return &error;
}

DWORD FspLinuxThreadId(VOID) {
    static _Thread_local DWORD id;
    if (!id)
        id = (DWORD)gettid();
    return id;
}

/* ---- locks ----------------------------------------------------------------------------------------------------- */

static BOOLEAN lock_how(struct fsp_lock *lock, ULONG how) {
    switch (how) {
    case FSP_LINUX_LOCK_SHARED:
        fsp_lock_shared(lock);
        return TRUE;
    case FSP_LINUX_LOCK_EXCLUSIVE:
        fsp_lock_exclusive(lock);
        return TRUE;
    case FSP_LINUX_LOCK_TRY_SHARED:
        return fsp_try_lock_shared(lock);
    case FSP_LINUX_LOCK_TRY_EXCLUSIVE:
        return fsp_try_lock_exclusive(lock);
    default:
        fsp_unlock(lock);
        return TRUE;
    }
}

BOOLEAN FspLinuxLock(SRWLOCK *Lock, ULONG How) {
    _Static_assert(sizeof(struct fsp_lock) <= sizeof *Lock, "a lock stands in an SRWLOCK");
    return lock_how((struct fsp_lock *)(void *)Lock, How);
}

/* A critical section. Only the thread that holds it sees itself as owner. */
struct section {
    struct fsp_lock lock;
    _Atomic DWORD owner;
    unsigned depth; /* how often the owner has entered it once more */
};

BOOLEAN FspLinuxSection(CRITICAL_SECTION *Section, ULONG How) {
    _Static_assert(sizeof(struct section) <= sizeof *Section, "a section stands in a CRITICAL_SECTION");
    struct section *section = (struct section *)(void *)Section;
    bool owns = atomic_load(&section->owner) == FspLinuxThreadId();
    if (How != FSP_LINUX_UNLOCK && owns) {
        section->depth++;
        return TRUE;
    }
    if (How == FSP_LINUX_UNLOCK && owns && section->depth > 0) {
        section->depth--;
        return TRUE;
    }
    if (How == FSP_LINUX_UNLOCK)
        atomic_store(&section->owner, 0);
    BOOLEAN done = lock_how(&section->lock, How);
    if (How != FSP_LINUX_UNLOCK && done)
        atomic_store(&section->owner, FspLinuxThreadId());
    return done;
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

static pthread_mutex_t wait_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_condition(void) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void begin(void) {
    pthread_once(&once, make_condition);
    pthread_mutex_lock(&wait_lock);
}

static void end(void) {
    pthread_mutex_unlock(&wait_lock);
}

static void end_changed(void) {
    pthread_cond_broadcast(&changed);
    end();
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static int64_t deadline_of(DWORD milliseconds) {
    return milliseconds == INFINITE ? INT64_MAX : now() + milliseconds * INT64_C(1000000);
}

/* Waits for a change. False: the deadline has passed. */
static bool wait_changed(int64_t deadline) {
    struct timespec time = {deadline / NANOSECONDS, deadline % NANOSECONDS};
    if (deadline == INT64_MAX)
        return pthread_cond_wait(&changed, &wait_lock) == 0;
    return pthread_cond_timedwait(&changed, &wait_lock, &time) == 0;
}

static void unlock_either(SRWLOCK *lock, CRITICAL_SECTION *section) {
    if (lock)
        FspLinuxLock(lock, FSP_LINUX_UNLOCK);
    else
        FspLinuxSection(section, FSP_LINUX_UNLOCK);
}

static void lock_either(SRWLOCK *lock, CRITICAL_SECTION *section, ULONG flags) {
    if (lock)
        FspLinuxLock(lock,
                     flags & CONDITION_VARIABLE_LOCKMODE_SHARED ? FSP_LINUX_LOCK_SHARED : FSP_LINUX_LOCK_EXCLUSIVE);
    else
        FspLinuxSection(section, FSP_LINUX_LOCK_EXCLUSIVE);
}

/* A condition variable counts how often it was woken: all that wait go on. */
BOOL FspLinuxConditionSleep(CONDITION_VARIABLE *Condition, SRWLOCK *Lock, CRITICAL_SECTION *Section, DWORD Milliseconds,
                            ULONG Flags) {
    int64_t deadline = deadline_of(Milliseconds);
    bool in_time = true;
    begin();
    uintptr_t before = (uintptr_t)Condition->Ptr;
    unlock_either(Lock, Section);
    while ((uintptr_t)Condition->Ptr == before && in_time)
        in_time = wait_changed(deadline);
    bool woken = (uintptr_t)Condition->Ptr != before;
    end();
    lock_either(Lock, Section, Flags);
    if (!woken)
        *FspLinuxLastError() = ERROR_TIMEOUT;
    return woken;
}

VOID FspLinuxConditionWake(CONDITION_VARIABLE *Condition) {
    begin();
    Condition->Ptr = (PVOID)((uintptr_t)Condition->Ptr + 1);
    end_changed();
}

VOID FspLinuxSleep(DWORD Milliseconds) {
    struct timespec time = {Milliseconds / 1000, Milliseconds % 1000 * 1000000L};
    if (Milliseconds == 0)
        sched_yield();
    else
        while (clock_nanosleep(CLOCK_MONOTONIC, 0, &time, &time) == EINTR)
            ;
}

/* In 100 ns. */
UINT64 FspLinuxTicks(VOID) {
    return (UINT64)now() / 100;
}

/* ---- handles --------------------------------------------------------------------------------------------------- */

/* A thread or an event. It is in the list until it is freed: a handle that is none is not looked into. */
struct object {
    struct object *next;
    enum { OBJECT_EVENT, OBJECT_THREAD } type;
    bool set; /* who waits for it goes on */
    bool manual; /* it stays set until it is reset */
    bool ended; /* a thread: it runs no more */
    bool closed;
    DWORD code;
    LPTHREAD_START_ROUTINE function;
    PVOID parameter;
    LPDWORD place; /* where its id is to stand; NULL: nowhere, or there it stands */
};

static struct object *objects;

/* Under the lock. */
static struct object *object_of(HANDLE handle) {
    for (struct object *object = objects; object; object = object->next)
        if (object == handle)
            return object->closed ? NULL : object;
    return NULL;
}

/* The handle of a file is its descriptor, plus 1. Of an object's address, which may be as small, this is called for
 * none that is in the list. */
static int descriptor_of(HANDLE handle) {
    return handle && (uintptr_t)handle <= INT_MAX ? (int)((uintptr_t)handle - 1) : -1;
}

static BOOL fail(DWORD error) {
    *FspLinuxLastError() = error;
    return FALSE;
}

static struct object *make_object(struct object model) {
    struct object *object = malloc(sizeof *object);
    if (!object) {
        fail(ERROR_NOT_ENOUGH_MEMORY);
        return NULL;
    }
    *object = model;
    begin();
    object->next = objects;
    objects = object;
    end();
    return object;
}

/* Under the lock. */
static void free_object(struct object *object) {
    struct object **place = &objects;
    while (*place != object)
        place = &(*place)->next;
    *place = object->next;
    free(object);
}

/* ---- those that wait ------------------------------------------------------------------------------------------- */

/* A thread in FspLinuxWait. */
struct waiter {
    struct waiter *next;
    const HANDLE *handles;
    ULONG count;
    bool all;
    int found; /* as try_take */
};

static struct waiter *waiters; /* in the order of their coming */

/* Whether one, or all, are set: its index, or -1. -2: a handle is none of these. */
static int find_set(const struct waiter *waiter) {
    int found = -1;
    bool each = true;
    for (ULONG i = 0; i < waiter->count; i++) {
        const struct object *object = object_of(waiter->handles[i]);
        if (!object)
            return -2;
        each = each && object->set;
        if (object->set && found < 0)
            found = (int)i;
    }
    return waiter->all ? (each ? 0 : -1) : found;
}

/* Under the lock. As find_set; what was found is taken. */
static int try_take(const struct waiter *waiter) {
    int found = find_set(waiter);
    for (ULONG i = 0; found >= 0 && i < waiter->count; i++) {
        struct object *object = waiter->handles[i];
        if ((waiter->all || i == (ULONG)found) && !object->manual)
            object->set = false;
    }
    return found;
}

/* Under the lock, after an object was set. */
static void grant(void) {
    for (struct waiter *waiter = waiters; waiter; waiter = waiter->next)
        if (waiter->found == -1)
            waiter->found = try_take(waiter);
}

/* Under the lock, which is released meanwhile. Returns as try_take. */
static int wait_in_line(struct waiter *self, int64_t deadline) {
    struct waiter **place = &waiters;
    bool in_time = true;
    while (*place)
        place = &(*place)->next;
    *place = self;
    while (self->found == -1 && in_time)
        in_time = wait_changed(deadline);
    for (place = &waiters; *place != self;)
        place = &(*place)->next;
    *place = self->next;
    return self->found;
}

/* ---- events and threads ---------------------------------------------------------------------------------------- */

/* Named events are not supported: other processes would share them. */
HANDLE FspLinuxEvent(BOOLEAN Manual, BOOLEAN Set, PCWSTR Name) {
    if (Name) {
        fail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    return make_object((struct object){.type = OBJECT_EVENT, .manual = Manual, .set = Set});
}

BOOL FspLinuxEventSet(HANDLE Event, BOOLEAN Set) {
    begin();
    struct object *object = object_of(Event);
    bool is_event = object && object->type == OBJECT_EVENT;
    if (is_event)
        object->set = Set;
    if (is_event && Set)
        grant();
    end_changed();
    return is_event ? TRUE : fail(ERROR_INVALID_HANDLE);
}

static void *run_thread(void *argument) {
    struct object *object = argument;
    begin();
    if (object->place)
        *object->place = FspLinuxThreadId();
    object->place = NULL;
    end_changed();
    DWORD code = object->function(object->parameter);
    begin();
    object->code = code;
    object->set = object->ended = true;
    grant();
    if (object->closed)
        free_object(object);
    end_changed();
    return NULL;
}

/* The signals that end a service go to the threads that the program has otherwise. All others are as they were: what
 * the thread starts has them, too. */
static int start_thread(void *(*run)(void *), void *argument) {
    sigset_t ending, before;
    pthread_t thread;
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ending, &before);
    int r = pthread_create(&thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        pthread_detach(thread);
    return r;
}

/* CREATE_SUSPENDED is not supported. *PThreadId is there before Function runs, and when this returns. */
HANDLE FspLinuxThread(LPTHREAD_START_ROUTINE Function, PVOID Parameter, DWORD Flags, LPDWORD PThreadId) {
    if (Flags & CREATE_SUSPENDED) {
        fail(ERROR_NOT_SUPPORTED);
        return NULL;
    }
    struct object *object = make_object((struct object){
        .type = OBJECT_THREAD, .manual = true, .function = Function, .parameter = Parameter, .place = PThreadId});
    if (!object)
        return NULL;
    int r = start_thread(run_thread, object);
    begin();
    while (r == 0 && object->place)
        wait_changed(INT64_MAX);
    if (r != 0)
        free_object(object);
    end();
    if (r == 0)
        return object;
    fail(ERROR_NOT_ENOUGH_MEMORY);
    return NULL;
}

BOOL FspLinuxThreadCode(HANDLE Thread, LPDWORD PCode) {
    begin();
    struct object *object = object_of(Thread);
    bool is_thread = object && object->type == OBJECT_THREAD;
    if (is_thread)
        *PCode = object->ended ? object->code : STILL_ACTIVE;
    end();
    return is_thread ? TRUE : fail(ERROR_INVALID_HANDLE);
}

DWORD FspLinuxWait(ULONG Count, const HANDLE *Handles, BOOLEAN All, DWORD Milliseconds) {
    int64_t deadline = deadline_of(Milliseconds);
    struct waiter self = {NULL, Handles, Count, All, -1};
    if (Count == 0 || Count > MAXIMUM_WAIT_OBJECTS)
        return fail(ERROR_INVALID_PARAMETER), WAIT_FAILED;
    begin();
    int found = self.found = try_take(&self);
    if (found == -1)
        found = wait_in_line(&self, deadline);
    end();
    if (found == -2)
        return fail(ERROR_INVALID_HANDLE), WAIT_FAILED;
    return found < 0 ? WAIT_TIMEOUT : WAIT_OBJECT_0 + (DWORD)found;
}

static BOOL close_descriptor(int fd) {
    bool stays = fd >= 0 && fd <= STDERR_FILENO;
    return stays || (fd >= 0 && close(fd) == 0) ? TRUE : fail(ERROR_INVALID_HANDLE);
}

BOOL FspLinuxClose(HANDLE Handle) {
    begin();
    struct object *object = object_of(Handle);
    if (object) {
        object->closed = true;
        if (object->type == OBJECT_EVENT || object->ended)
            free_object(object);
    }
    end();
    return object ? TRUE : close_descriptor(descriptor_of(Handle));
}

/* ---- timers ---------------------------------------------------------------------------------------------------- */

struct _TP_TIMER {
    PTP_TIMER_CALLBACK callback;
    PVOID context;
    int64_t due; /* INT64_MAX: never */
    int64_t period; /* ns; 0: once */
    unsigned calls; /* that have begun */
    bool running, closed;
};

/* Under the lock: one is due, or none any more. */
static void pass_due(struct _TP_TIMER *timer) {
    timer->due = timer->period ? now() + timer->period : INT64_MAX;
}

static void *run_timer(void *argument) {
    struct _TP_TIMER *timer = argument;
    begin();
    while (!timer->closed) {
        if (now() < timer->due) {
            wait_changed(timer->due);
            continue;
        }
        pass_due(timer);
        timer->running = true;
        timer->calls++;
        end();
        timer->callback(NULL, timer->context, timer);
        begin();
        timer->running = false;
        pthread_cond_broadcast(&changed);
    }
    end();
    free(timer);
    return NULL;
}

PTP_TIMER FspLinuxTimer(PTP_TIMER_CALLBACK Callback, PVOID Context) {
    struct _TP_TIMER *timer = malloc(sizeof *timer);
    if (timer)
        *timer = (struct _TP_TIMER){.callback = Callback, .context = Context, .due = INT64_MAX};
    if (timer && start_thread(run_timer, timer) == 0)
        return timer;
    free(timer);
    fail(ERROR_NOT_ENOUGH_MEMORY);
    return NULL;
}

/* Negative: from now; else a time since 1601. The smallest: never. */
static int64_t due_of(const FILETIME *due) {
    FILETIME today;
    int64_t time = (int64_t)((UINT64)due->dwHighDateTime << 32 | due->dwLowDateTime),
            from_now = time == INT64_MIN ? INT64_MAX : -time;
    if (time > 0) {
        FspLinuxTime(&today);
        from_now = time - (int64_t)((UINT64)today.dwHighDateTime << 32 | today.dwLowDateTime);
    }
    if (from_now <= 0)
        return now();
    return from_now > INT64_MAX / 200 ? INT64_MAX : now() + from_now * 100;
}

VOID FspLinuxTimerSet(PTP_TIMER Timer, const FILETIME *Due, DWORD Period) {
    begin();
    Timer->due = Due ? due_of(Due) : INT64_MAX;
    Timer->period = Due ? Period * INT64_C(1000000) : 0;
    end_changed();
}

/* For the call under way and the one that is due, which Cancel takes away. Later ones come, and nobody waits for them.
 */
VOID FspLinuxTimerWait(PTP_TIMER Timer, BOOLEAN Cancel) {
    begin();
    bool due = Timer->due <= now();
    if (due && Cancel)
        pass_due(Timer);
    unsigned last = Timer->calls + (due && !Cancel);
    for (;;) {
        int missing = (int)(last - Timer->calls);
        if (!(missing > 0 && Timer->due <= now()) && !(missing >= 0 && Timer->running))
            break;
        wait_changed(INT64_MAX);
    }
    end();
}

VOID FspLinuxTimerClose(PTP_TIMER Timer) {
    begin();
    Timer->closed = true;
    end_changed();
}
