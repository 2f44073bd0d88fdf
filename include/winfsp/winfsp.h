/* SPDX-License-Identifier: MIT */
/**
 * WinFsp's native API, on Linux.
 *
 * A file system that was written for WinFsp compiles against this header and links libwinfsp (pkg-config winfsp). It
 * fills in an FSP_FILE_SYSTEM_INTERFACE and calls FspFileSystemCreate, FspFileSystemSetMountPoint and
 * FspFileSystemStartDispatcher. libwinfsp then answers the Linux kernel's requests by calling those operations.
 *
 * Linking. `pkg-config --cflags --libs winfsp` links the shared library, which a container of LinFsp has at
 * /dev/linfsp/lib. With WINFSP_LOAD defined nothing is linked: FspLoad finds the library when the program runs.
 *
 * Names, numbers and behaviour are WinFsp's (docs/winfsp.md tells what is different). The text is LinFsp's own.
 */
#ifndef WINFSP_WINFSP_H
#define WINFSP_WINFSP_H

/* FSP_NT_TYPES: the types of nt.h even so; the DLL for Wine, whose sources are compiled for Linux, has them. */
#if (defined(_WIN32) || defined(__WINE__)) && !defined(FSP_NT_TYPES)
#define WIN32_NO_STATUS
#include <windows.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <winternl.h>
#ifndef REPARSE_DATA_BUFFER_HEADER_SIZE /* the SDK has it in a driver's header only */
typedef struct _REPARSE_DATA_BUFFER {
    ULONG ReparseTag;
    USHORT ReparseDataLength;
    USHORT Reserved;
    union {
        struct {
            USHORT SubstituteNameOffset;
            USHORT SubstituteNameLength;
            USHORT PrintNameOffset;
            USHORT PrintNameLength;
            ULONG Flags;
            WCHAR PathBuffer[1];
        } SymbolicLinkReparseBuffer;
        struct {
            USHORT SubstituteNameOffset;
            USHORT SubstituteNameLength;
            USHORT PrintNameOffset;
            USHORT PrintNameLength;
            WCHAR PathBuffer[1];
        } MountPointReparseBuffer;
        struct {
            UCHAR DataBuffer[1];
        } GenericReparseBuffer;
    };
} REPARSE_DATA_BUFFER, *PREPARSE_DATA_BUFFER;
#define REPARSE_DATA_BUFFER_HEADER_SIZE 8
#endif
#else
#include <winfsp/nt.h>
#endif

#include <stdarg.h>
#include <stddef.h>

/* A keyword for Microsoft's compiler, also in C. */
#if !defined(__cplusplus) && !defined(static_assert) && __STDC_VERSION__ < 202311L
#define static_assert _Static_assert
#endif

/* The convention of functions that a Windows program calls or is called by. Windows compilers and Linux programs need
 * no word for it; the DLL for Wine is compiled by a Linux compiler, which does. */
#if !defined(FSP_ABI)
#if defined(__WINE__)
#define FSP_ABI __attribute__((ms_abi))
#else
#define FSP_ABI
#endif
#endif
#if defined(__WINE__)
#define FSP_VA_LIST __builtin_ms_va_list
#else
#define FSP_VA_LIST va_list
#endif
#if !defined(FSP_API)
#if defined(_WIN32) || defined(__WINE__)
#define FSP_API
#else
#define FSP_API __attribute__((visibility("default")))
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#include <winfsp/fsctl.h>

/* ---- the file system's operations ------------------------------------------------------------------------------ */

typedef struct _FSP_FILE_SYSTEM FSP_FILE_SYSTEM;
typedef struct _FSP_FILE_SYSTEM_INTERFACE FSP_FILE_SYSTEM_INTERFACE;
typedef NTSTATUS FSP_ABI FSP_FILE_SYSTEM_OPERATION_GUARD(FSP_FILE_SYSTEM *, FSP_FSCTL_TRANSACT_REQ *,
                                                         FSP_FSCTL_TRANSACT_RSP *);
typedef NTSTATUS FSP_ABI FSP_FILE_SYSTEM_OPERATION(FSP_FILE_SYSTEM *, FSP_FSCTL_TRANSACT_REQ *,
                                                   FSP_FSCTL_TRANSACT_RSP *);

typedef enum {
    FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_FINE = 0,
    FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_COARSE = 1
} FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY;

/** Cleanup's flags. */
enum {
    FspCleanupDelete = 0x01,
    FspCleanupSetAllocationSize = 0x02,
    FspCleanupSetArchiveBit = 0x10,
    FspCleanupSetLastAccessTime = 0x20,
    FspCleanupSetLastWriteTime = 0x40,
    FspCleanupSetChangeTime = 0x80
};

/**
 * The operations of a file system. Any may be NULL: it answers STATUS_INVALID_DEVICE_REQUEST. Names begin with a
 * backslash; the root is "\". FileContext is what Create and Open gave. Read, Write and ReadDirectory may return
 * STATUS_PENDING and be answered later with FspFileSystemSendResponse. The manual winfsp(3) has the contract of each.
 */
