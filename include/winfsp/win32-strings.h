/* SPDX-License-Identifier: MIT */
/**
 * Windows' functions for text besides those of the C library: conversions, comparisons, StringCb... and Microsoft's
 * functions for bytes. win32.h includes this on Linux.
 *
 * Code pages are UTF-8, whichever is named. The names without a suffix are those for 16 bits.
 */
#ifndef WINFSP_WIN32_STRINGS_H
#define WINFSP_WIN32_STRINGS_H

#ifndef WINFSP_WIN32_H
#error "include <winfsp/win32.h>"
#endif

#include <stdarg.h>
#include <stdio.h>

/* ---- conversions ----------------------------------------------------------------------------------------------- */

static inline size_t FspUnits(PCWSTR Text) {
    size_t Units = 0;
    while (Text[Units])
        Units++;
    return Units;
}

/* Of both directions: the units or bytes, 0 and GetLastError after a failure. */
static inline int FspConverted(SSIZE_T Length, int Room) {
    if (Length >= 0 && Length <= INT32_MAX && (Room == 0 || Length <= Room))
        return (int)Length;
    SetLastError(Length < 0 ? ERROR_NO_UNICODE_TRANSLATION : ERROR_INSUFFICIENT_BUFFER);
    return 0;
}

/* Of both directions: whether there is something to convert, and a place for it. */
static inline BOOL FspConvertible(const void *Text, int Length, const void *To, int Room) {
    if (Text && Length != 0 && Room >= 0 && (To || Room == 0))
        return TRUE;
    SetLastError(ERROR_INVALID_PARAMETER);
    return FALSE;
}

/** Size -1: Text ends with a NUL, which is converted, too; 0 is an error. Units 0: how many would be. */
static inline int MultiByteToWideChar(UINT CodePage, DWORD Flags, LPCSTR Text, int Size, LPWSTR To, int Units) {
    (void)CodePage;
    if (!FspConvertible(Text, Size, To, Units))
        return 0;
    return FspConverted(FspLinuxToWide(Text, Size < 0 ? strlen(Text) + 1 : (SIZE_T)Size, Units > 0 ? To : NULL,
                                       Units > 0 ? (SIZE_T)Units : 0, (Flags & MB_ERR_INVALID_CHARS) != 0),
                        Units);
}

static inline int WideCharToMultiByte(UINT CodePage, DWORD Flags, LPCWSTR Text, int Units, LPSTR To, int Size,
                                      LPCSTR Default, LPBOOL PUsedDefault) {
    (void)CodePage, (void)Default;
    if (PUsedDefault)
        *PUsedDefault = FALSE;
    if (!FspConvertible(Text, Units, To, Size))
        return 0;
    return FspConverted(FspLinuxToBytes(Text, Units < 0 ? FspUnits(Text) + 1 : (SIZE_T)Units, Size > 0 ? To : NULL,
                                        Size > 0 ? (SIZE_T)Size : 0, (Flags & WC_ERR_INVALID_CHARS) != 0),
                        Size);
}

/** Of a text, in place, or of one unit that stands in place of the pointer. */
static inline LPWSTR CharUpperW(LPWSTR Text) {
    if ((UINT_PTR)Text <= 0xffff)
        return (LPWSTR)(UINT_PTR)FspLinuxUpper((WCHAR)(UINT_PTR)Text);
    for (LPWSTR At = Text; *At; At++)
        *At = FspLinuxUpper(*At);
    return Text;
}

static inline LPWSTR CharLowerW(LPWSTR Text) {
    if ((UINT_PTR)Text <= 0xffff)
        return (LPWSTR)(UINT_PTR)FspLinuxLower((WCHAR)(UINT_PTR)Text);
    for (LPWSTR At = Text; *At; At++)
        *At = FspLinuxLower(*At);
    return Text;
}

/* ---- length, copies, comparisons ------------------------------------------------------------------------------- */

static inline int lstrlenW(LPCWSTR Text) {
    return Text ? (int)FspUnits(Text) : 0;
}

static inline LPWSTR lstrcpyW(LPWSTR To, LPCWSTR From) {
    return (LPWSTR)memcpy(To, From, (FspUnits(From) + 1) * sizeof *From);
}

/** At most Units - 1 units, and a NUL. */
static inline LPWSTR lstrcpynW(LPWSTR To, LPCWSTR From, int Units) {
    if (!To || !From) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    for (int I = 0; I < Units; I++)
        if (I == Units - 1 || !(To[I] = From[I])) {
            To[I] = 0;
            break;
        }
    return To;
}

