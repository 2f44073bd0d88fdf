/* SPDX-License-Identifier: MIT */
/**
 * The launcher: it starts file systems that are registered, by class and instance.
 *
 * A class is registered by a record: the program, and its command line with %1 to %9 for arguments. `linfsp launcher`
 * is the launcher on Linux; it takes records from /etc/linfsp-launch.d (linfsp-launcher(1)). These functions speak to
 * the launcher of this container or host. Their status tells whether the launcher was reached; what it says itself is a
 * Win32 error in *PLauncherError.
 */
#ifndef WINFSP_LAUNCH_H
#define WINFSP_LAUNCH_H

#include <winfsp/winfsp.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FSP_LAUNCH_REG_RECORD_FIELDS                                                                                   \
    PWSTR Agent;                                                                                                       \
    PWSTR Executable;                                                                                                  \
    PWSTR CommandLine;                                                                                                 \
    PWSTR WorkDirectory;                                                                                               \
    PWSTR RunAs;                                                                                                       \
    PWSTR Security;                                                                                                    \
    PWSTR AuthPackage;                                                                                                 \
    PWSTR Stderr;                                                                                                      \
    PVOID Reserved0[4];                                                                                                \
    ULONG JobControl;                                                                                                  \
    ULONG Credentials;                                                                                                 \
    ULONG AuthPackageId;                                                                                               \
    ULONG Recovery;                                                                                                    \
    ULONG Reserved1[4];

typedef struct {
    FSP_LAUNCH_REG_RECORD_FIELDS
    UINT8 Buffer[];
} FSP_LAUNCH_REG_RECORD;

#ifndef __cplusplus
FSP_SIZE_IS(FSP_LAUNCH_REG_RECORD, 128);
FSP_OFFSET_IS(FSP_LAUNCH_REG_RECORD, JobControl, 96);
#endif

/** What the launcher is asked, and how its answer begins. */
enum {
    FspLaunchCmdStart = 'S',
    FspLaunchCmdStartWithSecret = 'X',
    FspLaunchCmdStop = 'T',
    FspLaunchCmdGetInfo = 'I',
    FspLaunchCmdGetNameList = 'L',
    FspLaunchCmdDefineDosDevice = 'D',
    FspLaunchCmdQuit = 'Q',
    FspLaunchCmdSuccess = '$',
    FspLaunchCmdFailure = '!',
};

#define FSP_LAUNCH_ARGUMENTS_MAX 9

/** STATUS_OBJECT_NAME_NOT_FOUND: no launcher runs here. Argl: lengths of the arguments, or NULL; -1: up to the NUL. */
FSP_API NTSTATUS FSP_ABI FspLaunchCallLauncherPipe(WCHAR Command, ULONG Argc, PWSTR *Argv, ULONG *Argl, PWSTR Buffer,
                                                   PULONG PSize, PULONG PLauncherError);
FSP_API NTSTATUS FSP_ABI FspLaunchCallLauncherPipeEx(WCHAR Command, ULONG Argc, PWSTR *Argv, ULONG *Argl, PWSTR Buffer,
                                                     PULONG PSize, BOOLEAN AllowImpersonation, PULONG PLauncherError);
/** HasSecret: the last argument goes to the program's standard input, and the program must answer OK or KO. */
FSP_API NTSTATUS FSP_ABI FspLaunchStart(PWSTR ClassName, PWSTR InstanceName, ULONG Argc, PWSTR *Argv, BOOLEAN HasSecret,
                                        PULONG PLauncherError);
FSP_API NTSTATUS FSP_ABI FspLaunchStartEx(PWSTR ClassName, PWSTR InstanceName, ULONG Argc, PWSTR *Argv,
                                          BOOLEAN HasSecret, BOOLEAN AllowImpersonation, PULONG PLauncherError);
FSP_API NTSTATUS FSP_ABI FspLaunchStop(PWSTR ClassName, PWSTR InstanceName, PULONG PLauncherError);
/** "class", "instance", "command line", each with its NUL. PSize: bytes, in and out. */
FSP_API NTSTATUS FSP_ABI FspLaunchGetInfo(PWSTR ClassName, PWSTR InstanceName, PWSTR Buffer, PULONG PSize,
                                          PULONG PLauncherError);
/** "class", "instance" of each, with their NULs. */
FSP_API NTSTATUS FSP_ABI FspLaunchGetNameList(PWSTR Buffer, PULONG PSize, PULONG PLauncherError);

/** Registers a class; with NULL it is not registered any more. */
FSP_API NTSTATUS FSP_ABI FspLaunchRegSetRecord(PWSTR ClassName, const FSP_LAUNCH_REG_RECORD *Record);
/** STATUS_OBJECT_NAME_NOT_FOUND: no such class, or not for this agent. Freed by FspLaunchRegFreeRecord. */
FSP_API NTSTATUS FSP_ABI FspLaunchRegGetRecord(PWSTR ClassName, PWSTR Agent, FSP_LAUNCH_REG_RECORD **PRecord);
FSP_API VOID FSP_ABI FspLaunchRegFreeRecord(FSP_LAUNCH_REG_RECORD *Record);

#ifdef __cplusplus
}
#endif

#endif
