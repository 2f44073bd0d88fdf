/* SPDX-License-Identifier: MIT */
/**
 * Threads, locks, events, timers and time, as Windows names them; win32.h includes this on Linux.
 *
 * Each is a thin name for a function of libwinfsp. Handles are those of threads, events and files of CreateFileW;
 * CloseHandle takes all of them. Locks and condition variables need no destructor. What a thread returns is kept until
 * its handle is closed. A thread does not take the signals by which a service is told to stop.
 */
#ifndef WINFSP_WIN32_THREADS_H
#define WINFSP_WIN32_THREADS_H

#ifndef WINFSP_WIN32_H
#error "include <winfsp/win32.h>"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- locks ----------------------------------------------------------------------------------------------------- */

static inline VOID InitializeSRWLock(SRWLOCK *Lock) {
    memset(Lock, 0, sizeof *Lock);
}

static inline VOID AcquireSRWLockShared(SRWLOCK *Lock) {
    FspLinuxLock(Lock, FSP_LINUX_LOCK_SHARED);
}

static inline VOID AcquireSRWLockExclusive(SRWLOCK *Lock) {
    FspLinuxLock(Lock, FSP_LINUX_LOCK_EXCLUSIVE);
}

static inline BOOLEAN TryAcquireSRWLockShared(SRWLOCK *Lock) {
    return FspLinuxLock(Lock, FSP_LINUX_LOCK_TRY_SHARED);
}

static inline BOOLEAN TryAcquireSRWLockExclusive(SRWLOCK *Lock) {
    return FspLinuxLock(Lock, FSP_LINUX_LOCK_TRY_EXCLUSIVE);
}

static inline VOID ReleaseSRWLockShared(SRWLOCK *Lock) {
    FspLinuxLock(Lock, FSP_LINUX_UNLOCK);
}

static inline VOID ReleaseSRWLockExclusive(SRWLOCK *Lock) {
    FspLinuxLock(Lock, FSP_LINUX_UNLOCK);
}

/** A thread that holds it may take it again. */
static inline VOID InitializeCriticalSection(CRITICAL_SECTION *Section) {
    memset(Section, 0, sizeof *Section);
}

static inline BOOL InitializeCriticalSectionAndSpinCount(CRITICAL_SECTION *Section, DWORD Spins) {
    (void)Spins;
    InitializeCriticalSection(Section);
    return TRUE;
}

static inline BOOL InitializeCriticalSectionEx(CRITICAL_SECTION *Section, DWORD Spins, DWORD Flags) {
    (void)Flags;
    return InitializeCriticalSectionAndSpinCount(Section, Spins);
}

static inline VOID DeleteCriticalSection(CRITICAL_SECTION *Section) {
    memset(Section, 0, sizeof *Section);
}

static inline VOID EnterCriticalSection(CRITICAL_SECTION *Section) {
    FspLinuxSection(Section, FSP_LINUX_LOCK_EXCLUSIVE);
}

static inline BOOL TryEnterCriticalSection(CRITICAL_SECTION *Section) {
    return FspLinuxSection(Section, FSP_LINUX_LOCK_TRY_EXCLUSIVE);
}

static inline VOID LeaveCriticalSection(CRITICAL_SECTION *Section) {
    FspLinuxSection(Section, FSP_LINUX_UNLOCK);
}

static inline VOID InitializeConditionVariable(CONDITION_VARIABLE *Condition) {
    memset(Condition, 0, sizeof *Condition);
}

/** FALSE: the time has passed, and GetLastError says ERROR_TIMEOUT. The lock is held again in either case. */
static inline BOOL SleepConditionVariableSRW(CONDITION_VARIABLE *Condition, SRWLOCK *Lock, DWORD Milliseconds,
                                             ULONG Flags) {
    return FspLinuxConditionSleep(Condition, Lock, NULL, Milliseconds, Flags);
}

static inline BOOL SleepConditionVariableCS(CONDITION_VARIABLE *Condition, CRITICAL_SECTION *Section,
                                            DWORD Milliseconds) {
    return FspLinuxConditionSleep(Condition, NULL, Section, Milliseconds, 0);
}

static inline VOID WakeConditionVariable(CONDITION_VARIABLE *Condition) {
    FspLinuxConditionWake(Condition);
}

static inline VOID WakeAllConditionVariable(CONDITION_VARIABLE *Condition) {
    FspLinuxConditionWake(Condition);
}

/* ---- threads and events ---------------------------------------------------------------------------------------- */

