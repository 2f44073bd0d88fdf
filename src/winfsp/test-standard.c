/* SPDX-License-Identifier: MIT */
/* A program in strict C, which sees nothing of POSIX in the C library's headers; compiled for each standard. */
#include <winfsp/winfsp.h>

#include <time.h>

int main(void) {
    FILETIME Time;
    FSP_INT3264 UnixTime[2];
    time_t Before = time(NULL);
    if (!NT_SUCCESS(FspLoad(NULL)))
        return 1;
    GetSystemTimeAsFileTime(&Time);
    FspPosixFileTimeToUnixTime((UINT64)Time.dwHighDateTime << 32 | Time.dwLowDateTime, UnixTime);
    /* time(2) may be a tick behind */
    return UnixTime[0] < Before - 1 || UnixTime[0] > time(NULL) + 1 || wcslen(L"abc") != 3;
}
