/* SPDX-License-Identifier: MIT */
/**
 * The functions of Windows' own API that file systems use besides WinFsp's: memory, locks, threads, time, text,
 * security descriptors. For files only what a log needs: what passes a folder through is written for one system or the
 * other.
 *
 * winfsp.h includes this on Linux, as it includes <windows.h> on Windows: a file system needs no #ifdef for them. The
 * folder winfsp/windows, which pkg-config names, has <windows.h>, <sddl.h>, <strsafe.h> and others, which are this.
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

/* ---- errors, memory, files, the process ------------------------------------------------------------------------ */

static inline DWORD GetLastError(VOID) {
    return *FspLinuxLastError();
}

static inline VOID SetLastError(DWORD Error) {
    *FspLinuxLastError() = Error;
}

/** There is one heap. */
static inline HANDLE GetProcessHeap(VOID) {
    return (HANDLE)(intptr_t)1;
}

static inline HANDLE HeapCreate(DWORD Flags, SIZE_T Size, SIZE_T Most) {
    (void)Flags, (void)Size, (void)Most;
    return GetProcessHeap();
}

static inline BOOL HeapDestroy(HANDLE Heap) {
    (void)Heap;
    return TRUE;
}

static inline LPVOID HeapAlloc(HANDLE Heap, DWORD Flags, SIZE_T Size) {
    (void)Heap;
    return Flags & HEAP_ZERO_MEMORY ? calloc(1, Size ? Size : 1) : malloc(Size ? Size : 1);
}

static inline BOOL HeapFree(HANDLE Heap, DWORD Flags, LPVOID Memory) {
    (void)Heap, (void)Flags;
    free(Memory);
    return TRUE;
}

static inline HANDLE LocalAlloc(UINT Flags, SIZE_T Size) {
    return HeapAlloc(NULL, Flags & LMEM_ZEROINIT ? HEAP_ZERO_MEMORY : 0, Size);
}

static inline HANDLE LocalFree(HANDLE Memory) {
    free(Memory);
    return NULL;
}

/** Of a log, for FspDebugLogSetHandle: written at its end where Access is FILE_APPEND_DATA. */
static inline HANDLE CreateFileW(LPCWSTR Path, DWORD Access, DWORD Share, SECURITY_ATTRIBUTES *Security,
                                 DWORD Disposition, DWORD Attributes, HANDLE Template) {
    (void)Share, (void)Security, (void)Attributes, (void)Template;
    return FspLinuxOpen(Path, Access, Disposition);
}

static inline BOOL WriteFile(HANDLE File, LPCVOID Data, DWORD Size, LPDWORD PWritten, PVOID Overlapped) {
    (void)Overlapped;
    return FspLinuxWrite(File, Data, Size, PWritten);
}

static inline VOID OutputDebugStringA(LPCSTR Text) {
    FspDebugLog("%s", Text);
}

#define STD_OUTPUT_HANDLE ((DWORD)-11)
#define STD_ERROR_HANDLE ((DWORD)-12)

/** The standard handles, for FspDebugLogSetHandle. */
static inline HANDLE GetStdHandle(DWORD Which) {
    return (HANDLE)(intptr_t)(Which == STD_ERROR_HANDLE ? 3 : 2); /* a descriptor, plus 1 */
}

__attribute__((noreturn)) static inline VOID ExitProcess(UINT Code) {
    exit((int)Code);
}

static inline DWORD GetCurrentProcessId(VOID) {
    extern int getpid(void);
    return (DWORD)getpid();
}

/* ---- security descriptors -------------------------------------------------------------------------------------- */

#define SDDL_REVISION_1 1

/** Of a self-relative descriptor; 0 where it is malformed. */
static inline DWORD GetSecurityDescriptorLength(PSECURITY_DESCRIPTOR SecurityDescriptor) {
    return FspLinuxDescriptorSize(SecurityDescriptor);
}

static inline BOOL IsValidSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor) {
    return FspLinuxDescriptorSize(SecurityDescriptor) != 0;
}