static inline LPWSTR lstrcatW(LPWSTR To, LPCWSTR From) {
    lstrcpyW(To + FspUnits(To), From);
    return To;
}

static inline int lstrcmpW(LPCWSTR A, LPCWSTR B) {
    return FspWideCompare(A, B, SIZE_MAX, FALSE);
}

static inline int lstrcmpiW(LPCWSTR A, LPCWSTR B) {
    return FspWideCompare(A, B, SIZE_MAX, TRUE);
}

/** By units, as file systems compare names; a length of -1: up to the NUL. */
static inline int CompareStringOrdinal(LPCWSTR A, int ALength, LPCWSTR B, int BLength, BOOL Fold) {
    int Left = ALength < 0 ? lstrlenW(A) : ALength, Right = BLength < 0 ? lstrlenW(B) : BLength, Result = 0;
    for (int I = 0; I < Left && I < Right && Result == 0; I++)
        Result = FspWideCompare(A + I, B + I, 1, Fold != FALSE);
    if (Result == 0 && Left != Right)
        Result = Left < Right ? -1 : 1;
    return Result + CSTR_EQUAL;
}

/** No locale has an order of its own here. */
static inline int CompareStringW(DWORD Locale, DWORD Flags, LPCWSTR A, int ALength, LPCWSTR B, int BLength) {
    (void)Locale;
    return CompareStringOrdinal(A, ALength, B, BLength, (Flags & NORM_IGNORECASE) != 0);
}

/* ---- formats --------------------------------------------------------------------------------------------------- */

#define S_OK ((HRESULT)0)
#define S_FALSE ((HRESULT)1)
#define E_FAIL ((HRESULT)0x80004005u)
#define E_INVALIDARG ((HRESULT)0x80070057u)
#define E_OUTOFMEMORY ((HRESULT)0x8007000eu)
#define SUCCEEDED(result) ((HRESULT)(result) >= 0)
#define FAILED(result) ((HRESULT)(result) < 0)
#define HRESULT_FROM_WIN32(error) ((HRESULT)(error) <= 0 ? (HRESULT)(error) : (HRESULT)(((error)&0xffff) | 0x80070000u))
#define STRSAFE_MAX_CCH 2147483647
#define STRSAFE_E_INSUFFICIENT_BUFFER ((HRESULT)0x8007007au)
#define STRSAFE_E_INVALID_PARAMETER ((HRESULT)0x80070057u)

/* What does not fit is cut off, and STRSAFE_E_INSUFFICIENT_BUFFER. Cch counts units with the NUL, Cb bytes. */
static inline HRESULT StringCchVPrintfW(LPWSTR To, size_t Units, LPCWSTR Format, va_list Arguments) {
    if (Units == 0 || Units > STRSAFE_MAX_CCH)
        return STRSAFE_E_INVALID_PARAMETER;
    int Length = FspLinuxFormat(To, Units, Format, Arguments);
    if (Length < 0)
        *To = 0;
    return Length < 0 ? STRSAFE_E_INVALID_PARAMETER : (size_t)Length < Units ? S_OK : STRSAFE_E_INSUFFICIENT_BUFFER;
}

static inline HRESULT StringCchPrintfW(LPWSTR To, size_t Units, LPCWSTR Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    HRESULT Result = StringCchVPrintfW(To, Units, Format, Arguments);
    va_end(Arguments);
    return Result;
}

static inline HRESULT StringCbVPrintfW(LPWSTR To, size_t Size, LPCWSTR Format, va_list Arguments) {
    return StringCchVPrintfW(To, Size / sizeof *To, Format, Arguments);
}

static inline HRESULT StringCbPrintfW(LPWSTR To, size_t Size, LPCWSTR Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    HRESULT Result = StringCbVPrintfW(To, Size, Format, Arguments);
    va_end(Arguments);
    return Result;
}

static inline HRESULT StringCchLengthW(LPCWSTR Text, size_t Most, size_t *PUnits) {
    size_t Units = 0;
    while (Text && Units < Most && Text[Units])
        Units++;
    if (PUnits)
        *PUnits = Text && Units < Most ? Units : 0;
    return Text && Units < Most && Most <= STRSAFE_MAX_CCH ? S_OK : STRSAFE_E_INVALID_PARAMETER;
}

static inline HRESULT StringCbLengthW(LPCWSTR Text, size_t Most, size_t *PSize) {
    HRESULT Result = StringCchLengthW(Text, Most / sizeof *Text, PSize);
    if (PSize)
        *PSize *= sizeof *Text;
    return Result;
}