struct _FSP_FILE_SYSTEM_INTERFACE {
    NTSTATUS(FSP_ABI *GetVolumeInfo)(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_VOLUME_INFO *VolumeInfo);
    NTSTATUS(FSP_ABI *SetVolumeLabel)
    (FSP_FILE_SYSTEM *FileSystem, PWSTR VolumeLabel, FSP_FSCTL_VOLUME_INFO *VolumeInfo);
    NTSTATUS(FSP_ABI *GetSecurityByName)
    (FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, PUINT32 PFileAttributes, PSECURITY_DESCRIPTOR SecurityDescriptor,
     SIZE_T *PSecurityDescriptorSize);
    NTSTATUS(FSP_ABI *Create)
    (FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess, UINT32 FileAttributes,
     PSECURITY_DESCRIPTOR SecurityDescriptor, UINT64 AllocationSize, PVOID *PFileContext,
     FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *Open)
    (FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess, PVOID *PFileContext,
     FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *Overwrite)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 FileAttributes, BOOLEAN ReplaceFileAttributes,
     UINT64 AllocationSize, FSP_FSCTL_FILE_INFO *FileInfo);
    VOID(FSP_ABI *Cleanup)(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, ULONG Flags);
    VOID(FSP_ABI *Close)(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext);
    NTSTATUS(FSP_ABI *Read)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PVOID Buffer, UINT64 Offset, ULONG Length,
     PULONG PBytesTransferred);
    NTSTATUS(FSP_ABI *Write)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PVOID Buffer, UINT64 Offset, ULONG Length,
     BOOLEAN WriteToEndOfFile, BOOLEAN ConstrainedIo, PULONG PBytesTransferred, FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *Flush)(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *GetFileInfo)(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *SetBasicInfo)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 FileAttributes, UINT64 CreationTime, UINT64 LastAccessTime,
     UINT64 LastWriteTime, UINT64 ChangeTime, FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *SetFileSize)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT64 NewSize, BOOLEAN SetAllocationSize,
     FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *CanDelete)(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName);
    NTSTATUS(FSP_ABI *Rename)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PWSTR NewFileName, BOOLEAN ReplaceIfExists);
    NTSTATUS(FSP_ABI *GetSecurity)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PSECURITY_DESCRIPTOR SecurityDescriptor,
     SIZE_T *PSecurityDescriptorSize);
    NTSTATUS(FSP_ABI *SetSecurity)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, SECURITY_INFORMATION SecurityInformation,
     PSECURITY_DESCRIPTOR ModificationDescriptor);
    NTSTATUS(FSP_ABI *ReadDirectory)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR Pattern, PWSTR Marker, PVOID Buffer, ULONG Length,
     PULONG PBytesTransferred);
    NTSTATUS(FSP_ABI *ResolveReparsePoints)
    (FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 ReparsePointIndex, BOOLEAN ResolveLastPathComponent,
     PIO_STATUS_BLOCK PIoStatus, PVOID Buffer, PSIZE_T PSize);
    NTSTATUS(FSP_ABI *GetReparsePoint)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PVOID Buffer, PSIZE_T PSize);
    NTSTATUS(FSP_ABI *SetReparsePoint)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PVOID Buffer, SIZE_T Size);
    NTSTATUS(FSP_ABI *DeleteReparsePoint)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, PVOID Buffer, SIZE_T Size);
    NTSTATUS(FSP_ABI *GetStreamInfo)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PVOID Buffer, ULONG Length, PULONG PBytesTransferred);
    NTSTATUS(FSP_ABI *GetDirInfoByName)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, FSP_FSCTL_DIR_INFO *DirInfo);
    NTSTATUS(FSP_ABI *Control)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 ControlCode, PVOID InputBuffer, ULONG InputBufferLength,
     PVOID OutputBuffer, ULONG OutputBufferLength, PULONG PBytesTransferred);
    NTSTATUS(FSP_ABI *SetDelete)(FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PWSTR FileName, BOOLEAN DeleteFile);
    NTSTATUS(FSP_ABI *CreateEx)
    (FSP_FILE_SYSTEM *FileSystem, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess, UINT32 FileAttributes,
     PSECURITY_DESCRIPTOR SecurityDescriptor, UINT64 AllocationSize, PVOID ExtraBuffer, ULONG ExtraLength,
     BOOLEAN ExtraBufferIsReparsePoint, PVOID *PFileContext, FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *OverwriteEx)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, UINT32 FileAttributes, BOOLEAN ReplaceFileAttributes,
     UINT64 AllocationSize, PFILE_FULL_EA_INFORMATION Ea, ULONG EaLength, FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *GetEa)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PFILE_FULL_EA_INFORMATION Ea, ULONG EaLength,
     PULONG PBytesTransferred);
    NTSTATUS(FSP_ABI *SetEa)
    (FSP_FILE_SYSTEM *FileSystem, PVOID FileContext, PFILE_FULL_EA_INFORMATION Ea, ULONG EaLength,
     FSP_FSCTL_FILE_INFO *FileInfo);
    NTSTATUS(FSP_ABI *Obsolete0)(VOID);
    VOID(FSP_ABI *DispatcherStopped)(FSP_FILE_SYSTEM *FileSystem, BOOLEAN Normally);
    NTSTATUS(FSP_ABI *Reserved[31])(VOID);
};

