/* SPDX-License-Identifier: MIT */
/*
 * The contract of the operation guard, and of notifications: which requests wait for each other under either strategy,
 * which records are taken. Compiles for Linux and, by mingw-w64, for Windows, and runs natively and in Wine. Exit
 * status 0: all hold.
 *
 * Model. This thread is in the guard with one request; another thread enters with a second one. It waits, or it is in.
 */
#include <stdio.h>
#include <string.h>

#include <winfsp/winfsp.h>

#include "check.h"

#define WAITS_MS 60

static FSP_FILE_SYSTEM *FileSystem;

/* ---- requests -------------------------------------------------------------------------------------------------- */

static FSP_FSCTL_TRANSACT_REQ Request(UINT32 Kind) {
    FSP_FSCTL_TRANSACT_REQ Made;
    memset(&Made, 0, sizeof Made);
    Made.Version = sizeof Made;
    Made.Size = sizeof Made;
    Made.Kind = Kind;
    return Made;
}

static FSP_FSCTL_TRANSACT_REQ CreateRequest(UINT32 Disposition) {
    FSP_FSCTL_TRANSACT_REQ Made = Request(FspFsctlTransactCreateKind);
    Made.Req.Create.CreateOptions = Disposition << 24;
    return Made;
}

static FSP_FSCTL_TRANSACT_REQ SetRequest(UINT32 Class) {
    FSP_FSCTL_TRANSACT_REQ Made = Request(FspFsctlTransactSetInformationKind);
    Made.Req.SetInformation.FileInformationClass = Class;
    return Made;
}

static FSP_FSCTL_TRANSACT_REQ CleanupRequest(BOOLEAN Delete) {
    FSP_FSCTL_TRANSACT_REQ Made = Request(FspFsctlTransactCleanupKind);
    Made.Req.Cleanup.Delete = Delete;
    return Made;
}

static FSP_FSCTL_TRANSACT_REQ FlushRequest(UINT64 Context) {
    FSP_FSCTL_TRANSACT_REQ Made = Request(FspFsctlTransactFlushBuffersKind);
    Made.Req.FlushBuffers.UserContext2 = Context;
    return Made;
}

/* ---- the guard ------------------------------------------------------------------------------------------------- */

static VOID Enter(FSP_FSCTL_TRANSACT_REQ *Entering) {
    FSP_FSCTL_TRANSACT_RSP Response;
    memset(&Response, 0, sizeof Response);
    CHECK(FspFileSystemOpEnter(FileSystem, Entering, &Response) == STATUS_SUCCESS);
}

static VOID Leave(FSP_FSCTL_TRANSACT_REQ *Leaving) {
    FSP_FSCTL_TRANSACT_RSP Response;
    memset(&Response, 0, sizeof Response);
    CHECK(FspFileSystemOpLeave(FileSystem, Leaving, &Response) == STATUS_SUCCESS);
}

static DWORD WINAPI EnterAndLeave(LPVOID Parameter) {
    Enter((FSP_FSCTL_TRANSACT_REQ *)Parameter);
    Leave((FSP_FSCTL_TRANSACT_REQ *)Parameter);
    return 0;
}

/* Whether the second waits while the first is in. It must come in when the first has left. */
static BOOLEAN WaitsFor(FSP_FSCTL_TRANSACT_REQ Second, FSP_FSCTL_TRANSACT_REQ First) {
    Enter(&First);
    HANDLE Thread = CreateThread(NULL, 0, EnterAndLeave, &Second, 0, NULL);
    CHECK(Thread != NULL);
    BOOLEAN Waits = WaitForSingleObject(Thread, WAITS_MS) == WAIT_TIMEOUT;
    Leave(&First);
    CHECK(WaitForSingleObject(Thread, INFINITE) == WAIT_OBJECT_0);
    CloseHandle(Thread);
    return Waits;
}

