/* SPDX-License-Identifier: MIT */
/* winmemfs's operations. A FileContext is a NODE with a reference. */
#include <stdlib.h>
#include <string.h>

#include "winmemfs.h"

/* NOLINTBEGIN(readability-non-const-parameter): the types are the API's */

#define CONTROL_REVERSE 0x80002000u /* device type 0x8000, function 0x800: gives back what it was given, reversed */

static MEMFS *MemfsOf(FSP_FILE_SYSTEM *FileSystem) {
    return (MEMFS *)FileSystem->UserContext;
}

static VOID GetInfo(NODE *Node, FSP_FSCTL_FILE_INFO *Info) {
    NODE *File = NodeFile(Node);
    NodeLock(File);
    *Info = File->Info;
    NodeUnlock(File);
    if (File == Node)
        return;
    Info->FileAttributes &= ~(UINT32)FILE_ATTRIBUTE_DIRECTORY; /* all but the data is its file's */
    NodeLock(Node);
    Info->AllocationSize = Node->Info.AllocationSize;
    Info->FileSize = Node->Info.FileSize;
    NodeUnlock(Node);
}

/* The name as it was made, where a file is found by another spelling. */
static VOID GiveName(const MEMFS *Memfs, const NODE *Node, FSP_FSCTL_FILE_INFO *Info) {
    FSP_FSCTL_OPEN_FILE_INFO *Open = FspFileSystemGetOpenFileInfo(Info);
    WCHAR Path[FSP_FSCTL_TRANSACT_PATH_SIZEMAX / sizeof(WCHAR)];
    if (!Memfs->CaseInsensitive || !NodePath(Node, Path, sizeof Path / sizeof *Path))
        return;
    SIZE_T Size = wcslen(Path) * sizeof *Path;
    if (Size > Open->NormalizedNameSize)
        return;
    memcpy(Open->NormalizedName, Path, Size);
    Open->NormalizedNameSize = (UINT16)Size;
}

/* ---- the volume ------------------------------------------------------------------------------------------------ */

