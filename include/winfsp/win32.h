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
    struct timespec Now;
    clock_gettime(CLOCK_REALTIME, &Now);
    UINT64 Value = (UINT64)(Now.tv_sec * INT64_C(10000000) + Now.tv_nsec / 100 + FSP_UNIX_EPOCH);
    Time->dwLowDateTime = (DWORD)Value;
    Time->dwHighDateTime = (DWORD)(Value >> 32);
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
/* The C library's own are for 32 bits: with -fshort-wchar these take their names. */
static inline size_t FspWideLength(const WCHAR *Text) {
    size_t Length = 0;
    while (Text[Length])
        Length++;
    return Length;
}

static inline WCHAR *FspWideFind(const WCHAR *Text, WCHAR Unit) {
    for (;; Text++) {
        if (*Text == Unit)
            return (WCHAR *)(uintptr_t)Text;
        if (!*Text)
            return NULL;
    }
}

static inline WCHAR *FspWideFindLast(const WCHAR *Text, WCHAR Unit) {
    const WCHAR *Found = NULL;
    for (;; Text++) {
        if (*Text == Unit)
            Found = Text;
        if (!*Text)
            return (WCHAR *)(uintptr_t)Found;
    }
}

static inline WCHAR *FspWideCopy(WCHAR *To, const WCHAR *From) {
    return (WCHAR *)memcpy(To, From, (FspWideLength(From) + 1) * sizeof *From);
}

static inline WCHAR *FspWideAppend(WCHAR *To, const WCHAR *From) {
    FspWideCopy(To + FspWideLength(To), From);
    return To;
}

/* As Microsoft's: what does not fit leaves an empty text, and is an error. Units counts the NUL. */
static inline int FspWideCopyInto(WCHAR *To, size_t Units, const WCHAR *From) {
    if (!To || Units == 0)
        return EINVAL;
    *To = 0;
    if (!From || FspWideLength(From) >= Units)
        return From ? ERANGE : EINVAL;
    FspWideCopy(To, From);
    return 0;
}

static inline int FspWideAppendTo(WCHAR *To, size_t Units, const WCHAR *From) {
    size_t Used = To ? FspWideLength(To) : 0;
    if (!To || Used >= Units)
        return EINVAL;
    int Error = FspWideCopyInto(To + Used, Units - Used, From);
    if (Error)
        *To = 0;
    return Error;
}

static inline int FspWideCompareAll(const WCHAR *A, const WCHAR *B) {
    return FspWideCompare(A, B, SIZE_MAX, FALSE);
}

static inline int FspWideCompareSome(const WCHAR *A, const WCHAR *B, size_t Most) {
    return FspWideCompare(A, B, Most, FALSE);
}

/* Digits and letters as strtoull takes them. */
static inline unsigned long long FspWideNumber(const WCHAR *Text, WCHAR **PEnd, int Base) {
    char Bytes[72], *End;
    size_t I = 0;
    for (; I + 1 < sizeof Bytes && Text[I] && Text[I] < 0x80; I++)
        Bytes[I] = (char)Text[I];
    Bytes[I] = 0;
    unsigned long long Number = strtoull(Bytes, &End, Base);
    if (PEnd)
        *PEnd = (WCHAR *)(uintptr_t)Text + (End - Bytes);
    return Number;
}

#define wcslen FspWideLength
#define wcschr FspWideFind
#define wcsrchr FspWideFindLast
#define wcscpy FspWideCopy
#define wcscat FspWideAppend
#define wcscpy_s FspWideCopyInto
#define wcscat_s FspWideAppendTo
#define wcscmp FspWideCompareAll
#define wcsncmp FspWideCompareSome
#define wcstoull FspWideNumber
#define wcstoul(Text, PEnd, Base) ((ULONG)FspWideNumber((Text), (PEnd), (Base)))
#define wcstol(Text, PEnd, Base) ((LONG)FspWideNumber((Text), (PEnd), (Base)))
#define towupper(Unit) FspLinuxUpper((WCHAR)(Unit))

/* UTF-8 to UTF-16, in memory of its own; what is not UTF-8 becomes U+FFFD. NULL: out of memory. */
static inline WCHAR *FspWideFromBytes(const char *Text) {
    WCHAR *Wide = (WCHAR *)malloc((strlen(Text) + 1) * sizeof *Wide), *To = Wide;
    const unsigned char *At = (const unsigned char *)Text;
    while (Wide && *At) {
        UINT32 Code = *At++, More = Code < 0x80 ? 0 : Code >= 0xf0 ? 3 : Code >= 0xe0 ? 2 : Code >= 0xc0 ? 1 : 4;
        if (More == 4)
            Code = 0xfffd;
        else if (More > 0)
            Code &= 0x3fu >> More;
        for (; More > 0 && More < 4; More--) {
            if ((*At & 0xc0) != 0x80) {
                Code = 0xfffd;
                break;
            }
            Code = Code << 6 | (*At++ & 0x3fu);
        }
        if (Code >= 0x10000) {
            *To++ = (WCHAR)(0xd7c0 + (Code >> 10));
            Code = 0xdc00 + (Code & 0x3ff);
        }
        *To++ = (WCHAR)Code;
    }
    if (Wide)
        *To = 0;
    return Wide;
}

/* Programs for Windows begin with wmain, whose arguments are UTF-16: it becomes a function that main calls. */
static inline int FspWideMainRun(int Argc, char **Argv, int (*WideMain)(int, WCHAR **)) {
    WCHAR **Wide = (WCHAR **)calloc((size_t)Argc + 1, sizeof *Wide);
    int Status = 1;
    for (int I = 0; Wide && I < Argc; I++)
        if (!(Wide[I] = FspWideFromBytes(Argv[I])))
            return Status;
    if (Wide)
        Status = WideMain(Argc, Wide);
    for (int I = 0; Wide && I < Argc; I++)
        free(Wide[I]);
    free(Wide);
    return Status;
}

#define wmain(...)                                                                                                     \
    FspWideMain(__VA_ARGS__);                                                                                          \
    int main(int Argc_, char **Argv_) {                                                                                \
        return FspWideMainRun(Argc_, Argv_, (int (*)(int, WCHAR **))(PVOID)FspWideMain);                               \
    }                                                                                                                  \
    int FspWideMain(__VA_ARGS__)
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
