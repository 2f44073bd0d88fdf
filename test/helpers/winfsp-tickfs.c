/* SPDX-License-Identifier: MIT */
/*
 * A read-only file system whose files appear as time goes by, as an author of Windows programs writes it: with the
 * headers, threads, locks and timers of Windows. Compiles for Linux and for Windows unchanged.
 */
#include <winfsp/winfsp.h>

#include <sddl.h>
#include <stdio.h>
#include <strsafe.h>

#define PROGNAME L"tickfs"
#define info(format, ...) FspServiceLog(EVENTLOG_INFORMATION_TYPE, format, __VA_ARGS__)
#define fail(format, ...) FspServiceLog(EVENTLOG_ERROR_TYPE, format, __VA_ARGS__)

typedef struct _TICKFS {
    FSP_FILE_SYSTEM *FileSystem;
    PTP_TIMER Timer;
    SRWLOCK Lock;
    volatile LONG Ticks;
    PSECURITY_DESCRIPTOR Security;
    ULONG SecuritySize;
    UINT64 Start;
} TICKFS;

typedef struct {
    ULONG Index; /* 0: the root */
    PVOID DirBuffer;
} TICKFS_FILE;

static UINT64 SystemTime(VOID) {
    FILETIME FileTime;
    GetSystemTimeAsFileTime(&FileTime);
    return ((PLARGE_INTEGER)&FileTime)->QuadPart;
}

static ULONG FileCount(TICKFS *Tick) {
    ULONG Count;
    AcquireSRWLockShared(&Tick->Lock);
    Count = (ULONG)Tick->Ticks;
    ReleaseSRWLockShared(&Tick->Lock);
    return min(Count, 9u);
}

static BOOLEAN Lookup(TICKFS *Tick, PCWSTR FileName, PULONG PIndex) {
    WCHAR *End;
    if (L'\\' == FileName[0] && L'\0' == FileName[1]) {
        *PIndex = 0;
        return TRUE;
    }
    if (0 != _wcsnicmp(FileName, L"\\tick", 5))
        return FALSE;
    *PIndex = wcstoul(FileName + 5, &End, 10);
    return L'\0' == *End && 0 < *PIndex && *PIndex <= FileCount(Tick);
}

static VOID FillInfo(TICKFS *Tick, ULONG Index, FSP_FSCTL_FILE_INFO *FileInfo) {
    RtlZeroMemory(FileInfo, sizeof *FileInfo);
    FileInfo->FileAttributes = 0 == Index ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_READONLY;
    FileInfo->FileSize = 0 == Index ? 0 : 8;
    FileInfo->AllocationSize = (FileInfo->FileSize + 511) / 512 * 512;
    FileInfo->CreationTime = FileInfo->LastAccessTime = FileInfo->LastWriteTime = FileInfo->ChangeTime = Tick->Start;
    FileInfo->IndexNumber = 1 + Index;
}

static NTSTATUS GetVolumeInfo(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_VOLUME_INFO *VolumeInfo) {
    UNREFERENCED_PARAMETER(FileSystem);
    VolumeInfo->TotalSize = 1024 * 1024;
    VolumeInfo->FreeSize = 0;
    VolumeInfo->VolumeLabelLength = sizeof L"TICK" - sizeof(WCHAR);
    memcpy(VolumeInfo->VolumeLabel, L"TICK", VolumeInfo->VolumeLabelLength);
    return STATUS_SUCCESS;
}

