/* SPDX-License-Identifier: MIT */
/*
 * A folder of Linux as the operations of WinFsp's API. What is held open is a descriptor of the folder; names below it
 * do not lead out of it by "..". Permissions are the folder's own, as FspPosix... maps them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* AT_EMPTY_PATH */
#endif
#include "winptfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* NOLINTBEGIN(readability-non-const-parameter): the types are the API's */

struct open_file {
    int fd;
    BOOLEAN directory;
    PVOID entries; /* a directory buffer */
};

static int root = -1;

static NTSTATUS status_of(int error) {
    static const struct {
        int error;
        NTSTATUS status;
    } known[] = {
        {ENOENT, STATUS_OBJECT_NAME_NOT_FOUND},
        {EEXIST, STATUS_OBJECT_NAME_COLLISION},
        {EACCES, STATUS_ACCESS_DENIED},
        {EPERM, STATUS_ACCESS_DENIED},
        {ENOTDIR, STATUS_NOT_A_DIRECTORY},
        {EISDIR, STATUS_FILE_IS_A_DIRECTORY},
        {ENOSPC, STATUS_DISK_FULL},
        {ENOTEMPTY, STATUS_DIRECTORY_NOT_EMPTY},
        {EROFS, STATUS_MEDIA_WRITE_PROTECTED},
        {ENOMEM, STATUS_INSUFFICIENT_RESOURCES},
        {EMFILE, STATUS_TOO_MANY_OPENED_FILES},
        {EINVAL, STATUS_INVALID_PARAMETER},
        {ELOOP, STATUS_REPARSE_POINT_NOT_RESOLVED},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].error == error)
            return known[i].status;
    return STATUS_IO_DEVICE_ERROR;
}

/* "\a\b" as "a/b", to be freed by FspPosixDeletePath; the root is ".". */
static NTSTATUS map_path(PWSTR name, char **ret_path) {
    NTSTATUS status = FspPosixMapWindowsToPosixPath(name, ret_path);
    if (!NT_SUCCESS(status))
        return status;
    if ((*ret_path)[1])
        memmove(*ret_path, *ret_path + 1, strlen(*ret_path));
    else
        (*ret_path)[0] = '.';
    return STATUS_SUCCESS;
}

static UINT64 file_time(struct timespec time) {
    long parts[2] = {time.tv_sec, time.tv_nsec};
    UINT64 value;
    FspPosixUnixTimeToFileTime(parts, &value);
    return value;
}

static void fill_info(const struct stat *from, FSP_FSCTL_FILE_INFO *info) {
    memset(info, 0, sizeof *info);
    info->FileAttributes = S_ISDIR(from->st_mode) ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_ARCHIVE;
    if (S_ISLNK(from->st_mode)) {
        info->FileAttributes = FILE_ATTRIBUTE_REPARSE_POINT;
        info->ReparseTag = IO_REPARSE_TAG_SYMLINK;
    }
    info->AllocationSize = (UINT64)from->st_blocks * 512;
    info->FileSize = S_ISREG(from->st_mode) ? (UINT64)from->st_size : 0;
    info->CreationTime = info->ChangeTime = file_time(from->st_ctim);
    info->LastAccessTime = file_time(from->st_atim);
    info->LastWriteTime = file_time(from->st_mtim);
    info->IndexNumber = from->st_ino;
}

static NTSTATUS get_info(const struct open_file *file, FSP_FSCTL_FILE_INFO *info) {
    struct stat status;
    if (fstatat(file->fd, "", &status, AT_EMPTY_PATH) < 0)
        return status_of(errno);
    fill_info(&status, info);
    return STATUS_SUCCESS;
}

