/* SPDX-License-Identifier: MIT */
/* Records, directory buffers, reparse points. */
#include "winfsp/test-helpers.h"

union entry {
    FSP_FSCTL_DIR_INFO info;
    UINT8 bytes[sizeof(FSP_FSCTL_DIR_INFO) + 64];
};

static void fill(union entry *entry, const char *name) {
    memset(entry, 0, sizeof *entry);
    size_t length = strlen(name);
    entry->info.Size = (UINT16)(sizeof entry->info + length * sizeof(WCHAR));
    fsp_utf8_to_wide(name, length, (WCHAR *)(void *)(entry->bytes + sizeof entry->info), 32);
}

static void test_add(void **state _unused_) {
    union entry entry;
    unsigned char buffer[300];
    ULONG count = 0;
    fill(&entry, "abc"); /* 104 + 6 = 110, 112 with what follows */
    assert_true(FspFileSystemAddDirInfo(&entry.info, buffer, sizeof buffer, &count));
    assert_int_equal(count, 112);
    assert_true(FspFileSystemAddDirInfo(&entry.info, buffer, 224, &count));
    assert_int_equal(count, 224);
    assert_false(FspFileSystemAddDirInfo(&entry.info, buffer, sizeof buffer, &count));
    assert_false(FspFileSystemAddDirInfo(NULL, buffer, 225, &count));
    assert_int_equal(count, 224);
    assert_true(FspFileSystemAddDirInfo(NULL, buffer, 226, &count));
    assert_int_equal(count, 226);
    assert_memory_equal(buffer, &entry, 110);
}

static const char *name_at(const unsigned char *buffer, ULONG *at) {
    static char text[64];
    const FSP_FSCTL_DIR_INFO *info = (const void *)(buffer + *at);
    if (info->Size == 0)
        return NULL;
    fsp_wide_to_utf8(info->FileNameBuf, (info->Size - sizeof *info) / 2, text, sizeof text);
    *at += (ULONG)FSP_FSCTL_DEFAULT_ALIGN_UP(info->Size);
    return text;
}

static void test_directory_buffer(void **state _unused_) {
    static const char *const names[] = {"b", "..", "a", "B", ".", "aa"}, *const sorted[] = {".", "..", "B",
                                                                                            "a", "aa", "b"};
    PVOID buffer = NULL;
    NTSTATUS status = STATUS_UNSUCCESSFUL;
    _Alignas(8) unsigned char bytes[2048];
    ULONG count = 0, at = 0;
    FspFileSystemReadDirectoryBuffer(&buffer, NULL, bytes, sizeof bytes, &count); /* no buffer: the mark alone */
    assert_int_equal(count, 2);
    assert_true(FspFileSystemAcquireDirectoryBuffer(&buffer, FALSE, &status));
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        union entry entry;
        fill(&entry, names[i]);
        assert_true(FspFileSystemFillDirectoryBuffer(&buffer, &entry.info, &status));
    }
    assert_false(FspFileSystemFillDirectoryBuffer(&buffer, NULL, &status));
    assert_status(status, STATUS_INVALID_PARAMETER);
    FspFileSystemReleaseDirectoryBuffer(&buffer);
    assert_false(FspFileSystemAcquireDirectoryBuffer(&buffer, FALSE, &status));
    assert_status(status, STATUS_SUCCESS);
    count = 0;
    FspFileSystemReadDirectoryBuffer(&buffer, NULL, bytes, sizeof bytes, &count);
    for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
        assert_string_equal(name_at(bytes, &at), sorted[i]);
    assert_null(name_at(bytes, &at));
    WCHAR marker[] = u"a";
    count = at = 0;
    FspFileSystemReadDirectoryBuffer(&buffer, marker, bytes, 112 + 100, &count); /* room for one */
    assert_string_equal(name_at(bytes, &at), "aa");
    assert_int_equal(count, at);
    assert_true(FspFileSystemAcquireDirectoryBuffer(&buffer, TRUE, &status));
    FspFileSystemReleaseDirectoryBuffer(&buffer);
    count = 0;
    FspFileSystemReadDirectoryBuffer(&buffer, NULL, bytes, sizeof bytes, &count);
    assert_int_equal(count, 2);
    FspFileSystemDeleteDirectoryBuffer(&buffer);
    assert_null(buffer);
}