/** A file system. Compiled programs read and write members: the layout is an ABI. */
struct _FSP_FILE_SYSTEM {
    UINT16 Version;
    PVOID UserContext; /* the program's own */
    WCHAR VolumeName[FSP_FSCTL_VOLUME_NAME_SIZEMAX / sizeof(WCHAR)];
    HANDLE VolumeHandle;
    FSP_FILE_SYSTEM_OPERATION_GUARD *EnterOperation, *LeaveOperation;
    FSP_FILE_SYSTEM_OPERATION *Operations[FspFsctlTransactKindCount];
    const FSP_FILE_SYSTEM_INTERFACE *Interface;
    HANDLE DispatcherThread;
    ULONG DispatcherThreadCount;
    NTSTATUS DispatcherResult;
    PWSTR MountPoint;
    HANDLE MountHandle;
    UINT32 DebugLog;
    FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY OpGuardStrategy;
    SRWLOCK OpGuardLock;
    BOOLEAN UmFileContextIsUserContext2, UmFileContextIsFullContext;
    UINT16 UmNoReparsePointsDirCheck : 1;
    UINT16 UmReservedFlags : 14;
    UINT16 DispatcherStopping : 1;
};

typedef struct {
    FSP_FSCTL_TRANSACT_REQ *Request;
    FSP_FSCTL_TRANSACT_RSP *Response;
} FSP_FILE_SYSTEM_OPERATION_CONTEXT;

#ifndef __cplusplus
FSP_SIZE_IS(FSP_FILE_SYSTEM_INTERFACE, 512);
FSP_OFFSET_IS(FSP_FILE_SYSTEM_INTERFACE, ReadDirectory, 18 * 8);
FSP_OFFSET_IS(FSP_FILE_SYSTEM_INTERFACE, DispatcherStopped, 32 * 8);
FSP_SIZE_IS(FSP_FILE_SYSTEM, 792);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, VolumeHandle, 528);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, Operations, 552);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, Interface, 728);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, DispatcherResult, 748);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, MountPoint, 752);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, DebugLog, 768);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, OpGuardLock, 776);
FSP_OFFSET_IS(FSP_FILE_SYSTEM, UmFileContextIsUserContext2, 784);
#endif

/* ---- volumes --------------------------------------------------------------------------------------------------- */

FSP_API NTSTATUS FSP_ABI FspFileSystemPreflight(PWSTR DevicePath, PWSTR MountPoint);
FSP_API NTSTATUS FSP_ABI FspFileSystemCreate(PWSTR DevicePath, const FSP_FSCTL_VOLUME_PARAMS *VolumeParams,
                                             const FSP_FILE_SYSTEM_INTERFACE *Interface, FSP_FILE_SYSTEM **PFileSystem);
FSP_API VOID FSP_ABI FspFileSystemDelete(FSP_FILE_SYSTEM *FileSystem);
FSP_API NTSTATUS FSP_ABI FspFileSystemSetMountPoint(FSP_FILE_SYSTEM *FileSystem, PWSTR MountPoint);
FSP_API NTSTATUS FSP_ABI FspFileSystemSetMountPointEx(FSP_FILE_SYSTEM *FileSystem, PWSTR MountPoint,
                                                      PSECURITY_DESCRIPTOR SecurityDescriptor);
FSP_API VOID FSP_ABI FspFileSystemRemoveMountPoint(FSP_FILE_SYSTEM *FileSystem);
FSP_API NTSTATUS FSP_ABI FspFileSystemStartDispatcher(FSP_FILE_SYSTEM *FileSystem, ULONG ThreadCount);
FSP_API VOID FSP_ABI FspFileSystemStopDispatcher(FSP_FILE_SYSTEM *FileSystem);
FSP_API VOID FSP_ABI FspFileSystemSendResponse(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_RSP *Response);
FSP_API FSP_FILE_SYSTEM_OPERATION_CONTEXT *FSP_ABI FspFileSystemGetOperationContext(VOID);
FSP_API NTSTATUS FSP_ABI FspFileSystemNotifyBegin(FSP_FILE_SYSTEM *FileSystem, ULONG Timeout);
FSP_API NTSTATUS FSP_ABI FspFileSystemNotifyEnd(FSP_FILE_SYSTEM *FileSystem);
FSP_API NTSTATUS FSP_ABI FspFileSystemNotify(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_NOTIFY_INFO *NotifyInfo,
                                             SIZE_T Size);
FSP_API VOID FSP_ABI FspFileSystemStopServiceIfNecessary(FSP_FILE_SYSTEM *FileSystem, BOOLEAN Normally);

/* The inline helpers below as functions. */
FSP_API PWSTR FSP_ABI FspFileSystemMountPointF(FSP_FILE_SYSTEM *FileSystem);
FSP_API NTSTATUS FSP_ABI FspFileSystemEnterOperationF(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                                      FSP_FSCTL_TRANSACT_RSP *Response);
FSP_API NTSTATUS FSP_ABI FspFileSystemLeaveOperationF(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                                      FSP_FSCTL_TRANSACT_RSP *Response);
FSP_API VOID FSP_ABI FspFileSystemSetOperationGuardF(FSP_FILE_SYSTEM *FileSystem,
                                                     FSP_FILE_SYSTEM_OPERATION_GUARD *EnterOperation,
                                                     FSP_FILE_SYSTEM_OPERATION_GUARD *LeaveOperation);
FSP_API VOID FSP_ABI FspFileSystemSetOperationGuardStrategyF(FSP_FILE_SYSTEM *FileSystem,
                                                             FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY GuardStrategy);
FSP_API VOID FSP_ABI FspFileSystemSetOperationF(FSP_FILE_SYSTEM *FileSystem, ULONG Index,
                                                FSP_FILE_SYSTEM_OPERATION *Operation);