static VOID Fine(VOID) {
    const FSP_FSCTL_TRANSACT_REQ Opening = CreateRequest(FILE_OPEN), Renaming = SetRequest(10);
    FspFileSystemSetOperationGuardStrategy(FileSystem, FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_FINE);
    /* alone */
    CHECK(WaitsFor(CreateRequest(FILE_CREATE), Opening) && WaitsFor(CreateRequest(FILE_OPEN_IF), Opening));
    CHECK(WaitsFor(CreateRequest(FILE_OVERWRITE), Opening) && WaitsFor(CreateRequest(FILE_SUPERSEDE), Opening));
    CHECK(WaitsFor(Request(FspFsctlTransactOverwriteKind), Opening) && WaitsFor(CleanupRequest(TRUE), Opening));
    CHECK(WaitsFor(Renaming, Opening) && WaitsFor(SetRequest(65), Opening) && WaitsFor(FlushRequest(0), Opening));
    CHECK(WaitsFor(Request(FspFsctlTransactSetVolumeInformationKind), Opening));
    /* with others of their kind */
    CHECK(!WaitsFor(Opening, Opening) && WaitsFor(Opening, Renaming));
    CHECK(!WaitsFor(SetRequest(13), Opening) && WaitsFor(SetRequest(13), Renaming));
    CHECK(!WaitsFor(SetRequest(64), Opening) && WaitsFor(SetRequest(64), Renaming));
    CHECK(!WaitsFor(Request(FspFsctlTransactQueryDirectoryKind), Opening));
    CHECK(WaitsFor(Request(FspFsctlTransactQueryDirectoryKind), Renaming));
    CHECK(WaitsFor(Request(FspFsctlTransactQueryVolumeInformationKind), Renaming));
    /* always */
    CHECK(!WaitsFor(Request(FspFsctlTransactReadKind), Renaming) && !WaitsFor(CleanupRequest(FALSE), Renaming));
    CHECK(!WaitsFor(Request(FspFsctlTransactWriteKind), Renaming) && !WaitsFor(FlushRequest(1), Renaming));
    CHECK(!WaitsFor(SetRequest(4), Renaming) && !WaitsFor(SetRequest(20), Renaming));
    CHECK(!WaitsFor(Request(FspFsctlTransactQueryInformationKind), Renaming));
    CHECK(!WaitsFor(Request(FspFsctlTransactCloseKind), Renaming));
}

static VOID Coarse(VOID) {
    FspFileSystemSetOperationGuardStrategy(FileSystem, FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_COARSE);
    CHECK(WaitsFor(CreateRequest(FILE_OPEN), Request(FspFsctlTransactReadKind)));
    CHECK(WaitsFor(Request(FspFsctlTransactReadKind), Request(FspFsctlTransactReadKind)));
    CHECK(WaitsFor(Request(FspFsctlTransactCloseKind), SetRequest(10)));
}

static int Guards, Operations;

static NTSTATUS FSP_ABI CountGuard(FSP_FILE_SYSTEM *Fs, FSP_FSCTL_TRANSACT_REQ *Given, FSP_FSCTL_TRANSACT_RSP *Answer) {
    (void)Given, (void)Answer;
    CHECK(Fs == FileSystem);
    Guards++;
    return STATUS_SUCCESS;
}

static NTSTATUS FSP_ABI CountOperation(FSP_FILE_SYSTEM *Fs, FSP_FSCTL_TRANSACT_REQ *Given,
                                       FSP_FSCTL_TRANSACT_RSP *Answer) {
    (void)Given, (void)Answer;
    CHECK(Fs == FileSystem);
    Operations++;
    return STATUS_SUCCESS;
}

/* The program's own, which the header's inline functions put in and call. */
static VOID OwnGuard(VOID) {
    FSP_FSCTL_TRANSACT_REQ Reading = Request(FspFsctlTransactReadKind);
    FSP_FSCTL_TRANSACT_RSP Response;
    memset(&Response, 0, sizeof Response);
    FspFileSystemSetOperationGuard(FileSystem, CountGuard, CountGuard);
    CHECK(FspFileSystemEnterOperation(FileSystem, &Reading, &Response) == STATUS_SUCCESS && Guards == 1);
    CHECK(FspFileSystemLeaveOperation(FileSystem, &Reading, &Response) == STATUS_SUCCESS && Guards == 2);
    FspFileSystemSetOperation(FileSystem, FspFsctlTransactReadKind, CountOperation);
    CHECK(FileSystem->Operations[FspFsctlTransactReadKind] == CountOperation);
    FileSystem->Operations[FspFsctlTransactReadKind](FileSystem, &Reading, &Response);
    CHECK(Operations == 1);
}