static inline HANDLE CreateThread(SECURITY_ATTRIBUTES *Security, SIZE_T StackSize, LPTHREAD_START_ROUTINE Function,
                                  LPVOID Parameter, DWORD Flags, LPDWORD PThreadId) {
    (void)Security, (void)StackSize;
    return FspLinuxThread(Function, Parameter, Flags, PThreadId);
}

static inline uintptr_t _beginthreadex(PVOID Security, unsigned StackSize, unsigned (*Function)(PVOID), PVOID Parameter,
                                       unsigned Flags, unsigned *PThreadId) {
    (void)Security, (void)StackSize;
    return (uintptr_t)FspLinuxThread(Function, Parameter, Flags, PThreadId);
}

static inline BOOL GetExitCodeThread(HANDLE Thread, LPDWORD PCode) {
    return FspLinuxThreadCode(Thread, PCode);
}

static inline DWORD GetCurrentThreadId(VOID) {
    return FspLinuxThreadId();
}

static inline HANDLE CreateEventW(SECURITY_ATTRIBUTES *Security, BOOL ManualReset, BOOL InitialState, LPCWSTR Name) {
    (void)Security;
    return FspLinuxEvent(ManualReset != FALSE, InitialState != FALSE, Name);
}
#define CreateEvent CreateEventW

static inline BOOL SetEvent(HANDLE Event) {
    return FspLinuxEventSet(Event, TRUE);
}

static inline BOOL ResetEvent(HANDLE Event) {
    return FspLinuxEventSet(Event, FALSE);
}

static inline DWORD WaitForSingleObject(HANDLE Handle, DWORD Milliseconds) {
    return FspLinuxWait(1, &Handle, FALSE, Milliseconds);
}

static inline DWORD WaitForMultipleObjects(DWORD Count, const HANDLE *Handles, BOOL All, DWORD Milliseconds) {
    return FspLinuxWait(Count, Handles, All != FALSE, Milliseconds);
}

static inline BOOL CloseHandle(HANDLE Handle) {
    return FspLinuxClose(Handle);
}

/* ---- timers ---------------------------------------------------------------------------------------------------- */

/** The callback runs in a thread of the timer's own, one call at a time. */
static inline PTP_TIMER CreateThreadpoolTimer(PTP_TIMER_CALLBACK Callback, PVOID Context,
                                              PTP_CALLBACK_ENVIRON Environment) {
    (void)Environment;
    return FspLinuxTimer(Callback, Context);
}

/** Due: negative, from now, or a time, in 100 ns; NULL: never. Period: ms, 0: once. */
static inline VOID SetThreadpoolTimer(PTP_TIMER Timer, FILETIME *Due, DWORD Period, DWORD Window) {
    (void)Window;
    FspLinuxTimerSet(Timer, Due, Period);
}

/** For the call under way, and one that is due: CancelPending takes that one away. Later calls come nevertheless. */
static inline VOID WaitForThreadpoolTimerCallbacks(PTP_TIMER Timer, BOOL CancelPending) {
    FspLinuxTimerWait(Timer, CancelPending != FALSE);
}

/** Frees it; a call under way goes on. */
static inline VOID CloseThreadpoolTimer(PTP_TIMER Timer) {
    FspLinuxTimerClose(Timer);
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

static inline VOID Sleep(DWORD Milliseconds) {
    FspLinuxSleep(Milliseconds);
}

static inline BOOL SwitchToThread(VOID) {
    FspLinuxSleep(0);
    return TRUE;
}

static inline ULONGLONG GetTickCount64(VOID) {
    return FspLinuxTicks() / 10000;
}

static inline DWORD GetTickCount(VOID) {
    return (DWORD)GetTickCount64();
}

static inline BOOL QueryPerformanceCounter(LARGE_INTEGER *Counter) {
    Counter->QuadPart = (LONGLONG)FspLinuxTicks();
    return TRUE;
}

static inline BOOL QueryPerformanceFrequency(LARGE_INTEGER *Frequency) {
    Frequency->QuadPart = 10000000;
    return TRUE;
}

static inline VOID GetSystemTimeAsFileTime(FILETIME *Time) {
    FspLinuxTime(Time);
}

static inline VOID GetSystemTimePreciseAsFileTime(FILETIME *Time) {
    FspLinuxTime(Time);
}

static inline LONG CompareFileTime(const FILETIME *A, const FILETIME *B) {
    UINT64 Left = (UINT64)A->dwHighDateTime << 32 | A->dwLowDateTime;
    UINT64 Right = (UINT64)B->dwHighDateTime << 32 | B->dwLowDateTime;
    return Left == Right ? 0 : Left < Right ? -1 : 1;
}

#ifdef __cplusplus
}
#endif

#endif