FSP_API VOID FSP_ABI FspFileSystemGetDispatcherResultF(FSP_FILE_SYSTEM *FileSystem, NTSTATUS *PDispatcherResult);
FSP_API VOID FSP_ABI FspFileSystemSetDispatcherResultF(FSP_FILE_SYSTEM *FileSystem, NTSTATUS DispatcherResult);
FSP_API VOID FSP_ABI FspFileSystemSetDebugLogF(FSP_FILE_SYSTEM *FileSystem, UINT32 DebugLog);
FSP_API BOOLEAN FSP_ABI FspFileSystemIsOperationCaseSensitiveF(VOID);
FSP_API UINT32 FSP_ABI FspFileSystemOperationProcessIdF(VOID);

/* The operations that FspFileSystemCreate puts into FSP_FILE_SYSTEM.Operations. */
FSP_API FSP_FILE_SYSTEM_OPERATION FspFileSystemOpEnter, FspFileSystemOpLeave, FspFileSystemOpCreate,
    FspFileSystemOpOverwrite, FspFileSystemOpCleanup, FspFileSystemOpClose, FspFileSystemOpRead, FspFileSystemOpWrite,
    FspFileSystemOpFlushBuffers, FspFileSystemOpQueryInformation, FspFileSystemOpSetInformation, FspFileSystemOpQueryEa,
    FspFileSystemOpSetEa, FspFileSystemOpQueryVolumeInformation, FspFileSystemOpSetVolumeInformation,
    FspFileSystemOpQueryDirectory, FspFileSystemOpFileSystemControl, FspFileSystemOpDeviceControl,
    FspFileSystemOpQuerySecurity, FspFileSystemOpSetSecurity, FspFileSystemOpQueryStreamInformation;

static inline PWSTR FspFileSystemMountPoint(FSP_FILE_SYSTEM *FileSystem) {
    return FileSystem->MountPoint;
}

static inline NTSTATUS FspFileSystemEnterOperation(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                                   FSP_FSCTL_TRANSACT_RSP *Response) {
    return FileSystem->EnterOperation ? FileSystem->EnterOperation(FileSystem, Request, Response) : STATUS_SUCCESS;
}

static inline NTSTATUS FspFileSystemLeaveOperation(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                                   FSP_FSCTL_TRANSACT_RSP *Response) {
    return FileSystem->LeaveOperation ? FileSystem->LeaveOperation(FileSystem, Request, Response) : STATUS_SUCCESS;
}

static inline VOID FspFileSystemSetOperationGuard(FSP_FILE_SYSTEM *FileSystem,
                                                  FSP_FILE_SYSTEM_OPERATION_GUARD *EnterOperation,
                                                  FSP_FILE_SYSTEM_OPERATION_GUARD *LeaveOperation) {
    FileSystem->EnterOperation = EnterOperation;
    FileSystem->LeaveOperation = LeaveOperation;
}

static inline VOID FspFileSystemSetOperationGuardStrategy(FSP_FILE_SYSTEM *FileSystem,
                                                          FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY GuardStrategy) {
    FileSystem->OpGuardStrategy = GuardStrategy;
}

static inline VOID FspFileSystemSetOperation(FSP_FILE_SYSTEM *FileSystem, ULONG Index,
                                             FSP_FILE_SYSTEM_OPERATION *Operation) {
    FileSystem->Operations[Index] = Operation;
}

static inline VOID FspFileSystemGetDispatcherResult(FSP_FILE_SYSTEM *FileSystem, NTSTATUS *PDispatcherResult) {
    *PDispatcherResult = __atomic_load_n(&FileSystem->DispatcherResult, __ATOMIC_SEQ_CST);
}

/** The first failure counts; a success changes nothing. */
static inline VOID FspFileSystemSetDispatcherResult(FSP_FILE_SYSTEM *FileSystem, NTSTATUS DispatcherResult) {
    NTSTATUS Expected = STATUS_SUCCESS;
    if (!NT_SUCCESS(DispatcherResult))
        __atomic_compare_exchange_n(&FileSystem->DispatcherResult, &Expected, DispatcherResult, 0, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST);
}

/** DebugLog has a bit for each kind of request; -1: all of them. */
static inline VOID FspFileSystemSetDebugLog(FSP_FILE_SYSTEM *FileSystem, UINT32 DebugLog) {
    FileSystem->DebugLog = DebugLog;
}

static inline FSP_FSCTL_OPEN_FILE_INFO *FspFileSystemGetOpenFileInfo(FSP_FSCTL_FILE_INFO *FileInfo) {
    return CONTAINING_RECORD(FileInfo, FSP_FSCTL_OPEN_FILE_INFO, FileInfo);
}

static inline UINT32 FspFileSystemGetEaPackedSize(PFILE_FULL_EA_INFORMATION SingleEa) {
    return 5u + SingleEa->EaNameLength + SingleEa->EaValueLength;
}

/* ---- records --------------------------------------------------------------------------------------------------- */

FSP_API BOOLEAN FSP_ABI FspFileSystemAddDirInfo(FSP_FSCTL_DIR_INFO *DirInfo, PVOID Buffer, ULONG Length,
                                                PULONG PBytesTransferred);
FSP_API BOOLEAN FSP_ABI FspFileSystemAddStreamInfo(FSP_FSCTL_STREAM_INFO *StreamInfo, PVOID Buffer, ULONG Length,
                                                   PULONG PBytesTransferred);
FSP_API BOOLEAN FSP_ABI FspFileSystemAddNotifyInfo(FSP_FSCTL_NOTIFY_INFO *NotifyInfo, PVOID Buffer, ULONG Length,
                                                   PULONG PBytesTransferred);
