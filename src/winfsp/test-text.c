/* SPDX-License-Identifier: MIT */
/* Text, paths, statuses and formats. */
#include "winfsp/test-helpers.h"

#include <errno.h>
#include <stdio.h>

#include "winfsp/format.h"
#include "winfsp/status.h"

static void test_utf(void **state _unused_) {
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80";
    WCHAR wide[16];
    char back[32];
    assert_int_equal(fsp_utf8_to_wide(text, strlen(text), wide, 16), 5);
    assert_int_equal(wide[1], 0xe4);
    assert_int_equal(wide[3], 0xd83d);
    assert_int_equal(fsp_wide_to_utf8(wide, 5, back, sizeof back), strlen(text));
    assert_string_equal(back, text);
    assert_int_equal(fsp_utf8_to_wide(text, strlen(text), wide, 4), -ENAMETOOLONG);
    assert_int_equal(fsp_wide_to_utf8(wide, 5, back, 10), -ENAMETOOLONG);
    static const char *const wrong[] = {"\x80", "\xc0\xaf", "\xe2\x82", "\xff", "\xf4\x90\x80\x80", "\xed"};
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(fsp_utf8_to_wide(wrong[i], strlen(wrong[i]), wide, 16), -EILSEQ);
}

/* Every unit goes to Linux and comes back, halves of pairs too. */
static void test_every_unit(void **state _unused_) {
    for (unsigned unit = 1; unit < 0x10000; unit++) {
        WCHAR wide[2] = {(WCHAR)unit}, again[2];
        char bytes[8];
        int size = fsp_wide_to_utf8(wide, 1, bytes, sizeof bytes);
        assert_in_range(size, 1, 3);
        assert_int_equal(fsp_utf8_to_wide(bytes, (size_t)size, again, 2), 1);
        assert_int_equal(again[0], unit);
    }
}

static void test_names(void **state _unused_) {
    WCHAR wide[64];
    char back[64];
    static const char name[] = "a:b*c?\"<>|\\\x01";
    int length = fsp_to_windows_name(name, strlen(name), false, wide, 64);
    assert_int_equal(length, strlen(name));
    assert_int_equal(wide[1], 0xf03a);
    assert_int_equal(wide[length - 1], 0xf001);
    assert_true(fsp_from_windows_name(wide, (size_t)length, back, sizeof back) > 0);
    assert_string_equal(back, name);
    assert_int_equal(fsp_to_windows_name("a:b", 3, true, wide, 64), 3);
    assert_int_equal(wide[1], ':');
    assert_int_equal(fsp_from_windows_name(u"a\\b", 3, back, sizeof back), -EILSEQ);
}

static void test_case(void **state _unused_) {
    assert_int_equal(fsp_upper('a'), 'A');
    assert_int_equal(fsp_upper(0xe4), 0xc4);
    assert_int_equal(fsp_upper(0xff), 0x178);
    assert_int_equal(fsp_upper(0x3b1), 0x391);
    assert_int_equal(fsp_upper(0xdf), 0xdf);
    for (unsigned unit = 0; unit < 0x10000; unit++)
        assert_int_equal(fsp_upper(fsp_upper((WCHAR)unit)), fsp_upper((WCHAR)unit));
    assert_int_equal(fsp_wide_compare_folded(u"\u00e4B", 2, u"\u00c4b", 2), 0);
    assert_true(fsp_wide_compare(u"a", 1, u"B", 1) > 0);
    assert_true(fsp_wide_compare_folded(u"a", 1, u"B", 1) < 0);
}

static void test_path_prefix_and_suffix(void **state _unused_) {
    WCHAR root[] = u"\\", path[] = u"\\\\a\\\\b\\c", one[] = u"name", top[] = u"\\f";
    PWSTR first, second;
    FspPathPrefix(path, &first, &second, root);
    assert_ptr_equal(first, root);
    assert_wide(second, "a\\\\b\\c");
    FspPathCombine(path, second);
    assert_wide(path, "\\\\a\\\\b\\c");
    FspPathSuffix(path, &first, &second, root);
    assert_wide(first, "\\\\a\\\\b");
    assert_wide(second, "c");
    FspPathCombine(path, second);
    assert_wide(path, "\\\\a\\\\b\\c");
    FspPathSuffix(one, &first, &second, NULL);
    assert_wide(first, "name");
    assert_wide(second, "");
    FspPathSuffix(top, &first, &second, root);
    assert_ptr_equal(first, root);
    assert_wide(second, "f");
    FspPathCombine(top, second);
    assert_wide(top, "\\f");
    FspPathPrefix(one, &first, &second, root);
    assert_wide(first, "name");
    assert_wide(second, "");
}

static void test_posix_paths(void **state _unused_) {
    PWSTR wide;
    char *posix;
    assert_status(FspPosixMapPosixToWindowsPath("/a/b:c*", &wide), STATUS_SUCCESS);
    assert_int_equal(wide[4], 0xf03a);
    assert_int_equal(wide[0], '\\');
    assert_status(FspPosixMapWindowsToPosixPath(wide, &posix), STATUS_SUCCESS);
    assert_string_equal(posix, "/a/b:c*");
    FspPosixDeletePath(wide);
    FspPosixDeletePath(posix);
    assert_false(NT_SUCCESS(FspPosixMapPosixToWindowsPath("\xff", &wide)));
    assert_null(wide);
}

