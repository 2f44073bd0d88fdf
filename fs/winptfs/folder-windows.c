/* SPDX-License-Identifier: MIT */
/*
 * A folder of Windows as the operations of WinFsp's API. An open file is a handle of the file below it. Descriptors are
 * not passed through (PersistentAcls is off): in Wine they are made up from mode bits, with one user for every uid.
 */
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "winptfs.h"

/* NOLINTBEGIN(readability-non-const-parameter): the types are the API's */

#define PATH_LENGTH_MAX 4096

struct open_file {
    HANDLE handle;
    PWSTR path;
    BOOLEAN directory;
    PVOID entries; /* a directory buffer */
};

static WCHAR root[PATH_LENGTH_MAX]; /* "\\?\C:\folder" */

static NTSTATUS last_status(void) {
    return FspNtStatusFromWin32(GetLastError());
}

/* The path of "\a\b" below the root; to be freed. */
static NTSTATUS map_path(PCWSTR name, PWSTR *ret_path) {
    SIZE_T head = wcslen(root), length = wcslen(name);
    if (length == 1)
        length = 0; /* the root itself */
    PWSTR path = malloc((head + length + 1) * sizeof(WCHAR));
    if (!path)
        return STATUS_INSUFFICIENT_RESOURCES;
    memcpy(path, root, head * sizeof(WCHAR));
    memcpy(path + head, name, length * sizeof(WCHAR));
    path[head + length] = 0;
    *ret_path = path;
    return STATUS_SUCCESS;
}

static UINT64 number_of(FILETIME time) {
    return (UINT64)time.dwHighDateTime << 32 | time.dwLowDateTime;
}

static UINT64 whole_blocks(UINT64 size) {
    return (size + 4095) / 4096 * 4096;
}

static NTSTATUS get_info(const struct open_file *file, FSP_FSCTL_FILE_INFO *info) {
    BY_HANDLE_FILE_INFORMATION found;
    FILE_BASIC_INFO basic;
    memset(info, 0, sizeof *info);
    if (!GetFileInformationByHandle(file->handle, &found))
        return last_status();
    info->FileAttributes = found.dwFileAttributes & ~(DWORD)FILE_ATTRIBUTE_REPARSE_POINT;
    if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        info->FileSize = (UINT64)found.nFileSizeHigh << 32 | found.nFileSizeLow;
    info->AllocationSize = whole_blocks(info->FileSize);
    info->CreationTime = number_of(found.ftCreationTime);
    info->LastAccessTime = number_of(found.ftLastAccessTime);
    info->LastWriteTime = info->ChangeTime = number_of(found.ftLastWriteTime);
    info->IndexNumber = (UINT64)found.nFileIndexHigh << 32 | found.nFileIndexLow;
    if (GetFileInformationByHandleEx(file->handle, FileBasicInfo, &basic, sizeof basic))
        info->ChangeTime = (UINT64)basic.ChangeTime.QuadPart;
    return STATUS_SUCCESS;
}

/* ---- operations ------------------------------------------------------------------------------------------------ */

static NTSTATUS GetVolumeInfo(FSP_FILE_SYSTEM *fs, FSP_FSCTL_VOLUME_INFO *info) {
    ULARGE_INTEGER available, total, left;
    (void)fs;
    if (!GetDiskFreeSpaceExW(root, &available, &total, &left))
        return last_status();
    info->TotalSize = total.QuadPart;
    info->FreeSize = available.QuadPart;
    return STATUS_SUCCESS;
}

static NTSTATUS GetSecurityByName(FSP_FILE_SYSTEM *fs, PWSTR name, PUINT32 attributes, PSECURITY_DESCRIPTOR security,
                                  SIZE_T *size) {
    PWSTR path;
    NTSTATUS result = map_path(name, &path);
    (void)fs, (void)security;
    if (!NT_SUCCESS(result))
        return result;
    DWORD found = GetFileAttributesW(path);
    if (found == INVALID_FILE_ATTRIBUTES)
        result = last_status();
    free(path);
    if (attributes)
        *attributes = found & ~(DWORD)FILE_ATTRIBUTE_REPARSE_POINT;
    if (size)
        *size = 0; /* no descriptor: everybody may */
    return result;
}