FSP_API BOOLEAN FSP_ABI FspFileSystemAddEa(PFILE_FULL_EA_INFORMATION SingleEa, PFILE_FULL_EA_INFORMATION Ea,
                                           ULONG EaLength, PULONG PBytesTransferred);
FSP_API NTSTATUS FSP_ABI FspFileSystemEnumerateEa(FSP_FILE_SYSTEM *FileSystem,
                                                  NTSTATUS(FSP_ABI *EnumerateEa)(FSP_FILE_SYSTEM *FileSystem,
                                                                                 PVOID Context,
                                                                                 PFILE_FULL_EA_INFORMATION SingleEa),
                                                  PVOID Context, PFILE_FULL_EA_INFORMATION Ea, ULONG EaLength);

FSP_API BOOLEAN FSP_ABI FspFileSystemAcquireDirectoryBuffer(PVOID *PDirBuffer, BOOLEAN Reset, PNTSTATUS PResult);
FSP_API BOOLEAN FSP_ABI FspFileSystemAcquireDirectoryBufferEx(PVOID *PDirBuffer, BOOLEAN Reset, ULONG CapacityHint,
                                                              PNTSTATUS PResult);
FSP_API BOOLEAN FSP_ABI FspFileSystemFillDirectoryBuffer(PVOID *PDirBuffer, FSP_FSCTL_DIR_INFO *DirInfo,
                                                         PNTSTATUS PResult);
FSP_API VOID FSP_ABI FspFileSystemReleaseDirectoryBuffer(PVOID *PDirBuffer);
FSP_API VOID FSP_ABI FspFileSystemReadDirectoryBuffer(PVOID *PDirBuffer, PWSTR Marker, PVOID Buffer, ULONG Length,
                                                      PULONG PBytesTransferred);
FSP_API VOID FSP_ABI FspFileSystemDeleteDirectoryBuffer(PVOID *PDirBuffer);

/* ---- reparse points -------------------------------------------------------------------------------------------- */

typedef NTSTATUS FSP_ABI FSP_GET_REPARSE_POINT_BY_NAME(FSP_FILE_SYSTEM *FileSystem, PVOID Context, PWSTR FileName,
                                                       BOOLEAN IsDirectory, PVOID Buffer, PSIZE_T PSize);
FSP_API BOOLEAN FSP_ABI FspFileSystemFindReparsePoint(FSP_FILE_SYSTEM *FileSystem,
                                                      FSP_GET_REPARSE_POINT_BY_NAME *GetReparsePointByName,
                                                      PVOID Context, PWSTR FileName, PUINT32 PReparsePointIndex);
FSP_API NTSTATUS FSP_ABI FspFileSystemResolveReparsePoints(FSP_FILE_SYSTEM *FileSystem,
                                                           FSP_GET_REPARSE_POINT_BY_NAME *GetReparsePointByName,
                                                           PVOID Context, PWSTR FileName, UINT32 ReparsePointIndex,
                                                           BOOLEAN ResolveLastPathComponent, PIO_STATUS_BLOCK PIoStatus,
                                                           PVOID Buffer, PSIZE_T PSize);
FSP_API NTSTATUS FSP_ABI FspFileSystemCanReplaceReparsePoint(PVOID CurrentReparseData, SIZE_T CurrentReparseDataSize,
                                                             PVOID ReplaceReparseData, SIZE_T ReplaceReparseDataSize);

/* ---- security -------------------------------------------------------------------------------------------------- */

/** The function that made what is deleted: FspAccessCheckEx, FspPosixMapUidToSid, ... cast to this. */
#ifdef __cplusplus
typedef NTSTATUS FSP_CREATOR(...);
#else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
typedef NTSTATUS FSP_CREATOR();
#pragma GCC diagnostic pop
#endif

FSP_API PGENERIC_MAPPING FSP_ABI FspGetFileGenericMapping(VOID);
FSP_API NTSTATUS FSP_ABI FspAccessCheckEx(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                          BOOLEAN CheckParentOrMain, BOOLEAN AllowTraverseCheck, UINT32 DesiredAccess,
                                          PUINT32 PGrantedAccess, PSECURITY_DESCRIPTOR *PSecurityDescriptor);
FSP_API NTSTATUS FSP_ABI FspCreateSecurityDescriptor(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                                     PSECURITY_DESCRIPTOR ParentDescriptor,
                                                     PSECURITY_DESCRIPTOR *PSecurityDescriptor);
FSP_API NTSTATUS FSP_ABI FspSetSecurityDescriptor(PSECURITY_DESCRIPTOR InputDescriptor,
                                                  SECURITY_INFORMATION SecurityInformation,
                                                  PSECURITY_DESCRIPTOR ModificationDescriptor,
                                                  PSECURITY_DESCRIPTOR *PSecurityDescriptor);
FSP_API VOID FSP_ABI FspDeleteSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor, FSP_CREATOR *CreateFunc);

FSP_API NTSTATUS FSP_ABI FspPosixSetUidMap(UINT32 Uid[], PSID Sid[], ULONG Count);
FSP_API NTSTATUS FSP_ABI FspPosixMapUidToSid(UINT32 Uid, PSID *PSid);
FSP_API NTSTATUS FSP_ABI FspPosixMapSidToUid(PSID Sid, PUINT32 PUid);
FSP_API VOID FSP_ABI FspDeleteSid(PSID Sid, FSP_CREATOR *CreateFunc);
FSP_API NTSTATUS FSP_ABI FspPosixMapPermissionsToSecurityDescriptor(UINT32 Uid, UINT32 Gid, UINT32 Mode,
                                                                    PSECURITY_DESCRIPTOR *PSecurityDescriptor);
