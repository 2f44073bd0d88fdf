/* SPDX-License-Identifier: MIT */
/* What Windows' functions do with what Linux has of its own: signals and descriptors. */
#include <windows.h>

#include <winfsp/winfsp.h>

#include <signal.h>
#include <stdio.h>

static int failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

/* ---- signals --------------------------------------------------------------------------------------------------- */

/* Which signals this thread blocks, and its children at their start: a bit for each. */
static UINT64 Blocked(VOID) {
    sigset_t Set;
    UINT64 Bits = 0;
    pthread_sigmask(SIG_BLOCK, NULL, &Set);
    for (int Number = 1; Number < 64; Number++)
        Bits |= sigismember(&Set, Number) == 1 ? 1ULL << Number : 0;
    return Bits;
}

static UINT64 Seen;

static DWORD WINAPI LookInThread(LPVOID Parameter) {
    *(UINT64 *)Parameter = Blocked();
    return 0;
}

static VOID CALLBACK LookInTimer(PTP_CALLBACK_INSTANCE Instance, PVOID Event, PTP_TIMER Timer) {
    (void)Instance, (void)Timer;
    Seen = Blocked();
    SetEvent(Event);
}

static VOID Signals(VOID) {
    const UINT64 Ending = 1ULL << SIGINT | 1ULL << SIGTERM | 1ULL << SIGHUP;
    FILETIME Now = {0, 0};
    UINT64 Before = Blocked();
    HANDLE Thread = CreateThread(NULL, 0, LookInThread, &Seen, 0, NULL);
    CHECK(WaitForSingleObject(Thread, INFINITE) == WAIT_OBJECT_0 && Seen == (Before | Ending));
    HANDLE Event = CreateEventW(NULL, TRUE, FALSE, NULL);
    PTP_TIMER Timer = CreateThreadpoolTimer(LookInTimer, Event, NULL);
    SetThreadpoolTimer(Timer, &Now, 0, 0);
    CHECK(WaitForSingleObject(Event, INFINITE) == WAIT_OBJECT_0 && Seen == (Before | Ending));
    CHECK(Blocked() == Before);
    CloseThreadpoolTimer(Timer);
    CloseHandle(Thread);
    CloseHandle(Event);
}

int main(void) {
    Signals();
    return failures != 0;
}
