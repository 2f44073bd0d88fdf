/* SPDX-License-Identifier: MIT */
/*
 * winhello: a small file system of WinFsp's API. Its root has one file, "hello", that can be read.
 *
 *     winhello Z:
 *
 * The same source becomes a Linux program (pkg-config winfsp) and a Windows program (mingw-w64).
 */
#include <string.h>
#include <wchar.h>

#include <winfsp/winfsp.h>

/* NOLINTBEGIN(readability-non-const-parameter): the types are the API's */

static const char text[] = "hello from WinFsp's API\n";
static FSP_FILE_SYSTEM *file_system;

enum { ROOT = 1, HELLO = 2 };

static int find(PWSTR name) {
    return !wcscmp(name, L"\\") ? ROOT : !wcscmp(name, L"\\hello") ? HELLO : 0;
}

static void fill(int file, FSP_FSCTL_FILE_INFO *info) {
    memset(info, 0, sizeof *info);
    info->FileAttributes = file == ROOT ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_READONLY;
    info->FileSize = file == ROOT ? 0 : sizeof text - 1;
    info->IndexNumber = (UINT64)file;
}

static NTSTATUS GetVolumeInfo(FSP_FILE_SYSTEM *fs, FSP_FSCTL_VOLUME_INFO *info) {
    (void)fs;
    info->TotalSize = 4096;
    return STATUS_SUCCESS;
}

static NTSTATUS Create(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, UINT32 attributes,
                       PSECURITY_DESCRIPTOR security, UINT64 allocation, PVOID *context, FSP_FSCTL_FILE_INFO *info) {
    (void)fs, (void)name, (void)options, (void)access, (void)attributes, (void)security, (void)allocation;
    (void)context, (void)info;
    return STATUS_MEDIA_WRITE_PROTECTED;
}

static NTSTATUS Open(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, PVOID *context,
                     FSP_FSCTL_FILE_INFO *info) {
    int file = find(name);
    (void)fs, (void)options, (void)access;
    if (!file)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    *context = (PVOID)(UINT_PTR)file;
    fill(file, info);
    return STATUS_SUCCESS;
}

static NTSTATUS Overwrite(FSP_FILE_SYSTEM *fs, PVOID context, UINT32 attributes, BOOLEAN replace, UINT64 allocation,
                          FSP_FSCTL_FILE_INFO *info) {
    (void)fs, (void)context, (void)attributes, (void)replace, (void)allocation, (void)info;
    return STATUS_MEDIA_WRITE_PROTECTED;
}

static NTSTATUS Read(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, UINT64 offset, ULONG length, PULONG count) {
    (void)fs, (void)context;
    if (offset >= sizeof text - 1)
        return STATUS_END_OF_FILE;
    *count = length < sizeof text - 1 - offset ? length : (ULONG)(sizeof text - 1 - offset);
    memcpy(buffer, text + offset, *count);
    return STATUS_SUCCESS;
}

static NTSTATUS GetFileInfo(FSP_FILE_SYSTEM *fs, PVOID context, FSP_FSCTL_FILE_INFO *info) {
    (void)fs;
    fill((int)(UINT_PTR)context, info);
    return STATUS_SUCCESS;
}

static NTSTATUS ReadDirectory(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR pattern, PWSTR marker, PVOID buffer,
                              ULONG length, PULONG count) {
    union {
        FSP_FSCTL_DIR_INFO info;
        UINT8 bytes[sizeof(FSP_FSCTL_DIR_INFO) + 5 * sizeof(WCHAR)];
    } entry;
    (void)fs, (void)context, (void)pattern;
    memset(&entry, 0, sizeof entry);
    entry.info.Size = sizeof entry.bytes;
    fill(HELLO, &entry.info.FileInfo);
    memcpy(entry.bytes + sizeof(FSP_FSCTL_DIR_INFO), L"hello", 5 * sizeof(WCHAR));
    if (marker || FspFileSystemAddDirInfo(&entry.info, buffer, length, count))
        FspFileSystemAddDirInfo(NULL, buffer, length, count);
    return STATUS_SUCCESS;
}

static const FSP_FILE_SYSTEM_INTERFACE operations = {
    .GetVolumeInfo = GetVolumeInfo,
    .Create = Create,
    .Open = Open,
    .Overwrite = Overwrite,
    .Read = Read,
    .GetFileInfo = GetFileInfo,
    .ReadDirectory = ReadDirectory,
};

static NTSTATUS OnStart(FSP_SERVICE *service, ULONG argc, PWSTR *argv) {
    FSP_FSCTL_VOLUME_PARAMS params = {.Version = sizeof params, .CaseSensitiveSearch = 1, .ReadOnlyVolume = 1};
    (void)service;
    wcscpy(params.FileSystemName, L"winhello");
    NTSTATUS status = FspFileSystemCreate((PWSTR)L"" FSP_FSCTL_DISK_DEVICE_NAME, &params, &operations, &file_system);
    if (NT_SUCCESS(status))
        status = FspFileSystemSetMountPoint(file_system, argc > 1 ? argv[1] : NULL);
    if (NT_SUCCESS(status))
        status = FspFileSystemStartDispatcher(file_system, 0);
    if (!NT_SUCCESS(status) && file_system)
        FspFileSystemDelete(file_system);
    return status;
}

static NTSTATUS OnStop(FSP_SERVICE *service) {
    (void)service;
    FspFileSystemStopDispatcher(file_system);
    FspFileSystemDelete(file_system);
    return STATUS_SUCCESS;
}

int main(void) {
    return NT_SUCCESS(FspLoad(NULL)) ? (int)FspServiceRun((PWSTR)L"winhello", OnStart, OnStop, NULL) : 1;
}

/* NOLINTEND(readability-non-const-parameter) */