FSP_API NTSTATUS FSP_ABI FspPosixMergePermissionsToSecurityDescriptor(UINT32 Uid, UINT32 Gid, UINT32 Mode,
                                                                      PSECURITY_DESCRIPTOR ExistingSecurityDescriptor,
                                                                      PSECURITY_DESCRIPTOR *PSecurityDescriptor);
FSP_API NTSTATUS FSP_ABI FspPosixMapSecurityDescriptorToPermissions(PSECURITY_DESCRIPTOR SecurityDescriptor,
                                                                    PUINT32 PUid, PUINT32 PGid, PUINT32 PMode);

/* ---- names ----------------------------------------------------------------------------------------------------- */

FSP_API NTSTATUS FSP_ABI FspPosixMapWindowsToPosixPathEx(PWSTR WindowsPath, char **PPosixPath, BOOLEAN Translate);
FSP_API NTSTATUS FSP_ABI FspPosixMapPosixToWindowsPathEx(const char *PosixPath, PWSTR *PWindowsPath, BOOLEAN Translate);
FSP_API VOID FSP_ABI FspPosixDeletePath(void *Path);
FSP_API VOID FSP_ABI FspPosixEncodeWindowsPath(PWSTR WindowsPath, ULONG Size);
FSP_API VOID FSP_ABI FspPosixDecodeWindowsPath(PWSTR WindowsPath, ULONG Size);
FSP_API VOID FSP_ABI FspPathPrefix(PWSTR Path, PWSTR *PPrefix, PWSTR *PRemain, PWSTR Root);
FSP_API VOID FSP_ABI FspPathSuffix(PWSTR Path, PWSTR *PRemain, PWSTR *PSuffix, PWSTR Root);
FSP_API VOID FSP_ABI FspPathCombine(PWSTR Prefix, PWSTR Suffix);

#define FSP_UNIX_EPOCH 116444736000000000ll /* 1970, in units of 100 ns since 1601 */

/** UnixTime: seconds, nanoseconds. Before 1970 both are negative, or 0. */
#if defined(_WIN32) || defined(__WINE__)
#define FSP_INT3264 INT_PTR
#else
#define FSP_INT3264 long
#endif
static inline VOID FspPosixFileTimeToUnixTime(UINT64 FileTime0, FSP_INT3264 UnixTime[2]) {
    INT64 FileTime = (INT64)FileTime0 - FSP_UNIX_EPOCH;
    UnixTime[0] = (FSP_INT3264)(FileTime / 10000000);
    UnixTime[1] = (FSP_INT3264)(FileTime % 10000000 * 100);
}

static inline VOID FspPosixUnixTimeToFileTime(const FSP_INT3264 UnixTime[2], PUINT64 PFileTime) {
    *PFileTime = (UINT64)((INT64)UnixTime[0] * 10000000 + UnixTime[1] / 100 + FSP_UNIX_EPOCH);
}

/* ---- services -------------------------------------------------------------------------------------------------- */

typedef struct _FSP_SERVICE FSP_SERVICE;
typedef NTSTATUS FSP_ABI FSP_SERVICE_START(FSP_SERVICE *Service, ULONG Argc, PWSTR *Argv);
typedef NTSTATUS FSP_ABI FSP_SERVICE_STOP(FSP_SERVICE *Service);
typedef NTSTATUS FSP_ABI FSP_SERVICE_CONTROL(FSP_SERVICE *Service, ULONG Control, ULONG EventType, PVOID EventData);

/** A service: a program that starts, runs until it is told to stop, and stops. The layout is an ABI. */
struct _FSP_SERVICE {
    UINT16 Version;
    PVOID UserContext; /* the program's own */
    FSP_SERVICE_START *OnStart;
    FSP_SERVICE_STOP *OnStop;
    FSP_SERVICE_CONTROL *OnControl;
    ULONG AcceptControl;
    ULONG ExitCode;
    SERVICE_STATUS_HANDLE StatusHandle;
    SERVICE_STATUS ServiceStatus;
    CRITICAL_SECTION ServiceStatusGuard __attribute__((aligned(8)));
    CRITICAL_SECTION ServiceStopGuard;
    BOOLEAN AllowConsoleMode;
    WCHAR ServiceName[];
};

#ifndef __cplusplus
FSP_SIZE_IS(FSP_SERVICE, 176);
FSP_OFFSET_IS(FSP_SERVICE, AcceptControl, 40);
FSP_OFFSET_IS(FSP_SERVICE, ServiceStatus, 56);
FSP_OFFSET_IS(FSP_SERVICE, ServiceStatusGuard, 88);
FSP_OFFSET_IS(FSP_SERVICE, ServiceStopGuard, 128);
FSP_OFFSET_IS(FSP_SERVICE, AllowConsoleMode, 168);
FSP_OFFSET_IS(FSP_SERVICE, ServiceName, 170);
#endif

FSP_API ULONG FSP_ABI FspServiceRunEx(PWSTR ServiceName, FSP_SERVICE_START *OnStart, FSP_SERVICE_STOP *OnStop,
                                      FSP_SERVICE_CONTROL *OnControl, PVOID UserContext);
