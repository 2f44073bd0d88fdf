/* SPDX-License-Identifier: MIT */
/*
 * A file system of WinFsp's API that does one thing wrong. Its root has the file "f".
 *
 *     winfsp-liar WHAT MOUNTPOINT
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winfsp/winfsp.h>

static char what[32];
static FSP_FILE_SYSTEM *file_system;

static int lies(const char *about) {
    return !strcmp(what, about);
}

static int lies_of(const char *kind) {
    return !strncmp(what, kind, strlen(kind));
}

static void fill(int root, FSP_FSCTL_FILE_INFO *info) {
    memset(info, 0, sizeof *info);
    info->FileAttributes = root ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_ARCHIVE;
    info->FileSize = root ? 0 : lies("huge-size") ? UINT64_MAX : 5;
    info->IndexNumber = root ? 1 : 2;
    if (lies_of("reparse-") && !root) {
        info->FileAttributes |= FILE_ATTRIBUTE_REPARSE_POINT;
        info->ReparseTag = IO_REPARSE_TAG_SYMLINK;
    }
    static LONG asked;
    if (lies("same-index"))
        info->IndexNumber = 1;
    if (lies("changing-index") && !root)
        info->IndexNumber = 100 + (UINT64)InterlockedIncrement(&asked);
    if (lies("type-flips") && !root && InterlockedIncrement(&asked) % 2)
        info->FileAttributes = FILE_ATTRIBUTE_DIRECTORY;
    if (lies("attributes-all"))
        info->FileAttributes = 0xffffffffu;
    if (lies("far-times"))
        info->CreationTime = info->LastAccessTime = info->LastWriteTime = info->ChangeTime = UINT64_MAX;
}

static NTSTATUS GetSecurityByName(FSP_FILE_SYSTEM *fs, PWSTR name, PUINT32 attributes, PSECURITY_DESCRIPTOR security,
                                  SIZE_T *size) {
    (void)fs;
    if (name[1] && (name[1] != 'f' || name[2]))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (attributes)
        *attributes = name[1] ? FILE_ATTRIBUTE_ARCHIVE : FILE_ATTRIBUTE_DIRECTORY;
    if (!size)
        return STATUS_SUCCESS;
    if (lies("descriptor-garbage") && name[1]) {
        memset(security, 0xff, *size < 40 ? *size : 40);
        *size = 40;
    } else if (lies("descriptor-grows") && name[1]) {
        *size = *size + 1;
        return STATUS_BUFFER_OVERFLOW;
    } else if (lies("descriptor-longer") && name[1])
        *size = 1u << 30;
    else
        *size = 0;
    return STATUS_SUCCESS;
}

static NTSTATUS Create(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, UINT32 attributes,
                       PSECURITY_DESCRIPTOR security, UINT64 allocation, PVOID *context, FSP_FSCTL_FILE_INFO *info) {
    (void)fs, (void)name, (void)options, (void)access, (void)attributes, (void)security, (void)allocation;
    (void)context, (void)info;
    return lies("strange-status") ? (NTSTATUS)0xdeadbeef : STATUS_ACCESS_DENIED;
}

static LONG opened;

static NTSTATUS Open(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, PVOID *context,
                     FSP_FSCTL_FILE_INFO *info) {
    FSP_FSCTL_OPEN_FILE_INFO *open = FspFileSystemGetOpenFileInfo(info);
    UINT32 attributes;
    NTSTATUS status = GetSecurityByName(fs, name, &attributes, NULL, NULL);
    (void)options, (void)access;
    if (!NT_SUCCESS(status))
        return status;
    if (FspFileSystemIsOperationCaseSensitiveF() != FspFileSystemIsOperationCaseSensitive() ||
        FspFileSystemOperationProcessIdF() != FspFileSystemOperationProcessId())
        return STATUS_INTERNAL_ERROR;
    if (lies("pending-open"))
        return name[1] ? STATUS_PENDING : STATUS_SUCCESS;
    if (lies("name-garbage") && name[1]) {
        memset(open->NormalizedName, '/', 2000);
        open->NormalizedNameSize = 2000;
    }
    *context = lies("null-context") ? NULL : (PVOID)(UINT_PTR)(name[1] ? 2 : 1);
    fill(!name[1], info);
    if (lies("file-vanishes") && name[1])
        return InterlockedIncrement(&opened) % 2 ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
    return STATUS_SUCCESS;
}

static NTSTATUS Overwrite(FSP_FILE_SYSTEM *fs, PVOID context, UINT32 attributes, BOOLEAN replace, UINT64 allocation,
                          FSP_FSCTL_FILE_INFO *info) {
    (void)fs, (void)context, (void)attributes, (void)replace, (void)allocation, (void)info;
    return STATUS_ACCESS_DENIED;
}

static VOID answer(UINT32 kind, UINT64 hint, UINT32 count) {
    FSP_FSCTL_TRANSACT_RSP response;
    memset(&response, 0, sizeof response);
    response.Size = sizeof response;
    response.Kind = kind;
    response.Hint = hint;
    response.IoStatus.Information = count;
    FspFileSystemSendResponse(file_system, &response);
}

static BOOLEAN deleted;

static NTSTATUS Read(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, UINT64 offset, ULONG length, PULONG count) {
    UINT64 hint = FspFileSystemGetOperationContext()->Request->Hint;
    (void)fs, (void)context;
    if (lies("crash"))
        abort();
    if (lies("stop-inside"))
        FspFileSystemStopDispatcher(file_system);
    if (lies("remove-inside"))
        FspFileSystemRemoveMountPoint(file_system);
    if (lies("remove-while-stopping")) {
        fputs("it reads\n", stderr);
        for (int i = 0; i < 2000 && !file_system->DispatcherStopping; i++)
            Sleep(5);
        FspFileSystemRemoveMountPoint(file_system);
        Sleep(100); /* the volume is still there for this operation */
    }
    if (lies("delete-inside")) {
        FspFileSystemDelete(file_system);
        deleted = TRUE;
    }
    if (lies("read-longer")) {
        *count = length * 2;
        return STATUS_SUCCESS;
    }
    if (lies("never"))
        return STATUS_PENDING;
    memcpy(buffer, "hello", 5);
    if (lies("answers")) { /* wrong ones, the right one, and it again */
        answer(FspFsctlTransactWriteKind, hint, 5);
        answer(FspFsctlTransactReadKind, hint + 1000000, 5);
        answer(99, hint, 5);
        answer(FspFsctlTransactReadKind, hint, offset ? 0 : 5);
        answer(FspFsctlTransactReadKind, hint, 4);
        return STATUS_PENDING;
    }
    if (lies("answer-longer")) {
        answer(FspFsctlTransactReadKind, hint, 0x7fffffff);
        return STATUS_PENDING;
    }
    *count = offset ? 0 : 5;
    return offset ? STATUS_END_OF_FILE : STATUS_SUCCESS;
}

