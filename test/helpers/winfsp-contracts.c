/* SPDX-License-Identifier: MIT */
/*
 * The contract of each function of WinFsp's API that can be told without a mounted volume. Compiles for Linux and, by
 * mingw-w64, for Windows, and runs natively and in Wine. Exit status 0: all hold.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winfsp/launch.h>
#include <winfsp/winfsp.h>

#include <winfsp/win32.h>

#include "check.h"

#define STATUS_IS(call, expected)                                                                                      \
    do {                                                                                                               \
        NTSTATUS status_ = (call);                                                                                     \
        if (status_ != (NTSTATUS)(expected)) {                                                                         \
            fprintf(stderr, "line %d: %s is %08x\n", __LINE__, #call, (unsigned)status_);                              \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

static PWSTR W(const void *Literal) {
    return (PWSTR)(UINT_PTR)Literal;
}

/* Paths are cut and joined again where they stand. */
static PWSTR Path(const void *Literal) {
    static WCHAR Paths[4][64];
    static int Next;
    PWSTR Path = Paths[Next++ % 4];
    wcscpy(Path, (PCWSTR)Literal);
    return Path;
}

static BOOLEAN Same(PCWSTR A, PCWSTR B) {
    return wcscmp(A, B) == 0;
}

/* ---- words of Windows that file systems use --------------------------------------------------------------------- */

__declspec(selectany) int Selected = 3;

static VOID Words(VOID) {
    unsigned __int64 Large = 0x8877665544332211;
    __int3264 Pointer = -1;
    WCHAR Array[7];
    CHECK(Selected == 3 && sizeof(__int64) == 8 && sizeof Pointer == sizeof(PVOID) && Pointer < 0);
    CHECK((DWORD)CTL_CODE(0x8000, 0x801, METHOD_BUFFERED, FILE_ANY_ACCESS) == 0x80002004);
    CHECK((DWORD)CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 42, METHOD_BUFFERED, FILE_SPECIAL_ACCESS) ==
          FSCTL_GET_REPARSE_POINT);
    CHECK((DWORD)CTL_CODE(FILE_DEVICE_DISK, 1, METHOD_NEITHER, FILE_READ_ACCESS | FILE_WRITE_ACCESS) == 0x7c007);
    CHECK(DEVICE_TYPE_FROM_CTL_CODE(0x80002004) == 0x8000 && METHOD_FROM_CTL_CODE(0x80002006) == METHOD_OUT_DIRECT);
    CHECK(ARRAYSIZE(Array) == 7 && _countof(Array) == 7);
    CHECK(LOBYTE(Large) == 0x11 && HIBYTE(Large) == 0x22 && LOWORD(Large) == 0x2211 && HIWORD(Large) == 0x4433);
    CHECK(MAKEWORD(0x11, 0x22) == 0x2211 && MAKELONG(0x2211, 0xffee) == (LONG)0xffee2211);
    CHECK((FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT) == 0x30 && FILE_COMPLETE_IF_OPLOCKED == 0x100);
    CHECK((FILE_NO_COMPRESSION | FILE_RESERVE_OPFILTER | FILE_OPEN_NO_RECALL) == 0x508000);
    CHECK((SE_OWNER_DEFAULTED | SE_DACL_AUTO_INHERITED | SE_SACL_PROTECTED) == 0x2401);
    CHECK((PROTECTED_DACL_SECURITY_INFORMATION | UNPROTECTED_SACL_SECURITY_INFORMATION) == 0x90000000);
    CHECK((SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN) == 0x104 && SERVICE_CONTROL_PRESHUTDOWN == 15);
    CHECK(IO_REPARSE_TAG_AF_UNIX == 0x80000023 && WinLocalSystemSid == 22);
}

/* ---- records --------------------------------------------------------------------------------------------------- */

typedef union {
    FSP_FSCTL_DIR_INFO Info;
    UINT8 Bytes[sizeof(FSP_FSCTL_DIR_INFO) + 64];
} ENTRY;

static FSP_FSCTL_DIR_INFO *Entry(ENTRY *Entry, PCWSTR Name) {
    memset(Entry, 0, sizeof *Entry);
    Entry->Info.Size = (UINT16)(sizeof(FSP_FSCTL_DIR_INFO) + wcslen(Name) * sizeof(WCHAR));
    memcpy(Entry->Bytes + sizeof(FSP_FSCTL_DIR_INFO), Name, wcslen(Name) * sizeof(WCHAR));
    return &Entry->Info;
}

static VOID Records(VOID) {
    static UINT64 Storage[64];
    UINT8 *Buffer = (UINT8 *)Storage;
    ENTRY One;
    ULONG Count = 0;
    CHECK(FspFileSystemAddDirInfo(Entry(&One, L"abc"), Buffer, 256, &Count));
    CHECK(Count == 112); /* 104 + 6, rounded up */
    CHECK(*(UINT16 *)Buffer == 110);
    CHECK(!FspFileSystemAddDirInfo(Entry(&One, L"abc"), Buffer, 200, &Count));
    CHECK(Count == 112);
    CHECK(FspFileSystemAddDirInfo(NULL, Buffer, 114, &Count));
    CHECK(Count == 114 && *(UINT16 *)(Buffer + 112) == 0);
    Count = 112;
    CHECK(!FspFileSystemAddDirInfo(NULL, Buffer, 113, &Count));
    union {
        FSP_FSCTL_STREAM_INFO Info;
        UINT8 Bytes[64];
    } Stream = {{0}};
    Stream.Info.Size = sizeof(FSP_FSCTL_STREAM_INFO) + 2;
    Count = 0;
    CHECK(FspFileSystemAddStreamInfo(&Stream.Info, Buffer, 64, &Count));
    CHECK(Count == 32);
    CHECK(FspFileSystemAddStreamInfo(NULL, Buffer, 64, &Count) && Count == 34);
    union {
        FSP_FSCTL_NOTIFY_INFO Info;
        UINT8 Bytes[64];
    } Notify = {{0}};
    Notify.Info.Size = sizeof(FSP_FSCTL_NOTIFY_INFO) + 2;
    Count = 0;
    CHECK(FspFileSystemAddNotifyInfo(&Notify.Info, Buffer, 64, &Count));
    CHECK(Count == 16);
    CHECK(!FspFileSystemAddNotifyInfo(&Notify.Info, Buffer, 29, &Count) && Count == 16);
}

static NTSTATUS FSP_ABI CountEa(FSP_FILE_SYSTEM *FileSystem, PVOID Context, PFILE_FULL_EA_INFORMATION Ea) {
    (void)FileSystem;
    int *Seen = (int *)Context;
    ++*Seen;
    return Ea->EaName[0] == 'B' ? STATUS_DISK_FULL : STATUS_SUCCESS;
}

