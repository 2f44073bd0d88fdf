/* SPDX-License-Identifier: MIT */
/* A program as its author wrote it for Windows: wmain, Microsoft's functions, and nothing included but WinFsp's header.
 * Its arguments are those of the test: a, \u00e4\u20ac, and one beyond 16 bits. */
#include <winfsp/winfsp.h>

#include <stdio.h>

#include "../../test/helpers/check.h"

static_assert(sizeof(WCHAR) == 2, "a keyword, as Microsoft's compiler has it");

static VOID Arguments(int Argc, PWSTR *Argv) {
    CHECK(Argc == 4 && !Argv[4]);
    CHECK(wcscmp(Argv[1], L"a") == 0);
    CHECK(wcscmp(Argv[2], L"\u00e4\u20ac") == 0);
    CHECK(wcslen(Argv[3]) == 2 && Argv[3][0] == 0xd83d && Argv[3][1] == 0xde00);
    PWSTR Broken = FspWideFromBytes("x\xc3(\xff"
                                    "\xe2\x82");
    CHECK(wcscmp(Broken, L"x\ufffd(\ufffd\ufffd") == 0);
    free(Broken);
}

static VOID Text(VOID) {
    WCHAR To[6] = L"old";
    CHECK(wcscpy_s(To, 6, L"12345") == 0 && wcscmp(To, L"12345") == 0);
    CHECK(wcscpy_s(To, 6, L"123456") == ERANGE && To[0] == 0);
    CHECK(wcscpy_s(To, 6, NULL) == EINVAL && wcscpy_s(NULL, 6, L"") == EINVAL && wcscpy_s(To, 0, L"") == EINVAL);
    CHECK(wcscpy_s(To, 6, L"12") == 0 && wcscat_s(To, 6, L"345") == 0 && wcscmp(To, L"12345") == 0);
    CHECK(wcscat_s(To, 6, L"6") == ERANGE && To[0] == 0);
    wcscpy(To, L"ab");
    CHECK(wcscmp(wcscat(To, L"cd"), L"abcd") == 0);
    CHECK(wcschr(To, 'c') == To + 2 && wcsrchr(To, 'x') == NULL && wcsncmp(To, L"abx", 2) == 0);
    // cppcheck-suppress staticStringCompare
    CHECK(_wcsicmp(L"\u00c4b", L"\u00e4B") == 0 && _wcsnicmp(L"abc", L"ABd", 2) == 0);
}

/* Behind each of these the guard must stay: the C library's own write twice as far. */
static VOID Copies(VOID) {
    struct {
        WCHAR Text[6], Guard;
    } To = {L"", 7};
    // cppcheck-suppress bufferAccessOutOfBounds
    CHECK(wcsncpy(To.Text, L"ab", 6) == To.Text && !wmemcmp(To.Text, L"ab\0\0\0", 6) && To.Guard == 7);
    // cppcheck-suppress bufferAccessOutOfBounds
    CHECK(wcsncpy(To.Text, L"123456789", 6) && To.Text[5] == '6' && To.Guard == 7 && wcsnlen(To.Text, 6) == 6);
    wcscpy(To.Text, L"ab");
    CHECK(wcsncat(To.Text, L"cdefgh", 3) == To.Text && wcscmp(To.Text, L"abcde") == 0 && To.Guard == 7);
    CHECK(wcpcpy(To.Text, L"xyz") == To.Text + 3);
    CHECK(wcsncpy_s(To.Text, 6, L"123456", 3) == 0 && wcscmp(To.Text, L"123") == 0);
    CHECK(wcsncpy_s(To.Text, 6, L"123456", _TRUNCATE) == 80 && wcscmp(To.Text, L"12345") == 0 && To.Guard == 7);
    CHECK(wcsncpy_s(To.Text, 6, L"123456", 6) == ERANGE && !To.Text[0]);
    CHECK(wcsncat_s(To.Text, 6, L"abc", 2) == 0 && wcscmp(To.Text, L"ab") == 0);
    CHECK(wcsncat_s(To.Text, 6, L"12345", _TRUNCATE) == 80 && wcscmp(To.Text, L"ab123") == 0 && To.Guard == 7);
    CHECK(wcsncat_s(To.Text, 6, L"1", 1) == ERANGE && !To.Text[0]);
    CHECK(wmemset(To.Text, 'x', 6) == To.Text && To.Text[5] == 'x' && To.Guard == 7);
    CHECK(wmemcpy(To.Text, L"123", 3) == To.Text && wmemmove(To.Text + 1, To.Text, 3) == To.Text + 1);
    // cppcheck-suppress staticStringCompare
    CHECK(!wmemcmp(To.Text, L"1123xx", 6) && wmemcmp(L"\uffff", L"a", 1) > 0 && To.Guard == 7);
    CHECK(wmempcpy(To.Text, L"q", 1) == To.Text + 1 && wmemchr(To.Text, 'x', 6) == To.Text + 4);
    CHECK(!wmemchr(To.Text, 'z', 6));
    PWSTR Copy = wcsdup(L"copy"), Other = _wcsdup(Copy);
    CHECK(wcscmp(Copy, Other) == 0 && wcscoll(Copy, Other) == 0);
    free(Copy);
    free(Other);
}