/* Opens what is at the path, which becomes the file's. */
static NTSTATUS open_path(PWSTR path, DWORD access, DWORD disposition, DWORD attributes, PVOID *context,
                          FSP_FSCTL_FILE_INFO *info) {
    struct open_file *file = calloc(1, sizeof *file);
    NTSTATUS result = file ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
    HANDLE handle = INVALID_HANDLE_VALUE;
    if (NT_SUCCESS(result)) {
        handle = CreateFileW(path, access | FILE_READ_ATTRIBUTES,
                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, disposition,
                             attributes | FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
        if (handle == INVALID_HANDLE_VALUE)
            result = last_status();
    }
    if (NT_SUCCESS(result)) {
        file->handle = handle;
        file->path = path;
        result = get_info(file, info);
    }
    if (!NT_SUCCESS(result)) {
        if (handle != INVALID_HANDLE_VALUE)
            CloseHandle(handle);
        free(file);
        free(path);
        return result;
    }
    file->directory = (info->FileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    *context = file;
    return STATUS_SUCCESS;
}

static NTSTATUS Create(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, UINT32 attributes,
                       PSECURITY_DESCRIPTOR security, UINT64 allocation, PVOID *context, FSP_FSCTL_FILE_INFO *info) {
    PWSTR path;
    NTSTATUS result = map_path(name, &path);
    (void)fs, (void)security, (void)allocation;
    if (!NT_SUCCESS(result))
        return result;
    if (!(options & FILE_DIRECTORY_FILE))
        return open_path(path, access, CREATE_NEW, attributes ? attributes : FILE_ATTRIBUTE_NORMAL, context, info);
    if (!CreateDirectoryW(path, NULL)) {
        result = last_status();
        free(path);
        return result;
    }
    return open_path(path, access, OPEN_EXISTING, 0, context, info);
}

static NTSTATUS Open(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, PVOID *context,
                     FSP_FSCTL_FILE_INFO *info) {
    PWSTR path;
    NTSTATUS result = map_path(name, &path);
    (void)fs, (void)options;
    return NT_SUCCESS(result) ? open_path(path, access, OPEN_EXISTING, 0, context, info) : result;
}

static NTSTATUS set_end(const struct open_file *file, UINT64 size) {
    FILE_END_OF_FILE_INFO end = {.EndOfFile = {.QuadPart = (LONGLONG)size}};
    return SetFileInformationByHandle(file->handle, FileEndOfFileInfo, &end, sizeof end) ? STATUS_SUCCESS
                                                                                         : last_status();
}

static NTSTATUS Overwrite(FSP_FILE_SYSTEM *fs, PVOID context, UINT32 attributes, BOOLEAN replace, UINT64 allocation,
                          FSP_FSCTL_FILE_INFO *info) {
    (void)fs, (void)attributes, (void)replace, (void)allocation;
    NTSTATUS result = set_end(context, 0);
    return NT_SUCCESS(result) ? get_info(context, info) : result;
}

static NTSTATUS set_delete(const struct open_file *file, BOOLEAN delete) {
    FILE_DISPOSITION_INFO disposition = {.DeleteFile = delete};
    return SetFileInformationByHandle(file->handle, FileDispositionInfo, &disposition, sizeof disposition)
               ? STATUS_SUCCESS
               : last_status();
}

/* The file below goes when its last handle is closed, and this is it. */
static VOID Cleanup(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, ULONG flags) {
    struct open_file *file = context;
    (void)fs, (void)name;
    if (!(flags & FspCleanupDelete))
        return;
    set_delete(file, TRUE);
    CloseHandle(file->handle);
    file->handle = INVALID_HANDLE_VALUE;
}

static VOID Close(FSP_FILE_SYSTEM *fs, PVOID context) {
    struct open_file *file = context;
    (void)fs;
    FspFileSystemDeleteDirectoryBuffer(&file->entries);
    if (file->handle != INVALID_HANDLE_VALUE)
        CloseHandle(file->handle);
    free(file->path);
    free(file);
}

static OVERLAPPED at(UINT64 offset) {
    OVERLAPPED overlapped = {0};
    overlapped.Offset = (DWORD)offset;
    overlapped.OffsetHigh = (DWORD)(offset >> 32);
    return overlapped;
}

static NTSTATUS Read(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, UINT64 offset, ULONG length, PULONG count) {
    const struct open_file *file = context;
    OVERLAPPED where = at(offset);
    (void)fs;
    if (!ReadFile(file->handle, buffer, length, count, &where))
        return last_status();
    return *count ? STATUS_SUCCESS : STATUS_END_OF_FILE;
}

static NTSTATUS Write(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, UINT64 offset, ULONG length, BOOLEAN to_end,
                      BOOLEAN constrained, PULONG count, FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    LARGE_INTEGER size;
    (void)fs;
    if (!GetFileSizeEx(file->handle, &size))
        return last_status();
    if (to_end)
        offset = (UINT64)size.QuadPart;
    if (constrained && offset >= (UINT64)size.QuadPart)
        length = 0;
    else if (constrained && offset + length > (UINT64)size.QuadPart)
        length = (ULONG)((UINT64)size.QuadPart - offset);
    OVERLAPPED where = at(offset);
    if (length && !WriteFile(file->handle, buffer, length, count, &where))
        return last_status();
    return get_info(file, info);
}

static NTSTATUS Flush(FSP_FILE_SYSTEM *fs, PVOID context, FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    (void)fs;
    if (!file) /* of a volume: handles have nothing of their own */
        return STATUS_SUCCESS;
    return file->directory || FlushFileBuffers(file->handle) ? get_info(file, info) : last_status();
}

static NTSTATUS GetFileInfo(FSP_FILE_SYSTEM *fs, PVOID context, FSP_FSCTL_FILE_INFO *info) {
    (void)fs;
    return get_info(context, info);
}

static NTSTATUS SetBasicInfo(FSP_FILE_SYSTEM *fs, PVOID context, UINT32 attributes, UINT64 created, UINT64 accessed,
                             UINT64 written, UINT64 changed, FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    FILE_BASIC_INFO basic = {0};
    (void)fs;
    basic.FileAttributes = attributes == INVALID_FILE_ATTRIBUTES ? 0 : attributes ? attributes : FILE_ATTRIBUTE_NORMAL;
    basic.CreationTime.QuadPart = (LONGLONG)created;
    basic.LastAccessTime.QuadPart = (LONGLONG)accessed;
    basic.LastWriteTime.QuadPart = (LONGLONG)written;
    basic.ChangeTime.QuadPart = (LONGLONG)changed;
    return SetFileInformationByHandle(file->handle, FileBasicInfo, &basic, sizeof basic) ? get_info(file, info)
                                                                                         : last_status();
}

/* Room that is set aside for a file is not passed through: it may not be refused, and nobody sees it. */
static NTSTATUS SetFileSize(FSP_FILE_SYSTEM *fs, PVOID context, UINT64 size, BOOLEAN allocation,
                            FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    LARGE_INTEGER now;
    NTSTATUS result = STATUS_SUCCESS;
    (void)fs;
    if (!GetFileSizeEx(file->handle, &now))
        return last_status();
    if (!allocation || size < (UINT64)now.QuadPart)
        result = set_end(file, size);
    return NT_SUCCESS(result) ? get_info(file, info) : result;
}

static NTSTATUS SetDelete(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, BOOLEAN delete) {
    (void)fs, (void)name;
    return set_delete(context, delete);
}

static NTSTATUS Rename(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, PWSTR new_name, BOOLEAN replace) {
    PWSTR from, to;
    NTSTATUS result = map_path(name, &from);
    (void)fs, (void)context;
    if (!NT_SUCCESS(result))
        return result;
    result = map_path(new_name, &to);
    if (NT_SUCCESS(result)) {
        if (!MoveFileExW(from, to, replace ? MOVEFILE_REPLACE_EXISTING : 0))
            result = last_status();
        free(to);
    }
    free(from);
    return result;
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

static NTSTATUS fill_one(struct open_file *file, const FILE_ID_BOTH_DIR_INFO *found) {
    union {
        FSP_FSCTL_DIR_INFO info;
        UINT8 bytes[sizeof(FSP_FSCTL_DIR_INFO) + 256 * sizeof(WCHAR)];
    } entry;
    FSP_FSCTL_FILE_INFO *info = &entry.info.FileInfo;
    NTSTATUS result;
    if (found->FileNameLength > 255 * sizeof(WCHAR))
        return STATUS_SUCCESS;
    memset(&entry.info, 0, sizeof entry.info);
    entry.info.Size = (UINT16)(sizeof entry.info + found->FileNameLength);
    info->FileAttributes = found->FileAttributes & ~(DWORD)FILE_ATTRIBUTE_REPARSE_POINT;
    if (!(found->FileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        info->FileSize = (UINT64)found->EndOfFile.QuadPart;
    info->AllocationSize = whole_blocks(info->FileSize);
    info->CreationTime = (UINT64)found->CreationTime.QuadPart;
    info->LastAccessTime = (UINT64)found->LastAccessTime.QuadPart;
    info->LastWriteTime = (UINT64)found->LastWriteTime.QuadPart;
    info->ChangeTime = (UINT64)found->ChangeTime.QuadPart;
    info->IndexNumber = (UINT64)found->FileId.QuadPart;
    memcpy(entry.bytes + sizeof entry.info, found->FileName, found->FileNameLength);
    FspFileSystemFillDirectoryBuffer(&file->entries, &entry.info, &result);
    return result;
}

static NTSTATUS fill_all(struct open_file *file) {
    UINT64 storage[4096];
    FILE_INFO_BY_HANDLE_CLASS next = FileIdBothDirectoryRestartInfo;
    while (GetFileInformationByHandleEx(file->handle, next, storage, sizeof storage)) {
        const UINT8 *bytes = (const UINT8 *)storage;
        for (const FILE_ID_BOTH_DIR_INFO *found = (const void *)bytes;; found = (const void *)bytes) {
            NTSTATUS result = fill_one(file, found);
            if (!NT_SUCCESS(result))
                return result;
            if (!found->NextEntryOffset)
                break;
            bytes += found->NextEntryOffset;
        }
        next = FileIdBothDirectoryInfo;
    }
    return GetLastError() == ERROR_NO_MORE_FILES ? STATUS_SUCCESS : last_status();
}

static NTSTATUS ReadDirectory(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR pattern, PWSTR marker, PVOID buffer,
                              ULONG length, PULONG count) {
    struct open_file *file = context;
    NTSTATUS result;
    (void)fs, (void)pattern;
    if (FspFileSystemAcquireDirectoryBuffer(&file->entries, !marker, &result)) {
        result = fill_all(file);
        FspFileSystemReleaseDirectoryBuffer(&file->entries);
    }
    if (NT_SUCCESS(result))
        FspFileSystemReadDirectoryBuffer(&file->entries, marker, buffer, length, count);
    return result;
}

const FSP_FILE_SYSTEM_INTERFACE folder_interface = {
    .GetVolumeInfo = GetVolumeInfo,
    .GetSecurityByName = GetSecurityByName,
    .Create = Create,
    .Open = Open,
    .Overwrite = Overwrite,
    .Cleanup = Cleanup,
    .Close = Close,
    .Read = Read,
    .Write = Write,
    .Flush = Flush,
    .GetFileInfo = GetFileInfo,
    .SetBasicInfo = SetBasicInfo,
    .SetFileSize = SetFileSize,
    .SetDelete = SetDelete,
    .Rename = Rename,
    .ReadDirectory = ReadDirectory,
};

/* ---- the folder ------------------------------------------------------------------------------------------------ */

/* Names differ in more than case, and what is open keeps its name until it is closed. */
void folder_fill_params(FSP_FSCTL_VOLUME_PARAMS *params) {
    params->CaseSensitiveSearch = 0;
}

NTSTATUS folder_open(PWSTR name) {
    static const WCHAR head[] = L"\\\\?\\";
    const DWORD skip = sizeof head / sizeof *head - 1;
    DWORD length = GetFullPathNameW(name, PATH_LENGTH_MAX - skip, root + skip, NULL);
    if (length == 0)
        return last_status();
    if (length >= PATH_LENGTH_MAX - skip)
        return STATUS_OBJECT_NAME_INVALID;
    memcpy(root, head, skip * sizeof(WCHAR));
    if (root[skip + length - 1] == '\\')
        root[skip + length - 1] = 0;
    DWORD attributes = GetFileAttributesW(root);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return last_status();
    return attributes & FILE_ATTRIBUTE_DIRECTORY ? STATUS_SUCCESS : STATUS_NOT_A_DIRECTORY;
}

/* NOLINTEND(readability-non-const-parameter) */