static NTSTATUS copy_security(const struct stat *status, PSECURITY_DESCRIPTOR security, SIZE_T *size) {
    PSECURITY_DESCRIPTOR made;
    NTSTATUS result =
        FspPosixMapPermissionsToSecurityDescriptor(status->st_uid, status->st_gid, status->st_mode, &made);
    if (!NT_SUCCESS(result) || !size)
        return result;
    SIZE_T needed = GetSecurityDescriptorLength(made), room = *size;
    *size = needed;
    if (room < needed)
        result = STATUS_BUFFER_OVERFLOW;
    else if (security)
        memcpy(security, made, needed);
    FspDeleteSecurityDescriptor(made, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    return result;
}

/* ---- operations ------------------------------------------------------------------------------------------------ */

static NTSTATUS GetVolumeInfo(FSP_FILE_SYSTEM *fs, FSP_FSCTL_VOLUME_INFO *info) {
    struct statvfs status;
    (void)fs;
    if (fstatvfs(root, &status) < 0)
        return status_of(errno);
    info->TotalSize = (UINT64)status.f_blocks * status.f_frsize;
    info->FreeSize = (UINT64)status.f_bfree * status.f_frsize;
    return STATUS_SUCCESS;
}

static NTSTATUS GetSecurityByName(FSP_FILE_SYSTEM *fs, PWSTR name, PUINT32 attributes, PSECURITY_DESCRIPTOR security,
                                  SIZE_T *size) {
    char *path;
    struct stat status;
    FSP_FSCTL_FILE_INFO info;
    NTSTATUS result = map_path(name, &path);
    (void)fs;
    if (!NT_SUCCESS(result))
        return result;
    int r = fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW);
    int error = errno;
    FspPosixDeletePath(path);
    if (r < 0)
        return error == ENOTDIR ? STATUS_OBJECT_NAME_NOT_FOUND : status_of(error);
    fill_info(&status, &info);
    if (attributes)
        *attributes = info.FileAttributes;
    return copy_security(&status, security, size);
}

