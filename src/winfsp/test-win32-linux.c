/* SPDX-License-Identifier: MIT */
/* What Windows' functions do with what Linux has of its own: signals and descriptors. */
#include <windows.h>

#include <winfsp/winfsp.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../test/helpers/check.h"

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

/* ---- descriptors ----------------------------------------------------------------------------------------------- */

#define ENOUGH 0x9000

/* Of a descriptor that is beyond 15 bits. */
static VOID LargeDescriptors(VOID) {
    struct rlimit Limit, Before;
    HANDLE None = (HANDLE)(UINT_PTR)ENOUGH;
    DWORD Written = 0;
    char Read[8] = "";
    getrlimit(RLIMIT_NOFILE, &Before);
    Limit = Before;
    Limit.rlim_cur = ENOUGH;
    if (Limit.rlim_max < ENOUGH)
        Limit.rlim_max = ENOUGH; /* root may */
    errno = 0;
    CHECK(!WriteFile(None, "line", 4, &Written, NULL) && GetLastError() == ERROR_INVALID_HANDLE && errno == EBADF);
    errno = 0;
    CHECK(!CloseHandle(None) && GetLastError() == ERROR_INVALID_HANDLE && errno == EBADF); /* the kernel said so */
    if (setrlimit(RLIMIT_NOFILE, &Limit) < 0) {
        fprintf(stderr, "no large descriptor is made: ulimit -Hn must be %d\n", ENOUGH);
        return;
    }
    int Last = STDERR_FILENO;
    while (Last >= 0 && Last < 0x8000)
        Last = dup(STDERR_FILENO);
    CHECK(Last == 0x8000);
    HANDLE File = CreateFileW(L"./test-win32-linux.log", GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    CHECK((UINT_PTR)File > 0x8000 && WriteFile(File, "line", 4, &Written, NULL) && Written == 4);
    CHECK(CloseHandle(File));
    int Again = open("test-win32-linux.log", O_RDONLY | O_CLOEXEC);
    CHECK(Again == 0x8001 && read(Again, Read, sizeof Read) == 4 && !memcmp(Read, "line", 4)); /* the lowest: File's */
    close(Again);
    SetLastError(0);
    CHECK(!WriteFile(File, "line", 4, &Written, NULL) && GetLastError() == ERROR_INVALID_HANDLE);
    CHECK(!CloseHandle(File) && GetLastError() == ERROR_INVALID_HANDLE);
    close_range(STDERR_FILENO + 1, UINT32_MAX, 0);
    setrlimit(RLIMIT_NOFILE, &Before);
    remove("test-win32-linux.log");
}

int main(void) {
    Signals();
    LargeDescriptors();
    return failures != 0;
}