/* ---- EAs ------------------------------------------------------------------------------------------------------- */

union ea {
    FILE_FULL_EA_INFORMATION ea;
    unsigned char bytes[64];
};

static void fill_ea(union ea *ea, const char *name, const char *value) {
    memset(ea, 0, sizeof *ea);
    ea->ea.EaNameLength = (UCHAR)strlen(name);
    ea->ea.EaValueLength = (USHORT)strlen(value);
    strcpy(ea->ea.EaName, name);
    memcpy(ea->ea.EaName + strlen(name) + 1, value, strlen(value));
}

static NTSTATUS note_ea(FSP_FILE_SYSTEM *fs _unused_, PVOID context, PFILE_FULL_EA_INFORMATION ea) {
    strcat(context, ea->EaName);
    return ea->EaName[0] == 'x' ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static void test_eas(void **state _unused_) {
    union ea one, two;
    _Alignas(8) unsigned char buffer[64];
    ULONG count = 0;
    char seen[64] = "";
    fill_ea(&one, "one", "1");
    fill_ea(&two, "x", "22");
    assert_int_equal(FspFileSystemGetEaPackedSize(&one.ea), 9);
    assert_true(FspFileSystemAddEa(&one.ea, (void *)buffer, sizeof buffer, &count));
    assert_int_equal(count, 13); /* 8 + 4 + 1 */
    assert_true(FspFileSystemAddEa(&two.ea, (void *)buffer, sizeof buffer, &count));
    assert_int_equal(count, 16 + 12);
    assert_false(FspFileSystemAddEa(&two.ea, (void *)buffer, 36, &count));
    assert_true(FspFileSystemAddEa(NULL, (void *)buffer, sizeof buffer, &count));
    assert_int_equal(((FILE_FULL_EA_INFORMATION *)(void *)buffer)->NextEntryOffset, 16);
    assert_int_equal(((FILE_FULL_EA_INFORMATION *)(void *)(buffer + 16))->NextEntryOffset, 0);
    assert_status(FspFileSystemEnumerateEa(NULL, note_ea, seen, (void *)buffer, count), STATUS_ACCESS_DENIED);
    assert_string_equal(seen, "onex");
    assert_status(FspFileSystemEnumerateEa(NULL, note_ea, seen, (void *)buffer, 14), STATUS_EA_LIST_INCONSISTENT);
    ((FILE_FULL_EA_INFORMATION *)(void *)buffer)->NextEntryOffset = 4; /* lies */
    assert_status(FspFileSystemEnumerateEa(NULL, note_ea, seen, (void *)buffer, count), STATUS_EA_LIST_INCONSISTENT);
}

/* ---- reparse points -------------------------------------------------------------------------------------------- */

static const struct {
    const char *path, *target;
} links[] = {
    {"\\a\\link", "b\\c"}, {"\\up", "..\\x"}, {"\\root", "\\r"}, {"\\loop", "loop"}, {"\\a\\b\\c\\far", "..\\..\\n"},
};

static NTSTATUS get_point(FSP_FILE_SYSTEM *fs _unused_, PVOID context _unused_, PWSTR name, BOOLEAN directory _unused_,
                          PVOID buffer, PSIZE_T size) {
    _cleanup_free_ char *text = fsp_wide_to_utf8_new(name);
    if (!strncmp(text, "\\missing", 8))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (!strcmp(text, "\\liar") && buffer) {
        *(REPARSE_DATA_BUFFER *)buffer = (REPARSE_DATA_BUFFER){
            .ReparseTag = IO_REPARSE_TAG_SYMLINK,
            .SymbolicLinkReparseBuffer = {.SubstituteNameOffset = 60000,
                                          .SubstituteNameLength = 65000,
                                          .Flags = SYMLINK_FLAG_RELATIVE},
        };
        *size = 1 << 30; /* more than it was given */
        return STATUS_SUCCESS;
    }
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        if (strcmp(links[i].path, text) != 0)
            continue;
        if (!buffer)
            return STATUS_SUCCESS;
        REPARSE_DATA_BUFFER *data = buffer;
        memset(data, 0, sizeof *data);
        int units =
            fsp_utf8_to_wide(links[i].target, strlen(links[i].target), data->SymbolicLinkReparseBuffer.PathBuffer, 64);
        data->ReparseTag = IO_REPARSE_TAG_SYMLINK;
        data->SymbolicLinkReparseBuffer.SubstituteNameLength = (USHORT)(units * 2);
        data->SymbolicLinkReparseBuffer.Flags = SYMLINK_FLAG_RELATIVE;
        *size = offsetof(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer) + (size_t)units * 2;
        return STATUS_SUCCESS;
    }
    return STATUS_NOT_A_REPARSE_POINT;
}