/* Takes the descriptor over. */
static NTSTATUS give_context(int fd, PVOID *context, FSP_FSCTL_FILE_INFO *info) {
    struct open_file *file = calloc(1, sizeof *file);
    if (!file) {
        close(fd);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    file->fd = fd;
    NTSTATUS result = get_info(file, info);
    if (!NT_SUCCESS(result)) {
        close(fd);
        free(file);
        return result;
    }
    file->directory = (info->FileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    *context = file;
    return STATUS_SUCCESS;
}

/* New files belong to whom the descriptor says. */
static void set_owner(int fd, PSECURITY_DESCRIPTOR security) {
    UINT32 uid, gid, mode;
    if (!security || !NT_SUCCESS(FspPosixMapSecurityDescriptorToPermissions(security, &uid, &gid, &mode)))
        return;
    if (geteuid() == 0 && fchown(fd, uid, gid) < 0)
        return;
    fchmod(fd, mode & 07777);
}

static NTSTATUS Create(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, UINT32 attributes,
                       PSECURITY_DESCRIPTOR security, UINT64 allocation, PVOID *context, FSP_FSCTL_FILE_INFO *info) {
    char *path;
    int fd = -1, error = 0;
    NTSTATUS result = map_path(name, &path);
    (void)fs, (void)access, (void)attributes, (void)allocation;
    if (!NT_SUCCESS(result))
        return result;
    if (!(options & FILE_DIRECTORY_FILE))
        fd = openat(root, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    else if (mkdirat(root, path, 0700) == 0)
        fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    error = errno;
    FspPosixDeletePath(path);
    if (fd < 0)
        return status_of(error);
    set_owner(fd, security);
    return give_context(fd, context, info);
}

static int flags_of(UINT32 access) {
    BOOLEAN reads = (access & FILE_READ_DATA) != 0, writes = (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
    if (!reads && !writes)
        return O_PATH;
    return writes ? O_RDWR : O_RDONLY;
}

static NTSTATUS Open(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 options, UINT32 access, PVOID *context,
                     FSP_FSCTL_FILE_INFO *info) {
    char *path;
    NTSTATUS result = map_path(name, &path);
    (void)fs;
    if (!NT_SUCCESS(result))
        return result;
    int flags = options & FILE_DIRECTORY_FILE ? O_RDONLY | O_DIRECTORY : flags_of(access);
    int fd = openat(root, path, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == EACCES && (flags & O_RDWR)) /* one that may be written to but not read */
        fd = openat(root, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    FspPosixDeletePath(path);
    return fd < 0 ? status_of(error) : give_context(fd, context, info);
}

static NTSTATUS Overwrite(FSP_FILE_SYSTEM *fs, PVOID context, UINT32 attributes, BOOLEAN replace, UINT64 allocation,
                          FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    (void)fs, (void)attributes, (void)replace, (void)allocation;
    return ftruncate(file->fd, 0) < 0 ? status_of(errno) : get_info(file, info);
}

static VOID Cleanup(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, ULONG flags) {
    const struct open_file *file = context;
    char *path;
    (void)fs;
    if (!(flags & FspCleanupDelete) || !NT_SUCCESS(map_path(name, &path)))
        return;
    unlinkat(root, path, file->directory ? AT_REMOVEDIR : 0);
    FspPosixDeletePath(path);
}

static VOID Close(FSP_FILE_SYSTEM *fs, PVOID context) {
    struct open_file *file = context;
    (void)fs;
    FspFileSystemDeleteDirectoryBuffer(&file->entries);
    close(file->fd);
    free(file);
}

static NTSTATUS Read(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, UINT64 offset, ULONG length, PULONG count) {
    const struct open_file *file = context;
    ssize_t n = pread(file->fd, buffer, length, (off_t)offset);
    (void)fs;
    if (n < 0)
        return status_of(errno);
    *count = (ULONG)n;
    return n == 0 ? STATUS_END_OF_FILE : STATUS_SUCCESS;
}

static NTSTATUS Write(FSP_FILE_SYSTEM *fs, PVOID context, PVOID buffer, UINT64 offset, ULONG length, BOOLEAN to_end,
                      BOOLEAN constrained, PULONG count, FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    struct stat status;
    (void)fs;
    if (fstat(file->fd, &status) < 0)
        return status_of(errno);
    UINT64 size = (UINT64)status.st_size;
    if (to_end)
        offset = size;
    if (constrained && offset >= size)
        length = 0;
    else if (constrained && offset + length > size)
        length = (ULONG)(size - offset);
    ssize_t n = length ? pwrite(file->fd, buffer, length, (off_t)offset) : 0;
    if (n < 0)
        return status_of(errno);
    *count = (ULONG)n;
    return get_info(file, info);
}

static NTSTATUS Flush(FSP_FILE_SYSTEM *fs, PVOID context, FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    (void)fs;
    if (!file)
        return syncfs(root) < 0 ? status_of(errno) : STATUS_SUCCESS;
    return fsync(file->fd) < 0 ? status_of(errno) : get_info(file, info);
}

static NTSTATUS GetFileInfo(FSP_FILE_SYSTEM *fs, PVOID context, FSP_FSCTL_FILE_INFO *info) {
    (void)fs;
    return get_info(context, info);
}

static struct timespec time_to_set(UINT64 value) {
    long parts[2];
    struct timespec time = {0, UTIME_OMIT};
    if (value) {
        FspPosixFileTimeToUnixTime(value, parts);
        if (parts[1] < 0) {
            parts[0]--;
            parts[1] += 1000000000;
        }
        time = (struct timespec){parts[0], parts[1]};
    }
    return time;
}

/* A descriptor that was opened to look only is changed by its path in /proc. */
static const char *proc_path(const struct open_file *file, char text[64]) {
    snprintf(text, 64, "/proc/self/fd/%d", file->fd);
    return text;
}

static NTSTATUS SetBasicInfo(FSP_FILE_SYSTEM *fs, PVOID context, UINT32 attributes, UINT64 created, UINT64 accessed,
                             UINT64 written, UINT64 changed, FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    struct timespec times[2] = {time_to_set(accessed), time_to_set(written)};
    char path[64];
    (void)fs, (void)attributes, (void)created, (void)changed;
    return utimensat(AT_FDCWD, proc_path(file, path), times, 0) < 0 ? status_of(errno) : get_info(file, info);
}

static NTSTATUS SetFileSize(FSP_FILE_SYSTEM *fs, PVOID context, UINT64 size, BOOLEAN allocation,
                            FSP_FSCTL_FILE_INFO *info) {
    const struct open_file *file = context;
    struct stat status;
    (void)fs;
    if (fstat(file->fd, &status) < 0)
        return status_of(errno);
    BOOLEAN truncates = !allocation || size < (UINT64)status.st_size;
    if (truncates ? ftruncate(file->fd, (off_t)size) < 0 : fallocate(file->fd, 1, 0, (off_t)size) < 0)
        return status_of(errno);
    return get_info(file, info);
}

static NTSTATUS CanDelete(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name) {
    const struct open_file *file = context;
    NTSTATUS result = STATUS_SUCCESS;
    (void)fs, (void)name;
    if (!file->directory)
        return result;
    int fd = openat(file->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing)
        return status_of(errno);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = STATUS_DIRECTORY_NOT_EMPTY;
    closedir(listing);
    return result;
}

static NTSTATUS Rename(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, PWSTR new_name, BOOLEAN replace) {
    char *from, *to;
    NTSTATUS result = map_path(name, &from);
    (void)fs, (void)context;
    if (!NT_SUCCESS(result))
        return result;
    result = map_path(new_name, &to);
    if (NT_SUCCESS(result)) {
        if (renameat2(root, from, root, to, replace ? 0 : RENAME_NOREPLACE) < 0)
            result = status_of(errno);
        FspPosixDeletePath(to);
    }
    FspPosixDeletePath(from);
    return result;
}

static NTSTATUS GetSecurity(FSP_FILE_SYSTEM *fs, PVOID context, PSECURITY_DESCRIPTOR security, SIZE_T *size) {
    const struct open_file *file = context;
    struct stat status;
    (void)fs;
    return fstat(file->fd, &status) < 0 ? status_of(errno) : copy_security(&status, security, size);
}

static NTSTATUS SetSecurity(FSP_FILE_SYSTEM *fs, PVOID context, SECURITY_INFORMATION parts,
                            PSECURITY_DESCRIPTOR change) {
    const struct open_file *file = context;
    char before[1024], path[64];
    SIZE_T size = sizeof before;
    PSECURITY_DESCRIPTOR after;
    UINT32 uid, gid, mode;
    NTSTATUS result = GetSecurity(fs, context, before, &size);
    if (NT_SUCCESS(result))
        result = FspSetSecurityDescriptor(before, parts, change, &after);
    if (!NT_SUCCESS(result))
        return result;
    result = FspPosixMapSecurityDescriptorToPermissions(after, &uid, &gid, &mode);
    FspDeleteSecurityDescriptor(after, (FSP_CREATOR *)FspSetSecurityDescriptor);
    if (!NT_SUCCESS(result))
        return result;
    if ((parts & (OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION)) && geteuid() == 0 &&
        chown(proc_path(file, path), uid, gid) < 0)
        return status_of(errno);
    return chmod(proc_path(file, path), mode & 07777) < 0 ? status_of(errno) : STATUS_SUCCESS;
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

static NTSTATUS fill_one(struct open_file *file, const char *name) {
    union {
        FSP_FSCTL_DIR_INFO info;
        UINT8 bytes[sizeof(FSP_FSCTL_DIR_INFO) + 256 * sizeof(WCHAR)];
    } entry;
    struct stat status;
    PWSTR wide;
    NTSTATUS result;
    if (fstatat(file->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        !NT_SUCCESS(FspPosixMapPosixToWindowsPath(name, &wide))) /* gone, or no name of Windows */
        return STATUS_SUCCESS;
    SIZE_T size = wcslen(wide) * sizeof(WCHAR);
    memset(&entry.info, 0, sizeof entry.info);
    entry.info.Size = (UINT16)(sizeof entry.info + size);
    fill_info(&status, &entry.info.FileInfo);
    memcpy(entry.bytes + sizeof entry.info, wide, size);
    FspPosixDeletePath(wide);
    FspFileSystemFillDirectoryBuffer(&file->entries, &entry.info, &result);
    return result;
}

static NTSTATUS fill_all(struct open_file *file) {
    int fd = openat(file->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    NTSTATUS result = STATUS_SUCCESS;
    if (!listing)
        return status_of(errno);
    for (struct dirent *entry = readdir(listing); entry && NT_SUCCESS(result); entry = readdir(listing))
        result = fill_one(file, entry->d_name);
    closedir(listing);
    return result;
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

/* ---- symbolic links -------------------------------------------------------------------------------------------- */

static NTSTATUS GetReparsePoint(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, PVOID buffer, PSIZE_T size) {
    const struct open_file *file = context;
    REPARSE_DATA_BUFFER *data = buffer;
    SIZE_T head = offsetof(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer);
    char target[4096];
    PWSTR wide;
    ssize_t n = readlinkat(file->fd, "", target, sizeof target - 1);
    (void)fs, (void)name;
    if (n < 0)
        return STATUS_NOT_A_REPARSE_POINT;
    target[n] = 0;
    NTSTATUS result = FspPosixMapPosixToWindowsPath(target, &wide);
    if (!NT_SUCCESS(result))
        return result;
    SIZE_T bytes = wcslen(wide) * sizeof(WCHAR);
    if (*size < head + bytes)
        result = STATUS_BUFFER_TOO_SMALL;
    else {
        memset(data, 0, head);
        data->ReparseTag = IO_REPARSE_TAG_SYMLINK;
        data->ReparseDataLength = (USHORT)(head - REPARSE_DATA_BUFFER_HEADER_SIZE + bytes);
        data->SymbolicLinkReparseBuffer.SubstituteNameLength = (USHORT)bytes;
        data->SymbolicLinkReparseBuffer.Flags = SYMLINK_FLAG_RELATIVE;
        memcpy((char *)buffer + head, wide, bytes);
        *size = head + bytes;
    }
    FspPosixDeletePath(wide);
    return result;
}

/* The file that was made for it gives way to the link. */
static NTSTATUS SetReparsePoint(FSP_FILE_SYSTEM *fs, PVOID context, PWSTR name, PVOID buffer, SIZE_T size) {
    struct open_file *file = context;
    const REPARSE_DATA_BUFFER *data = buffer;
    SIZE_T head = offsetof(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer);
    WCHAR text[4096];
    char *path, *target;
    (void)fs;
    if (size < head || data->ReparseTag != IO_REPARSE_TAG_SYMLINK || file->directory)
        return STATUS_IO_REPARSE_TAG_MISMATCH;
    SIZE_T at = data->SymbolicLinkReparseBuffer.SubstituteNameOffset;
    SIZE_T bytes = data->SymbolicLinkReparseBuffer.SubstituteNameLength;
    if (at + bytes > size - head || bytes >= sizeof text)
        return STATUS_IO_REPARSE_DATA_INVALID;
    memcpy(text, (const char *)buffer + head + at, bytes);
    text[bytes / sizeof *text] = 0;
    NTSTATUS result = map_path(name, &path);
    if (!NT_SUCCESS(result))
        return result;
    result = FspPosixMapWindowsToPosixPath(text, &target);
    if (NT_SUCCESS(result)) {
        if (unlinkat(root, path, 0) < 0 || symlinkat(target, root, path) < 0)
            result = status_of(errno);
        int fd = NT_SUCCESS(result) ? openat(root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
        if (fd >= 0) {
            dup3(fd, file->fd, O_CLOEXEC);
            close(fd);
        }
        FspPosixDeletePath(target);
    }
    FspPosixDeletePath(path);
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
    .CanDelete = CanDelete,
    .Rename = Rename,
    .GetSecurity = GetSecurity,
    .SetSecurity = SetSecurity,
    .ReadDirectory = ReadDirectory,
    .GetReparsePoint = GetReparsePoint,
    .SetReparsePoint = SetReparsePoint,
};

/* ---- the folder ------------------------------------------------------------------------------------------------ */

void folder_fill_params(FSP_FSCTL_VOLUME_PARAMS *params) {
    params->CaseSensitiveSearch = 1;
    params->PersistentAcls = 1;
    params->ReparsePoints = 1;
    params->SupportsPosixUnlinkRename = 1;
    params->PostDispositionWhenNecessaryOnly = 1;
}

NTSTATUS folder_open(PWSTR name) {
    char *folder;
    NTSTATUS status = FspPosixMapWindowsToPosixPathEx(name, &folder, FALSE);
    if (!NT_SUCCESS(status))
        return status;
    root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    FspPosixDeletePath(folder);
    umask(0);
    return root < 0 ? status_of(error) : STATUS_SUCCESS;
}

/* NOLINTEND(readability-non-const-parameter) */