static inline BOOL IsValidSid(PSID Sid) {
    const SID *Given = (const SID *)Sid;
    return Given && Given->Revision == 1 && Given->SubAuthorityCount <= SID_MAX_SUB_AUTHORITIES;
}

static inline DWORD GetLengthSid(PSID Sid) {
    return (DWORD)offsetof(SID, SubAuthority) + ((const SID *)Sid)->SubAuthorityCount * (DWORD)sizeof(DWORD);
}

static inline BOOL EqualSid(PSID A, PSID B) {
    return GetLengthSid(A) == GetLengthSid(B) && memcmp(A, B, GetLengthSid(A)) == 0;
}

static inline BOOL CopySid(DWORD Size, PSID To, PSID Sid) {
    if (Size < GetLengthSid(Sid)) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    memcpy(To, Sid, GetLengthSid(Sid));
    return TRUE;
}

/** What SDDL says, such as O:BAG:BAD:P(A;;FA;;;WD). LocalFree frees the descriptor. */
static inline BOOL ConvertStringSecurityDescriptorToSecurityDescriptorW(PCWSTR Text, DWORD Revision,
                                                                        PSECURITY_DESCRIPTOR *PSecurityDescriptor,
                                                                        PULONG PSize) {
    (void)Revision;
    if (!NT_SUCCESS(FspLinuxParseSddl(Text, PSecurityDescriptor))) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
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

#include <winfsp/win32-strings.h>
#include <winfsp/win32-threads.h>

/* ---- counters -------------------------------------------------------------------------------------------------- */

/* NOLINTBEGIN(readability-non-const-parameter): the types are Windows' */
#define FSP_INTERLOCKED(suffix, type)                                                                                  \
    static inline type InterlockedIncrement##suffix(type volatile *Value) {                                            \
        return __atomic_add_fetch(Value, 1, __ATOMIC_SEQ_CST);                                                         \
    }                                                                                                                  \
    static inline type InterlockedDecrement##suffix(type volatile *Value) {                                            \
        return __atomic_sub_fetch(Value, 1, __ATOMIC_SEQ_CST);                                                         \
    }                                                                                                                  \
    static inline type InterlockedAdd##suffix(type volatile *Value, type More) {                                       \
        return __atomic_add_fetch(Value, More, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                                  \
    static inline type InterlockedExchangeAdd##suffix(type volatile *Value, type More) {                               \
        return __atomic_fetch_add(Value, More, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                                  \
    static inline type InterlockedAnd##suffix(type volatile *Value, type Bits) {                                       \
        return __atomic_fetch_and(Value, Bits, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                                  \
    static inline type InterlockedOr##suffix(type volatile *Value, type Bits) {                                        \
        return __atomic_fetch_or(Value, Bits, __ATOMIC_SEQ_CST);                                                       \
    }                                                                                                                  \
    static inline type InterlockedXor##suffix(type volatile *Value, type Bits) {                                       \
        return __atomic_fetch_xor(Value, Bits, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                                  \
    static inline type InterlockedExchange##suffix(type volatile *Value, type New) {                                   \
        return __atomic_exchange_n(Value, New, __ATOMIC_SEQ_CST);                                                      \
    }                                                                                                                  \
    static inline type InterlockedCompareExchange##suffix(type volatile *Value, type New, type Expected) {             \
        __atomic_compare_exchange_n(Value, &Expected, New, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                     \
        return Expected;                                                                                               \
    }
FSP_INTERLOCKED(, LONG)
FSP_INTERLOCKED(64, LONG64)
#undef FSP_INTERLOCKED

static inline PVOID InterlockedExchangePointer(PVOID volatile *Value, PVOID New) {
    return __atomic_exchange_n(Value, New, __ATOMIC_SEQ_CST);
}

static inline PVOID InterlockedCompareExchangePointer(PVOID volatile *Value, PVOID New, PVOID Expected) {
    __atomic_compare_exchange_n(Value, &Expected, New, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return Expected;
}
/* NOLINTEND(readability-non-const-parameter) */

static inline VOID MemoryBarrier(VOID) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
#endif