static VOID Searches(VOID) {
    WCHAR Text[] = L",a,,bc,", *Rest = NULL;
    CHECK(wcsstr(Text, L"bc") == Text + 4 && wcsstr(Text, L"") == Text && !wcsstr(Text, L"cb"));
    CHECK(wcspbrk(Text, L"cb") == Text + 4 && !wcspbrk(Text, L"xyz"));
    CHECK(wcsspn(Text, L"a,") == 4 && wcscspn(Text, L"b") == 4 && wcscspn(Text, L"x") == 7);
    CHECK(wcscmp(wcstok(Text, L",", &Rest), L"a") == 0 && wcscmp(wcstok_s(NULL, L",", &Rest), L"bc") == 0);
    CHECK(!wcstok(NULL, L",", &Rest) && !wcstok(NULL, L",", &Rest));
    // cppcheck-suppress staticStringCompare
    CHECK(wcscasecmp(L"aB", L"Ab") == 0 && wcsncasecmp(L"abX", L"ABy", 2) == 0);
}

static VOID Letters(VOID) {
    WCHAR Text[] = L"\u00c4b\u03a3\u03c2";
    CHECK(towlower(0xc4) == 0xe4 && towupper(0xe4) == 0xc4 && towlower(0x3a3) == 0x3c3 && towlower(0x1c4) == 0x1c6);
    CHECK(wcscmp(_wcslwr(Text), L"\u00e4b\u03c3\u03c2") == 0 && wcscmp(_wcsupr(Text), L"\u00c4B\u03a3\u03a3") == 0);
    for (unsigned Unit = 0; Unit < 0x10000; Unit++) {
        CHECK(towlower(towlower(Unit)) == towlower(Unit));
        CHECK(towlower(towupper(Unit)) == towlower(Unit) || towupper(towlower(Unit)) == towupper(Unit));
    }
    /* these are the C library's own */
    CHECK(iswalpha(L'a') && iswspace(L' ') && !iswspace(L'a') && iswdigit(L'7') && iswupper(L'A') && wctob('x') == 'x');
}

static VOID Numbers(VOID) {
    WCHAR *End;
    CHECK(wcstoul(L"0x1f", NULL, 0) == 31 && wcstol(L"-5", NULL, 10) == -5);
    PCWSTR Text = L" 12ab";
    CHECK(wcstol(Text, &End, 10) == 12 && End == Text + 3);
    CHECK(wcstoll(L"-9000000000", NULL, 10) == -9000000000LL && wcstoull(L"9000000000x", &End, 10) == 9000000000ULL);
    CHECK(*End == 'x' && _wcstoi64(L"-1", NULL, 0) == -1 && _wcstoui64(L"11", NULL, 2) == 3);
    errno = 0;
    CHECK(wcstol(L"3000000000", NULL, 10) == INT32_MAX && errno == ERANGE); /* LONG has 32 bits */
    errno = 0;
    CHECK(wcstol(L"-3000000000", NULL, 10) == INT32_MIN && errno == ERANGE);
    errno = 0;
    CHECK(wcstoul(L"4294967295", NULL, 10) == UINT32_MAX && wcstoul(L"-1", NULL, 10) == UINT32_MAX && errno == 0);
    CHECK(wcstoul(L"4294967296", NULL, 10) == UINT32_MAX && errno == ERANGE);
    CHECK(wcstoimax(L"-7", NULL, 10) == -7 && wcstoumax(L"7", NULL, 10) == 7 && _wtoi(L"42x") == 42 && _wtol(L"") == 0);
    CHECK(wcstod(L"1.5\u00e4", &End) == 1.5 && *End == 0xe4 && wcstof(L"-0.25", NULL) == -0.25f);
}