static VOID Attributes(VOID) {
    static UINT64 Storage[32];
    PFILE_FULL_EA_INFORMATION Ea = (PFILE_FULL_EA_INFORMATION)(void *)Storage;
    union {
        FILE_FULL_EA_INFORMATION Ea;
        UINT8 Bytes[32];
    } One = {{0}};
    ULONG Count = 0;
    int Seen = 0;
    One.Ea.EaNameLength = 1;
    One.Ea.EaValueLength = 3;
    memcpy(One.Bytes + FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName), "A\0val", 5);
    CHECK(FspFileSystemGetEaPackedSize(&One.Ea) == 9);
    CHECK(FspFileSystemAddEa(&One.Ea, Ea, 64, &Count));
    CHECK(Count == 13);
    One.Ea.EaName[0] = 'B';
    CHECK(FspFileSystemAddEa(&One.Ea, Ea, 64, &Count));
    CHECK(Count == 29 && Ea->NextEntryOffset == 16);
    One.Ea.EaName[0] = 'C';
    CHECK(!FspFileSystemAddEa(&One.Ea, Ea, 40, &Count) && Count == 29);
    CHECK(FspFileSystemAddEa(&One.Ea, Ea, 64, &Count));
    CHECK(FspFileSystemAddEa(NULL, Ea, 64, &Count));
    STATUS_IS(FspFileSystemEnumerateEa(NULL, CountEa, &Seen, Ea, Count), STATUS_DISK_FULL);
    CHECK(Seen == 2);
}

static VOID DirectoryBuffer(VOID) {
    static UINT64 Storage[256];
    PVOID Buffer = NULL;
    ENTRY One;
    NTSTATUS Result = STATUS_DISK_FULL;
    ULONG Count = 0;
    static const WCHAR *const Names[] = {L"b", L"..", L"C", L"a", L"."}, *const Sorted[] = {L".", L"..", L"C", L"a",
                                                                                            L"b"};
    FspFileSystemReadDirectoryBuffer(&Buffer, NULL, Storage, sizeof Storage, &Count);
    CHECK(Count == 2 && ((const UINT8 *)Storage)[0] == 0 && ((const UINT8 *)Storage)[1] == 0);
    CHECK(FspFileSystemAcquireDirectoryBuffer(&Buffer, FALSE, &Result));
    STATUS_IS(Result, STATUS_SUCCESS);
    CHECK(!FspFileSystemFillDirectoryBuffer(&Buffer, NULL, &Result));
    STATUS_IS(Result, STATUS_INVALID_PARAMETER);
    for (int I = 0; I < 5; I++)
        CHECK(FspFileSystemFillDirectoryBuffer(&Buffer, Entry(&One, Names[I]), &Result));
    FspFileSystemReleaseDirectoryBuffer(&Buffer);
    Count = 0;
    FspFileSystemReadDirectoryBuffer(&Buffer, NULL, Storage, sizeof Storage, &Count);
    UINT8 *At = (UINT8 *)Storage;
    for (int I = 0; I < 5; I++) {
        const FSP_FSCTL_DIR_INFO *Info = (const FSP_FSCTL_DIR_INFO *)(void *)At;
        SIZE_T Length = wcslen(Sorted[I]);
        CHECK(Info->Size == 104 + Length * sizeof(WCHAR) && !memcmp(At + 104, Sorted[I], Length * sizeof(WCHAR)));
        At += FSP_FSCTL_DEFAULT_ALIGN_UP(Info->Size);
    }
    CHECK(*(UINT16 *)At == 0 && At + 2 == (UINT8 *)Storage + Count);
    Count = 0;
    FspFileSystemReadDirectoryBuffer(&Buffer, W(L"C"), Storage, sizeof Storage, &Count);
    CHECK(Count == 2 * 112 + 2);
    Count = 0;
    FspFileSystemReadDirectoryBuffer(&Buffer, NULL, Storage, 120, &Count); /* no room for two, nor for the end */
    CHECK(Count == 112);
    CHECK(!FspFileSystemAcquireDirectoryBuffer(&Buffer, FALSE, &Result));
    STATUS_IS(Result, STATUS_SUCCESS);
    CHECK(FspFileSystemAcquireDirectoryBufferEx(&Buffer, TRUE, 4096, &Result));
    FspFileSystemReleaseDirectoryBuffer(&Buffer);
    Count = 0;
    FspFileSystemReadDirectoryBuffer(&Buffer, NULL, Storage, sizeof Storage, &Count);
    CHECK(Count == 2);
    FspFileSystemDeleteDirectoryBuffer(&Buffer);
    CHECK(!Buffer);
    FspFileSystemDeleteDirectoryBuffer(&Buffer);
}

/* ---- reparse points -------------------------------------------------------------------------------------------- */

/* "\a\link" goes to "b", "\loop" to itself; "\a", "\a\b" are there. */
static NTSTATUS FSP_ABI GetLink(FSP_FILE_SYSTEM *FileSystem, PVOID Context, PWSTR FileName, BOOLEAN IsDirectory,
                                PVOID Buffer, PSIZE_T PSize) {
    PCWSTR Target = Same(FileName, L"\\a\\link") ? L"b" : Same(FileName, L"\\loop") ? L"loop" : NULL;
    (void)FileSystem, (void)Context, (void)IsDirectory;
    if (!Target)
        return Same(FileName, L"\\a") || Same(FileName, L"\\a\\b") || Same(FileName, L"\\a\\b\\c")
                   ? STATUS_NOT_A_REPARSE_POINT
                   : STATUS_OBJECT_NAME_NOT_FOUND;
    if (!Buffer)
        return STATUS_SUCCESS;
    REPARSE_DATA_BUFFER *Data = (REPARSE_DATA_BUFFER *)Buffer;
    USHORT Size = (USHORT)(wcslen(Target) * sizeof(WCHAR));
    SIZE_T Head = FIELD_OFFSET(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer);
    if (*PSize < Head + Size)
        return STATUS_BUFFER_TOO_SMALL;
    memset(Data, 0, Head);
    Data->ReparseTag = IO_REPARSE_TAG_SYMLINK;
    Data->ReparseDataLength = (USHORT)(Head - 8 + Size);
    Data->SymbolicLinkReparseBuffer.SubstituteNameLength = Size;
    Data->SymbolicLinkReparseBuffer.Flags = 1;
    memcpy(Data->SymbolicLinkReparseBuffer.PathBuffer, Target, Size);
    *PSize = Head + Size;
    return STATUS_SUCCESS;
}

