/* SPDX-License-Identifier: MIT */
/**
 * The C library's wide functions, for text of 16 bits: what win32.h gives a program that is compiled with
 * -fshort-wchar.
 *
 * The C library's own take 32 bits for a wchar_t and would read and write twice as far as the text goes. So each has
 * either a function of 16 bits here, which takes its name, or the compiler refuses it (the list at the end). Those that
 * take one character by value (iswalpha, wctob, putwc, ...) are right as they are, and stay the C library's.
 *
 * Formats are as Microsoft has them: in a wide format %s and %ls are wide text, %hs and %S bytes (UTF-8), and l means
 * 32 bits. What is printed becomes UTF-8.
 *
 * C++'s std::wstring and wide streams are compiled for 32 bits, in the C++ library: std::u16string has 16.
 */
#ifndef WINFSP_WIDE_H
#define WINFSP_WIDE_H

#ifndef WINFSP_WIN32_H
#error "include <winfsp/win32.h>"
#endif

/* All that declares what is a macro below: it may not be included for the first time behind it. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>
#ifdef __cplusplus
#include <cinttypes>
#include <cstdlib>
#include <cwchar>
#include <cwctype>
#include <string>
#endif

/* ---- length and copies ----------------------------------------------------------------------------------------- */

static inline size_t FspWideLength(const WCHAR *Text) {
    size_t Length = 0;
    while (Text[Length])
        Length++;
    return Length;
}

static inline size_t FspWideLengthMost(const WCHAR *Text, size_t Most) {
    size_t Length = 0;
    while (Length < Most && Text[Length])
        Length++;
    return Length;
}

static inline WCHAR *FspWideCopy(WCHAR *To, const WCHAR *From) {
    return (WCHAR *)memcpy(To, From, (FspWideLength(From) + 1) * sizeof *From);
}

static inline WCHAR *FspWideAppend(WCHAR *To, const WCHAR *From) {
    FspWideCopy(To + FspWideLength(To), From);
    return To;
}

/* Always Units units: cut off without a NUL, or filled up with them. */
static inline WCHAR *FspWideCopySome(WCHAR *To, const WCHAR *From, size_t Units) {
    size_t Index = 0;
    for (; Index < Units && From[Index]; Index++)
        To[Index] = From[Index];
    for (; Index < Units; Index++)
        To[Index] = 0;
    return To;
}

static inline WCHAR *FspWideAppendSome(WCHAR *To, const WCHAR *From, size_t Most) {
    size_t Used = FspWideLength(To), Length = FspWideLengthMost(From, Most);
    memcpy(To + Used, From, Length * sizeof *From);
    To[Used + Length] = 0;
    return To;
}

/* The end of the copy. */
static inline WCHAR *FspWideCopyToEnd(WCHAR *To, const WCHAR *From) {
    return FspWideCopy(To, From) + FspWideLength(From);
}

/* As Microsoft's: what does not fit leaves an empty text, and is an error. Units counts the NUL. Most (units of From)
 * may be _TRUNCATE: as much as fits. */
#define FSP_WIDE_ALL ((size_t)-2)
#ifndef _TRUNCATE
#define _TRUNCATE ((size_t)-1)
#endif
#define FSP_WIDE_CUT 80 /* STRUNCATE */
static inline int FspWideCopySomeInto(WCHAR *To, size_t Units, const WCHAR *From, size_t Most) {
    if (!To || Units == 0)
        return EINVAL;
    *To = 0;
    if (!From)
        return EINVAL;
    size_t Length = FspWideLengthMost(From, Most < Units ? Most : Units);
    if (Length >= Units && Most != _TRUNCATE)
        return ERANGE;
    size_t Fits = Length < Units ? Length : Units - 1;
    memcpy(To, From, Fits * sizeof *From);
    To[Fits] = 0;
    return Fits < Length ? FSP_WIDE_CUT : 0;
}

static inline int FspWideAppendSomeTo(WCHAR *To, size_t Units, const WCHAR *From, size_t Most) {
    size_t Used = To ? FspWideLengthMost(To, Units) : 0;
    if (!To || Used >= Units)
        return EINVAL;
    int Error = FspWideCopySomeInto(To + Used, Units - Used, From, Most);
    if (Error && Error != FSP_WIDE_CUT)
        *To = 0;
    return Error;
}

static inline int FspWideCopyInto(WCHAR *To, size_t Units, const WCHAR *From) {
    return FspWideCopySomeInto(To, Units, From, FSP_WIDE_ALL);
}