static NTSTATUS resolve(const char *path, bool last, char *ret_target) {
    _Alignas(8) unsigned char buffer[4096];
    REPARSE_DATA_BUFFER *data = (void *)buffer;
    IO_STATUS_BLOCK io;
    SIZE_T size = sizeof buffer;
    _cleanup_free_ PWSTR wide = fsp_utf8_to_wide_new(path);
    NTSTATUS status = FspFileSystemResolveReparsePoints(NULL, get_point, NULL, wide, 0, last, &io, buffer, &size);
    if (status == STATUS_REPARSE) {
        assert_int_equal(io.Information, IO_REPARSE_TAG_SYMLINK);
        fsp_wide_to_utf8(data->SymbolicLinkReparseBuffer.PathBuffer,
                         data->SymbolicLinkReparseBuffer.SubstituteNameLength / 2, ret_target, 256);
    }
    return status;
}

static void test_find(void **state _unused_) {
    WCHAR path[] = u"\\a\\link\\f", last[] = u"\\a\\link", none[] = u"\\a\\b\\c";
    UINT32 index = 0;
    assert_true(FspFileSystemFindReparsePoint(NULL, get_point, NULL, path, &index));
    assert_int_equal(index, 3);
    assert_wide(path, "\\a\\link\\f");
    assert_false(FspFileSystemFindReparsePoint(NULL, get_point, NULL, last, &index));
    assert_false(FspFileSystemFindReparsePoint(NULL, get_point, NULL, none, &index));
}

static void test_resolve(void **state _unused_) {
    char target[256];
    assert_status(resolve("\\a\\link\\f", true, target), STATUS_REPARSE);
    assert_string_equal(target, "\\a\\b\\c\\f");
    assert_status(resolve("\\a\\link\\far", true, target), STATUS_REPARSE);
    assert_string_equal(target, "\\a\\n");
    assert_status(resolve("\\root\\f", true, target), STATUS_REPARSE);
    assert_string_equal(target, "\\r\\f");
    assert_status(resolve("\\up", true, target), STATUS_REPARSE);
    assert_string_equal(target, "\\x");
    assert_status(resolve("\\up", false, target), STATUS_REPARSE);
    assert_string_equal(target, "\\up");
    assert_status(resolve("\\a\\.\\x\\..\\y", true, target), STATUS_REPARSE);
    assert_string_equal(target, "\\a\\y");
    assert_status(resolve("\\loop", true, target), STATUS_REPARSE_POINT_NOT_RESOLVED);
    assert_status(resolve("\\missing\\f", true, target), STATUS_OBJECT_PATH_NOT_FOUND);
    assert_status(resolve("\\liar", true, target), STATUS_IO_REPARSE_DATA_INVALID);
}

static void test_can_replace(void **state _unused_) {
    UINT32 a[8] = {IO_REPARSE_TAG_SYMLINK}, b[8] = {IO_REPARSE_TAG_NFS}, c[8] = {0x20, 0, 1}, d[8] = {0x20, 0, 2};
    assert_status(FspFileSystemCanReplaceReparsePoint(a, 32, a, 32), STATUS_SUCCESS);
    assert_status(FspFileSystemCanReplaceReparsePoint(a, 32, b, 32), STATUS_IO_REPARSE_TAG_MISMATCH);
    assert_status(FspFileSystemCanReplaceReparsePoint(a, 32, b, 3), STATUS_IO_REPARSE_DATA_INVALID);
    assert_status(FspFileSystemCanReplaceReparsePoint(c, 32, d, 32), STATUS_REPARSE_ATTRIBUTE_CONFLICT);
    assert_status(FspFileSystemCanReplaceReparsePoint(c, 32, c, 32), STATUS_SUCCESS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),  cmocka_unit_test(test_directory_buffer), cmocka_unit_test(test_eas),
        cmocka_unit_test(test_find), cmocka_unit_test(test_resolve),          cmocka_unit_test(test_can_replace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