static NTSTATUS FSP_ABI GetVolumeInfo(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_VOLUME_INFO *VolumeInfo) {
    const MEMFS *Memfs = MemfsOf(FileSystem);
    VolumeInfo->TotalSize = (UINT64)Memfs->MaxNodes * Memfs->MaxFileSize;
    VolumeInfo->FreeSize = (UINT64)(Memfs->MaxNodes - Memfs->NodeCount) * Memfs->MaxFileSize;
    VolumeInfo->VolumeLabelLength = Memfs->LabelLength;
    memcpy(VolumeInfo->VolumeLabel, Memfs->Label, Memfs->LabelLength);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI SetVolumeLabel_(FSP_FILE_SYSTEM *FileSystem, PWSTR VolumeLabel,
                                        FSP_FSCTL_VOLUME_INFO *VolumeInfo) {
    MEMFS *Memfs = MemfsOf(FileSystem);
    SIZE_T Size = wcslen(VolumeLabel) * sizeof(WCHAR);
    Memfs->LabelLength = (UINT16)(Size < sizeof Memfs->Label ? Size : sizeof Memfs->Label);
    memcpy(Memfs->Label, VolumeLabel, Memfs->LabelLength);
    return GetVolumeInfo(FileSystem, VolumeInfo);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

static NTSTATUS CopyReparse(NODE *Node, PVOID Buffer, PSIZE_T PSize) {
    NTSTATUS Result = STATUS_SUCCESS;
    NodeLock(Node);
    if (!Node->Reparse)
        Result = STATUS_NOT_A_REPARSE_POINT;
    else if (Buffer && *PSize < Node->ReparseSize)
        Result = STATUS_BUFFER_TOO_SMALL;
    else if (Buffer) {
        *PSize = Node->ReparseSize;
        memcpy(Buffer, Node->Reparse, Node->ReparseSize);
    }
    NodeUnlock(Node);
    return Result;
}

static NTSTATUS FSP_ABI GetReparsePointByName(FSP_FILE_SYSTEM *FileSystem, PVOID Context, PWSTR FileName,
                                              BOOLEAN IsDirectory, PVOID Buffer, PSIZE_T PSize) {
    NTSTATUS Result;
    NODE *Node = NodeFind(MemfsOf(FileSystem), FileName, &Result);
    (void)Context, (void)IsDirectory;
    return Node ? CopyReparse(Node, Buffer, PSize) : Result;
}

static NTSTATUS CopySecurity(NODE *Node, PUINT32 PFileAttributes, PSECURITY_DESCRIPTOR Security, SIZE_T *PSize) {
    NODE *File = NodeFile(Node);
    SIZE_T Room = PSize ? *PSize : 0;
    NTSTATUS Result = STATUS_SUCCESS;
    NodeLock(File);
    if (PFileAttributes)
        *PFileAttributes = File->Info.FileAttributes;
    if (PSize)
        *PSize = File->SecuritySize;
    if (PSize && Room < File->SecuritySize)
        Result = STATUS_BUFFER_OVERFLOW;
    else if (PSize && Security && File->SecuritySize)
        memcpy(Security, File->Security, File->SecuritySize);
    NodeUnlock(File);
    if (PFileAttributes && File != Node)
        *PFileAttributes &= ~(UINT32)FILE_ATTRIBUTE_DIRECTORY;
    return Result;
}

static NTSTATUS FSP_ABI GetSecurityByName(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, PUINT32 PFileAttributes,
                                          PSECURITY_DESCRIPTOR Security, SIZE_T *PSize) {
    NTSTATUS Result;
    NODE *Node = NodeFind(MemfsOf(FileSystem), FileName, &Result);
    if (!Node) {
        if (FspFileSystemFindReparsePoint(FileSystem, GetReparsePointByName, NULL, FileName, PFileAttributes))
            Result = STATUS_REPARSE;
        return Result;
    }
    return CopySecurity(Node, PFileAttributes, Security, PSize);
}

static NTSTATUS FSP_ABI ResolveReparsePoints(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 Index, BOOLEAN Last,
                                             PIO_STATUS_BLOCK PIoStatus, PVOID Buffer, PSIZE_T PSize) {
    return FspFileSystemResolveReparsePoints(FileSystem, GetReparsePointByName, NULL, FileName, Index, Last, PIoStatus,
                                             Buffer, PSize);
}

/* ---- opening and closing --------------------------------------------------------------------------------------- */

static NTSTATUS FSP_ABI SetOneEa(FSP_FILE_SYSTEM *FileSystem, PVOID Context, PFILE_FULL_EA_INFORMATION Ea) {
    (void)FileSystem;
    return NodeSetAttribute((NODE *)Context, Ea);
}

static NTSTATUS FillNew(FSP_FILE_SYSTEM *FileSystem, NODE *Node, UINT32 Attributes, PSECURITY_DESCRIPTOR Security,
                        UINT64 AllocationSize, PVOID Extra, ULONG ExtraLength, BOOLEAN IsReparsePoint) {
    Node->IsDirectory = (Attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    Node->Info.FileAttributes =
        Attributes & FILE_ATTRIBUTE_DIRECTORY ? Attributes : Attributes | FILE_ATTRIBUTE_ARCHIVE;
    NTSTATUS Result = NodeSetSecurity(Node, Security);
    if (NT_SUCCESS(Result) && Extra)
        Result = IsReparsePoint ? NodeSetReparse(Node, Extra, ExtraLength)
                                : FspFileSystemEnumerateEa(FileSystem, SetOneEa, Node, (PFILE_FULL_EA_INFORMATION)Extra,
                                                           ExtraLength);
    if (NT_SUCCESS(Result) && AllocationSize)
        Result = NodeSetAllocation(MemfsOf(FileSystem), Node, AllocationSize);
    return Result;
}

static NTSTATUS FSP_ABI CreateEx(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 CreateOptions,
                                 UINT32 GrantedAccess, UINT32 FileAttributes, PSECURITY_DESCRIPTOR Security,
                                 UINT64 AllocationSize, PVOID Extra, ULONG ExtraLength, BOOLEAN IsReparsePoint,
                                 PVOID *PFileContext, FSP_FSCTL_FILE_INFO *FileInfo) {
    MEMFS *Memfs = MemfsOf(FileSystem);
    NTSTATUS Result;
    PCWSTR Name;
    SIZE_T Length;
    BOOLEAN Stream = wcschr(FileName, ':') != NULL;
    NODE *Parent = NodeFindParent(Memfs, FileName, &Name, &Length, &Result);
    (void)GrantedAccess;
    if (!Parent)
        return Result;
    if (!Stream && !Parent->IsDirectory)
        return STATUS_NOT_A_DIRECTORY;
    if (Length == 0 || Length >= NAME_UNITS)
        return Length ? STATUS_OBJECT_NAME_INVALID : STATUS_OBJECT_NAME_COLLISION;
    if (Memfs->NodeCount >= Memfs->MaxNodes)
        return STATUS_CANNOT_MAKE;
    NODE *Node = NodeCreate(Memfs, Name, Length);
    if (!Node)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (CreateOptions & FILE_DIRECTORY_FILE)
        FileAttributes |= FILE_ATTRIBUTE_DIRECTORY;
    Result = FillNew(FileSystem, Node, FileAttributes, Security, AllocationSize, Extra, ExtraLength, IsReparsePoint);
    if (NT_SUCCESS(Result))
        Result = NodeInsert(Memfs, Parent, Node, Stream);
    if (!NT_SUCCESS(Result)) {
        NodeDereference(Node);
        return Result;
    }
    *PFileContext = Node;
    GetInfo(Node, FileInfo);
    GiveName(Memfs, Node, FileInfo);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI Open(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess,
                             PVOID *PFileContext, FSP_FSCTL_FILE_INFO *FileInfo) {
    NTSTATUS Result;
    NODE *Node = NodeFind(MemfsOf(FileSystem), FileName, &Result);
    (void)CreateOptions, (void)GrantedAccess;
    if (!Node)
        return Result;
    NodeReference(Node);
    *PFileContext = Node;
    GetInfo(Node, FileInfo);
    GiveName(MemfsOf(FileSystem), Node, FileInfo);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI OverwriteEx(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 FileAttributes,
                                    BOOLEAN Replace, UINT64 AllocationSize, PFILE_FULL_EA_INFORMATION Ea,
                                    ULONG EaLength, FSP_FSCTL_FILE_INFO *FileInfo) {
    MEMFS *Memfs = MemfsOf(FileSystem);
    NODE *Node = (NODE *)FileContext;
    UINT64 Now = SystemTime();
    while (Node->StreamCount) /* streams go with what they belong to */
        NodeRemove(Memfs, Node->Streams[Node->StreamCount - 1]);
    NodeDeleteAttributes(Node);
    NTSTATUS Result = Ea ? FspFileSystemEnumerateEa(FileSystem, SetOneEa, Node, Ea, EaLength) : STATUS_SUCCESS;
    if (NT_SUCCESS(Result))
        Result = NodeSetSize(Memfs, Node, 0);
    if (NT_SUCCESS(Result))
        Result = NodeSetAllocation(Memfs, Node, AllocationSize);
    if (!NT_SUCCESS(Result))
        return Result;
    FileAttributes |= FILE_ATTRIBUTE_ARCHIVE;
    NodeLock(Node);
    Node->Info.FileAttributes = Replace ? FileAttributes : Node->Info.FileAttributes | FileAttributes;
    Node->Info.LastAccessTime = Node->Info.LastWriteTime = Node->Info.ChangeTime = Now;
    NodeUnlock(Node);
    GetInfo(Node, FileInfo);
    return STATUS_SUCCESS;
}

static VOID FSP_ABI Cleanup(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, ULONG Flags) {
    MEMFS *Memfs = MemfsOf(FileSystem);
    NODE *Node = (NODE *)FileContext, *File = NodeFile(Node);
    UINT64 Now = SystemTime();
    (void)FileName;
    NodeLock(File);
    if (Flags & FspCleanupSetArchiveBit)
        File->Info.FileAttributes |= FILE_ATTRIBUTE_ARCHIVE;
    if (Flags & FspCleanupSetLastAccessTime)
        File->Info.LastAccessTime = Now;
    if (Flags & FspCleanupSetLastWriteTime)
        File->Info.LastWriteTime = Now;
    if (Flags & FspCleanupSetChangeTime)
        File->Info.ChangeTime = Now;
    NodeUnlock(File);
    if (Flags & FspCleanupSetAllocationSize)
        NodeSetAllocation(Memfs, Node, Node->Info.FileSize);
    if ((Flags & FspCleanupDelete) && Node->EntryCount == 0)
        NodeRemove(Memfs, Node);
}

static VOID FSP_ABI Close(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext) {
    (void)FileSystem;
    NodeDereference((NODE *)FileContext);
}

/* ---- data ------------------------------------------------------------------------------------------------------ */

static NTSTATUS FSP_ABI Read(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PVOID Buffer, UINT64 Offset, ULONG Length,
                             PULONG PCount) {
    const NODE *Node = (NODE *)FileContext;
    UINT64 Size = Node->Info.FileSize;
    NTSTATUS Result = Offset < Size ? STATUS_SUCCESS : STATUS_END_OF_FILE;
    ULONG Count = 0;
    if (NT_SUCCESS(Result)) {
        Count = Length < Size - Offset ? Length : (ULONG)(Size - Offset);
        memcpy(Buffer, Node->Data + Offset, Count);
    }
    if (SlowIsOn() && SlowAnswer(FileSystem, Result, Count, NULL))
        return STATUS_PENDING;
    *PCount = Count;
    return Result;
}

static NTSTATUS WriteNow(MEMFS *Memfs, NODE *Node, PVOID Buffer, UINT64 Offset, ULONG Length, BOOLEAN Constrained,
                         PULONG PCount) {
    UINT64 End = Offset + Length;
    if (Constrained && Offset >= Node->Info.FileSize) {
        *PCount = 0;
        return STATUS_SUCCESS;
    }
    if (Constrained && End > Node->Info.FileSize)
        End = Node->Info.FileSize;
    if (End > Node->Info.FileSize) {
        NTSTATUS Result = NodeSetSize(Memfs, Node, End);
        if (!NT_SUCCESS(Result))
            return Result;
    }
    memcpy(Node->Data + Offset, Buffer, (SIZE_T)(End - Offset));
    *PCount = (ULONG)(End - Offset);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI Write(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PVOID Buffer, UINT64 Offset, ULONG Length,
                              BOOLEAN ToEndOfFile, BOOLEAN Constrained, PULONG PCount, FSP_FSCTL_FILE_INFO *FileInfo) {
    NODE *Node = (NODE *)FileContext;
    FSP_FSCTL_FILE_INFO Info;
    ULONG Count = 0;
    NTSTATUS Result = WriteNow(MemfsOf(FileSystem), Node, Buffer, ToEndOfFile ? Node->Info.FileSize : Offset, Length,
                               Constrained, &Count);
    GetInfo(Node, &Info);
    if (SlowIsOn() && SlowAnswer(FileSystem, Result, Count, &Info))
        return STATUS_PENDING;
    *PCount = Count;
    *FileInfo = Info;
    return Result;
}

static NTSTATUS FSP_ABI Flush(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, FSP_FSCTL_FILE_INFO *FileInfo) {
    (void)FileSystem;
    if (FileContext)
        GetInfo((NODE *)FileContext, FileInfo);
    return STATUS_SUCCESS;
}

/* ---- information ----------------------------------------------------------------------------------------------- */

static NTSTATUS FSP_ABI GetFileInfo(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, FSP_FSCTL_FILE_INFO *FileInfo) {
    (void)FileSystem;
    GetInfo((NODE *)FileContext, FileInfo);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI SetBasicInfo(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 FileAttributes,
                                     UINT64 CreationTime, UINT64 LastAccessTime, UINT64 LastWriteTime,
                                     UINT64 ChangeTime, FSP_FSCTL_FILE_INFO *FileInfo) {
    NODE *Node = (NODE *)FileContext, *File = NodeFile(Node);
    const UINT32 Kept = FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT;
    (void)FileSystem;
    NodeLock(File);
    if (FileAttributes != INVALID_FILE_ATTRIBUTES)
        File->Info.FileAttributes = (FileAttributes & ~Kept) | (File->Info.FileAttributes & Kept);
    if (CreationTime)
        File->Info.CreationTime = CreationTime;
    if (LastAccessTime)
        File->Info.LastAccessTime = LastAccessTime;
    if (LastWriteTime)
        File->Info.LastWriteTime = LastWriteTime;
    if (ChangeTime)
        File->Info.ChangeTime = ChangeTime;
    NodeUnlock(File);
    GetInfo(Node, FileInfo);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI SetFileSize(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT64 NewSize,
                                    BOOLEAN SetAllocationSize, FSP_FSCTL_FILE_INFO *FileInfo) {
    NODE *Node = (NODE *)FileContext;
    NTSTATUS Result = SetAllocationSize ? NodeSetAllocation(MemfsOf(FileSystem), Node, NewSize)
                                        : NodeSetSize(MemfsOf(FileSystem), Node, NewSize);
    if (NT_SUCCESS(Result))
        GetInfo(Node, FileInfo);
    return Result;
}

static NTSTATUS FSP_ABI CanDelete(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName) {
    (void)FileSystem, (void)FileName;
    return ((NODE *)FileContext)->EntryCount ? STATUS_DIRECTORY_NOT_EMPTY : STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI Rename(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PWSTR NewFileName,
                               BOOLEAN ReplaceIfExists) {
    MEMFS *Memfs = MemfsOf(FileSystem);
    NODE *Node = (NODE *)FileContext, *There;
    PCWSTR Name;
    SIZE_T Length;
    NTSTATUS Result;
    NODE *Parent = NodeFindParent(Memfs, NewFileName, &Name, &Length, &Result);
    (void)FileName;
    if (!Parent)
        return Result;
    if (!Parent->IsDirectory)
        return STATUS_NOT_A_DIRECTORY;
    if (Length == 0 || Length >= NAME_UNITS || wcschr(NewFileName, ':'))
        return STATUS_OBJECT_NAME_INVALID;
    There = NodeEntry(Memfs, Parent, Name, Length);
    if (There && There != Node) {
        if (!ReplaceIfExists)
            return STATUS_OBJECT_NAME_COLLISION;
        if (There->IsDirectory)
            return STATUS_ACCESS_DENIED;
        NodeRemove(Memfs, There);
    }
    NodeReference(Node);
    NodeTakeOut(Memfs, Node);
    Result = NodeSetName(Node, Name, Length) ? NodeInsert(Memfs, Parent, Node, FALSE) : STATUS_INSUFFICIENT_RESOURCES;
    NodeLock(Node);
    Node->Info.ChangeTime = SystemTime();
    NodeUnlock(Node);
    NodeDereference(Node);
    return Result;
}

static NTSTATUS FSP_ABI GetSecurity(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PSECURITY_DESCRIPTOR Security,
                                    SIZE_T *PSize) {
    (void)FileSystem;
    return CopySecurity((NODE *)FileContext, NULL, Security, PSize);
}

static NTSTATUS FSP_ABI SetSecurity(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, SECURITY_INFORMATION Parts,
                                    PSECURITY_DESCRIPTOR Modification) {
    NODE *File = NodeFile((NODE *)FileContext);
    PSECURITY_DESCRIPTOR New = NULL;
    (void)FileSystem;
    NodeLock(File);
    NTSTATUS Result = FspSetSecurityDescriptor(File->Security, Parts, Modification, &New);
    NodeUnlock(File);
    if (!NT_SUCCESS(Result))
        return Result;
    Result = NodeSetSecurity(File, New);
    FspDeleteSecurityDescriptor(New, (FSP_CREATOR *)FspSetSecurityDescriptor);
    return Result;
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

typedef union {
    FSP_FSCTL_DIR_INFO Info;
    UINT8 Bytes[sizeof(FSP_FSCTL_DIR_INFO) + NAME_UNITS * sizeof(WCHAR)];
} ENTRY;

static VOID FillEntry(NODE *Node, PCWSTR Name, FSP_FSCTL_DIR_INFO *Entry) {
    SIZE_T Length = wcslen(Name);
    memset(Entry, 0, sizeof *Entry);
    Entry->Size = (UINT16)(sizeof *Entry + Length * sizeof *Name);
    GetInfo(Node, &Entry->FileInfo);
    memcpy((UINT8 *)Entry + sizeof *Entry, Name, Length * sizeof *Name);
}

static BOOLEAN AddEntry(NODE *Node, PCWSTR Name, PVOID Buffer, ULONG Length, PULONG PCount) {
    ENTRY Entry;
    FillEntry(Node, Name, &Entry.Info);
    return FspFileSystemAddDirInfo(&Entry.Info, Buffer, Length, PCount);
}

/* "." and ".." stand first, but in the root. */
static BOOLEAN AddDots(NODE *Node, PWSTR Marker, PVOID Buffer, ULONG Length, PULONG PCount) {
    static const WCHAR Dots[] = {'.', '.', 0};
    if (!Node->Parent)
        return TRUE;
    if (!Marker && !AddEntry(Node, Dots + 1, Buffer, Length, PCount))
        return FALSE;
    if (!Marker || (Marker[0] == '.' && !Marker[1]))
        return AddEntry(Node->Parent, Dots, Buffer, Length, PCount);
    return TRUE;
}

static VOID List(MEMFS *Memfs, NODE *Node, PWSTR Marker, PVOID Buffer, ULONG Length, PULONG PCount) {
    BOOLEAN Dots = Marker && Marker[0] == '.' && (!Marker[1] || (Marker[1] == '.' && !Marker[2]));
    SIZE_T Index = Marker && !Dots ? NodeIndexAfter(Memfs, Node, Marker) : 0;
    if (!AddDots(Node, Marker, Buffer, Length, PCount))
        return;
    for (; Index < Node->EntryCount; Index++)
        if (!AddEntry(Node->Entries[Index], Node->Entries[Index]->Name, Buffer, Length, PCount))
            return;
    FspFileSystemAddDirInfo(NULL, Buffer, Length, PCount);
}

static NTSTATUS FSP_ABI ReadDirectory(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR Pattern, PWSTR Marker,
                                      PVOID Buffer, ULONG Length, PULONG PCount) {
    ULONG Count = 0;
    (void)Pattern;
    List(MemfsOf(FileSystem), (NODE *)FileContext, Marker, Buffer, Length, &Count);
    if (SlowIsOn() && SlowAnswer(FileSystem, STATUS_SUCCESS, Count, NULL))
        return STATUS_PENDING;
    *PCount = Count;
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI GetDirInfoByName(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName,
                                         FSP_FSCTL_DIR_INFO *DirInfo) {
    NODE *Node = NodeEntry(MemfsOf(FileSystem), (NODE *)FileContext, FileName, wcslen(FileName));
    if (!Node)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    FillEntry(Node, Node->Name, DirInfo);
    return STATUS_SUCCESS;
}

/* ---- reparse points -------------------------------------------------------------------------------------------- */

static NTSTATUS FSP_ABI GetReparsePoint(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PVOID Buffer,
                                        PSIZE_T PSize) {
    (void)FileSystem, (void)FileName;
    return CopyReparse((NODE *)FileContext, Buffer, PSize);
}

static NTSTATUS FSP_ABI SetReparsePoint(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PVOID Buffer,
                                        SIZE_T Size) {
    NODE *Node = (NODE *)FileContext;
    (void)FileSystem, (void)FileName;
    NodeLock(Node);
    BOOLEAN Empty = Node->EntryCount == 0;
    NodeUnlock(Node);
    if (!Empty)
        return STATUS_DIRECTORY_NOT_EMPTY;
    if (Node->Reparse) {
        NTSTATUS Result = FspFileSystemCanReplaceReparsePoint(Node->Reparse, Node->ReparseSize, Buffer, Size);
        if (!NT_SUCCESS(Result))
            return Result;
    }
    if (Size < sizeof(UINT32))
        return STATUS_IO_REPARSE_DATA_INVALID;
    return NodeSetReparse(Node, Buffer, Size);
}

static NTSTATUS FSP_ABI DeleteReparsePoint(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PVOID Buffer,
                                           SIZE_T Size) {
    NODE *Node = (NODE *)FileContext;
    (void)FileSystem, (void)FileName;
    if (!Node->Reparse)
        return STATUS_NOT_A_REPARSE_POINT;
    NTSTATUS Result = FspFileSystemCanReplaceReparsePoint(Node->Reparse, Node->ReparseSize, Buffer, Size);
    return NT_SUCCESS(Result) ? NodeSetReparse(Node, NULL, 0) : Result;
}

/* ---- streams and extended attributes --------------------------------------------------------------------------- */

/* Under NodeLock. */
static BOOLEAN AddStream(const NODE *Node, PCWSTR Name, PVOID Buffer, ULONG Length, PULONG PCount) {
    union {
        FSP_FSCTL_STREAM_INFO Info;
        UINT8 Bytes[sizeof(FSP_FSCTL_STREAM_INFO) + NAME_UNITS * sizeof(WCHAR)];
    } Entry;
    SIZE_T Units = wcslen(Name);
    memset(&Entry.Info, 0, sizeof Entry.Info);
    Entry.Info.Size = (UINT16)(sizeof Entry.Info + Units * sizeof *Name);
    Entry.Info.StreamSize = Node->Info.FileSize;
    Entry.Info.StreamAllocationSize = Node->Info.AllocationSize;
    memcpy(Entry.Bytes + sizeof Entry.Info, Name, Units * sizeof *Name);
    return FspFileSystemAddStreamInfo(&Entry.Info, Buffer, Length, PCount);
}

static NTSTATUS FSP_ABI GetStreamInfo(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PVOID Buffer, ULONG Length,
                                      PULONG PCount) {
    static const WCHAR Main[1];
    NODE *File = NodeFile((NODE *)FileContext);
    (void)FileSystem;
    NodeLock(File);
    BOOLEAN Room = File->IsDirectory || AddStream(File, Main, Buffer, Length, PCount);
    for (SIZE_T I = 0; Room && I < File->StreamCount; I++) {
        NodeLock(File->Streams[I]);
        Room = AddStream(File->Streams[I], File->Streams[I]->Name, Buffer, Length, PCount);
        NodeUnlock(File->Streams[I]);
    }
    if (Room)
        FspFileSystemAddStreamInfo(NULL, Buffer, Length, PCount);
    NodeUnlock(File);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI GetEa(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PFILE_FULL_EA_INFORMATION Ea,
                              ULONG EaLength, PULONG PCount) {
    const NODE *Node = (NODE *)FileContext;
    (void)FileSystem;
    for (ATTRIBUTE *Each = Node->Attributes; Each; Each = Each->Next)
        if (!FspFileSystemAddEa(&Each->Ea, Ea, EaLength, PCount))
            return STATUS_BUFFER_OVERFLOW;
    FspFileSystemAddEa(NULL, Ea, EaLength, PCount);
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI SetEa(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PFILE_FULL_EA_INFORMATION Ea,
                              ULONG EaLength, FSP_FSCTL_FILE_INFO *FileInfo) {
    NODE *Node = (NODE *)FileContext;
    NTSTATUS Result = FspFileSystemEnumerateEa(FileSystem, SetOneEa, Node, Ea, EaLength);
    if (NT_SUCCESS(Result))
        GetInfo(Node, FileInfo);
    return Result;
}

static NTSTATUS FSP_ABI Control(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 ControlCode, PVOID Input,
                                ULONG InputLength, PVOID Output, ULONG OutputLength, PULONG PCount) {
    (void)FileSystem, (void)FileContext;
    if (ControlCode != CONTROL_REVERSE)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (OutputLength < InputLength)
        return STATUS_BUFFER_TOO_SMALL;
    for (ULONG I = 0; I < InputLength; I++)
        ((UINT8 *)Output)[I] = ((UINT8 *)Input)[InputLength - 1 - I];
    *PCount = InputLength;
    return STATUS_SUCCESS;
}

static VOID FSP_ABI DispatcherStopped(FSP_FILE_SYSTEM *FileSystem, BOOLEAN Normally) {
    FspFileSystemStopServiceIfNecessary(FileSystem, Normally);
}

const FSP_FILE_SYSTEM_INTERFACE MemfsInterface = {
    .GetVolumeInfo = GetVolumeInfo,
    .SetVolumeLabel = SetVolumeLabel_,
    .GetSecurityByName = GetSecurityByName,
    .Open = Open,
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
    .ResolveReparsePoints = ResolveReparsePoints,
    .GetReparsePoint = GetReparsePoint,
    .SetReparsePoint = SetReparsePoint,
    .DeleteReparsePoint = DeleteReparsePoint,
    .GetStreamInfo = GetStreamInfo,
    .GetDirInfoByName = GetDirInfoByName,
    .Control = Control,
    .CreateEx = CreateEx,
    .OverwriteEx = OverwriteEx,
    .GetEa = GetEa,
    .SetEa = SetEa,
    .DispatcherStopped = DispatcherStopped,
};

/* NOLINTEND(readability-non-const-parameter) */