static inline int FspWideAppendTo(WCHAR *To, size_t Units, const WCHAR *From) {
    return FspWideAppendSomeTo(To, Units, From, FSP_WIDE_ALL);
}

/* free() frees it. */
static inline WCHAR *FspWideDuplicate(const WCHAR *Text) {
    size_t Size = (FspWideLength(Text) + 1) * sizeof *Text;
    WCHAR *Copy = (WCHAR *)malloc(Size);
    return Copy ? (WCHAR *)memcpy(Copy, Text, Size) : NULL;
}

/* ---- comparison ------------------------------------------------------------------------------------------------ */

static inline int FspWideCompareAll(const WCHAR *A, const WCHAR *B) {
    return FspWideCompare(A, B, SIZE_MAX, FALSE);
}

static inline int FspWideCompareSome(const WCHAR *A, const WCHAR *B, size_t Most) {
    return FspWideCompare(A, B, Most, FALSE);
}

/* ---- searches -------------------------------------------------------------------------------------------------- */

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

/* How many units at the start are in Set, or are not. */
static inline size_t FspWideSpan(const WCHAR *Text, const WCHAR *Set) {
    size_t Length = 0;
    while (Text[Length] && FspWideFind(Set, Text[Length]))
        Length++;
    return Length;
}

static inline size_t FspWideSpanOthers(const WCHAR *Text, const WCHAR *Set) {
    size_t Length = 0;
    while (Text[Length] && !FspWideFind(Set, Text[Length]))
        Length++;
    return Length;
}

static inline WCHAR *FspWideFindAny(const WCHAR *Text, const WCHAR *Set) {
    Text += FspWideSpanOthers(Text, Set);
    return *Text ? (WCHAR *)(uintptr_t)Text : NULL;
}

static inline WCHAR *FspWideFindText(const WCHAR *Text, const WCHAR *Part) {
    size_t Length = FspWideLength(Part);
    for (;; Text++) {
        if (FspWideCompareSome(Text, Part, Length) == 0)
            return (WCHAR *)(uintptr_t)Text;
        if (!*Text)
            return NULL;
    }
}

