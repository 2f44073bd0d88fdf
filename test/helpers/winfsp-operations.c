/* SPDX-License-Identifier: MIT */
/*
 * The contract of each operation of FSP_FILE_SYSTEM_INTERFACE: with which arguments a request calls it, and what
 * becomes of its answer. Compiles for Linux and, by mingw-w64, for Windows, and runs natively and in Wine. Exit status
 * 0: all hold.
 *
 * Model. A file system notes its last call: which operation, its names and its numbers. Requests are handed to the
 * functions FspFileSystemOp..., as the dispatcher does it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winfsp/winfsp.h>

#include <winfsp/win32.h>

#include "check.h"

#define CONTEXT ((PVOID)(UINT_PTR)0x1234)
#define MARK 4711u /* a file's size, by which its information is known again */

/* ---- a file system that notes its last call -------------------------------------------------------------------- */

static struct {
    const char *Call;
    WCHAR Name[32], Other[32];
    UINT64 A, B, C, D;
    PVOID Context;
} Seen;
static NTSTATUS Answer; /* what it says to the next call */
static NTSTATUS SecurityAnswer;
static UINT32 Attributes; /* of each file */
static LONG Stops; /* DispatcherStopped(TRUE) */

static NTSTATUS Note(const char *Call, PVOID Context, PCWSTR Name, PCWSTR Other) {
    memset(&Seen, 0, sizeof Seen);
    Seen.Call = Call;
    Seen.Context = Context;
    if (Name)
        wcscpy(Seen.Name, Name);
    if (Other)
        wcscpy(Seen.Other, Other);
    return Answer;
}

static VOID Numbers(UINT64 A, UINT64 B, UINT64 C, UINT64 D) {
    Seen.A = A;
    Seen.B = B;
    Seen.C = C;
    Seen.D = D;
}

static VOID Mark(FSP_FSCTL_FILE_INFO *Info) {
    Info->FileAttributes = Attributes;
    Info->FileSize = MARK;
}

static NTSTATUS FSP_ABI GetVolumeInfo(FSP_FILE_SYSTEM *Fs, FSP_FSCTL_VOLUME_INFO *Info) {
    (void)Fs;
    CHECK(Info->TotalSize == 0 && Info->VolumeLabelLength == 0); /* it was cleared */
    Info->TotalSize = MARK;
    Info->VolumeLabelLength = 1000; /* a lie */
    return Note("GetVolumeInfo", NULL, NULL, NULL);
}

static NTSTATUS FSP_ABI SetVolumeLabel_(FSP_FILE_SYSTEM *Fs, PWSTR Label, FSP_FSCTL_VOLUME_INFO *Info) {
    (void)Fs;
    Info->FreeSize = MARK;
    return Note("SetVolumeLabel", NULL, Label, NULL);
}

static NTSTATUS FSP_ABI GetSecurityByName(FSP_FILE_SYSTEM *Fs, PWSTR Name, PUINT32 PAttributes,
                                          PSECURITY_DESCRIPTOR Descriptor, SIZE_T *PSize) {
    (void)Fs, (void)Descriptor;
    if (PAttributes)
        *PAttributes = SecurityAnswer == STATUS_REPARSE ? 3 : Name[1] ? Attributes : FILE_ATTRIBUTE_DIRECTORY;
    if (PSize)
        *PSize = 0;
    return SecurityAnswer;
}