static inline HRESULT StringCchCopyW(LPWSTR To, size_t Units, LPCWSTR From) {
    size_t Length = FspUnits(From), Fits = Length < Units ? Length : Units - 1;
    if (Units == 0 || Units > STRSAFE_MAX_CCH)
        return STRSAFE_E_INVALID_PARAMETER;
    memcpy(To, From, Fits * sizeof *To);
    To[Fits] = 0;
    return Fits == Length ? S_OK : STRSAFE_E_INSUFFICIENT_BUFFER;
}

static inline HRESULT StringCchCatW(LPWSTR To, size_t Units, LPCWSTR From) {
    size_t Used;
    HRESULT Result = StringCchLengthW(To, Units, &Used);
    return SUCCEEDED(Result) ? StringCchCopyW(To + Used, Units - Used, From) : Result;
}

static inline HRESULT StringCbCopyW(LPWSTR To, size_t Size, LPCWSTR From) {
    return StringCchCopyW(To, Size / sizeof *To, From);
}

static inline HRESULT StringCbCatW(LPWSTR To, size_t Size, LPCWSTR From) {
    return StringCchCatW(To, Size / sizeof *To, From);
}

#define StringCchPrintf StringCchPrintfW
#define StringCchVPrintf StringCchVPrintfW
#define StringCbPrintf StringCbPrintfW
#define StringCbVPrintf StringCbVPrintfW
#define StringCchLength StringCchLengthW
#define StringCbLength StringCbLengthW
#define StringCchCopy StringCchCopyW
#define StringCchCat StringCchCatW
#define StringCbCopy StringCbCopyW
#define StringCbCat StringCbCatW

/** At most 1024 units. */
static inline int wsprintfW(LPWSTR To, LPCWSTR Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    int Length = FspLinuxFormat(To, 1024, Format, Arguments);
    va_end(Arguments);
    return Length < 1024 ? Length : 1023;
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

static inline int FspLowerByte(char Byte) {
    return Byte >= 'A' && Byte <= 'Z' ? Byte + 32 : (unsigned char)Byte;
}

static inline int _strnicmp(const char *A, const char *B, size_t Most) {
    for (; Most > 0; A++, B++, Most--) {
        int Left = FspLowerByte(*A), Right = FspLowerByte(*B);
        if (Left != Right || !Left)
            return Left - Right;
    }
    return 0;
}

static inline int _stricmp(const char *A, const char *B) {
    return _strnicmp(A, B, SIZE_MAX);
}

static inline char *_strdup(const char *Text) {
    size_t Size = strlen(Text) + 1;
    char *Copy = (char *)malloc(Size);
    return Copy ? (char *)memcpy(Copy, Text, Size) : NULL;
}

/* What does not fit leaves nothing, and is ERANGE. */
static inline int strcpy_s(char *To, size_t Size, const char *From) {
    if (!To || Size == 0)
        return EINVAL;
    *To = 0;
    if (!From)
        return EINVAL;
    size_t Length = strlen(From);
    if (Length >= Size)
        return ERANGE;
    memcpy(To, From, Length + 1);
    return 0;
}

static inline int strcat_s(char *To, size_t Size, const char *From) {
    size_t Used = 0;
    while (To && Used < Size && To[Used])
        Used++;
    if (!To || Used >= Size)
        return EINVAL;
    int Error = strcpy_s(To + Used, Size - Used, From);
    if (Error)
        *To = 0;
    return Error;
}

static inline int memcpy_s(void *To, size_t Size, const void *From, size_t Count) {
    if (Count == 0)
        return 0;
    if (!To || !From || Count > Size) {
        if (To)
            memset(To, 0, Size);
        return To && From ? ERANGE : EINVAL;
    }
    memcpy(To, From, Count);
    return 0;
}

static inline int memmove_s(void *To, size_t Size, const void *From, size_t Count) {
    if (Count == 0)
        return 0;
    if (!To || !From || Count > Size)
        return To && From ? ERANGE : EINVAL;
    memmove(To, From, Count);
    return 0;
}

__attribute__((format(printf, 3, 4))) static inline int sprintf_s(char *To, size_t Size, const char *Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    int Length = vsnprintf(To, Size, Format, Arguments);
    va_end(Arguments);
    if (Length >= 0 && (size_t)Length < Size)
        return Length;
    if (To && Size > 0)
        *To = 0;
    return -1;
}

#endif