static VOID ReparsePoints(VOID) {
    static UINT64 Storage[1024];
    REPARSE_DATA_BUFFER *Data = (REPARSE_DATA_BUFFER *)(void *)Storage;
    IO_STATUS_BLOCK Block = {0};
    UINT32 Index = 77;
    SIZE_T Size = sizeof Storage;
    CHECK(FspFileSystemFindReparsePoint(NULL, GetLink, NULL, Path(L"\\a\\link\\c"), &Index));
    CHECK(Index == 3);
    CHECK(!FspFileSystemFindReparsePoint(NULL, GetLink, NULL, Path(L"\\a\\link"), &Index));
    CHECK(!FspFileSystemFindReparsePoint(NULL, GetLink, NULL, Path(L"\\x\\y\\z"), &Index));
    STATUS_IS(
        FspFileSystemResolveReparsePoints(NULL, GetLink, NULL, Path(L"\\a\\link\\c"), 3, TRUE, &Block, Storage, &Size),
        STATUS_REPARSE);
    CHECK(Block.Information == IO_REPARSE_TAG_SYMLINK && Data->ReparseTag == IO_REPARSE_TAG_SYMLINK);
    CHECK(Data->SymbolicLinkReparseBuffer.SubstituteNameLength == 6 * sizeof(WCHAR) &&
          !memcmp((const UINT8 *)Storage + FIELD_OFFSET(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer),
                  L"\\a\\b\\c", 6 * sizeof(WCHAR)));
    Size = sizeof Storage;
    STATUS_IS(
        FspFileSystemResolveReparsePoints(NULL, GetLink, NULL, Path(L"\\loop\\x"), 1, TRUE, &Block, Storage, &Size),
        STATUS_REPARSE_POINT_NOT_RESOLVED);
    Size = sizeof Storage;
    STATUS_IS(
        FspFileSystemResolveReparsePoints(NULL, GetLink, NULL, Path(L"\\a\\none\\x"), 3, TRUE, &Block, Storage, &Size),
        STATUS_OBJECT_PATH_NOT_FOUND);
    UINT32 Link[2] = {IO_REPARSE_TAG_SYMLINK, 0}, Point[2] = {IO_REPARSE_TAG_MOUNT_POINT, 0};
    STATUS_IS(FspFileSystemCanReplaceReparsePoint(Link, 8, Link, 8), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemCanReplaceReparsePoint(Link, 8, Point, 8), STATUS_IO_REPARSE_TAG_MISMATCH);
    STATUS_IS(FspFileSystemCanReplaceReparsePoint(Link, 3, Link, 8), STATUS_IO_REPARSE_DATA_INVALID);
    UINT8 A[24] = {1, 0, 0, 0, 0}, B[24] = {1, 0, 0, 0, 0}; /* a tag that is nobody's: a GUID follows */
    A[8] = 1;
    STATUS_IS(FspFileSystemCanReplaceReparsePoint(A, 24, A, 24), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemCanReplaceReparsePoint(A, 24, B, 24), STATUS_REPARSE_ATTRIBUTE_CONFLICT);
}

/* ---- security -------------------------------------------------------------------------------------------------- */

static VOID Sids(VOID) {
    static const UINT32 Uids[] = {0, 18, 544, 1000, 1234, 0x30000 + 500, 65534, 4000000000u};
    for (int I = 0; I < (int)(sizeof Uids / sizeof *Uids); I++) {
        PSID Sid = NULL;
        UINT32 Back = 1;
        STATUS_IS(FspPosixMapUidToSid(Uids[I], &Sid), STATUS_SUCCESS);
        STATUS_IS(FspPosixMapSidToUid(Sid, &Back), STATUS_SUCCESS);
        CHECK(Back == Uids[I]);
        FspDeleteSid(Sid, (FSP_CREATOR *)FspPosixMapUidToSid);
    }
    UINT32 Uid = 77, Back;
    UINT8 Everyone[12] = {1, 1, 0, 0, 0, 0, 0, 1};
    PSID Sid = Everyone;
    STATUS_IS(FspPosixMapSidToUid(Sid, &Back), STATUS_SUCCESS);
    CHECK(Back == 0x10100);
    STATUS_IS(FspPosixSetUidMap(&Uid, &Sid, 1), STATUS_SUCCESS);
    STATUS_IS(FspPosixMapSidToUid(Sid, &Back), STATUS_SUCCESS);
    CHECK(Back == 77);
    STATUS_IS(FspPosixSetUidMap(NULL, NULL, 0), STATUS_SUCCESS);
    STATUS_IS(FspPosixMapSidToUid(NULL, &Back), STATUS_INVALID_SID);
    FspDeleteSid(NULL, (FSP_CREATOR *)FspPosixMapUidToSid);
}