static NTSTATUS FSP_ABI Create(FSP_FILE_SYSTEM *Fs, PWSTR Name, UINT32 Options, UINT32 Access, UINT32 Given,
                               PSECURITY_DESCRIPTOR Security, UINT64 Allocation, PVOID *PContext,
                               FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs, (void)Security;
    NTSTATUS Result = Note("Create", NULL, Name, NULL);
    Numbers(Options & 0xffffff, Access, Given, Allocation);
    *PContext = CONTEXT;
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI CreateEx(FSP_FILE_SYSTEM *Fs, PWSTR Name, UINT32 Options, UINT32 Access, UINT32 Given,
                                 PSECURITY_DESCRIPTOR Security, UINT64 Allocation, PVOID Extra, ULONG ExtraLength,
                                 BOOLEAN IsReparsePoint, PVOID *PContext, FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs, (void)Options, (void)Access, (void)Given, (void)Security, (void)Allocation;
    NTSTATUS Result = Note("CreateEx", NULL, Name, NULL);
    Numbers(ExtraLength, IsReparsePoint, Extra ? *(UINT8 *)Extra : 0, 0);
    *PContext = CONTEXT;
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI Open(FSP_FILE_SYSTEM *Fs, PWSTR Name, UINT32 Options, UINT32 Access, PVOID *PContext,
                             FSP_FSCTL_FILE_INFO *Info) {
    static const WCHAR Real[] = {'\\', 'R', 0};
    FSP_FSCTL_OPEN_FILE_INFO *OpenInfo = FspFileSystemGetOpenFileInfo(Info);
    (void)Fs;
    NTSTATUS Result = Note("Open", NULL, Name, NULL);
    Numbers(Options & 0xffffff, Access, OpenInfo->NormalizedNameSize, 0);
    memcpy(OpenInfo->NormalizedName, Real, 4);
    OpenInfo->NormalizedNameSize = 4;
    *PContext = CONTEXT;
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI Overwrite(FSP_FILE_SYSTEM *Fs, PVOID Context, UINT32 Given, BOOLEAN Replace, UINT64 Allocation,
                                  FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs;
    NTSTATUS Result = Note("Overwrite", Context, NULL, NULL);
    Numbers(Given, Replace, Allocation, 0);
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI OverwriteEx(FSP_FILE_SYSTEM *Fs, PVOID Context, UINT32 Given, BOOLEAN Replace,
                                    UINT64 Allocation, PFILE_FULL_EA_INFORMATION Ea, ULONG Length,
                                    FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs, (void)Given, (void)Replace, (void)Allocation;
    NTSTATUS Result = Note("OverwriteEx", Context, NULL, NULL);
    Numbers(Length, Ea ? *(UINT8 *)Ea : 0, 0, 0);
    Mark(Info);
    return Result;
}

static VOID FSP_ABI Cleanup(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name, ULONG Flags) {
    (void)Fs;
    Note("Cleanup", Context, Name, NULL);
    Numbers(Flags, Name != NULL, 0, 0);
}

static VOID FSP_ABI Close(FSP_FILE_SYSTEM *Fs, PVOID Context) {
    (void)Fs;
    Note("Close", Context, NULL, NULL);
}

static NTSTATUS FSP_ABI Read(FSP_FILE_SYSTEM *Fs, PVOID Context, PVOID Buffer, UINT64 Offset, ULONG Length,
                             PULONG PCount) {
    (void)Fs;
    NTSTATUS Result = Note("Read", Context, NULL, NULL);
    Numbers(Offset, Length, 0, 0);
    memset(Buffer, 'r', 3);
    *PCount = Offset == 99 ? Length + 1 : 3;
    return Result;
}

static NTSTATUS FSP_ABI Write(FSP_FILE_SYSTEM *Fs, PVOID Context, PVOID Buffer, UINT64 Offset, ULONG Length,
                              BOOLEAN ToEnd, BOOLEAN Constrained, PULONG PCount, FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs;
    NTSTATUS Result = Note("Write", Context, NULL, NULL);
    Numbers(Offset, Length, (UINT64)ToEnd << 1 | Constrained, *(UINT8 *)Buffer);
    *PCount = Length;
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI Flush(FSP_FILE_SYSTEM *Fs, PVOID Context, FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs;
    NTSTATUS Result = Note("Flush", Context, NULL, NULL);
    if (Context)
        Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI GetFileInfo(FSP_FILE_SYSTEM *Fs, PVOID Context, FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs;
    NTSTATUS Result = Note("GetFileInfo", Context, NULL, NULL);
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI SetBasicInfo(FSP_FILE_SYSTEM *Fs, PVOID Context, UINT32 Given, UINT64 Created, UINT64 Accessed,
                                     UINT64 Written, UINT64 Changed, FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs;
    NTSTATUS Result = Note("SetBasicInfo", Context, NULL, NULL);
    Numbers(Given, Created << 32 | Accessed, Written, Changed);
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI SetFileSize(FSP_FILE_SYSTEM *Fs, PVOID Context, UINT64 Size, BOOLEAN Allocation,
                                    FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs;
    NTSTATUS Result = Note("SetFileSize", Context, NULL, NULL);
    Numbers(Size, Allocation, 0, 0);
    Mark(Info);
    return Result;
}

static NTSTATUS FSP_ABI CanDelete(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name) {
    (void)Fs;
    return Note("CanDelete", Context, Name, NULL);
}

static NTSTATUS FSP_ABI SetDelete(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name, BOOLEAN Delete) {
    (void)Fs;
    NTSTATUS Result = Note("SetDelete", Context, Name, NULL);
    Numbers(Delete, 0, 0, 0);
    return Result;
}

static NTSTATUS FSP_ABI Rename(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name, PWSTR NewName, BOOLEAN Replace) {
    (void)Fs;
    NTSTATUS Result = Note("Rename", Context, Name, NewName);
    Numbers(Replace, 0, 0, 0);
    return Result;
}

static NTSTATUS FSP_ABI GetSecurity(FSP_FILE_SYSTEM *Fs, PVOID Context, PSECURITY_DESCRIPTOR Security, SIZE_T *PSize) {
    (void)Fs;
    memset(Security, 's', 20);
    *PSize = 20;
    return Note("GetSecurity", Context, NULL, NULL);
}

static NTSTATUS FSP_ABI SetSecurity(FSP_FILE_SYSTEM *Fs, PVOID Context, SECURITY_INFORMATION Parts,
                                    PSECURITY_DESCRIPTOR Security) {
    (void)Fs;
    NTSTATUS Result = Note("SetSecurity", Context, NULL, NULL);
    Numbers(Parts, *(UINT8 *)Security, 0, 0);
    return Result;
}

static NTSTATUS FSP_ABI ReadDirectory(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Pattern, PWSTR Marker, PVOID Buffer,
                                      ULONG Length, PULONG PCount) {
    (void)Fs;
    NTSTATUS Result = Note("ReadDirectory", Context, Pattern, Marker);
    Numbers(Length, 0, 0, 0);
    FspFileSystemAddDirInfo(NULL, Buffer, Length, PCount);
    return Result;
}

static NTSTATUS FSP_ABI GetDirInfoByName(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name, FSP_FSCTL_DIR_INFO *Info) {
    (void)Fs;
    Info->Size = sizeof *Info;
    return Note("GetDirInfoByName", Context, Name, NULL);
}

static NTSTATUS FSP_ABI ResolveReparsePoints(FSP_FILE_SYSTEM *Fs, PWSTR Name, UINT32 Index, BOOLEAN Last,
                                             PIO_STATUS_BLOCK Block, PVOID Buffer, PSIZE_T PSize) {
    (void)Fs;
    Note("ResolveReparsePoints", NULL, Name, NULL);
    Numbers(Index, Last, 0, 0);
    memset(Buffer, 'p', 8);
    *PSize = 8;
    Block->Information = IO_REPARSE_TAG_SYMLINK;
    return STATUS_REPARSE;
}

static NTSTATUS FSP_ABI GetReparsePoint(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name, PVOID Buffer, PSIZE_T PSize) {
    (void)Fs;
    memset(Buffer, 'g', 12);
    *PSize = 12;
    return Note("GetReparsePoint", Context, Name, NULL);
}

static NTSTATUS FSP_ABI SetReparsePoint(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name, PVOID Buffer, SIZE_T Size) {
    (void)Fs;
    NTSTATUS Result = Note("SetReparsePoint", Context, Name, NULL);
    Numbers(Size, *(UINT8 *)Buffer, 0, 0);
    return Result;
}

static NTSTATUS FSP_ABI DeleteReparsePoint(FSP_FILE_SYSTEM *Fs, PVOID Context, PWSTR Name, PVOID Buffer, SIZE_T Size) {
    (void)Fs;
    NTSTATUS Result = Note("DeleteReparsePoint", Context, Name, NULL);
    Numbers(Size, *(UINT8 *)Buffer, 0, 0);
    return Result;
}

static NTSTATUS FSP_ABI GetStreamInfo(FSP_FILE_SYSTEM *Fs, PVOID Context, PVOID Buffer, ULONG Length, PULONG PCount) {
    (void)Fs;
    NTSTATUS Result = Note("GetStreamInfo", Context, NULL, NULL);
    FspFileSystemAddStreamInfo(NULL, Buffer, Length, PCount);
    return Result;
}

static NTSTATUS FSP_ABI Control(FSP_FILE_SYSTEM *Fs, PVOID Context, UINT32 Code, PVOID Input, ULONG InputLength,
                                PVOID Output, ULONG OutputLength, PULONG PCount) {
    (void)Fs;
    NTSTATUS Result = Note("Control", Context, NULL, NULL);
    Numbers(Code, InputLength, OutputLength, *(UINT8 *)Input);
    memset(Output, 'o', 2);
    *PCount = Code == 99 ? OutputLength + 1 : 2;
    return Result;
}

static NTSTATUS FSP_ABI GetEa(FSP_FILE_SYSTEM *Fs, PVOID Context, PFILE_FULL_EA_INFORMATION Ea, ULONG Length,
                              PULONG PCount) {
    (void)Fs, (void)Length;
    memset(Ea, 'e', 16);
    *PCount = 16;
    return Note("GetEa", Context, NULL, NULL);
}

static NTSTATUS FSP_ABI SetEa(FSP_FILE_SYSTEM *Fs, PVOID Context, PFILE_FULL_EA_INFORMATION Ea, ULONG Length,
                              FSP_FSCTL_FILE_INFO *Info) {
    (void)Fs;
    NTSTATUS Result = Note("SetEa", Context, NULL, NULL);
    Numbers(Length, *(UINT8 *)Ea, 0, 0);
    Mark(Info);
    return Result;
}

static VOID FSP_ABI DispatcherStopped(FSP_FILE_SYSTEM *Fs, BOOLEAN Normally) {
    (void)Fs;
    __atomic_fetch_add(&Stops, Normally ? 1 : 100, __ATOMIC_SEQ_CST);
}

static FSP_FILE_SYSTEM_INTERFACE Interface = {
    .GetVolumeInfo = GetVolumeInfo,
    .SetVolumeLabel = SetVolumeLabel_,
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
    .ResolveReparsePoints = ResolveReparsePoints,
    .GetReparsePoint = GetReparsePoint,
    .SetReparsePoint = SetReparsePoint,
    .DeleteReparsePoint = DeleteReparsePoint,
    .GetStreamInfo = GetStreamInfo,
    .GetDirInfoByName = GetDirInfoByName,
    .Control = Control,
    .GetEa = GetEa,
    .SetEa = SetEa,
    .DispatcherStopped = DispatcherStopped,
};
static FSP_FILE_SYSTEM *FileSystem;

/* ---- requests -------------------------------------------------------------------------------------------------- */

static union {
    FSP_FSCTL_TRANSACT_REQ Request;
    UINT8 Bytes[FSP_FSCTL_TRANSACT_REQ_SIZEMAX];
} In;
static union {
    FSP_FSCTL_TRANSACT_RSP Response;
    UINT8 Bytes[FSP_FSCTL_TRANSACT_RSP_SIZEMAX];
} Out;
#define REQ In.Request.Req
#define RSP Out.Response.Rsp

/* Puts data behind what is there. */
static FSP_FSCTL_TRANSACT_BUF Put(const void *Data, SIZE_T Size) {
    SIZE_T At = FSP_FSCTL_DEFAULT_ALIGN_UP(In.Request.Size - sizeof(FSP_FSCTL_TRANSACT_REQ));
    FSP_FSCTL_TRANSACT_BUF Piece = {(UINT16)At, (UINT16)Size};
    memcpy(In.Request.Buffer + At, Data, Size);
    In.Request.Size = (UINT16)(sizeof(FSP_FSCTL_TRANSACT_REQ) + At + Size);
    return Piece;
}

static FSP_FSCTL_TRANSACT_BUF PutText(PCWSTR Text) {
    return Put(Text, (wcslen(Text) + 1) * sizeof(WCHAR));
}

/* A request about an open file; name: NULL for those that have none. */
static VOID Begin(UINT32 Kind, PCWSTR Name) {
    memset(&In, 0, sizeof In);
    memset(&Out, 0, sizeof Out);
    memset(&Seen, 0, sizeof Seen);
    Answer = SecurityAnswer = STATUS_SUCCESS;
    Attributes = FILE_ATTRIBUTE_ARCHIVE;
    In.Request.Size = sizeof(FSP_FSCTL_TRANSACT_REQ);
    In.Request.Kind = Out.Response.Kind = Kind;
    if (Name)
        In.Request.FileName = PutText(Name);
    if (Kind != FspFsctlTransactCreateKind && Kind != FspFsctlTransactSetVolumeInformationKind)
        REQ.Close.UserContext = (UINT64)(UINT_PTR)CONTEXT;
}

static NTSTATUS Send(VOID) {
    return FileSystem->Operations[In.Request.Kind](FileSystem, &In.Request, &Out.Response);
}

static BOOLEAN Called(const char *Call) {
    if (Seen.Call && !strcmp(Seen.Call, Call))
        return TRUE;
    fprintf(stderr, "called: %s\n", Seen.Call ? Seen.Call : "nothing");
    return FALSE;
}

static BOOLEAN Same(PCWSTR A, PCWSTR B) {
    return wcscmp(A, B) == 0;
}

static VOID BeginCreate(UINT32 Disposition, UINT32 Options) {
    Begin(FspFsctlTransactCreateKind, L"\\f");
    REQ.Create.CreateOptions = Disposition << 24 | Options;
    REQ.Create.FileAttributes = FILE_ATTRIBUTE_HIDDEN;
    REQ.Create.AllocationSize = 4096;
    REQ.Create.DesiredAccess = FILE_READ_DATA;
    REQ.Create.UserMode = REQ.Create.HasTraversePrivilege = 1;
}

static VOID Openings(VOID) {
    BeginCreate(FILE_CREATE, FILE_NON_DIRECTORY_FILE);
    CHECK(Send() == STATUS_SUCCESS && Called("Create") && Same(Seen.Name, L"\\f"));
    CHECK(Seen.A == FILE_NON_DIRECTORY_FILE && Seen.B == FILE_READ_DATA && Seen.C == FILE_ATTRIBUTE_HIDDEN);
    CHECK(Seen.D == 4096);
    CHECK(Out.Response.IoStatus.Information == FILE_CREATED && RSP.Create.Opened.FileInfo.FileSize == MARK);
    CHECK(RSP.Create.Opened.UserContext == (UINT64)(UINT_PTR)CONTEXT && RSP.Create.Opened.UserContext2 == 0);
    BeginCreate(FILE_CREATE, 0);
    Answer = STATUS_DISK_FULL;
    CHECK(Send() == STATUS_DISK_FULL);
    Interface.CreateEx = CreateEx;
    BeginCreate(FILE_CREATE, 0);
    REQ.Create.Ea = Put("xyz", 3);
    REQ.Create.EaIsReparsePoint = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("CreateEx") && Seen.A == 3 && Seen.B == 1 && Seen.C == 'x');
    Interface.CreateEx = NULL;
    BeginCreate(FILE_OPEN, FILE_OPEN_FOR_BACKUP_INTENT);
    CHECK(Send() == STATUS_SUCCESS && Called("Open") && Same(Seen.Name, L"\\f"));
    CHECK(Seen.A == FILE_OPEN_FOR_BACKUP_INTENT && Seen.B == FILE_READ_DATA);
    CHECK(Seen.C >= FSP_FSCTL_TRANSACT_PATH_SIZEMAX); /* room for the name */
    CHECK(Out.Response.IoStatus.Information == FILE_OPENED && RSP.Create.Opened.FileName.Size == 4);
    BeginCreate(FILE_OPEN, 0);
    SecurityAnswer = STATUS_OBJECT_NAME_NOT_FOUND;
    CHECK(Send() == STATUS_OBJECT_NAME_NOT_FOUND && !Seen.Call);
    BeginCreate(FILE_OVERWRITE, 0);
    CHECK(Send() == STATUS_SUCCESS && Called("Open") && (Seen.B & FILE_WRITE_DATA) == 0);
    CHECK(Out.Response.IoStatus.Information == FILE_OVERWRITTEN);
    BeginCreate(FILE_OPEN, 0);
    SecurityAnswer = STATUS_REPARSE;
    CHECK(Send() == STATUS_REPARSE && Called("ResolveReparsePoints") && Same(Seen.Name, L"\\f"));
    CHECK(Seen.A == 3 && Seen.B == TRUE && RSP.Create.Reparse.Buffer.Size == 8);
    CHECK(Out.Response.IoStatus.Information == IO_REPARSE_TAG_SYMLINK && Out.Response.Buffer[0] == 'p');
}

static VOID Overwriting(VOID) {
    Begin(FspFsctlTransactOverwriteKind, NULL);
    REQ.Overwrite.FileAttributes = FILE_ATTRIBUTE_HIDDEN;
    REQ.Overwrite.AllocationSize = 8192;
    REQ.Overwrite.Supersede = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("Overwrite") && Seen.Context == CONTEXT);
    CHECK(Seen.A == FILE_ATTRIBUTE_HIDDEN && Seen.B == TRUE && Seen.C == 8192);
    CHECK(RSP.Overwrite.FileInfo.FileSize == MARK);
    Interface.OverwriteEx = OverwriteEx;
    Begin(FspFsctlTransactOverwriteKind, NULL);
    REQ.Overwrite.Ea = Put("abcd", 4);
    CHECK(Send() == STATUS_SUCCESS && Called("OverwriteEx") && Seen.A == 4 && Seen.B == 'a');
    Interface.OverwriteEx = NULL;
}

static VOID Closing(VOID) {
    Begin(FspFsctlTransactCleanupKind, L"\\f");
    REQ.Cleanup.SetAllocationSize = REQ.Cleanup.SetArchiveBit = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("Cleanup") && Seen.Context == CONTEXT);
    CHECK(Seen.A == (FspCleanupSetAllocationSize | FspCleanupSetArchiveBit) && Seen.B == FALSE);
    Begin(FspFsctlTransactCleanupKind, L"\\f");
    REQ.Cleanup.Delete = REQ.Cleanup.SetLastAccessTime = REQ.Cleanup.SetLastWriteTime = REQ.Cleanup.SetChangeTime = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("Cleanup") && Same(Seen.Name, L"\\f"));
    CHECK(Seen.A ==
          (FspCleanupDelete | FspCleanupSetLastAccessTime | FspCleanupSetLastWriteTime | FspCleanupSetChangeTime));
    Begin(FspFsctlTransactCloseKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("Close") && Seen.Context == CONTEXT);
}

static VOID Data(VOID) {
    char Buffer[16] = "written";
    Begin(FspFsctlTransactReadKind, NULL);
    REQ.Read.Address = (UINT64)(UINT_PTR)Buffer;
    REQ.Read.Offset = 7;
    REQ.Read.Length = 5;
    CHECK(Send() == STATUS_SUCCESS && Called("Read") && Seen.Context == CONTEXT && Seen.A == 7 && Seen.B == 5);
    CHECK(Out.Response.IoStatus.Information == 3 && Buffer[2] == 'r');
    Begin(FspFsctlTransactReadKind, NULL);
    REQ.Read.Address = (UINT64)(UINT_PTR)Buffer;
    REQ.Read.Offset = 99;
    REQ.Read.Length = 5;
    CHECK(Send() == STATUS_INTERNAL_ERROR); /* more than was asked for */
    Answer = STATUS_END_OF_FILE;
    CHECK(Send() == STATUS_END_OF_FILE);
    Begin(FspFsctlTransactWriteKind, NULL);
    strcpy(Buffer, "written");
    REQ.Write.Address = (UINT64)(UINT_PTR)Buffer;
    REQ.Write.Offset = 11;
    REQ.Write.Length = 7;
    REQ.Write.ConstrainedIo = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("Write") && Seen.A == 11 && Seen.B == 7 && Seen.C == 1 && Seen.D == 'w');
    CHECK(Out.Response.IoStatus.Information == 7 && RSP.Write.FileInfo.FileSize == MARK);
    REQ.Write.Offset = ~0ull;
    REQ.Write.ConstrainedIo = 0;
    CHECK(Send() == STATUS_SUCCESS && Seen.C == 2); /* to the end */
    Begin(FspFsctlTransactFlushBuffersKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("Flush") && Seen.Context == CONTEXT);
    CHECK(RSP.FlushBuffers.FileInfo.FileSize == MARK);
    REQ.FlushBuffers.UserContext = 0;
    CHECK(Send() == STATUS_SUCCESS && Called("Flush") && !Seen.Context); /* the volume */
    Interface.Flush = NULL;
    Begin(FspFsctlTransactFlushBuffersKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("GetFileInfo"));
    Interface.Flush = Flush;
}

static VOID BeginSet(UINT32 Class, PCWSTR Name) {
    Begin(FspFsctlTransactSetInformationKind, Name);
    REQ.SetInformation.FileInformationClass = Class;
}

static VOID Information(VOID) {
    Begin(FspFsctlTransactQueryInformationKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("GetFileInfo") && RSP.QueryInformation.FileInfo.FileSize == MARK);
    BeginSet(FspFileBasicInformation, NULL);
    REQ.SetInformation.Info.Basic.FileAttributes = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_NORMAL;
    REQ.SetInformation.Info.Basic.CreationTime = 1;
    REQ.SetInformation.Info.Basic.LastAccessTime = 2;
    REQ.SetInformation.Info.Basic.LastWriteTime = 3;
    REQ.SetInformation.Info.Basic.ChangeTime = 4;
    CHECK(Send() == STATUS_SUCCESS && Called("SetBasicInfo") && Seen.A == FILE_ATTRIBUTE_HIDDEN);
    CHECK(Seen.B == (1ull << 32 | 2) && Seen.C == 3 && Seen.D == 4 && RSP.SetInformation.FileInfo.FileSize == MARK);
    REQ.SetInformation.Info.Basic.FileAttributes = 0;
    CHECK(Send() == STATUS_SUCCESS && Seen.A == INVALID_FILE_ATTRIBUTES); /* leave them */
    BeginSet(FspFileEndOfFileInformation, NULL);
    REQ.SetInformation.Info.EndOfFile.FileSize = 77;
    CHECK(Send() == STATUS_SUCCESS && Called("SetFileSize") && Seen.A == 77 && Seen.B == FALSE);
    BeginSet(FspFileAllocationInformation, NULL);
    REQ.SetInformation.Info.Allocation.AllocationSize = 4096;
    CHECK(Send() == STATUS_SUCCESS && Called("SetFileSize") && Seen.A == 4096 && Seen.B == TRUE);
    BeginSet(999, NULL);
    CHECK(Send() == STATUS_INVALID_PARAMETER);
}

static VOID Names(VOID) {
    BeginSet(FspFileDispositionInformation, L"\\f");
    REQ.SetInformation.Info.Disposition.Delete = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("CanDelete") && Same(Seen.Name, L"\\f") && Seen.Context == CONTEXT);
    Answer = STATUS_SUCCESS;
    Attributes = FILE_ATTRIBUTE_READONLY;
    CHECK(Send() == STATUS_CANNOT_DELETE);
    Interface.SetDelete = SetDelete;
    Attributes = FILE_ATTRIBUTE_ARCHIVE;
    CHECK(Send() == STATUS_SUCCESS && Called("SetDelete") && Same(Seen.Name, L"\\f") && Seen.A == TRUE);
    REQ.SetInformation.Info.Disposition.Delete = 0;
    CHECK(Send() == STATUS_SUCCESS && Called("SetDelete") && Seen.A == FALSE);
    Interface.SetDelete = NULL;
    BeginSet(FspFileRenameInformation, L"\\f");
    REQ.SetInformation.Info.Rename.NewFileName = PutText(L"\\g");
    CHECK(Send() == STATUS_SUCCESS && Called("Rename") && Same(Seen.Name, L"\\f") && Same(Seen.Other, L"\\g"));
    CHECK(Seen.A == FALSE && Seen.Context == CONTEXT);
    REQ.SetInformation.Info.Rename.AccessToken = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("Rename") && Seen.A == TRUE);
}

static VOID Directories(VOID) {
    UINT64 Buffer[64];
    Begin(FspFsctlTransactQueryDirectoryKind, NULL);
    REQ.QueryDirectory.Address = (UINT64)(UINT_PTR)Buffer;
    REQ.QueryDirectory.Length = sizeof Buffer;
    REQ.QueryDirectory.Marker = PutText(L"last");
    CHECK(Send() == STATUS_SUCCESS && Called("ReadDirectory") && Seen.Context == CONTEXT && Seen.A == sizeof Buffer);
    CHECK(Same(Seen.Name, L"") && Same(Seen.Other, L"last") && Out.Response.IoStatus.Information == 2);
    REQ.QueryDirectory.Pattern = PutText(L"one");
    CHECK(Send() == STATUS_SUCCESS && Called("ReadDirectory") && Same(Seen.Name, L"one"));
    REQ.QueryDirectory.PatternIsFileName = 1;
    CHECK(Send() == STATUS_SUCCESS && Called("GetDirInfoByName") && Same(Seen.Name, L"one"));
    CHECK(Out.Response.IoStatus.Information == sizeof(FSP_FSCTL_DIR_INFO) + 2); /* the entry, and the end */
    Answer = STATUS_OBJECT_NAME_NOT_FOUND;
    CHECK(Send() == STATUS_SUCCESS && Out.Response.IoStatus.Information == 2);
}

static VOID ReparsePoints(VOID) {
    Begin(FspFsctlTransactFileSystemControlKind, L"\\f");
    REQ.FileSystemControl.FsControlCode = FSCTL_GET_REPARSE_POINT;
    CHECK(Send() == STATUS_SUCCESS && Called("GetReparsePoint") && Same(Seen.Name, L"\\f") && Seen.Context == CONTEXT);
    CHECK(RSP.FileSystemControl.Buffer.Size == 12 && Out.Response.Buffer[0] == 'g');
    Begin(FspFsctlTransactFileSystemControlKind, L"\\f");
    REQ.FileSystemControl.FsControlCode = FSCTL_SET_REPARSE_POINT;
    REQ.FileSystemControl.Buffer = Put("data", 4);
    CHECK(Send() == STATUS_SUCCESS && Called("SetReparsePoint") && Same(Seen.Name, L"\\f") && Seen.A == 4);
    CHECK(Seen.B == 'd');
    REQ.FileSystemControl.FsControlCode = FSCTL_DELETE_REPARSE_POINT;
    CHECK(Send() == STATUS_SUCCESS && Called("DeleteReparsePoint") && Seen.A == 4 && Seen.B == 'd');
}

static VOID Extras(VOID) {
    Begin(FspFsctlTransactQueryEaKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("GetEa") && RSP.QueryEa.Ea.Size == 16 && Out.Response.Buffer[0] == 'e');
    Answer = STATUS_BUFFER_OVERFLOW;
    CHECK(Send() == STATUS_EA_LIST_INCONSISTENT);
    Begin(FspFsctlTransactSetEaKind, NULL);
    REQ.SetEa.Ea = Put("eas", 3);
    CHECK(Send() == STATUS_SUCCESS && Called("SetEa") && Seen.A == 3 && Seen.B == 'e');
    CHECK(RSP.SetEa.FileInfo.FileSize == MARK);
    Begin(FspFsctlTransactQueryStreamInformationKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("GetStreamInfo") && RSP.QueryStreamInformation.Buffer.Size == 2);
    Begin(FspFsctlTransactDeviceControlKind, NULL);
    REQ.DeviceControl.IoControlCode = 0x80002000;
    REQ.DeviceControl.Buffer = Put("in", 2);
    REQ.DeviceControl.OutputLength = 8;
    CHECK(Send() == STATUS_SUCCESS && Called("Control") && Seen.A == 0x80002000 && Seen.B == 2 && Seen.C == 8);
    CHECK(Seen.D == 'i' && RSP.DeviceControl.Buffer.Size == 2 && Out.Response.Buffer[0] == 'o');
    REQ.DeviceControl.IoControlCode = 99;
    CHECK(Send() == STATUS_INTERNAL_ERROR); /* more than there was room for */
    Begin(FspFsctlTransactQuerySecurityKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("GetSecurity") && RSP.QuerySecurity.SecurityDescriptor.Size == 20);
    Answer = STATUS_BUFFER_OVERFLOW;
    CHECK(Send() == STATUS_INVALID_SECURITY_DESCR);
    Begin(FspFsctlTransactSetSecurityKind, NULL);
    REQ.SetSecurity.SecurityInformation = 4;
    REQ.SetSecurity.SecurityDescriptor = Put("descriptor", 10);
    CHECK(Send() == STATUS_SUCCESS && Called("SetSecurity") && Seen.A == 4 && Seen.B == 'd');
}

static VOID Volume(VOID) {
    Begin(FspFsctlTransactQueryVolumeInformationKind, NULL);
    CHECK(Send() == STATUS_SUCCESS && Called("GetVolumeInfo"));
    CHECK(RSP.QueryVolumeInformation.VolumeInfo.TotalSize == MARK);
    CHECK(RSP.QueryVolumeInformation.VolumeInfo.VolumeLabelLength ==
          sizeof RSP.QueryVolumeInformation.VolumeInfo.VolumeLabel);
    Begin(FspFsctlTransactSetVolumeInformationKind, NULL);
    REQ.SetVolumeInformation.FsInformationClass = 2;
    REQ.SetVolumeInformation.Info.Label.VolumeLabel = PutText(L"label");
    CHECK(Send() == STATUS_SUCCESS && Called("SetVolumeLabel") && Same(Seen.Name, L"label"));
    CHECK(RSP.SetVolumeInformation.VolumeInfo.FreeSize == MARK);
}

/* Mounted and stopped: DispatcherStopped is called once, and says that the end was wanted. */
static VOID Dispatcher(VOID) {
    Attributes = FILE_ATTRIBUTE_DIRECTORY;
    CHECK(FspFileSystemSetMountPoint(FileSystem, NULL) == STATUS_SUCCESS);
    CHECK(FspFileSystemStartDispatcher(FileSystem, 0) == STATUS_SUCCESS);
    CHECK(__atomic_load_n(&Stops, __ATOMIC_SEQ_CST) == 0);
    FspFileSystemStopDispatcher(FileSystem);
    CHECK(__atomic_load_n(&Stops, __ATOMIC_SEQ_CST) == 1);
}

int main(void) {
    FSP_FSCTL_VOLUME_PARAMS Params = {0};
    PWSTR Disk = (PWSTR)(UINT_PTR)(L"" FSP_FSCTL_DISK_DEVICE_NAME);
    if (!NT_SUCCESS(FspLoad(NULL)))
        return 2;
    Params.Version = sizeof Params;
    CHECK(FspFileSystemCreate(Disk, &Params, &Interface, &FileSystem) == STATUS_SUCCESS);
    if (!FileSystem)
        return 2;
    Openings();
    Overwriting();
    Closing();
    Data();
    Information();
    Names();
    Directories();
    ReparsePoints();
    Extras();
    Volume();
    Dispatcher();
    FspFileSystemDelete(FileSystem);
    printf("%d failures\n", failures);
    return failures != 0;
}