static NTSTATUS Write(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, UINT64 offset, ULONG length, BOOLEAN to_end,
                      BOOLEAN constrained, PULONG count, FSP_FSCTL_FILE_INFO *info) {
    (void)fs, (void)context, (void)buffer, (void)offset, (void)to_end, (void)constrained;
    fill(0, info);
    *count = lies("write-longer") ? length * 2 : lies("write-huge") ? 0xffffffffu : lies("write-none") ? 0 : length;
    return STATUS_SUCCESS;
}

/* A list of "A", "B" whose second record is wrong. */
static NTSTATUS GetEa(FSP_FILE_SYSTEM *fs, PVOID context, PFILE_FULL_EA_INFORMATION ea, ULONG length, PULONG count) {
    UINT8 *bytes = (UINT8 *)ea;
    PFILE_FULL_EA_INFORMATION second = (PFILE_FULL_EA_INFORMATION)(PVOID)(bytes + 12);
    (void)fs, (void)context;
    memset(bytes, 0, 32);
    ea->NextEntryOffset = 12;
    second->EaNameLength = ea->EaNameLength = 1;
    second->EaValueLength = ea->EaValueLength = 1;
    memcpy(ea->EaName, "A\0a", 3);
    memcpy(second->EaName, "B\0b", 3);
    *count = 24;
    if (lies("ea-longer"))
        *count = length + 1;
    else if (lies("ea-huge"))
        *count = 0xffffffffu;
    else if (lies("ea-value"))
        second->EaValueLength = 0xffff;
    else if (lies("ea-name"))
        second->EaNameLength = 0xff;
    else if (lies("ea-next"))
        ea->NextEntryOffset = 0xfffffff0u;
    else if (lies("ea-back"))
        ea->NextEntryOffset = 1;
    else if (lies("ea-cut"))
        *count = 15;
    else if (lies("ea-overflow"))
        return STATUS_BUFFER_OVERFLOW;
    return STATUS_SUCCESS;
}