static VOID Descriptors(VOID) {
    PSECURITY_DESCRIPTOR One = NULL, Two = NULL, Set = NULL;
    UINT32 Uid, Gid, Mode;
    for (UINT32 Wanted = 0; Wanted < 01000; Wanted++) {
        STATUS_IS(FspPosixMapPermissionsToSecurityDescriptor(1000, 2000, Wanted, &One), STATUS_SUCCESS);
        STATUS_IS(FspPosixMapSecurityDescriptorToPermissions(One, &Uid, &Gid, &Mode), STATUS_SUCCESS);
        CHECK(Uid == 1000 && Gid == 2000 && Mode == Wanted);
        FspDeleteSecurityDescriptor(One, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    }
    STATUS_IS(FspPosixMapPermissionsToSecurityDescriptor(1000, 2000, 041777, &One), STATUS_SUCCESS);
    STATUS_IS(FspPosixMapSecurityDescriptorToPermissions(One, &Uid, &Gid, &Mode), STATUS_SUCCESS);
    CHECK(Mode == 01777);
    STATUS_IS(FspPosixMergePermissionsToSecurityDescriptor(1, 2, 0700, One, &Two), STATUS_SUCCESS);
    STATUS_IS(FspPosixMapSecurityDescriptorToPermissions(Two, &Uid, &Gid, &Mode), STATUS_SUCCESS);
    CHECK(Uid == 1000 && Gid == 2000 && Mode == 01777);
    FspDeleteSecurityDescriptor(Two, (FSP_CREATOR *)FspPosixMergePermissionsToSecurityDescriptor);
    STATUS_IS(FspPosixMergePermissionsToSecurityDescriptor(1, 2, 0700, NULL, &Two), STATUS_SUCCESS);
    STATUS_IS(FspSetSecurityDescriptor(NULL, 4, Two, &Set), STATUS_NO_SECURITY_ON_OBJECT);
    STATUS_IS(FspSetSecurityDescriptor(One, 4, Two, &Set), STATUS_SUCCESS); /* the DACL alone */
    STATUS_IS(FspPosixMapSecurityDescriptorToPermissions(Set, &Uid, &Gid, &Mode), STATUS_SUCCESS);
    CHECK(Uid == 1000 && Gid == 2000 && (Mode & 07) == 0);
    FspDeleteSecurityDescriptor(Set, (FSP_CREATOR *)FspSetSecurityDescriptor);
    FspDeleteSecurityDescriptor(Two, (FSP_CREATOR *)FspPosixMergePermissionsToSecurityDescriptor);
    FspDeleteSecurityDescriptor(One, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    FspDeleteSecurityDescriptor(NULL, (FSP_CREATOR *)FspAccessCheckEx);
    PGENERIC_MAPPING Mapping = FspGetFileGenericMapping();
    CHECK(Mapping->GenericRead == 0x120089 && Mapping->GenericWrite == 0x120116);
    CHECK(Mapping->GenericExecute == 0x1200a0 && Mapping->GenericAll == 0x1f01ff);
}

static NTSTATUS FSP_ABI SecurityByName(FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, PUINT32 PAttributes,
                                       PSECURITY_DESCRIPTOR Descriptor, SIZE_T *PSize) {
    BOOLEAN Directory = Same(FileName, L"\\") || Same(FileName, L"\\d");
    (void)FileSystem, (void)Descriptor;
    if (!Directory && !Same(FileName, L"\\f") && !Same(FileName, L"\\d\\r"))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (PAttributes)
        *PAttributes = Directory                ? FILE_ATTRIBUTE_DIRECTORY
                       : Same(FileName, L"\\f") ? FILE_ATTRIBUTE_NORMAL
                                                : FILE_ATTRIBUTE_READONLY;
    if (PSize)
        *PSize = 0;
    return STATUS_SUCCESS;
}

static union {
    FSP_FSCTL_TRANSACT_REQ Request;
    UINT8 Bytes[FSP_FSCTL_TRANSACT_REQ_SIZEMAX];
} Req;
static union {
    FSP_FSCTL_TRANSACT_RSP Response;
    UINT8 Bytes[FSP_FSCTL_TRANSACT_RSP_SIZEMAX];
} Rsp;

static FSP_FSCTL_TRANSACT_REQ *CreateRequest(PCWSTR Name, UINT32 Options) {
    memset(&Req, 0, sizeof Req);
    memset(&Rsp, 0, sizeof Rsp);
    Req.Request.Size = (UINT16)(sizeof(FSP_FSCTL_TRANSACT_REQ) + (wcslen(Name) + 1) * sizeof(WCHAR));
    Req.Request.Kind = Rsp.Response.Kind = FspFsctlTransactCreateKind;
    Req.Request.FileName.Size = (UINT16)((wcslen(Name) + 1) * sizeof(WCHAR));
    memcpy(Req.Request.Buffer, Name, Req.Request.FileName.Size);
    Req.Request.Req.Create.CreateOptions = Options;
    Req.Request.Req.Create.UserMode = 1;
    return &Req.Request;
}

static VOID AccessChecks(FSP_FILE_SYSTEM *FileSystem) {
    PSECURITY_DESCRIPTOR Descriptor = NULL;
    UINT32 Granted = 0;
    STATUS_IS(FspAccessCheckEx(FileSystem, CreateRequest(L"\\f", 0), FALSE, TRUE, 1, &Granted, &Descriptor),
              STATUS_SUCCESS);
    CHECK(Granted == 1 && !Descriptor);
    STATUS_IS(FspAccessCheck(FileSystem, CreateRequest(L"\\none", 0), FALSE, TRUE, 1, &Granted),
              STATUS_OBJECT_NAME_NOT_FOUND);
    STATUS_IS(FspAccessCheck(FileSystem, CreateRequest(L"\\none\\x", 0), TRUE, TRUE, 2, &Granted),
              STATUS_OBJECT_PATH_NOT_FOUND);
    STATUS_IS(FspAccessCheck(FileSystem, CreateRequest(L"\\f\\x", 0), TRUE, TRUE, 2, &Granted), STATUS_NOT_A_DIRECTORY);
    STATUS_IS(FspAccessCheck(FileSystem, CreateRequest(L"\\f", 1), FALSE, TRUE, 1, &Granted), STATUS_NOT_A_DIRECTORY);
    STATUS_IS(FspAccessCheck(FileSystem, CreateRequest(L"\\d", 0x40), FALSE, TRUE, 1, &Granted),
              STATUS_FILE_IS_A_DIRECTORY);
    STATUS_IS(FspAccessCheck(FileSystem, CreateRequest(L"\\d\\r", 0), FALSE, TRUE, 2, &Granted), STATUS_ACCESS_DENIED);
    STATUS_IS(FspAccessCheck(FileSystem, CreateRequest(L"\\d\\r", 0x1000), FALSE, TRUE, 0x10000, &Granted),
              STATUS_CANNOT_DELETE);
    CreateRequest(L"\\f", 0)->Kind = FspFsctlTransactReadKind;
    STATUS_IS(FspAccessCheck(FileSystem, &Req.Request, FALSE, TRUE, 1, &Granted), STATUS_INVALID_PARAMETER);
    STATUS_IS(FspCreateSecurityDescriptor(FileSystem, &Req.Request, NULL, &Descriptor), STATUS_INVALID_PARAMETER);
    STATUS_IS(FspCreateSecurityDescriptor(FileSystem, CreateRequest(L"\\x", 0), NULL, &Descriptor), STATUS_SUCCESS);
    CHECK(!Descriptor);
    PSECURITY_DESCRIPTOR Parent = NULL;
    FspPosixMapPermissionsToSecurityDescriptor(1, 2, 0750, &Parent);
    STATUS_IS(FspCreateSecurityDescriptor(FileSystem, CreateRequest(L"\\x", 0), Parent, &Descriptor), STATUS_SUCCESS);
    CHECK(Descriptor != NULL);
    FspDeleteSecurityDescriptor(Descriptor, (FSP_CREATOR *)FspCreateSecurityDescriptor);
    FspDeleteSecurityDescriptor(Parent, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

static VOID Names(VOID) {
    char *Posix = NULL;
    PWSTR Windows = NULL;
    WCHAR Text[64], Root[2] = {'\\', 0};
    PWSTR Head, Tail;
    STATUS_IS(FspPosixMapWindowsToPosixPath(W(L"\\a\\b\xf03a"
                                              L"c"),
                                            &Posix),
              STATUS_SUCCESS);
    CHECK(Posix && !strcmp(Posix, "/a/b:c"));
    FspPosixDeletePath(Posix);
    STATUS_IS(FspPosixMapPosixToWindowsPath("/a/b:c", &Windows), STATUS_SUCCESS);
    CHECK(Windows && Same(Windows, L"\\a\\b\xf03a"
                                   L"c"));
    FspPosixDeletePath(Windows);
    STATUS_IS(FspPosixMapWindowsToPosixPathEx(W(L"a\\b"), &Posix, FALSE), STATUS_SUCCESS);
    CHECK(Posix && !strcmp(Posix, "a\\b"));
    FspPosixDeletePath(Posix);
    STATUS_IS(FspPosixMapPosixToWindowsPathEx("a/b", &Windows, FALSE), STATUS_SUCCESS);
    CHECK(Windows && Same(Windows, L"a/b"));
    FspPosixDeletePath(Windows);
    wcscpy(Text, L"a?b");
    FspPosixEncodeWindowsPath(Text, 3);
    CHECK(Text[1] == 0xf03f);
    FspPosixDecodeWindowsPath(Text, 3);
    CHECK(Text[1] == '?');
    wcscpy(Text, L"\\a\\b\\c");
    FspPathPrefix(Text, &Head, &Tail, Root);
    CHECK(Same(Head, L"\\") && Same(Tail, L"a\\b\\c"));
    FspPathCombine(Text, Tail);
    FspPathSuffix(Text, &Head, &Tail, Root);
    CHECK(Same(Head, L"\\a\\b") && Same(Tail, L"c"));
    FspPathCombine(Text, Tail);
    CHECK(Same(Text, L"\\a\\b\\c"));
    wcscpy(Text, L"plain");
    FspPathSuffix(Text, &Head, &Tail, Root);
    CHECK(Same(Head, L"plain") && Same(Tail, L""));
}

static VOID Errors(VOID) {
    UINT32 Version = 0;
    STATUS_IS(FspNtStatusFromWin32(0), STATUS_SUCCESS);
    STATUS_IS(FspNtStatusFromWin32(2), STATUS_OBJECT_NAME_NOT_FOUND);
    STATUS_IS(FspNtStatusFromWin32(5), STATUS_ACCESS_DENIED);
    STATUS_IS(FspNtStatusFromWin32(183), STATUS_OBJECT_NAME_COLLISION);
    STATUS_IS(FspNtStatusFromWin32(80), 0x80070050);
    STATUS_IS(FspNtStatusFromWin32(0x12345), STATUS_ACCESS_DENIED);
    CHECK(FspWin32FromNtStatus(STATUS_SUCCESS) == 0);
    CHECK(FspWin32FromNtStatus(STATUS_OBJECT_NAME_NOT_FOUND) == 2);
    CHECK(FspWin32FromNtStatus(STATUS_ACCESS_DENIED) == 5);
    STATUS_IS(FspVersion(&Version), STATUS_SUCCESS);
    CHECK(Version == 0x20002);
    CHECK(FspSxsIdent()[0] == 0);
}

static VOID Times(VOID) {
    FSP_INT3264 Time[2];
    UINT64 Back;
    FspPosixFileTimeToUnixTime(116444736000000000ull + 15, Time);
    CHECK(Time[0] == 0 && Time[1] == 1500);
    FspPosixFileTimeToUnixTime(116444736000000000ull - 1, Time);
    CHECK(Time[0] == 0 && Time[1] == -100);
    FspPosixUnixTimeToFileTime(Time, &Back);
    CHECK(Back == 116444736000000000ull - 1);
}

/* ---- volumes --------------------------------------------------------------------------------------------------- */

static NTSTATUS FSP_ABI Guard(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                              FSP_FSCTL_TRANSACT_RSP *Response) {
    (void)FileSystem, (void)Request, (void)Response;
    return STATUS_SUCCESS;
}

static VOID Helpers(FSP_FILE_SYSTEM *FileSystem) {
    NTSTATUS Result = STATUS_PENDING;
    CHECK(FspFileSystemMountPoint(FileSystem) == NULL && FspFileSystemMountPointF(FileSystem) == NULL);
    FspFileSystemSetDispatcherResult(FileSystem, STATUS_SUCCESS);
    FspFileSystemSetDispatcherResultF(FileSystem, STATUS_DISK_FULL);
    FspFileSystemSetDispatcherResult(FileSystem, STATUS_ACCESS_DENIED);
    FspFileSystemGetDispatcherResult(FileSystem, &Result);
    STATUS_IS(Result, STATUS_DISK_FULL);
    FspFileSystemGetDispatcherResultF(FileSystem, &Result);
    STATUS_IS(Result, STATUS_DISK_FULL);
    FspFileSystemSetDebugLogF(FileSystem, 0x15);
    CHECK(FileSystem->DebugLog == 0x15);
    FspFileSystemSetDebugLog(FileSystem, 0);
    FspFileSystemSetOperationGuardStrategyF(FileSystem, FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_COARSE);
    CHECK(FileSystem->OpGuardStrategy == FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_COARSE);
    FspFileSystemSetOperationGuardStrategy(FileSystem, FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_FINE);
    CreateRequest(L"\\x", 0);
    STATUS_IS(FspFileSystemOpEnter(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemOpLeave(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
    FspFileSystemSetOperationGuardF(FileSystem, Guard, NULL);
    STATUS_IS(FspFileSystemEnterOperationF(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemLeaveOperationF(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemEnterOperation(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemLeaveOperation(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
#ifndef _WIN32 /* where the address is that of a stub */
    CHECK(FileSystem->Operations[FspFsctlTransactReadKind] == FspFileSystemOpRead);
#endif
    FspFileSystemSetOperationF(FileSystem, FspFsctlTransactReadKind, Guard);
    CHECK(FileSystem->Operations[FspFsctlTransactReadKind] == Guard);
    FspFileSystemSetOperationF(FileSystem, 1000, Guard); /* nothing */
    CHECK(FspFileSystemGetOperationContext() == NULL);
}

static VOID MissingMembers(FSP_FILE_SYSTEM *FileSystem) {
    static FSP_FILE_SYSTEM_OPERATION *const Operations[] = {FspFileSystemOpCreate,
                                                            FspFileSystemOpOverwrite,
                                                            FspFileSystemOpRead,
                                                            FspFileSystemOpWrite,
                                                            FspFileSystemOpQueryInformation,
                                                            FspFileSystemOpSetInformation,
                                                            FspFileSystemOpQueryEa,
                                                            FspFileSystemOpSetEa,
                                                            FspFileSystemOpQueryVolumeInformation,
                                                            FspFileSystemOpSetVolumeInformation,
                                                            FspFileSystemOpQueryDirectory,
                                                            FspFileSystemOpFileSystemControl,
                                                            FspFileSystemOpDeviceControl,
                                                            FspFileSystemOpQuerySecurity,
                                                            FspFileSystemOpSetSecurity,
                                                            FspFileSystemOpQueryStreamInformation};
    static const UINT32 Kinds[] = {1, 2, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15, 16, 19, 20, 21};
    for (int I = 0; I < (int)(sizeof Kinds / sizeof *Kinds); I++) {
        CreateRequest(L"\\x", 0);
        memset(&Req.Request.Req, 0, sizeof Req.Request.Req);
        Req.Request.Kind = Rsp.Response.Kind = Kinds[I];
        if (Kinds[I] == FspFsctlTransactSetInformationKind)
            Req.Request.Req.SetInformation.FileInformationClass = FspFileBasicInformation;
        if (Kinds[I] == FspFsctlTransactSetVolumeInformationKind) {
            Req.Request.Req.SetVolumeInformation.FsInformationClass = 2;
            Req.Request.Req.SetVolumeInformation.Info.Label.VolumeLabel.Size = 6; /* the name will do */
        }
        if (Kinds[I] == FspFsctlTransactFileSystemControlKind)
            Req.Request.Req.FileSystemControl.FsControlCode = 0x900a8; /* get a reparse point */
        NTSTATUS Result = Operations[I](FileSystem, &Req.Request, &Rsp.Response);
        if (Result != STATUS_INVALID_DEVICE_REQUEST) {
            fprintf(stderr, "kind %u without a member: %08x\n", (unsigned)Kinds[I], (unsigned)Result);
            failures++;
        }
    }
    CreateRequest(L"\\x", 0)->Kind = FspFsctlTransactCleanupKind;
    STATUS_IS(FspFileSystemOpCleanup(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemOpClose(FileSystem, &Req.Request, &Rsp.Response), STATUS_SUCCESS);
    Req.Request.Kind = FspFsctlTransactFlushBuffersKind;
    (void)FspFileSystemOpFlushBuffers(FileSystem, &Req.Request, &Rsp.Response);
}

static VOID Volumes(VOID) {
    static const FSP_FILE_SYSTEM_INTERFACE Interface = {.GetSecurityByName = SecurityByName};
    FSP_FSCTL_VOLUME_PARAMS Params = {0};
    FSP_FILE_SYSTEM *FileSystem = (FSP_FILE_SYSTEM *)&Params;
    Params.Version = sizeof Params;
    STATUS_IS(FspFileSystemCreate(W(L"WinFsp.Tape"), &Params, &Interface, &FileSystem), STATUS_NO_SUCH_DEVICE);
    CHECK(FileSystem == NULL);
    STATUS_IS(FspFileSystemCreate(NULL, &Params, &Interface, &FileSystem), STATUS_INVALID_PARAMETER);
    STATUS_IS(FspFileSystemCreate(W(L"" FSP_FSCTL_DISK_DEVICE_NAME), NULL, &Interface, &FileSystem),
              STATUS_INVALID_PARAMETER);
    Params.UmFileContextIsUserContext2 = Params.UmFileContextIsFullContext = 1;
    STATUS_IS(FspFileSystemCreate(W(L"" FSP_FSCTL_DISK_DEVICE_NAME), &Params, &Interface, &FileSystem),
              STATUS_INVALID_PARAMETER);
    Params.UmFileContextIsUserContext2 = Params.UmFileContextIsFullContext = 0;
    STATUS_IS(FspFileSystemCreate(W(L"" FSP_FSCTL_DISK_DEVICE_NAME), &Params, NULL, &FileSystem), STATUS_SUCCESS);
    MissingMembers(FileSystem);
    Helpers(FileSystem);
    FSP_FSCTL_TRANSACT_RSP Response = {0};
    Response.Size = sizeof Response;
    Response.Kind = FspFsctlTransactReadKind;
    Response.Hint = 42;
    FspFileSystemSendResponse(FileSystem, &Response); /* of nothing */
    STATUS_IS(FspFileSystemNotifyBegin(FileSystem, 100), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemNotifyEnd(FileSystem), STATUS_SUCCESS);
    FspFileSystemRemoveMountPoint(FileSystem);
    FspFileSystemStopDispatcher(FileSystem);
    FspFileSystemDelete(FileSystem);
    STATUS_IS(FspFileSystemCreate(W(L"\\Device\\WinFsp.Disk"), &Params, &Interface, &FileSystem), STATUS_SUCCESS);
    AccessChecks(FileSystem);
    FspFileSystemDelete(FileSystem);
    FspFileSystemDelete(NULL);
    FspFileSystemStopServiceIfNecessary(NULL, TRUE);
    STATUS_IS(FspFileSystemPreflight(W(L"" FSP_FSCTL_DISK_DEVICE_NAME), NULL), STATUS_SUCCESS);
    STATUS_IS(FspFileSystemPreflight(W(L"nothing"), NULL), STATUS_NO_SUCH_DEVICE);
#ifdef _WIN32
    STATUS_IS(FspFileSystemPreflight(W(L"" FSP_FSCTL_DISK_DEVICE_NAME), W(L"C:\\windows")),
              STATUS_OBJECT_NAME_COLLISION);
#else
    STATUS_IS(FspFileSystemPreflight(W(L"" FSP_FSCTL_DISK_DEVICE_NAME), W(L"/tmp")), STATUS_OBJECT_NAME_COLLISION);
#endif
}

/* ---- mounting, by the driver's functions ----------------------------------------------------------------------- */

static VOID FSP_ABI ServiceSeen(PVOID Context, PWSTR ServiceName, BOOLEAN Running) {
    CHECK(Same(ServiceName, L"WinFsp") && Running);
    ++*(int *)Context;
}

/* A batch of two requests and of two responses, as a program with a loop of its own walks through it. */
static VOID Batches(VOID) {
    static UINT64 Space[2 * FSP_FSCTL_TRANSACT_RSP_SIZEMAX / sizeof(UINT64)];
    UINT8 *Begin = (UINT8 *)Space;
    FSP_FSCTL_TRANSACT_REQ *Request = (PVOID)Space;
    FSP_FSCTL_TRANSACT_RSP *Response = (PVOID)Space;
    CHECK(FspFsctlTransactCanProduceRequest(Request, Begin + FSP_FSCTL_TRANSACT_REQ_SIZEMAX));
    CHECK(!FspFsctlTransactCanProduceRequest(Request, Begin + FSP_FSCTL_TRANSACT_REQ_SIZEMAX - 1));
    CHECK(FspFsctlTransactCanProduceResponse(Response, Begin + FSP_FSCTL_TRANSACT_RSP_SIZEMAX));
    CHECK(!FspFsctlTransactCanProduceResponse(Response, Begin + FSP_FSCTL_TRANSACT_RSP_SIZEMAX - 1));
    Request->Size = sizeof *Request + 3;
    FSP_FSCTL_TRANSACT_REQ *Second = FspFsctlTransactProduceRequest(Request, Request->Size);
    CHECK((UINT8 *)Second == Begin + sizeof *Request + 8);
    CHECK(FspFsctlTransactConsumeRequest(Request, Second) == Second);
    CHECK(!FspFsctlTransactConsumeRequest(Request, (UINT8 *)Second - 1)); /* cut off */
    CHECK(!FspFsctlTransactConsumeRequest(Second, Second)); /* nothing is left */
    CHECK(!FspFsctlTransactConsumeRequest(Second, Second + 1)); /* without a size */
    CHECK(!FspFsctlTransactConsumeRequest(Second, Begin));
    Request->Size = 0;
    Response->Size = sizeof *Response;
    CHECK(FspFsctlTransactProduceResponse(Response, sizeof *Response) == Response + 1);
    CHECK(FspFsctlTransactConsumeResponse(Response, Response + 1) == Response + 1);
    CHECK(!FspFsctlTransactConsumeResponse(Response, (UINT8 *)(Response + 1) - 1));
    Response->Size = sizeof *Response - 1;
    CHECK(!FspFsctlTransactConsumeResponse(Response, Response + 2));
    INT32 Word = 1;
    VOID *Pointer = NULL;
    FspInterlockedStore32(&Word, -7);
    FspInterlockedStorePointer(&Pointer, Begin);
    CHECK(FspInterlockedLoad32(&Word) == -7 && FspInterlockedLoadPointer(&Pointer) == Begin);
}

static VOID Driver(VOID) {
    static WCHAR List[4096];
    SIZE_T Size = 0, Need;
    UINT32 Version = 0;
    HANDLE Handle = NULL;
    FSP_FSCTL_VOLUME_PARAMS Params = {0};
    FSP_FILE_SYSTEM *FileSystem = NULL;
    FSP_MOUNT_DESC Desc = {0};
    WCHAR Any[] = {'*', ':', 0};
    int Seen = 0;
    PWSTR Disk = W(L"" FSP_FSCTL_DISK_DEVICE_NAME);
    STATUS_IS(FspFsctlPreflight(Disk), STATUS_SUCCESS);
    STATUS_IS(FspFsctlServiceVersion(&Version), STATUS_SUCCESS);
    CHECK(Version >= 0x10000);
    STATUS_IS(FspFsctlStartService(), STATUS_SUCCESS); /* it runs */
    STATUS_IS(FspFsctlEnumServices(ServiceSeen, &Seen), STATUS_SUCCESS);
    CHECK(Seen == 1);
    STATUS_IS(FspFsctlCreateVolume(Disk, &Params, NULL, 0, &Handle), STATUS_NOT_SUPPORTED);
    STATUS_IS(FspFsctlTransact(Handle, NULL, 0, NULL, NULL, FALSE), STATUS_NOT_SUPPORTED);
    STATUS_IS(FspFsctlMakeMountdev(Handle, FALSE, NULL), STATUS_NOT_SUPPORTED);
    STATUS_IS(FspFsctlUseMountmgr(Handle, NULL), STATUS_NOT_SUPPORTED);
    STATUS_IS(FspFsctlStop(Handle), STATUS_INVALID_HANDLE);
    STATUS_IS(FspFsctlStop((HANDLE)(UINT_PTR)0x1234), STATUS_INVALID_HANDLE);
    STATUS_IS(FspFsctlStop0(List), STATUS_INVALID_HANDLE); /* memory, but no volume */
    STATUS_IS(FspFsctlNotify(&Params, NULL, 0), STATUS_INVALID_HANDLE);
    Desc.VolumeHandle = (HANDLE)(UINT_PTR)0x1234;
    STATUS_IS(FspMountSet(&Desc), STATUS_INVALID_HANDLE);
    STATUS_IS(FspMountRemove(&Desc), STATUS_INVALID_HANDLE);
    STATUS_IS(FspCallNamedPipeSecurely(W(L"x"), NULL, 0, NULL, 0, NULL, 0, NULL), STATUS_NOT_SUPPORTED);
    STATUS_IS(FspCallNamedPipeSecurelyEx(W(L"x"), NULL, 0, NULL, 0, NULL, 0, FALSE, NULL), STATUS_NOT_SUPPORTED);
    Params.Version = sizeof Params;
    STATUS_IS(FspFileSystemCreate(Disk, &Params, NULL, &FileSystem), STATUS_SUCCESS);
    Desc.VolumeHandle = FileSystem->VolumeHandle;
    Desc.MountPoint = Any;
    STATUS_IS(FspMountSet(&Desc), STATUS_SUCCESS);
    CHECK(Any[0] >= 'D' && Any[0] <= 'Z' && Desc.MountHandle);
    STATUS_IS(FspFileSystemSetMountPointEx(FileSystem, Any, NULL), STATUS_INVALID_PARAMETER); /* a second time */
    Need = 0;
    STATUS_IS(FspFsctlGetVolumeList(Disk, NULL, &Need), STATUS_BUFFER_TOO_SMALL);
    Size = sizeof List;
    STATUS_IS(FspFsctlGetVolumeList(Disk, List, &Size), STATUS_SUCCESS);
    CHECK(Size == Need && Size > 40 && !memcmp(List, L"\\Device\\Volume{", 15 * sizeof(WCHAR)));
    CHECK(List[Size / sizeof(WCHAR) - 1] == 0);
    STATUS_IS(FspFsctlNotify(FileSystem->VolumeHandle, NULL, 0), STATUS_SUCCESS);
    STATUS_IS(FspFsctlStop0(FileSystem->VolumeHandle), STATUS_SUCCESS);
    STATUS_IS(FspMountRemove(&Desc), STATUS_SUCCESS);
    CHECK(!Desc.MountHandle);
    Handle = FileSystem->VolumeHandle;
    FspFileSystemDelete(FileSystem);
    STATUS_IS(FspFsctlStop(Handle), STATUS_INVALID_HANDLE); /* it has gone */
#ifndef _WIN32
    /* an ordinary user, or root in a container, may not stop it: not tried where it would succeed */
    if (getenv("LINFSP_MAY_NOT_STOP"))
#endif
        if (getenv("LINFSP_MAY_NOT_STOP"))
            STATUS_IS(FspFsctlStopService(), STATUS_ACCESS_DENIED);
}

/* ---- services, logs, the launcher ------------------------------------------------------------------------------ */

static NTSTATUS FSP_ABI OnStart(FSP_SERVICE *Service, ULONG Argc, PWSTR *Argv) {
    CHECK(Argc >= 1 && Same(Argv[0], L"contracts"));
    CHECK(Service->UserContext == &failures);
    FspServiceRequestTime(Service, 1000);
    FspServiceAcceptControl(Service, 0x100);
    FspServiceSetExitCode(Service, 7);
    FspServiceStop(Service);
    return STATUS_SUCCESS;
}

static int Stopped;

static NTSTATUS FSP_ABI OnStop(FSP_SERVICE *Service) {
    (void)Service;
    Stopped++;
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI OnStartFails(FSP_SERVICE *Service, ULONG Argc, PWSTR *Argv) {
    (void)Service, (void)Argc, (void)Argv;
    return STATUS_ACCESS_DENIED;
}

static VOID Services(VOID) {
    FSP_SERVICE *Service = NULL;
    BOOLEAN Local = FALSE;
    CHECK(FspServiceRunEx(W(L"contracts"), OnStart, OnStop, NULL, &failures) == 7);
    CHECK(Stopped == 1);
    CHECK(FspServiceRunEx(W(L"contracts"), OnStartFails, OnStop, NULL, NULL) == 5);
    CHECK(Stopped == 1);
    STATUS_IS(FspServiceCreate(W(L"other"), OnStart, OnStop, NULL, &Service), STATUS_SUCCESS);
    FspServiceSetExitCode(Service, 3);
    CHECK(FspServiceGetExitCode(Service) == 3);
    FspServiceAllowConsoleMode(Service);
    CHECK(Service->AllowConsoleMode);
    FspServiceDelete(Service);
    STATUS_IS(FspServiceCreate(W(L"fails"), OnStartFails, NULL, NULL, &Service), STATUS_SUCCESS);
    FspServiceAllowConsoleMode(Service);
    (void)FspServiceLoop(Service);
    CHECK(FspServiceGetExitCode(Service) == 5);
    FspServiceDelete(Service);
    (void)FspServiceIsInteractive();
    NTSTATUS Result = FspServiceContextCheck(NULL, &Local);
    CHECK(Result == STATUS_SUCCESS || Result == STATUS_ACCESS_DENIED);
}

static VOID LogV(PWSTR Format, ...) {
    va_list Arguments;
    va_start(Arguments, Format);
    FspServiceLogV(EVENTLOG_INFORMATION_TYPE, Format, Arguments);
    va_end(Arguments);
    va_start(Arguments, Format);
    FspEventLogV(EVENTLOG_INFORMATION_TYPE, Format, Arguments);
    va_end(Arguments);
}

/* The lines that test/e2e looks for. */
static VOID Logs(VOID) {
    FILETIME Time = {0, 0};
    PSID Sid = NULL;
    PSECURITY_DESCRIPTOR Descriptor = NULL;
    FspServiceLog(EVENTLOG_INFORMATION_TYPE, W(L"log %s %S %d %lx"), L"wide", "narrow", -5, 0xabcdu);
    LogV(W(L"logv %s"), L"wide");
    FspEventLog(EVENTLOG_ERROR_TYPE, W(L"event %ld"), 7);
    FspDebugLogSetHandle(GetStdHandle(STD_ERROR_HANDLE));
    FspDebugLog("debug %s %d\n", "text", 5);
    FspDebugLogFT("ft %s\n", &Time);
    FspPosixMapUidToSid(1000, &Sid);
    FspDebugLogSid("sid %s\n", Sid);
    FspDeleteSid(Sid, (FSP_CREATOR *)FspPosixMapUidToSid);
    FspPosixMapPermissionsToSecurityDescriptor(0, 0, 0644, &Descriptor);
    FspDebugLogSD("sd %s\n", Descriptor);
    FspDeleteSecurityDescriptor(Descriptor, (FSP_CREATOR *)FspPosixMapPermissionsToSecurityDescriptor);
    FspDebugLogRequest(CreateRequest(L"\\x", 0));
    FspDebugLogResponse(&Rsp.Response);
    Req.Request.FileName.Size = 0xffff; /* these lie about their lengths */
    FspDebugLogRequest(&Req.Request);
    Req.Request.Size = Rsp.Response.Size = 3;
    FspDebugLogRequest(&Req.Request);
    FspDebugLogResponse(&Rsp.Response);
}

static VOID Launcher(VOID) {
    FSP_LAUNCH_REG_RECORD Set = {0}, *Record = NULL;
    PWSTR Words[2] = {W(L"contract"), W(L"one")};
    WCHAR Buffer[256];
    ULONG Size = sizeof Buffer, Error = 0;
    Set.Executable = W(L"/bin/sleep");
    Set.CommandLine = W(L"100");
    STATUS_IS(FspLaunchRegSetRecord(W(L"contract"), &Set), STATUS_SUCCESS);
    STATUS_IS(FspLaunchRegGetRecord(W(L"contract"), NULL, &Record), STATUS_SUCCESS);
    CHECK(Record && Same(Record->Executable, L"/bin/sleep"));
    FspLaunchRegFreeRecord(Record);
    STATUS_IS(FspLaunchRegGetRecord(W(L"nothing"), NULL, &Record), STATUS_OBJECT_NAME_NOT_FOUND);
    if (FspLaunchGetNameList(Buffer, &Size, &Error) == STATUS_OBJECT_NAME_NOT_FOUND) { /* no launcher runs here */
        CHECK(!getenv("LINFSP_HAS_LAUNCHER"));
        return;
    }
    STATUS_IS(FspLaunchStart(Words[0], Words[1], 0, NULL, FALSE, &Error), STATUS_SUCCESS);
    CHECK(Error == 0);
    STATUS_IS(FspLaunchStartEx(Words[0], Words[1], 0, NULL, FALSE, FALSE, &Error), STATUS_SUCCESS);
    CHECK(Error == 183);
    Size = sizeof Buffer;
    STATUS_IS(FspLaunchGetInfo(Words[0], Words[1], Buffer, &Size, &Error), STATUS_SUCCESS);
    CHECK(Error == 0 && Size == (9 + 4 + 15) * sizeof(WCHAR) && Same(Buffer + 13, L"/bin/sleep 100"));
    Size = 4;
    STATUS_IS(FspLaunchGetInfo(Words[0], Words[1], Buffer, &Size, &Error), STATUS_SUCCESS);
    CHECK(Error == 234);
    Size = sizeof Buffer;
    STATUS_IS(FspLaunchCallLauncherPipe('L', 0, NULL, NULL, Buffer, &Size, &Error), STATUS_SUCCESS);
    CHECK(Error == 0 && Same(Buffer, L"contract"));
    STATUS_IS(FspLaunchCallLauncherPipeEx('?', 0, NULL, NULL, NULL, NULL, FALSE, &Error), STATUS_SUCCESS);
    CHECK(Error == 1);
    STATUS_IS(FspLaunchStop(Words[0], Words[1], &Error), STATUS_SUCCESS);
    CHECK(Error == 0);
    STATUS_IS(FspLaunchStop(Words[0], Words[1], &Error), STATUS_SUCCESS);
    CHECK(Error == 2);
    STATUS_IS(FspLaunchRegSetRecord(W(L"contract"), NULL), STATUS_SUCCESS);
}

int main(void) {
    STATUS_IS(FspLoad(NULL), STATUS_SUCCESS);
    Words();
    Records();
    Attributes();
    DirectoryBuffer();
    ReparsePoints();
    Sids();
    Descriptors();
    Names();
    Errors();
    Times();
    Volumes();
    Batches();
    Driver();
    Services();
    Logs();
    Launcher();
    printf("%d failures\n", failures);
    return failures != 0;
}
