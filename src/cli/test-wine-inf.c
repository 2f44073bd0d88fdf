/* SPDX-License-Identifier: MIT */
/* Wine's list of what a new prefix has, as it is changed for a prefix of links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/wine.h"

static const char list[] = "[version]\n"
                           "signature=\"$CHICAGO$\"\n"
                           "[PreInstall]\n"
                           "WineFakeDlls=FakeDllsPreInstall\n"
                           "[DefaultInstall.ntamd64]\n"
                           "RegisterDlls=RegisterDllsSection\n"
                           "winefakedlls=FakeDlls\n"
                           "AddReg=\\\n"
                           "    Classes,\\\n"
                           "    Misc\n"
                           "[DefaultInstall.ntamd64.Services]\n"
                           "AddService=EventLog,0x800,EventLogService\n"
                           "AddService=nsiproxy,0x800,NsiProxyService\n"
                           "[FakeDlls]\n"
                           "CopyFiles=stays\n";

static char *filtered(const char *text) {
    char *result = NULL;
    size_t size;
    FILE *from = fmemopen((void *)(uintptr_t)text, strlen(text), "r"), *to = open_memstream(&result, &size);
    assert_int_equal(wine_inf_filter(from, to), 0);
    fclose(from);
    fclose(to);
    return result;
}

static void test_filter(void **state) {
    char *text = filtered(list);
    assert_null(strstr(text, "RegisterDlls="));
    assert_null(strstr(text, "winefakedlls=FakeDlls\n"));
    assert_null(strstr(text, "AddService=EventLog"));
    assert_non_null(strstr(text, "[DefaultInstall.ntamd64]\nAddReg=LinFsp\nAddReg=\\\n    Classes,\\\n    Misc\n"));
    assert_non_null(strstr(text, "[DefaultInstall.ntamd64.Services]\nAddService=MountMgr,0x800,MountMgrService\n"
                                 "AddService=nsiproxy"));
    assert_non_null(strstr(text, "[PreInstall]\nWineFakeDlls=FakeDllsPreInstall\n")); /* is not used */
    assert_non_null(strstr(text, "[FakeDlls]\nCopyFiles=stays\n"));
    assert_non_null(
        strstr(text, "\"Software\\WOW6432Node\\WinFsp\",\"InstallDir\",,\"C:\\Program Files (x86)\\WinFsp\\\"\n"));
    free(text);
}

static void test_cannot_be_written(void **state) {
    FILE *from = fmemopen((void *)(uintptr_t)list, strlen(list), "r"), *to = fopen("/dev/full", "w");
    assert_true(wine_inf_filter(from, to) < 0);
    fclose(from);
    fclose(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filter), cmocka_unit_test(test_cannot_be_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