FSP_API NTSTATUS FSP_ABI FspServiceCreate(PWSTR ServiceName, FSP_SERVICE_START *OnStart, FSP_SERVICE_STOP *OnStop,
                                          FSP_SERVICE_CONTROL *OnControl, FSP_SERVICE **PService);
FSP_API VOID FSP_ABI FspServiceDelete(FSP_SERVICE *Service);
FSP_API VOID FSP_ABI FspServiceAllowConsoleMode(FSP_SERVICE *Service);
FSP_API VOID FSP_ABI FspServiceAcceptControl(FSP_SERVICE *Service, ULONG Control);
FSP_API VOID FSP_ABI FspServiceRequestTime(FSP_SERVICE *Service, ULONG Time);
FSP_API VOID FSP_ABI FspServiceSetExitCode(FSP_SERVICE *Service, ULONG ExitCode);
FSP_API ULONG FSP_ABI FspServiceGetExitCode(FSP_SERVICE *Service);
FSP_API NTSTATUS FSP_ABI FspServiceLoop(FSP_SERVICE *Service);
FSP_API VOID FSP_ABI FspServiceStop(FSP_SERVICE *Service);
FSP_API BOOLEAN FSP_ABI FspServiceIsInteractive(VOID);
FSP_API NTSTATUS FSP_ABI FspServiceContextCheck(HANDLE Token, PBOOLEAN PIsLocalSystem);
FSP_API VOID FSP_ABI FspServiceLog(ULONG Type, PWSTR Format, ...);
FSP_API VOID FSP_ABI FspServiceLogV(ULONG Type, PWSTR Format, FSP_VA_LIST Arguments);

/* ---- errors and logs ------------------------------------------------------------------------------------------- */

FSP_API NTSTATUS FSP_ABI FspNtStatusFromWin32(DWORD Error);
FSP_API DWORD FSP_ABI FspWin32FromNtStatus(NTSTATUS Status);
FSP_API VOID FSP_ABI FspEventLog(ULONG Type, PWSTR Format, ...);
FSP_API VOID FSP_ABI FspEventLogV(ULONG Type, PWSTR Format, FSP_VA_LIST Arguments);
FSP_API VOID FSP_ABI FspDebugLogSetHandle(HANDLE Handle);
FSP_API VOID FSP_ABI FspDebugLog(const char *Format, ...);
FSP_API VOID FSP_ABI FspDebugLogSD(const char *Format, PSECURITY_DESCRIPTOR SecurityDescriptor);
FSP_API VOID FSP_ABI FspDebugLogSid(const char *Format, PSID Sid);
FSP_API VOID FSP_ABI FspDebugLogFT(const char *Format, PFILETIME FileTime);
FSP_API VOID FSP_ABI FspDebugLogRequest(FSP_FSCTL_TRANSACT_REQ *Request);
FSP_API VOID FSP_ABI FspDebugLogResponse(FSP_FSCTL_TRANSACT_RSP *Response);
FSP_API NTSTATUS FSP_ABI FspVersion(PUINT32 PVersion);
FSP_API PWSTR FSP_ABI FspSxsIdent(VOID);
/** STATUS_NOT_SUPPORTED: there are no named pipes. */
FSP_API NTSTATUS FSP_ABI FspCallNamedPipeSecurely(PWSTR PipeName, PVOID InBuffer, ULONG InBufferSize, PVOID OutBuffer,
                                                  ULONG OutBufferSize, PULONG PBytesTransferred, ULONG Timeout,
                                                  PSID Sid);
FSP_API NTSTATUS FSP_ABI FspCallNamedPipeSecurelyEx(PWSTR PipeName, PVOID InBuffer, ULONG InBufferSize, PVOID OutBuffer,
                                                    ULONG OutBufferSize, PULONG PBytesTransferred, ULONG Timeout,
                                                    BOOLEAN AllowImpersonation, PSID Sid);

#if !defined(_WIN32) && !defined(__WINE__)
/* What winfsp/win32.h and winfsp/wide.h are made of. */
FSP_API WCHAR FspLinuxUpper(WCHAR Unit);
FSP_API WCHAR FspLinuxLower(WCHAR Unit);
/** As vsnprintf counts and cuts, in units; -1: out of memory, or bytes that are not UTF-8. To may be NULL. */
FSP_API int FspLinuxFormat(PWSTR To, SIZE_T Units, PCWSTR Format, va_list Arguments);
FSP_API ULONG FspLinuxDescriptorSize(PSECURITY_DESCRIPTOR SecurityDescriptor);
FSP_API VOID FspLinuxTime(FILETIME *Time);
/** free() frees the descriptor. STATUS_INVALID_PARAMETER. */
FSP_API NTSTATUS FspLinuxParseSddl(PCWSTR Text, PSECURITY_DESCRIPTOR *PSecurityDescriptor);

/** UTF-8 to UTF-16 and back: the length of the whole text, of which Units (Size) are written. To may be NULL. Strict:
 * what is no text is -1, else it becomes U+FFFD. */
FSP_API SSIZE_T FspLinuxToWide(PCSTR Text, SIZE_T Size, PWSTR To, SIZE_T Units, BOOLEAN Strict);
FSP_API SSIZE_T FspLinuxToBytes(PCWSTR Text, SIZE_T Units, PSTR To, SIZE_T Size, BOOLEAN Strict);
/** Opens a file as CreateFileW does, by a path of Linux or a relative one; INVALID_HANDLE_VALUE and GetLastError. */
FSP_API HANDLE FspLinuxOpen(PCWSTR Path, DWORD Access, DWORD Disposition);
FSP_API BOOL FspLinuxWrite(HANDLE File, LPCVOID Data, DWORD Size, LPDWORD PWritten);

