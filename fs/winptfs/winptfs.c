/* SPDX-License-Identifier: MIT */
/*
 * winptfs: a folder passed through by WinFsp's API.
 *
 *     winptfs FOLDER Z:
 *
 * It uses what ported file systems use: a context for each open file (UmFileContextIsUserContext2), directory buffers,
 * Cleanup only after a change, and on Linux FspPosix... for paths and permissions. The program is the same for Linux
 * and Windows; how a folder is read and changed is in folder-linux.c and folder-windows.c.
 */
#include <stdio.h>
#include <string.h>

#include "winptfs.h"

static FSP_FILE_SYSTEM *file_system;

static NTSTATUS OnStart(FSP_SERVICE *service, ULONG argc, PWSTR *argv) {
    FSP_FSCTL_VOLUME_PARAMS params = {
        .Version = sizeof params,
        .FileInfoTimeout = 1000,
        .CasePreservedNames = 1,
        .UnicodeOnDisk = 1,
        .UmFileContextIsUserContext2 = 1,
        .PostCleanupWhenModifiedOnly = 1,
    };
    (void)service;
    if (argc != 3) {
        fputs("usage: winptfs FOLDER MOUNTPOINT\n", stderr);
        return STATUS_INVALID_PARAMETER;
    }
    memcpy(params.FileSystemName, L"winptfs", sizeof L"winptfs");
    folder_fill_params(&params);
    NTSTATUS status = folder_open(argv[1]);
    if (!NT_SUCCESS(status))
        return status;
    status = FspFileSystemCreate((PWSTR)L"" FSP_FSCTL_DISK_DEVICE_NAME, &params, &folder_interface, &file_system);
    if (NT_SUCCESS(status))
        status = FspFileSystemSetMountPoint(file_system, argv[2]);
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
    if (!NT_SUCCESS(FspLoad(NULL)))
        return 1;
    return (int)FspServiceRun((PWSTR)L"winptfs", OnStart, OnStop, NULL);
}