static NTSTATUS GetStreamInfo(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, ULONG length, PULONG count) {
    FSP_FSCTL_STREAM_INFO *info = (FSP_FSCTL_STREAM_INFO *)buffer;
    (void)fs, (void)context;
    memset(info, 0, 64);
    info->Size = sizeof *info + sizeof(WCHAR);
    info->StreamNameBuf[0] = 's';
    *count = sizeof *info + 8;
    if (lies("stream-longer"))
        *count = length + 1;
    else if (lies("stream-huge"))
        *count = 0xffffffffu;
    else if (lies("stream-short"))
        info->Size = 3;
    else if (lies("stream-past"))
        info->Size = 0xffff;
    else if (lies("stream-cut"))
        *count = sizeof *info + 1;
    return STATUS_SUCCESS;
}

static NTSTATUS GetReparsePoint(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, PVOID buffer, SIZE_T *size) {
    REPARSE_DATA_BUFFER *data = (REPARSE_DATA_BUFFER *)buffer;
    (void)fs, (void)context, (void)name;
    memset(data, 0, 32);
    data->ReparseTag = IO_REPARSE_TAG_SYMLINK;
    data->ReparseDataLength = 14;
    data->SymbolicLinkReparseBuffer.SubstituteNameLength = 2;
    data->SymbolicLinkReparseBuffer.Flags = 1;
    data->SymbolicLinkReparseBuffer.PathBuffer[0] = 'x';
    if (lies("reparse-longer"))
        *size = *size + 1;
    else if (lies("reparse-huge"))
        *size = (SIZE_T)-1;
    else
        *size = lies("reparse-cut") ? 6 : 22;
    if (lies("reparse-offset"))
        data->SymbolicLinkReparseBuffer.SubstituteNameOffset = 0xfffe;
    if (lies("reparse-length"))
        data->SymbolicLinkReparseBuffer.SubstituteNameLength = 0xfffe;
    if (lies("reparse-empty"))
        data->SymbolicLinkReparseBuffer.SubstituteNameLength = 0;
    if (lies("reparse-tag"))
        data->ReparseTag = 0x12345678;
    return STATUS_SUCCESS;
}

static NTSTATUS Control(FSP_FILE_SYSTEM *fs, PVOID context, UINT32 code, PVOID input, ULONG input_length, PVOID output,
                        ULONG output_length, PULONG count) {
    (void)fs, (void)context, (void)code, (void)input, (void)input_length;
    memset(output, 'c', output_length);
    *count = lies("control-longer") ? output_length + 1 : lies("control-huge") ? 0xffffffffu : output_length;
    return STATUS_SUCCESS;
}

static NTSTATUS GetFileInfo(FSP_FILE_SYSTEM *fs, PVOID context, FSP_FSCTL_FILE_INFO *info) {
    (void)fs;
    fill(context == (PVOID)1, info);
    return STATUS_SUCCESS;
}