static void test_statuses(void **state _unused_) {
    for (int error = 1; error < 134; error++) { /* whatever becomes a status comes back as itself, or as EIO */
        NTSTATUS status = fsp_status_from_errno(-error);
        assert_false(NT_SUCCESS(status));
        if (status != STATUS_UNSUCCESSFUL && error != EILSEQ && error != ETXTBSY && error != ENFILE &&
            error != ECANCELED)
            assert_int_equal(fsp_errno_from_status(status), -error);
    }
    assert_int_equal(fsp_errno_from_status(STATUS_PENDING), 0);
    assert_int_equal(fsp_errno_from_status((NTSTATUS)0xc0abcdef), -EIO);
    static const struct {
        DWORD error;
        NTSTATUS status;
    } pairs[] = {
        {0, STATUS_SUCCESS},
        {2, STATUS_OBJECT_NAME_NOT_FOUND},
        {3, STATUS_OBJECT_PATH_NOT_FOUND},
        {5, STATUS_ACCESS_DENIED},
        {6, STATUS_INVALID_HANDLE},
        {17, STATUS_NOT_SAME_DEVICE},
        {8, STATUS_NO_MEMORY},
        {19, STATUS_MEDIA_WRITE_PROTECTED},
        {32, STATUS_SHARING_VIOLATION},
        {38, STATUS_END_OF_FILE},
        {50, STATUS_NOT_SUPPORTED},
        {87, STATUS_INVALID_PARAMETER},
        {112, STATUS_DISK_FULL},
        {122, STATUS_BUFFER_TOO_SMALL},
        {123, STATUS_OBJECT_NAME_INVALID},
        {183, STATUS_OBJECT_NAME_COLLISION},
        {206, STATUS_NAME_TOO_LONG},
        {234, STATUS_BUFFER_OVERFLOW},
        {267, STATUS_NOT_A_DIRECTORY},
        {995, STATUS_CANCELLED},
        {4390, STATUS_NOT_A_REPARSE_POINT},
        {145, STATUS_DIRECTORY_NOT_EMPTY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        assert_status(FspNtStatusFromWin32(pairs[i].error), pairs[i].status);
        assert_int_equal(FspWin32FromNtStatus(pairs[i].status), pairs[i].error);
    }
    assert_status(FspNtStatusFromWin32(1), STATUS_NOT_IMPLEMENTED);
    assert_status(FspNtStatusFromWin32(80), (NTSTATUS)0x80070050);
    assert_int_equal(FspWin32FromNtStatus((NTSTATUS)0x80070050), 80);
    assert_status(FspNtStatusFromWin32(0x10000), STATUS_ACCESS_DENIED);
    assert_status(FspNtStatusFromWin32(0xffff), (NTSTATUS)0x8007ffff);
    assert_int_equal(FspWin32FromNtStatus((NTSTATUS)0xc0abcdef), 317);
    assert_int_equal(FspWin32FromNtStatus(STATUS_NO_SUCH_DEVICE), 433);
    assert_int_equal(FspWin32FromNtStatus(STATUS_DIRECTORY_IS_A_REPARSE_POINT), 161); /* one way only */
    unsigned known = 0;
    for (DWORD error = 0; error <= 0xffff; error++) { /* whatever becomes a status comes back as itself */
        NTSTATUS status = FspNtStatusFromWin32(error);
        assert_int_equal(FspWin32FromNtStatus(status), error);
        known += (UINT32)status != (0x80070000u | error);
    }
    assert_int_equal(known, 674);
#define STATUS_IS_KNOWN(name, value) assert_int_not_equal(FspWin32FromNtStatus(name), 317);
    FSP_NT_STATUS_LIST(STATUS_IS_KNOWN)
    assert_string_equal(fsp_status_name(STATUS_CANNOT_DELETE), "STATUS_CANNOT_DELETE");
}

static void wide_format(char *text, size_t size, const WCHAR *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fsp_format_wide(text, size, format, arguments);
    va_end(arguments);
}

static void bytes_format(char *text, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fsp_format_bytes(text, size, format, arguments);
    va_end(arguments);
}

static void test_formats(void **state _unused_) {
    char text[4096];
    wide_format(text, sizeof text, u"%s|%S|%hs|%ls|%c", u"\u00e4", "bytes", "b", u"w", 'x');
    assert_string_equal(text, "\xc3\xa4|bytes|b|w|x");
    wide_format(text, sizeof text, u"%ld %lx %08lx %lu %I64d %d%%", -5, 0xffffffffu, 0x12u, 4000000000u,
                INT64_C(-9000000000), 7);
    assert_string_equal(text, "-5 ffffffff 00000012 4000000000 -9000000000 7%");
    wide_format(text, sizeof text, u"[%5s][%-5s][%.2s]", u"ab", u"ab", u"abc");
    assert_string_equal(text, "[   ab][ab   ][ab]");
    bytes_format(text, sizeof text, "%s %S %p", "a", u"w", (void *)0x1234);
    assert_string_equal(text, "a w 0000000000001234");
    bytes_format(text, sizeof text, "%s", (char *)NULL);
    assert_string_equal(text, "(null)");
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = 0;
    bytes_format(text, sizeof text, "%s", long_text);
    assert_int_equal(strlen(text), FSP_FORMAT_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf),
        cmocka_unit_test(test_every_unit),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_case),
        cmocka_unit_test(test_path_prefix_and_suffix),
        cmocka_unit_test(test_posix_paths),
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
