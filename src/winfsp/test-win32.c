/* SPDX-License-Identifier: MIT */
/* A program as its author wrote it for Windows: wmain, Microsoft's functions, and nothing included but WinFsp's header.
 * Its arguments are those of the test: a, \u00e4\u20ac, and one beyond 16 bits. */
#include <winfsp/winfsp.h>

#include <stdio.h>

static_assert(sizeof(WCHAR) == 2, "a keyword, as Microsoft's compiler has it");

static int failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

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
    CHECK(wcstoul(L"0x1f", NULL, 0) == 31 && wcstol(L"-5", NULL, 10) == -5);
}

static VOID Counters(VOID) {
    LONG Value = 1;
    CHECK(InterlockedIncrement(&Value) == 2 && InterlockedDecrement(&Value) == 1);
    CHECK(InterlockedExchange(&Value, 7) == 1 && InterlockedCompareExchange(&Value, 9, 7) == 7 && Value == 9);
    CHECK(InterlockedCompareExchange(&Value, 1, 7) == 9 && Value == 9);
}

int wmain(int Argc, wchar_t **Argv) {
    Arguments(Argc, Argv);
    Text();
    Counters();
    return failures != 0;
}