/* ---- notifications --------------------------------------------------------------------------------------------- */

/* Records of a name each, one behind the other; returns the bytes. */
static ULONG Record(UINT8 *Buffer, ULONG Used, PCWSTR Name, UINT32 Action) {
    FSP_FSCTL_NOTIFY_INFO *Info = (FSP_FSCTL_NOTIFY_INFO *)(PVOID)(Buffer + Used);
    ULONG Size = (ULONG)(sizeof *Info + wcslen(Name) * sizeof *Name);
    memset(Info, 0, (Size + 7) / 8 * 8);
    Info->Size = (UINT16)Size;
    Info->Filter = FILE_NOTIFY_CHANGE_FILE_NAME;
    Info->Action = Action;
    memcpy(Info->FileNameBuf, Name, wcslen(Name) * sizeof *Name);
    return Used + (Size + 7) / 8 * 8;
}

static VOID Notifications(VOID) {
    UINT64 Room[64];
    UINT8 *Buffer = (UINT8 *)Room;
    FSP_FSCTL_NOTIFY_INFO *Info = (FSP_FSCTL_NOTIFY_INFO *)(PVOID)Room;
    ULONG Size = Record(Buffer, 0, L"\\folder\\one", FILE_ACTION_ADDED);
    Size = Record(Buffer, Size, L"two", FILE_ACTION_REMOVED); /* beside the one before */
    CHECK(FspFileSystemNotifyBegin(FileSystem, 1000) == STATUS_SUCCESS);
    CHECK(FspFileSystemNotify(FileSystem, Info, Size) == STATUS_SUCCESS);
    CHECK(FspFileSystemNotify(FileSystem, NULL, 0) == STATUS_SUCCESS);
    CHECK(FspFileSystemNotify(FileSystem, Info, Size - 8) == STATUS_INVALID_PARAMETER); /* the last one is cut off */
    Info->Size = sizeof *Info - 2;
    CHECK(FspFileSystemNotify(FileSystem, Info, Size) == STATUS_INVALID_PARAMETER);
    Info->Size = 0xffff;
    CHECK(FspFileSystemNotify(FileSystem, Info, Size) == STATUS_INVALID_PARAMETER);
    Info->Size = 0; /* the end */
    CHECK(FspFileSystemNotify(FileSystem, Info, Size) == STATUS_SUCCESS);
    Size = Record(Buffer, 0, L"relative to nothing", FILE_ACTION_ADDED); /* passed over, as the next two */
    Size = Record(Buffer, Size, L"\\", FILE_ACTION_ADDED);
    Size = Record(Buffer, Size, L"\\x", 77);
    CHECK(FspFileSystemNotify(FileSystem, Info, Size) == STATUS_SUCCESS);
    CHECK(FspFileSystemNotifyEnd(FileSystem) == STATUS_SUCCESS);
    CHECK(FspFileSystemNotifyEnd(FileSystem) == STATUS_SUCCESS); /* once too often */
}

int main(void) {
    static FSP_FILE_SYSTEM_INTERFACE Interface;
    FSP_FSCTL_VOLUME_PARAMS Params;
    WCHAR Device[] = L"" FSP_FSCTL_DISK_DEVICE_NAME;
    memset(&Params, 0, sizeof Params);
    Params.Version = sizeof Params;
    CHECK(NT_SUCCESS(FspLoad(NULL)));
    if (!NT_SUCCESS(FspFileSystemCreate(Device, &Params, &Interface, &FileSystem)))
        return 2;
    Fine();
    Coarse();
    OwnGuard();
    Notifications();
    FspFileSystemDelete(FileSystem);
    return failures != 0;
}