#define FSP_LINUX_LOCK_SHARED 0
#define FSP_LINUX_LOCK_EXCLUSIVE 1
#define FSP_LINUX_LOCK_TRY_SHARED 2
#define FSP_LINUX_LOCK_TRY_EXCLUSIVE 3
#define FSP_LINUX_UNLOCK 4
FSP_API BOOLEAN FspLinuxLock(SRWLOCK *Lock, ULONG How);
FSP_API BOOLEAN FspLinuxSection(CRITICAL_SECTION *Section, ULONG How);
FSP_API BOOL FspLinuxConditionSleep(CONDITION_VARIABLE *Condition, SRWLOCK *Lock, CRITICAL_SECTION *Section,
                                    DWORD Milliseconds, ULONG Flags);
FSP_API VOID FspLinuxConditionWake(CONDITION_VARIABLE *Condition);
FSP_API HANDLE FspLinuxThread(LPTHREAD_START_ROUTINE Function, PVOID Parameter, DWORD Flags, LPDWORD PThreadId);
FSP_API BOOL FspLinuxThreadCode(HANDLE Thread, LPDWORD PCode);
FSP_API DWORD FspLinuxThreadId(VOID);
FSP_API HANDLE FspLinuxEvent(BOOLEAN Manual, BOOLEAN Set, PCWSTR Name);
FSP_API BOOL FspLinuxEventSet(HANDLE Event, BOOLEAN Set);
FSP_API DWORD FspLinuxWait(ULONG Count, const HANDLE *Handles, BOOLEAN All, DWORD Milliseconds);
FSP_API BOOL FspLinuxClose(HANDLE Handle);
FSP_API PTP_TIMER FspLinuxTimer(PTP_TIMER_CALLBACK Callback, PVOID Context);
FSP_API VOID FspLinuxTimerSet(PTP_TIMER Timer, const FILETIME *Due, DWORD Period);
FSP_API VOID FspLinuxTimerWait(PTP_TIMER Timer, BOOLEAN Cancel);
FSP_API VOID FspLinuxTimerClose(PTP_TIMER Timer);
FSP_API VOID FspLinuxSleep(DWORD Milliseconds);
/** 100 ns, from any start. */
FSP_API UINT64 FspLinuxTicks(VOID);
FSP_API DWORD *FspLinuxLastError(VOID);
#endif

#ifdef __cplusplus
}
#endif

#include <winfsp/load.h>

/* ---- helpers that call the library ----------------------------------------------------------------------------- */

static inline NTSTATUS FspAccessCheck(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                      BOOLEAN CheckParentOrMain, BOOLEAN AllowTraverseCheck, UINT32 DesiredAccess,
                                      PUINT32 PGrantedAccess) {
    return FspAccessCheckEx(FileSystem, Request, CheckParentOrMain, AllowTraverseCheck, DesiredAccess, PGrantedAccess,
                            NULL);
}

static inline NTSTATUS FspPosixMapWindowsToPosixPath(PWSTR WindowsPath, char **PPosixPath) {
    return FspPosixMapWindowsToPosixPathEx(WindowsPath, PPosixPath, TRUE);
}

static inline NTSTATUS FspPosixMapPosixToWindowsPath(const char *PosixPath, PWSTR *PWindowsPath) {
    return FspPosixMapPosixToWindowsPathEx(PosixPath, PWindowsPath, TRUE);
}

static inline ULONG FspServiceRun(PWSTR ServiceName, FSP_SERVICE_START *OnStart, FSP_SERVICE_STOP *OnStop,
                                  FSP_SERVICE_CONTROL *OnControl) {
    return FspServiceRunEx(ServiceName, OnStart, OnStop, OnControl, NULL);
}

/** Of the operation under way: how names compare. */
static inline BOOLEAN FspFileSystemIsOperationCaseSensitive(VOID) {
    FSP_FSCTL_TRANSACT_REQ *Request = FspFileSystemGetOperationContext()->Request;
    if (Request->Kind == FspFsctlTransactQueryDirectoryKind)
        return Request->Req.QueryDirectory.CaseSensitive;
    return Request->Kind == FspFsctlTransactCreateKind ? Request->Req.Create.CaseSensitive : FALSE;
}

/** Of the operation under way, where it is Create, Open or Rename: who asks. Else 0. */
static inline UINT32 FspFileSystemOperationProcessId(VOID) {
    FSP_FSCTL_TRANSACT_REQ *Request = FspFileSystemGetOperationContext()->Request;
    if (Request->Kind == FspFsctlTransactCreateKind)
        return FSP_FSCTL_TRANSACT_REQ_TOKEN_PID(Request->Req.Create.AccessToken);
    if (Request->Kind == FspFsctlTransactSetInformationKind &&
        (Request->Req.SetInformation.FileInformationClass == FspFileRenameInformation ||
         Request->Req.SetInformation.FileInformationClass == FspFileRenameInformationEx))
        return FSP_FSCTL_TRANSACT_REQ_TOKEN_PID(Request->Req.SetInformation.Info.Rename.AccessToken);
    return 0;
}

/* A program that is compiled as on Windows, with 16 bits of wchar_t, finds what <windows.h> has there. */
#if !defined(_WIN32) && !defined(__WINE__) && __SIZEOF_WCHAR_T__ == 2
#include <winfsp/win32.h>
#endif

#endif
