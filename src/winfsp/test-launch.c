/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <winfsp/launch.h>

#include "winfsp/text.h"

static char folder[64];

static int set_up(void **state) {
    strcpy(folder, "/tmp/linfsp-launch.XXXXXX");
    return mkdtemp(folder) ? setenv("LINFSP_LAUNCH_D", folder, 1) : -1;
}

static int tear_down(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void write_class(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s.conf", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static PWSTR wide(const void *text) {
    return (PWSTR)(uintptr_t)text;
}

static NTSTATUS get(const void *class, const void *agent, FSP_LAUNCH_REG_RECORD **ret_record) {
    return FspLaunchRegGetRecord(wide(class), agent ? wide(agent) : NULL, ret_record);
}

static void assert_text(PWSTR text, const char *expected) {
    char *narrow = fsp_wide_to_utf8_new(text);
    assert_string_equal(narrow, expected);
    free(narrow);
}

static void a_record_is_read(void **state) {
    FSP_LAUNCH_REG_RECORD *record;
    write_class("mem", "# a class\n\n  Executable = /bin/memfs  \nCommandLine=-u %1 -F \"a = b\"\nCredentials = 0x1\n"
                       "Recovery = 1\nStderr = /tmp/\xc3\xa9\n");
    assert_int_equal(get(u"mem", NULL, &record), STATUS_SUCCESS);
    assert_text(record->Executable, "/bin/memfs");
    assert_text(record->CommandLine, "-u %1 -F \"a = b\"");
    assert_text(record->Stderr, "/tmp/\xc3\xa9");
    assert_null(record->WorkDirectory);
    assert_int_equal(record->Credentials, 1);
    assert_int_equal(record->Recovery, 1);
    assert_int_equal(record->JobControl, 0);
    FspLaunchRegFreeRecord(record);
    FspLaunchRegFreeRecord(NULL);
}

static void what_is_wrong_is_refused(void **state) {
    static const char *const wrong[] = {"Executable = /x\nSekurity = D:\n", "Executable /x\n", "Executable = \xff\n"};
    FSP_LAUNCH_REG_RECORD *record = (void *)1;
    for (size_t i = 0; i < 3; i++) {
        write_class("wrong", wrong[i]);
        assert_int_equal(get(u"wrong", NULL, &record), STATUS_INVALID_PARAMETER);
        assert_null(record);
    }
    write_class("empty", "CommandLine = x\n");
    assert_int_equal(get(u"empty", NULL, &record), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(get(u"nothing", NULL, &record), STATUS_OBJECT_NAME_NOT_FOUND);
    static const WCHAR *const names[] = {u"../mem", u"", u".hidden", u"a\\b", u"a\nb"};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(get(names[i], NULL, &record), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchRegGetRecord(NULL, NULL, &record), STATUS_INVALID_PARAMETER);
    assert_int_equal(get(u"mem", NULL, NULL), STATUS_INVALID_PARAMETER);
}

static void a_long_line_is_refused_whole(void **state) {
    static char text[9000] = "Executable = ";
    FSP_LAUNCH_REG_RECORD *record;
    memset(text + strlen(text), 'x', sizeof text - 20);
    write_class("long", text);
    assert_int_equal(get(u"long", NULL, &record), STATUS_INVALID_PARAMETER);
}

static void a_record_is_for_its_agents(void **state) {
    FSP_LAUNCH_REG_RECORD *record;
    write_class("agents", "Executable = /x\nAgent = one,Two\n");
    assert_int_equal(get(u"agents", u"two", &record), STATUS_SUCCESS);
    FspLaunchRegFreeRecord(record);
    assert_int_equal(get(u"agents", NULL, &record), STATUS_SUCCESS);
    FspLaunchRegFreeRecord(record);
    assert_int_equal(get(u"agents", u"on", &record), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void what_is_set_is_got_back_until_it_is_taken_away(void **state) {
    FSP_LAUNCH_REG_RECORD set = {.Executable = wide(u"/bin/true"), .RunAs = wide(u"nobody"), .Recovery = 7}, *record;
    assert_int_equal(FspLaunchRegSetRecord(wide(u"set"), &set), STATUS_SUCCESS);
    assert_int_equal(get(u"set", NULL, &record), STATUS_SUCCESS);
    assert_text(record->Executable, "/bin/true");
    assert_text(record->RunAs, "nobody");
    assert_int_equal(record->Recovery, 7);
    FspLaunchRegFreeRecord(record);
    set.CommandLine = wide(u"a\nSecurity = D:"); /* would be another line */
    assert_int_equal(FspLaunchRegSetRecord(wide(u"set"), &set), STATUS_INVALID_PARAMETER);
    set.Executable = NULL;
    assert_int_equal(FspLaunchRegSetRecord(wide(u"set"), &set), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchRegSetRecord(wide(u"a/b"), NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(get(u"set", NULL, &record), STATUS_SUCCESS);
    FspLaunchRegFreeRecord(record);
    assert_int_equal(FspLaunchRegSetRecord(wide(u"set"), NULL), STATUS_SUCCESS);
    assert_int_equal(FspLaunchRegSetRecord(wide(u"set"), NULL), STATUS_SUCCESS);
    assert_int_equal(get(u"set", NULL, &record), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void calls_without_their_arguments_are_refused(void **state) {
    PWSTR words[12] = {0};
    ULONG error = 1, size = 0;
    PWSTR name = wide(u"x");
    for (size_t i = 0; i < 11; i++)
        words[i] = name;
    assert_int_equal(FspLaunchStart(NULL, name, 0, NULL, FALSE, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchStart(name, name, 1, NULL, FALSE, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchStart(name, name, 0, NULL, TRUE, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchStart(name, name, 10, words, FALSE, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchStart(name, name, 12, words, TRUE, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchStop(name, NULL, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchGetInfo(name, name, NULL, &size, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchGetNameList(words[0], NULL, &error), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspLaunchCallLauncherPipe('L', 0, NULL, NULL, NULL, NULL, NULL), STATUS_INVALID_PARAMETER);
    ULONG endless = 100000;
    assert_int_equal(FspLaunchCallLauncherPipe('S', 1, words, &endless, NULL, NULL, &error), STATUS_INVALID_PARAMETER);
}

static void the_drivers_functions_say_what_there_is_none_of(void **state) {
    HANDLE handle = NULL;
    SIZE_T size = 7;
    ULONG count = 7;
    FSP_MOUNT_DESC desc = {0};
    FSP_FSCTL_VOLUME_PARAMS params = {0};
    assert_int_equal(FspFsctlCreateVolume(wide(u"WinFsp.Disk"), &params, NULL, 0, &handle), STATUS_NOT_SUPPORTED);
    assert_true(handle == INVALID_HANDLE_VALUE);
    assert_int_equal(FspFsctlMakeMountdev(handle, FALSE, NULL), STATUS_NOT_SUPPORTED);
    assert_int_equal(FspFsctlUseMountmgr(handle, NULL), STATUS_NOT_SUPPORTED);
    assert_int_equal(FspFsctlTransact(handle, NULL, 0, NULL, &size, FALSE), STATUS_NOT_SUPPORTED);
    assert_int_equal(size, 0);
    assert_int_equal(FspCallNamedPipeSecurely(wide(u"x"), NULL, 0, NULL, 0, &count, 0, NULL), STATUS_NOT_SUPPORTED);
    assert_int_equal(count, 0);
    assert_int_equal(FspFsctlStop(handle), STATUS_INVALID_HANDLE);
    assert_int_equal(FspFsctlStop0(NULL), STATUS_INVALID_HANDLE);
    assert_int_equal(FspFsctlNotify(NULL, NULL, 0), STATUS_INVALID_HANDLE);
    assert_int_equal(FspMountSet(&desc), STATUS_INVALID_HANDLE);
    assert_int_equal(FspMountRemove(NULL), STATUS_INVALID_HANDLE);
    assert_int_equal(FspFsctlPreflight(wide(u"WinFsp.Tape")), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(FspFsctlGetVolumeList(wide(u"WinFsp.Disk"), NULL, NULL), STATUS_INVALID_PARAMETER);
    size = 2;
    assert_int_equal(FspFsctlGetVolumeList(wide(u"WinFsp.Disk"), NULL, &size), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspFsctlGetVolumeList(wide(u"nothing"), NULL, &(SIZE_T){0}), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(FspFsctlServiceVersion(NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(FspFsctlEnumServices(NULL, NULL), STATUS_INVALID_PARAMETER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_read),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(a_long_line_is_refused_whole),
        cmocka_unit_test(a_record_is_for_its_agents),
        cmocka_unit_test(what_is_set_is_got_back_until_it_is_taken_away),
        cmocka_unit_test(calls_without_their_arguments_are_refused),
        cmocka_unit_test(the_drivers_functions_say_what_there_is_none_of),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
