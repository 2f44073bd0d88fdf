/* SPDX-License-Identifier: MIT */
/*
 * winmemfs: a file system in memory, written against WinFsp's API and nothing else.
 *
 *     winmemfs -i -F NTFS -m Z:
 *
 * The same sources become a Linux program (pkg-config winfsp) and a Windows program (mingw-w64). It has what the API
 * has: named streams, extended attributes, reparse points, security descriptors.
 */
#include "winmemfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MEMFS Memfs;
static FSP_FILE_SYSTEM *FileSystem;

static PWSTR Text(const void *Literal) {
    return (PWSTR)(UINT_PTR)Literal;
}

/* ---- starting -------------------------------------------------------------------------------------------------- */

static VOID CopyText(PWSTR To, SIZE_T Units, PCWSTR From) {
    SIZE_T Length = wcslen(From);
    if (Length >= Units)
        Length = Units - 1;
    memcpy(To, From, Length * sizeof *To);
    To[Length] = 0;
}

static VOID FillParams(const OPTIONS *Options, FSP_FSCTL_VOLUME_PARAMS *Params) {
    memset(Params, 0, sizeof *Params);
    Params->Version = sizeof *Params;
    Params->SectorSize = 512;
    Params->SectorsPerAllocationUnit = 8;
    Params->MaxComponentLength = 255;
    Params->VolumeCreationTime = SystemTime();
    Params->VolumeSerialNumber = (UINT32)(SystemTime() / 10000000);
    Params->FileInfoTimeout = Options->FileInfoTimeout;
    Params->CaseSensitiveSearch = !Options->CaseInsensitive;
    Params->CasePreservedNames = 1;
    Params->UnicodeOnDisk = 1;
    Params->PersistentAcls = 1;
    Params->ReparsePoints = 1;
    Params->NamedStreams = 1;
    Params->ExtendedAttributes = 1;
    Params->PostCleanupWhenModifiedOnly = 1;
    Params->DeviceControl = 1;
    Params->PassQueryDirectoryFileName = 1;
    Params->FlushAndPurgeOnCleanup = Options->FlushOnCleanup;
    Params->AllowOpenInKernelMode = 1;
    Params->SupportsPosixUnlinkRename = !Options->LegacyUnlink;
    if (Options->Prefix)
        CopyText(Params->Prefix, sizeof Params->Prefix / sizeof(WCHAR), Options->Prefix);
    CopyText(Params->FileSystemName, sizeof Params->FileSystemName / sizeof(WCHAR),
             Options->FileSystemName ? Options->FileSystemName : Text(L"-MEMFS"));
}

static NTSTATUS MakeRoot(const OPTIONS *Options) {
    PCWSTR Sddl = Options->RootSddl ? Options->RootSddl : Text(L"O:BAG:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;WD)");
    PSECURITY_DESCRIPTOR Security = NULL;
    Memfs.Root = NodeCreate(&Memfs, Text(L""), 0);
    if (!Memfs.Root)
        return STATUS_INSUFFICIENT_RESOURCES;
    Memfs.Root->IsDirectory = TRUE;
    Memfs.Root->Info.FileAttributes = FILE_ATTRIBUTE_DIRECTORY;
    Memfs.NodeCount = 1;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(Sddl, SDDL_REVISION_1, &Security, NULL))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS Result = NodeSetSecurity(Memfs.Root, Security);
    LocalFree(Security);
    return Result;
}

static NTSTATUS Start(const OPTIONS *Options) {
    FSP_FSCTL_VOLUME_PARAMS Params;
    Memfs.CaseInsensitive = Options->CaseInsensitive;
    Memfs.MaxNodes = Options->MaxNodes;
    Memfs.MaxFileSize = Options->MaxFileSize;
    CopyText(Memfs.Label, sizeof Memfs.Label / sizeof(WCHAR), Text(L"MEMFS"));
    Memfs.LabelLength = 5 * sizeof(WCHAR);
    SlowSetDelay(Options->MaxDelay);
    FillParams(Options, &Params);
    NTSTATUS Result = MakeRoot(Options);
    if (NT_SUCCESS(Result))
        Result = FspFileSystemCreate(Options->Prefix ? Text(L"" FSP_FSCTL_NET_DEVICE_NAME)
                                                     : Text(L"" FSP_FSCTL_DISK_DEVICE_NAME),
                                     &Params, &MemfsInterface, &FileSystem);
    if (!NT_SUCCESS(Result))
        return Result;
    FileSystem->UserContext = &Memfs;
    Memfs.FileSystem = FileSystem;
    FspFileSystemSetDebugLog(FileSystem, Options->DebugFlags);
    if (Options->MountPoint)
        Result = FspFileSystemSetMountPoint(FileSystem, *Options->MountPoint == '*' ? NULL : Options->MountPoint);
    if (NT_SUCCESS(Result))
        Result = FspFileSystemStartDispatcher(FileSystem, 0);
    if (!NT_SUCCESS(Result))
        FspFileSystemDelete(FileSystem);
    return Result;
}

static NTSTATUS FSP_ABI OnStart(FSP_SERVICE *Service, ULONG Argc, PWSTR *Argv) {
    OPTIONS Options;
    if (!OptionsParse(Argc, Argv, &Options)) {
        FspServiceSetExitCode(Service, ERROR_INVALID_PARAMETER);
        return STATUS_INVALID_PARAMETER;
    }
    if (Options.DebugFlags)
        FspDebugLogSetHandle(GetStdHandle(STD_ERROR_HANDLE));
    NTSTATUS Result = Start(&Options);
    if (!NT_SUCCESS(Result)) {
        FspServiceLog(EVENTLOG_ERROR_TYPE, Text(L"winmemfs cannot start: %lx"), Result);
        return Result;
    }
    PWSTR MountPoint = FspFileSystemMountPoint(FileSystem);
    FspServiceLog(EVENTLOG_INFORMATION_TYPE, Text(L"winmemfs -t %ld -n %ld%s%s%s%s"), Options.FileInfoTimeout,
                  Options.MaxNodes, MountPoint ? Text(L" -m ") : Text(L""), MountPoint ? MountPoint : Text(L""),
                  Options.Prefix ? Text(L" -u ") : Text(L""), Options.Prefix ? Options.Prefix : Text(L""));
    return STATUS_SUCCESS;
}

/* What is below a node goes first: its references are the tree's. */
static VOID RemoveAll(NODE *Node) {
    while (Node->EntryCount)
        RemoveAll(Node->Entries[Node->EntryCount - 1]);
    if (Node == Memfs.Root)
        while (Node->StreamCount)
            NodeRemove(&Memfs, Node->Streams[Node->StreamCount - 1]);
    else
        NodeRemove(&Memfs, Node);
    if (Node == Memfs.Root)
        NodeDereference(Node);
}

static NTSTATUS FSP_ABI OnStop(FSP_SERVICE *Service) {
    (void)Service;
    FspFileSystemStopDispatcher(FileSystem);
    SlowWait();
    FspFileSystemDelete(FileSystem);
    RemoveAll(Memfs.Root);
    free(Memfs.Table);
    return STATUS_SUCCESS;
}

int main(void) {
    if (!NT_SUCCESS(FspLoad(NULL))) {
        fputs("winmemfs: WinFsp's library is not there\n", stderr);
        return ERROR_DELAY_LOAD_FAILED;
    }
    return (int)FspServiceRun(Text(L"winmemfs"), OnStart, OnStop, NULL);
}