static NTSTATUS GetSecurityByName(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, PUINT32 PFileAttributes,
                                  PSECURITY_DESCRIPTOR SecurityDescriptor, SIZE_T *PSecurityDescriptorSize) {
    TICKFS *Tick = (TICKFS *)FileSystem->UserContext;
    ULONG Index;
    if (!Lookup(Tick, FileName, &Index))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (0 != PFileAttributes)
        *PFileAttributes = 0 == Index ? FILE_ATTRIBUTE_DIRECTORY : FILE_ATTRIBUTE_READONLY;
    if (0 != PSecurityDescriptorSize) {
        if (Tick->SecuritySize > *PSecurityDescriptorSize) {
            *PSecurityDescriptorSize = Tick->SecuritySize;
            return STATUS_BUFFER_OVERFLOW;
        }
        *PSecurityDescriptorSize = Tick->SecuritySize;
        if (0 != SecurityDescriptor)
            memcpy(SecurityDescriptor, Tick->Security, Tick->SecuritySize);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS Open(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess,
                     PVOID *PFileContext, FSP_FSCTL_FILE_INFO *FileInfo) {
    TICKFS *Tick = (TICKFS *)FileSystem->UserContext;
    TICKFS_FILE *File;
    ULONG Index;
    if (!Lookup(Tick, FileName, &Index))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    File = (TICKFS_FILE *)HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, sizeof *File);
    if (0 == File)
        return STATUS_INSUFFICIENT_RESOURCES;
    File->Index = Index;
    *PFileContext = File;
    FillInfo(Tick, Index, FileInfo);
    return STATUS_SUCCESS;
}

static NTSTATUS Create(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess,
                       UINT32 FileAttributes, PSECURITY_DESCRIPTOR SecurityDescriptor, UINT64 AllocationSize,
                       PVOID *PFileContext, FSP_FSCTL_FILE_INFO *FileInfo) {
    return STATUS_MEDIA_WRITE_PROTECTED;
}

static NTSTATUS Overwrite(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 FileAttributes,
                          BOOLEAN ReplaceFileAttributes, UINT64 AllocationSize, FSP_FSCTL_FILE_INFO *FileInfo) {
    return STATUS_MEDIA_WRITE_PROTECTED;
}

static VOID Close(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext) {
    TICKFS_FILE *File = (TICKFS_FILE *)FileContext;
    FspFileSystemDeleteDirectoryBuffer(&File->DirBuffer);
    HeapFree(GetProcessHeap(), 0, File);
}

static NTSTATUS Read(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PVOID Buffer, UINT64 Offset, ULONG Length,
                     PULONG PBytesTransferred) {
    TICKFS_FILE *File = (TICKFS_FILE *)FileContext;
    char Text[16];
    if (8 <= Offset)
        return STATUS_END_OF_FILE;
    sprintf_s(Text, sizeof Text, "tick %02lu\n", (unsigned long)File->Index);
    *PBytesTransferred = (ULONG)min((UINT64)Length, 8 - Offset);
    memcpy_s(Buffer, Length, Text + Offset, *PBytesTransferred);
    return STATUS_SUCCESS;
}

static NTSTATUS GetFileInfo(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, FSP_FSCTL_FILE_INFO *FileInfo) {
    FillInfo((TICKFS *)FileSystem->UserContext, ((TICKFS_FILE *)FileContext)->Index, FileInfo);
    return STATUS_SUCCESS;
}

static NTSTATUS ReadDirectory(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR Pattern, PWSTR Marker, PVOID Buffer,
                              ULONG BufferLength, PULONG PBytesTransferred) {
    TICKFS *Tick = (TICKFS *)FileSystem->UserContext;
    TICKFS_FILE *File = (TICKFS_FILE *)FileContext;
    union {
        UINT8 B[FIELD_OFFSET(FSP_FSCTL_DIR_INFO, FileNameBuf) + MAX_PATH * sizeof(WCHAR)];
        FSP_FSCTL_DIR_INFO D;
    } DirInfoBuf;
    FSP_FSCTL_DIR_INFO *DirInfo = &DirInfoBuf.D;
    NTSTATUS DirBufferResult = STATUS_SUCCESS;
    if (FspFileSystemAcquireDirectoryBuffer(&File->DirBuffer, 0 == Marker, &DirBufferResult)) {
        for (ULONG Index = 1; FileCount(Tick) >= Index; Index++) {
            size_t Length;
            memset(DirInfo, 0, sizeof *DirInfo);
            StringCbPrintfW(DirInfo->FileNameBuf, MAX_PATH * sizeof(WCHAR), L"%s%lu", L"tick", Index);
            StringCbLengthW(DirInfo->FileNameBuf, MAX_PATH * sizeof(WCHAR), &Length);
            DirInfo->Size = (UINT16)(FIELD_OFFSET(FSP_FSCTL_DIR_INFO, FileNameBuf) + Length);
            FillInfo(Tick, Index, &DirInfo->FileInfo);
            if (!FspFileSystemFillDirectoryBuffer(&File->DirBuffer, DirInfo, &DirBufferResult))
                break;
        }
        FspFileSystemReleaseDirectoryBuffer(&File->DirBuffer);
    }
    if (!NT_SUCCESS(DirBufferResult))
        return DirBufferResult;
    FspFileSystemReadDirectoryBuffer(&File->DirBuffer, Marker, Buffer, BufferLength, PBytesTransferred);
    return STATUS_SUCCESS;
}

static FSP_FILE_SYSTEM_INTERFACE Interface;

static VOID CALLBACK Tick_(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer) {
    TICKFS *Tick = (TICKFS *)Context;
    union {
        FSP_FSCTL_NOTIFY_INFO V;
        UINT8 B[1024];
    } Buffer;
    ULONG Length = 0;
    WCHAR Name[32];
    LONG Now;

    AcquireSRWLockExclusive(&Tick->Lock);
    Now = InterlockedIncrement(&Tick->Ticks);
    ReleaseSRWLockExclusive(&Tick->Lock);
    if (9 < Now)
        return;
    swprintf_s(Name, sizeof Name / sizeof Name[0], L"\\tick%d", (int)Now);
    if (STATUS_SUCCESS == FspFileSystemNotifyBegin(Tick->FileSystem, 1000)) {
        Buffer.V.Size = (UINT16)(sizeof(FSP_FSCTL_NOTIFY_INFO) + wcslen(Name) * sizeof(WCHAR));
        Buffer.V.Filter = FILE_NOTIFY_CHANGE_FILE_NAME;
        Buffer.V.Action = FILE_ACTION_ADDED;
        memcpy(Buffer.V.FileNameBuf, Name, wcslen(Name) * sizeof(WCHAR));
        Length = (Buffer.V.Size + 7u) / 8 * 8;
        FspFileSystemNotify(Tick->FileSystem, &Buffer.V, Length);
        FspFileSystemNotifyEnd(Tick->FileSystem);
    }
}

static NTSTATUS SvcStart(FSP_SERVICE *Service, ULONG argc, PWSTR *argv) {
    FSP_FSCTL_VOLUME_PARAMS VolumeParams;
    TICKFS *Tick;
    PWSTR MountPoint = 2 <= argc ? argv[1] : 0;
    LARGE_INTEGER DueTime;
    FILETIME Due;
    NTSTATUS Result;

    Tick = (TICKFS *)LocalAlloc(LPTR, sizeof *Tick);
    if (0 == Tick)
        return STATUS_INSUFFICIENT_RESOURCES;
    InitializeSRWLock(&Tick->Lock);
    Tick->Start = SystemTime();
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"O:BAG:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)",
                                                              SDDL_REVISION_1, &Tick->Security, &Tick->SecuritySize))
        return FspNtStatusFromWin32(GetLastError());

    memset(&VolumeParams, 0, sizeof VolumeParams);
    VolumeParams.Version = sizeof VolumeParams;
    VolumeParams.SectorSize = 512;
    VolumeParams.SectorsPerAllocationUnit = 1;
    VolumeParams.VolumeCreationTime = Tick->Start;
    VolumeParams.VolumeSerialNumber = (UINT32)(Tick->Start / (10000 * 1000));
    VolumeParams.FileInfoTimeout = INFINITE;
    VolumeParams.CasePreservedNames = 1;
    VolumeParams.UnicodeOnDisk = 1;
    VolumeParams.PersistentAcls = 1;
    VolumeParams.PostCleanupWhenModifiedOnly = 1;
    VolumeParams.UmFileContextIsUserContext2 = 1;
    wcscpy_s(VolumeParams.FileSystemName, sizeof VolumeParams.FileSystemName / sizeof(WCHAR), PROGNAME);

    Interface.GetVolumeInfo = GetVolumeInfo;
    Interface.GetSecurityByName = GetSecurityByName;
    Interface.Create = Create;
    Interface.Open = Open;
    Interface.Overwrite = Overwrite;
    Interface.Close = Close;
    Interface.Read = Read;
    Interface.GetFileInfo = GetFileInfo;
    Interface.ReadDirectory = ReadDirectory;

    Result = FspFileSystemCreate((PWSTR)L"" FSP_FSCTL_DISK_DEVICE_NAME, &VolumeParams, &Interface, &Tick->FileSystem);
    if (!NT_SUCCESS(Result)) {
        fail(L"cannot create (Status=%lx)", Result);
        return Result;
    }
    Tick->FileSystem->UserContext = Tick;
    Result = FspFileSystemSetMountPoint(Tick->FileSystem, MountPoint);
    if (!NT_SUCCESS(Result)) {
        fail(L"cannot mount at %s (Status=%lx)", MountPoint ? MountPoint : L"*", Result);
        return Result;
    }
    Result = FspFileSystemStartDispatcher(Tick->FileSystem, 0);
    if (!NT_SUCCESS(Result)) {
        fail(L"cannot start (Status=%lx)", Result);
        return Result;
    }
    Tick->Timer = CreateThreadpoolTimer(Tick_, Tick, 0);
    if (0 == Tick->Timer)
        return FspNtStatusFromWin32(GetLastError());
    DueTime.QuadPart = -300 * 10000LL;
    Due.dwLowDateTime = DueTime.LowPart;
    Due.dwHighDateTime = (DWORD)DueTime.HighPart;
    SetThreadpoolTimer(Tick->Timer, &Due, 300, 0);
    Service->UserContext = Tick;
    info(L"%s at %s", PROGNAME, FspFileSystemMountPoint(Tick->FileSystem));
    return STATUS_SUCCESS;
}

static NTSTATUS SvcStop(FSP_SERVICE *Service) {
    TICKFS *Tick = (TICKFS *)Service->UserContext;
    SetThreadpoolTimer(Tick->Timer, 0, 0, 0);
    WaitForThreadpoolTimerCallbacks(Tick->Timer, TRUE);
    CloseThreadpoolTimer(Tick->Timer);
    FspFileSystemStopDispatcher(Tick->FileSystem);
    FspFileSystemDelete(Tick->FileSystem);
    LocalFree(Tick->Security);
    LocalFree(Tick);
    return STATUS_SUCCESS;
}

int wmain(int argc, wchar_t **argv) {
    if (!NT_SUCCESS(FspLoad(0)))
        return ERROR_DELAY_LOAD_FAILED;
    return FspServiceRun((PWSTR)PROGNAME, SvcStart, SvcStop, 0);
}