static NTSTATUS ReadDirectory(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR pattern, PWSTR marker, PVOID buffer,
                              ULONG length, PULONG count) {
    union {
        FSP_FSCTL_DIR_INFO info;
        UINT8 bytes[sizeof(FSP_FSCTL_DIR_INFO) + 600];
    } entry;
    WCHAR *name = (WCHAR *)(void *)(entry.bytes + sizeof(FSP_FSCTL_DIR_INFO));
    (void)fs, (void)context, (void)pattern;
    memset(&entry, 0, sizeof entry);
    entry.info.Size = sizeof entry.info + sizeof(WCHAR);
    fill(0, &entry.info.FileInfo);
    name[0] = lies("slash") ? '/' : 'f';
    if (lies("entry-short"))
        entry.info.Size = 40;
    if (lies("entry-long")) {
        for (int i = 0; i < 300; i++)
            name[i] = 'x';
        entry.info.Size = sizeof entry.bytes;
    }
    if (lies_of("entry-named-")) { /* "." and ".." are passed over, as the kernel has its own */
        static const WCHAR names[][4] = {{'.'}, {'.', '.'}, {0}, {'a', 0, 'b'}, {'a', '\\', 'b'}, {'f', 1}};
        static const UINT16 units[] = {1, 2, 0, 3, 3, 2};
        unsigned which = (unsigned)(what[12] - '0') % 6;
        memcpy(name, names[which], sizeof names[which]);
        entry.info.Size = (UINT16)(sizeof entry.info + units[which] * sizeof(WCHAR));
    }
    if (lies("list-longer")) {
        *count = length + 1;
        return STATUS_SUCCESS;
    }
    if (marker && !lies("endless"))
        return STATUS_SUCCESS; /* 0 bytes are the end */
    FspFileSystemAddDirInfo(&entry.info, buffer, length, count);
    if (lies("entry-past")) {
        UINT16 size = 60000;
        memcpy(buffer, &size, sizeof size);
    }
    return STATUS_SUCCESS;
}

static FSP_FILE_SYSTEM_INTERFACE operations = {
    .GetSecurityByName = GetSecurityByName,
    .Create = Create,
    .Open = Open,
    .Overwrite = Overwrite,
    .Read = Read,
    .Write = Write,
    .GetFileInfo = GetFileInfo,
    .ReadDirectory = ReadDirectory,
    .GetReparsePoint = GetReparsePoint,
    .GetStreamInfo = GetStreamInfo,
    .Control = Control,
    .GetEa = GetEa,
};

static NTSTATUS OnStart(FSP_SERVICE *service, ULONG argc, PWSTR *argv) {
    FSP_FSCTL_VOLUME_PARAMS params = {.Version = sizeof params, .CaseSensitiveSearch = 1, .PersistentAcls = 1};
    (void)service;
    if (argc != 3)
        return STATUS_INVALID_PARAMETER;
    for (size_t i = 0; i < sizeof what - 1 && argv[1][i]; i++)
        what[i] = (char)argv[1][i];
    params.ExtendedAttributes = lies_of("ea-") != 0;
    params.NamedStreams = lies_of("stream-") != 0;
    params.ReparsePoints = lies_of("reparse-") != 0;
    params.DeviceControl = lies_of("control-") != 0;
    memcpy(params.FileSystemName, L"liar", sizeof L"liar");
    if (lies("nothing-there"))
        memset(&operations, 0, sizeof operations);
    NTSTATUS status = FspFileSystemCreate((PWSTR)L"" FSP_FSCTL_DISK_DEVICE_NAME, &params, &operations, &file_system);
    if (NT_SUCCESS(status))
        status = FspFileSystemSetMountPoint(file_system, argv[2]);
    return NT_SUCCESS(status) ? FspFileSystemStartDispatcher(file_system, 0) : status;
}

static NTSTATUS OnStop(FSP_SERVICE *service) {
    (void)service;
    if (deleted)
        return STATUS_SUCCESS;
    FspFileSystemStopDispatcher(file_system);
    FspFileSystemDelete(file_system);
    return STATUS_SUCCESS;
}

int main(void) {
    return (int)FspServiceRun((PWSTR)L"liar", OnStart, OnStop, NULL);
}