static inline WCHAR *FspWideToken(WCHAR *Text, const WCHAR *Separators, WCHAR **PRest) {
    WCHAR *Token = Text ? Text : *PRest;
    Token += FspWideSpan(Token, Separators);
    WCHAR *End = Token + FspWideSpanOthers(Token, Separators);
    *PRest = *End ? End + 1 : End;
    if (End == Token)
        return NULL;
    *End = 0;
    return Token;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static inline WCHAR *FspWideMemoryCopy(WCHAR *To, const WCHAR *From, size_t Units) {
    return (WCHAR *)memcpy(To, From, Units * sizeof *To);
}

static inline WCHAR *FspWideMemoryCopyToEnd(WCHAR *To, const WCHAR *From, size_t Units) {
    return FspWideMemoryCopy(To, From, Units) + Units;
}

static inline WCHAR *FspWideMemoryMove(WCHAR *To, const WCHAR *From, size_t Units) {
    return (WCHAR *)memmove(To, From, Units * sizeof *To);
}

static inline WCHAR *FspWideMemorySet(WCHAR *To, WCHAR Unit, size_t Units) {
    for (size_t I = 0; I < Units; I++)
        To[I] = Unit;
    return To;
}

static inline int FspWideMemoryCompare(const WCHAR *A, const WCHAR *B, size_t Units) {
    for (size_t I = 0; I < Units; I++)
        if (A[I] != B[I])
            return A[I] < B[I] ? -1 : 1;
    return 0;
}

static inline WCHAR *FspWideMemoryFind(const WCHAR *Text, WCHAR Unit, size_t Units) {
    for (size_t I = 0; I < Units; I++)
        if (Text[I] == Unit)
            return (WCHAR *)(uintptr_t)(Text + I);
    return NULL;
}

/* ---- upper and lower case -------------------------------------------------------------------------------------- */

static inline WCHAR *FspWideToUpper(WCHAR *Text) {
    for (WCHAR *At = Text; *At; At++)
        *At = FspLinuxUpper(*At);
    return Text;
}

static inline WCHAR *FspWideToLower(WCHAR *Text) {
    for (WCHAR *At = Text; *At; At++)
        *At = FspLinuxLower(*At);
    return Text;
}

/* ---- numbers --------------------------------------------------------------------------------------------------- */

/* What a number can be made of, as bytes; ends at the first unit that is not ASCII. */
struct FspWideDigits {
    char Bytes[128];
};

static inline struct FspWideDigits FspWideDigitsOf(const WCHAR *Text) {
    struct FspWideDigits Digits;
    size_t I = 0;
    for (; I + 1 < sizeof Digits.Bytes && Text[I] && Text[I] < 0x80; I++)
        Digits.Bytes[I] = (char)Text[I];
    Digits.Bytes[I] = 0;
    return Digits;
}

static inline void FspWideSetEnd(const WCHAR *Text, WCHAR **PEnd, const struct FspWideDigits *Digits, const char *End) {
    if (PEnd)
        *PEnd = (WCHAR *)(uintptr_t)Text + (End - Digits->Bytes);
}

static inline unsigned long long FspWideNumber(const WCHAR *Text, WCHAR **PEnd, int Base) {
    struct FspWideDigits Digits = FspWideDigitsOf(Text);
    char *End;
    unsigned long long Number = strtoull(Digits.Bytes, &End, Base);
    FspWideSetEnd(Text, PEnd, &Digits, End);
    return Number;
}

static inline long long FspWideSigned(const WCHAR *Text, WCHAR **PEnd, int Base) {
    struct FspWideDigits Digits = FspWideDigitsOf(Text);
    char *End;
    long long Number = strtoll(Digits.Bytes, &End, Base);
    FspWideSetEnd(Text, PEnd, &Digits, End);
    return Number;
}

static inline double FspWideReal(const WCHAR *Text, WCHAR **PEnd) {
    struct FspWideDigits Digits = FspWideDigitsOf(Text);
    char *End;
    double Number = strtod(Digits.Bytes, &End);
    FspWideSetEnd(Text, PEnd, &Digits, End);
    return Number;
}

/* LONG and ULONG have 32 bits: what is larger becomes the largest, and ERANGE. */
static inline LONG FspWideLong(const WCHAR *Text, WCHAR **PEnd, int Base) {
    long long Number = FspWideSigned(Text, PEnd, Base);
    if (Number >= INT32_MIN && Number <= INT32_MAX)
        return (LONG)Number;
    errno = ERANGE;
    return Number < 0 ? INT32_MIN : INT32_MAX;
}

static inline ULONG FspWideUnsignedLong(const WCHAR *Text, WCHAR **PEnd, int Base) {
    unsigned long long Number = FspWideNumber(Text, PEnd, Base);
    if (Number <= UINT32_MAX || 0 - Number <= UINT32_MAX) /* -1 is the largest, as strtoul has it */
        return (ULONG)Number;
    errno = ERANGE;
    return UINT32_MAX;
}

static inline int FspWideInteger(const WCHAR *Text) {
    return FspWideLong(Text, NULL, 10);
}

/* ---- UTF-8 ----------------------------------------------------------------------------------------------------- */

/* UTF-8 to UTF-16, in memory of its own; what is not UTF-8 becomes U+FFFD. NULL: out of memory. */
static inline WCHAR *FspWideFromBytes(const char *Text) {
    WCHAR *Wide = (WCHAR *)malloc((strlen(Text) + 1) * sizeof *Wide), *To = Wide;
    const unsigned char *At = (const unsigned char *)Text;
    while (Wide && *At) {
        unsigned char Least = *At == 0xe0 ? 0xa0 : *At == 0xf0 ? 0x90 : 0x80; /* of the second byte */
        unsigned char Most = *At == 0xed ? 0x9f : *At == 0xf4 ? 0x8f : 0xbf;
        UINT32 Code = *At++;
        int More = Code < 0x80 ? 0 : Code < 0xc2 || Code > 0xf4 ? -1 : Code >= 0xf0 ? 3 : Code >= 0xe0 ? 2 : 1;
        if (More > 0)
            Code &= 0x3fu >> More;
        for (; More > 0 && (*At & 0xc0) == 0x80; More--) {
            unsigned char Byte = *At++;
            if (Byte < Least || Byte > Most)
                break;
            Code = Code << 6 | (Byte & 0x3fu);
            Least = 0x80;
            Most = 0xbf;
        }
        if (More != 0)
            Code = 0xfffd;
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

/* As mbstowcs and wcstombs, of UTF-8: without a NUL where it does not fit, and (size_t)-1 for what is no text. */
static inline size_t FspWideOfBytes(WCHAR *To, const char *From, size_t Units) {
    PWSTR Wide = NULL;
    if (!NT_SUCCESS(FspPosixMapPosixToWindowsPathEx(From, &Wide, FALSE))) {
        errno = EILSEQ;
        return (size_t)-1;
    }
    size_t Length = FspWideLength(Wide), Fits = Length < Units ? Length + 1 : Units;
    if (To)
        memcpy(To, Wide, Fits * sizeof *To);
    FspPosixDeletePath(Wide);
    return !To || Length < Units ? Length : Units;
}

static inline size_t FspWideToBytes(char *To, const WCHAR *From, size_t Size) {
    char *Bytes = NULL;
    if (!NT_SUCCESS(FspPosixMapWindowsToPosixPathEx((PWSTR)(uintptr_t)From, &Bytes, FALSE))) {
        errno = ENOMEM;
        return (size_t)-1;
    }
    size_t Length = strlen(Bytes), Fits = Length < Size ? Length + 1 : Size;
    if (To)
        memcpy(To, Bytes, Fits);
    FspPosixDeletePath(Bytes);
    return !To || Length < Size ? Length : Size;
}

/* ---- formats --------------------------------------------------------------------------------------------------- */

/* Returns the units without the NUL; -1 where they do not fit: then as many as do stand there. */
static inline int FspWideFormatV(WCHAR *To, size_t Units, const WCHAR *Format, va_list Arguments) {
    int Length = FspLinuxFormat(To, Units, Format, Arguments);
    return Length < 0 || (size_t)Length >= Units ? -1 : Length;
}

static inline int FspWideFormat(WCHAR *To, size_t Units, const WCHAR *Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    int Length = FspWideFormatV(To, Units, Format, Arguments);
    va_end(Arguments);
    return Length;
}

/* As Microsoft's: what does not fit leaves an empty text. */
static inline int FspWideFormatInto(WCHAR *To, size_t Units, const WCHAR *Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    int Length = FspWideFormatV(To, Units, Format, Arguments);
    va_end(Arguments);
    if (Length < 0 && To && Units > 0)
        *To = 0;
    return Length;
}

static inline int FspWidePut(const WCHAR *Text, FILE *File) {
    char *Bytes = NULL;
    if (!NT_SUCCESS(FspPosixMapWindowsToPosixPathEx((PWSTR)(uintptr_t)Text, &Bytes, FALSE)))
        return -1;
    int Result = fputs(Bytes, File);
    FspPosixDeletePath(Bytes);
    return Result < 0 ? -1 : 0;
}

static inline int FspWidePrintV(FILE *File, const WCHAR *Format, va_list Arguments) {
    va_list Again;
    va_copy(Again, Arguments);
    int Length = FspLinuxFormat(NULL, 0, Format, Again);
    va_end(Again);
    WCHAR *Text = Length < 0 ? NULL : (WCHAR *)malloc(((size_t)Length + 1) * sizeof *Text);
    if (Text && (FspLinuxFormat(Text, (SIZE_T)Length + 1, Format, Arguments) != Length || FspWidePut(Text, File) < 0))
        Length = -1;
    if (!Text)
        Length = -1;
    free(Text);
    return Length;
}

static inline int FspWidePrintTo(FILE *File, const WCHAR *Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    int Length = FspWidePrintV(File, Format, Arguments);
    va_end(Arguments);
    return Length;
}

static inline int FspWidePrintOutV(const WCHAR *Format, va_list Arguments) {
    return FspWidePrintV(stdout, Format, Arguments);
}

static inline int FspWidePrint(const WCHAR *Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    int Length = FspWidePrintOutV(Format, Arguments);
    va_end(Arguments);
    return Length;
}

#ifdef __cplusplus
/* Microsoft's for an array, whose size they know. */
template <size_t Units> static inline int FspWideCopyInto(WCHAR (&To)[Units], const WCHAR *From) {
    return FspWideCopyInto(To, Units, From);
}

template <size_t Units> static inline int FspWideCopySomeInto(WCHAR (&To)[Units], const WCHAR *From, size_t Most) {
    return FspWideCopySomeInto(To, Units, From, Most);
}

template <size_t Units> static inline int FspWideAppendTo(WCHAR (&To)[Units], const WCHAR *From) {
    return FspWideAppendTo(To, Units, From);
}

template <size_t Units, typename... Types>
static inline int FspWideFormatInto(WCHAR (&To)[Units], const WCHAR *Format, Types... Arguments) {
    return FspWideFormatInto(&To[0], Units, Format, Arguments...);
}
#endif

/* ---- wmain ----------------------------------------------------------------------------------------------------- */

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

#include <winfsp/wide-names.h>

#endif