static VOID Formats(VOID) {
    struct {
        WCHAR Text[12], Guard;
    } To = {L"", 7};
    CHECK(swprintf(To.Text, 12, L"%s|%hs|%03d|%c", L"\u20ac", "\u00e4", 5, 'x') == 9);
    CHECK(wcscmp(To.Text, L"\u20ac|\u00e4|005|x") == 0);
    CHECK(swprintf(To.Text, 12, L"%*d|%-*d|%.*s", 4, 1, 3, 2, 1, L"xy") == 10 && wcscmp(To.Text, L"   1|2  |x") == 0);
    CHECK(swprintf(To.Text, 12, L"%.2f %o %g", 1.255, 8, 0.5) == 11 && wcscmp(To.Text, L"1.25 10 0.5") == 0);
    CHECK(_snwprintf(To.Text, 12, L"%s", L"0123456789ab") == -1 && To.Guard == 7);
    CHECK(wcscmp(To.Text, L"0123456789a") == 0);
    CHECK(swprintf_s(To.Text, 12, L"%s", L"0123456789ab") == -1 && !To.Text[0] && To.Guard == 7);
    CHECK(swprintf_s(To.Text, 12, L"%I64x %lu", 0xfffffffffULL, 5u) == 11);
    CHECK(swprintf(To.Text, 12, L"%hs", "\xff") == -1); /* no text */
    WCHAR Long[3000];
    wmemset(Long, 'x', 2999)[2999] = 0;
    WCHAR *Copy = (WCHAR *)malloc(sizeof Long * 2);
    CHECK(swprintf(Copy, 6000, L"%s%s", Long, Long) == 2 * 2999 && wcslen(Copy) == 2 * 2999);
    free(Copy);
}

static VOID Printed(VOID) {
    char Read[64] = "";
    FILE *File = tmpfile();
    CHECK(File != NULL);
    if (!File)
        return;
    CHECK(fwprintf(File, L"%s %d\n", L"\u00e4\u20ac", 5) == 5 && fputws(L"\U0001f600", File) >= 0);
    rewind(File);
    CHECK(fread(Read, 1, sizeof Read - 1, File) == 12 && !strcmp(Read, "\u00e4\u20ac 5\n\U0001f600"));
    fclose(File);
    CHECK(wprintf(L"%s", L"") == 0);
}

static VOID Bytes(VOID) {
    struct {
        WCHAR Text[4], Guard;
    } To = {L"", 7};
    struct {
        char Text[4], Guard;
    } Narrow = {"", 7};
    CHECK(mbstowcs(NULL, "\u00e4\u20acx", 0) == 3 && mbstowcs(To.Text, "\u00e4\u20acx", 4) == 3);
    CHECK(wcscmp(To.Text, L"\u00e4\u20acx") == 0 && mbstowcs(To.Text, "12345", 4) == 4 && To.Guard == 7);
    CHECK(To.Text[3] == '4' && mbstowcs(To.Text, "\xff", 4) == (size_t)-1);
    CHECK(wcstombs(NULL, L"\u00e4b", 0) == 3 && wcstombs(Narrow.Text, L"\u00e4b", 4) == 3);
    CHECK(!strcmp(Narrow.Text, "\u00e4b") && wcstombs(Narrow.Text, L"12345", 4) == 4 && Narrow.Guard == 7);
}

static VOID Counters(VOID) {
    LONG Value = 1;
    CHECK(InterlockedIncrement(&Value) == 2 && InterlockedDecrement(&Value) == 1);
    CHECK(InterlockedExchange(&Value, 7) == 1 && InterlockedCompareExchange(&Value, 9, 7) == 7 && Value == 9);
    CHECK(InterlockedCompareExchange(&Value, 1, 7) == 9 && Value == 9);
}

/* What wmain gets of an argument that is not UTF-8. */
static VOID Malformed(VOID) {
    static const struct {
        const char *Bytes;
        PCWSTR Wide;
    } Cases[] = {
        {"\x80"
         "a",
         L"\ufffda"},
        {"\xc0\xaf", L"\ufffd\ufffd"},
        {"\xe0\x80\x80", L"\ufffd\ufffd"},
        {"\xed\xa0\x80", L"\ufffd\ufffd"},
        {"\xf4\x90\x80\x80", L"\ufffd\ufffd\ufffd"},
        {"\xf5\x80\x80\x80", L"\ufffd\ufffd\ufffd\ufffd"},
        {"\xf0\x9f\x98x", L"\ufffdx"},
        {"\xe2\x82", L"\ufffd"},
        {"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xef\xbf\xbf", L"\U0010ffff\ud7ff\uffff"},
    };
    for (size_t I = 0; I < sizeof Cases / sizeof *Cases; I++) {
        WCHAR *Wide = FspWideFromBytes(Cases[I].Bytes);
        if (!Wide || wcscmp(Wide, Cases[I].Wide) != 0) {
            fprintf(stderr, "case %zu\n", I);
            failures++;
        }
        free(Wide);
    }
}

int wmain(int Argc, wchar_t **Argv) {
    Arguments(Argc, Argv);
    Malformed();
    Text();
    Copies();
    Searches();
    Letters();
    Numbers();
    Formats();
    Printed();
    Bytes();
    Counters();
    return failures != 0;
}
