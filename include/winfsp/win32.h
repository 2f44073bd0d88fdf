/* SPDX-License-Identifier: MIT */
/**
 * The few functions of Windows' own API that small file systems use besides WinFsp's: time, text, security descriptors.
 *
 * A file system that includes this on Linux, and <windows.h> on Windows (winfsp.h does that), needs no #ifdef for them.
 */
#ifndef WINFSP_WIN32_H
#define WINFSP_WIN32_H

#include <winfsp/winfsp.h>

#if defined(_WIN32) || defined(__WINE__)
#include <sddl.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#else

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#define SDDL_REVISION_1 1
#define STD_OUTPUT_HANDLE ((DWORD)-11)
#define STD_ERROR_HANDLE ((DWORD)-12)

/** The standard handles, for FspDebugLogSetHandle. */
static inline HANDLE GetStdHandle(DWORD Which) {
    return (HANDLE)(intptr_t)(Which == STD_ERROR_HANDLE ? 3 : 2); /* a descriptor, plus 1 */
}

static inline VOID GetSystemTimeAsFileTime(FILETIME *Time) {
    FspLinuxTime(Time);
}

static inline DWORD GetCurrentProcessId(VOID) {
    extern int getpid(void);
    return (DWORD)getpid();
}

static inline HANDLE LocalFree(HANDLE Memory) {
    free(Memory);
    return NULL;
}

/** Of a self-relative descriptor; 0 where it is malformed. */
static inline DWORD GetSecurityDescriptorLength(PSECURITY_DESCRIPTOR SecurityDescriptor) {
    return FspLinuxDescriptorSize(SecurityDescriptor);
}

/** What SDDL says, such as O:BAG:BAD:P(A;;FA;;;WD). LocalFree frees the descriptor. */
static inline BOOL ConvertStringSecurityDescriptorToSecurityDescriptorW(PCWSTR Text, DWORD Revision,
                                                                        PSECURITY_DESCRIPTOR *PSecurityDescriptor,
                                                                        PULONG PSize) {
    (void)Revision;
    if (!NT_SUCCESS(FspLinuxParseSddl(Text, PSecurityDescriptor)))
        return FALSE;
    if (PSize)
        *PSize = FspLinuxDescriptorSize(*PSecurityDescriptor);
    return TRUE;
}

/* ---- text of 16 bits ------------------------------------------------------------------------------------------- */

static inline int FspWideCompare(const WCHAR *A, const WCHAR *B, size_t Most, BOOLEAN Fold) {
    for (size_t I = 0; I < Most; I++) {
        WCHAR Left = Fold ? FspLinuxUpper(A[I]) : A[I], Right = Fold ? FspLinuxUpper(B[I]) : B[I];
        if (Left != Right)
            return Left < Right ? -1 : 1;
        if (!Left)
            break;
    }
    return 0;
}

static inline int _wcsicmp(const WCHAR *A, const WCHAR *B) {
    return FspWideCompare(A, B, SIZE_MAX, TRUE);
}

static inline int _wcsnicmp(const WCHAR *A, const WCHAR *B, size_t Most) {
    return FspWideCompare(A, B, Most, TRUE);
}

#if __SIZEOF_WCHAR_T__ == 2
#include <winfsp/wide.h>
#endif

/* ---- counters -------------------------------------------------------------------------------------------------- */

/* NOLINTBEGIN(readability-non-const-parameter): the types are Windows' */
static inline LONG InterlockedIncrement(LONG volatile *Value) {
    return __atomic_add_fetch(Value, 1, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedDecrement(LONG volatile *Value) {
    return __atomic_sub_fetch(Value, 1, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedExchange(LONG volatile *Value, LONG New) {
    return __atomic_exchange_n(Value, New, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedCompareExchange(LONG volatile *Value, LONG New, LONG Expected) {
    __atomic_compare_exchange_n(Value, &Expected, New, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Expected;
}
/* NOLINTEND(readability-non-const-parameter) */

#endif
#endif
