/* SPDX-License-Identifier: MIT */
/**
 * The structures that a file system, the library and (on Windows) the driver exchange. Their layouts are an ABI:
 * compiled programs have them built in. Sizes are those of 64-bit Windows.
 */
#ifndef WINFSP_FSCTL_H
#define WINFSP_FSCTL_H

#ifndef WINFSP_WINFSP_H
#error "include <winfsp/winfsp.h>"
#endif

#define FSP_FSCTL_PRODUCT_NAME "WinFsp"
#define FSP_FSCTL_PRODUCT_FILE_NAME "winfsp"
#define FSP_FSCTL_PRODUCT_FILE_ARCH "x64"
#define FSP_FSCTL_DISK_DEVICE_NAME "WinFsp.Disk"
#define FSP_FSCTL_NET_DEVICE_NAME "WinFsp.Net"

#define FSP_FSCTL_VOLUME_NAME_SIZE 128
#define FSP_FSCTL_VOLUME_PREFIX_SIZE 384
#define FSP_FSCTL_VOLUME_FSNAME_SIZE 32
#define FSP_FSCTL_VOLUME_NAME_SIZEMAX 512
#define FSP_FSCTL_DEFAULT_ALIGNMENT 8
#define FSP_FSCTL_DEFAULT_ALIGN_UP(size)                                                                               \
    (((size) + FSP_FSCTL_DEFAULT_ALIGNMENT - 1) & ~((size_t)FSP_FSCTL_DEFAULT_ALIGNMENT - 1))

#define FSP_FSCTL_TRANSACT_PATH_SIZEMAX 2048
#define FSP_FSCTL_TRANSACT_REQ_SIZEMAX 16320
#define FSP_FSCTL_TRANSACT_RSP_SIZEMAX 16384
#define FSP_FSCTL_TRANSACT_REQ_BUFFER_SIZEMAX (FSP_FSCTL_TRANSACT_REQ_SIZEMAX - sizeof(FSP_FSCTL_TRANSACT_REQ))
#define FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX (FSP_FSCTL_TRANSACT_RSP_SIZEMAX - sizeof(FSP_FSCTL_TRANSACT_RSP))
#define FSP_FSCTL_TRANSACT_BATCH_BUFFER_SIZEMIN 65536
#define FSP_FSCTL_DEVICECONTROL_SIZEMAX 4096
#define FSP_FSCTL_NOTIFY_INFO_SIZEMAX 0x7fffffff

#define FspFsctlTransactTokenHandle(token) ((HANDLE)(UINT_PTR)((token)&0xffffffff))
#define FSP_FSCTL_TRANSACT_REQ_TOKEN_HANDLE(token) ((HANDLE)(UINT_PTR)((token)&0xffffffff))
#define FSP_FSCTL_TRANSACT_REQ_TOKEN_PID(token) ((UINT32)((token) >> 32))

enum {
    FspFsctlTransactReservedKind = 0,
    FspFsctlTransactCreateKind = 1,
    FspFsctlTransactOverwriteKind = 2,
    FspFsctlTransactCleanupKind = 3,
    FspFsctlTransactCloseKind = 4,
    FspFsctlTransactReadKind = 5,
    FspFsctlTransactWriteKind = 6,
    FspFsctlTransactQueryInformationKind = 7,
    FspFsctlTransactSetInformationKind = 8,
    FspFsctlTransactQueryEaKind = 9,
    FspFsctlTransactSetEaKind = 10,
    FspFsctlTransactFlushBuffersKind = 11,
    FspFsctlTransactQueryVolumeInformationKind = 12,
    FspFsctlTransactSetVolumeInformationKind = 13,
    FspFsctlTransactQueryDirectoryKind = 14,
    FspFsctlTransactFileSystemControlKind = 15,
    FspFsctlTransactDeviceControlKind = 16,
    FspFsctlTransactShutdownKind = 17,
    FspFsctlTransactLockControlKind = 18,
    FspFsctlTransactQuerySecurityKind = 19,
    FspFsctlTransactSetSecurityKind = 20,
    FspFsctlTransactQueryStreamInformationKind = 21,
    FspFsctlTransactKindCount = 22
};

/** Of a SetInformation request: what is set. */
enum {
    FspFileBasicInformation = 4,
    FspFileRenameInformation = 10,
    FspFileDispositionInformation = 13,
    FspFileAllocationInformation = 19,
    FspFileEndOfFileInformation = 20,
    FspFileDispositionInformationEx = 64,
    FspFileRenameInformationEx = 65,
    FspFsLabelInformation = 2
};

#define FSP_FSCTL_VOLUME_PARAMS_V0_FIELDS                                                                              \
    UINT16 Version; /* 0: ends before the fields of version 1; else the structure's size */                            \
    UINT16 SectorSize; /* 0: 512 */                                                                                    \
    UINT16 SectorsPerAllocationUnit; /* 0: 1 */                                                                        \
    UINT16 MaxComponentLength; /* in WCHARs; 0: 255 */                                                                 \
    UINT64 VolumeCreationTime;                                                                                         \
    UINT32 VolumeSerialNumber;                                                                                         \
    UINT32 TransactTimeout; /* ignored */                                                                              \
    UINT32 IrpTimeout;                                                                                                 \
    UINT32 IrpCapacity;                                                                                                \
    UINT32 FileInfoTimeout; /* ms; INFINITE also keeps file data in the page cache */                                  \
    UINT32 CaseSensitiveSearch : 1;                                                                                    \
    UINT32 CasePreservedNames : 1;                                                                                     \
    UINT32 UnicodeOnDisk : 1;                                                                                          \
    UINT32 PersistentAcls : 1;                                                                                         \
    UINT32 ReparsePoints : 1;                                                                                          \
    UINT32 ReparsePointsAccessCheck : 1;                                                                               \
    UINT32 NamedStreams : 1;                                                                                           \
    UINT32 HardLinks : 1; /* must be 0 */                                                                              \
    UINT32 ExtendedAttributes : 1;                                                                                     \
    UINT32 ReadOnlyVolume : 1;                                                                                         \
    UINT32 PostCleanupWhenModifiedOnly : 1;                                                                            \
    UINT32 PassQueryDirectoryPattern : 1;                                                                              \
    UINT32 AlwaysUseDoubleBuffering : 1;                                                                               \
    UINT32 PassQueryDirectoryFileName : 1;                                                                             \
    UINT32 FlushAndPurgeOnCleanup : 1;                                                                                 \
    UINT32 DeviceControl : 1;                                                                                          \
    UINT32 UmFileContextIsUserContext2 : 1;                                                                            \
    UINT32 UmFileContextIsFullContext : 1;                                                                             \
    UINT32 UmNoReparsePointsDirCheck : 1;                                                                              \
    UINT32 UmReservedFlags : 5;                                                                                        \
    UINT32 AllowOpenInKernelMode : 1;                                                                                  \
    UINT32 CasePreservedExtendedAttributes : 1;                                                                        \
    UINT32 WslFeatures : 1;                                                                                            \
    UINT32 DirectoryMarkerAsNextOffset : 1;                                                                            \
    UINT32 RejectIrpPriorToTransact0 : 1;                                                                              \
    UINT32 SupportsPosixUnlinkRename : 1;                                                                              \
    UINT32 PostDispositionWhenNecessaryOnly : 1;                                                                       \
    UINT32 KmReservedFlags : 1;                                                                                        \
    WCHAR Prefix[FSP_FSCTL_VOLUME_PREFIX_SIZE / sizeof(WCHAR)];                                                        \
    WCHAR FileSystemName[FSP_FSCTL_VOLUME_FSNAME_SIZE / sizeof(WCHAR)];

#define FSP_FSCTL_VOLUME_PARAMS_V1_FIELDS                                                                              \
    UINT32 VolumeInfoTimeoutValid : 1;                                                                                 \
    UINT32 DirInfoTimeoutValid : 1;                                                                                    \
    UINT32 SecurityTimeoutValid : 1;                                                                                   \
    UINT32 StreamInfoTimeoutValid : 1;                                                                                 \
    UINT32 EaTimeoutValid : 1;                                                                                         \
    UINT32 KmAdditionalReservedFlags : 27;                                                                             \
    UINT32 VolumeInfoTimeout; /* each: FileInfoTimeout unless its bit above is set */                                  \
    UINT32 DirInfoTimeout;                                                                                             \
    UINT32 SecurityTimeout;                                                                                            \
    UINT32 StreamInfoTimeout;                                                                                          \
    UINT32 EaTimeout;                                                                                                  \
    UINT32 FsextControlCode;                                                                                           \
    UINT32 Reserved32[1];                                                                                              \
    UINT64 Reserved64[2];

typedef struct {
    FSP_FSCTL_VOLUME_PARAMS_V0_FIELDS
} FSP_FSCTL_VOLUME_PARAMS_V0;

typedef struct {
    FSP_FSCTL_VOLUME_PARAMS_V0_FIELDS
    FSP_FSCTL_VOLUME_PARAMS_V1_FIELDS
} FSP_FSCTL_VOLUME_PARAMS;

typedef struct {
    UINT64 TotalSize;
    UINT64 FreeSize;
    UINT16 VolumeLabelLength; /* bytes */
    WCHAR VolumeLabel[32]; /* without NUL */
} FSP_FSCTL_VOLUME_INFO;

typedef struct {
    UINT32 FileAttributes;
    UINT32 ReparseTag;
    UINT64 AllocationSize;
    UINT64 FileSize;
    UINT64 CreationTime; /* times: 100 ns since 1601 */
    UINT64 LastAccessTime;
    UINT64 LastWriteTime;
    UINT64 ChangeTime;
    UINT64 IndexNumber; /* 0: none */
    UINT32 HardLinks;
    UINT32 EaSize;
} FSP_FSCTL_FILE_INFO;

/** What Create and Open are given behind their FSP_FSCTL_FILE_INFO *, see FspFileSystemGetOpenFileInfo. */
typedef struct {
    FSP_FSCTL_FILE_INFO FileInfo;
    PWSTR NormalizedName;
    UINT16 NormalizedNameSize; /* in: of the buffer; out: of the name, in bytes */
} FSP_FSCTL_OPEN_FILE_INFO;

typedef struct {
    UINT16 Size; /* with the name */
    FSP_FSCTL_FILE_INFO FileInfo __attribute__((aligned(8)));
    union {
        UINT64 NextOffset;
        UINT8 Padding[24];
    };
    WCHAR FileNameBuf[];
} FSP_FSCTL_DIR_INFO;

typedef struct {
    UINT16 Size; /* with the name */
    UINT64 StreamSize __attribute__((aligned(8)));
    UINT64 StreamAllocationSize;
    WCHAR StreamNameBuf[];
} FSP_FSCTL_STREAM_INFO;

typedef struct {
    UINT16 Size; /* with the name */
    UINT32 Filter; /* FILE_NOTIFY_CHANGE_* */
    UINT32 Action; /* FILE_ACTION_* */
    WCHAR FileNameBuf[];
} FSP_FSCTL_NOTIFY_INFO;

/** A piece of a request's or response's Buffer. */
typedef struct {
    UINT16 Offset;
    UINT16 Size;
} FSP_FSCTL_TRANSACT_BUF;

typedef struct {
    UINT64 UserContext;
    UINT64 UserContext2;
} FSP_FSCTL_TRANSACT_FULL_CONTEXT;

#define FSP_FSCTL_REQ_CONTEXT                                                                                          \
    UINT64 UserContext;                                                                                                \
    UINT64 UserContext2;

typedef struct {
    UINT16 Version;
    UINT16 Size;
    UINT32 Kind;
    UINT64 Hint;
    union {
        struct {
            UINT32 CreateOptions; /* FILE_*, the disposition in the top byte */
            UINT32 FileAttributes;
            FSP_FSCTL_TRANSACT_BUF SecurityDescriptor;
            UINT64 AllocationSize __attribute__((aligned(8)));
            UINT64 AccessToken;
            UINT32 DesiredAccess;
            UINT32 GrantedAccess;
            UINT32 ShareAccess;
            FSP_FSCTL_TRANSACT_BUF Ea;
            UINT32 UserMode : 1;
            UINT32 HasTraversePrivilege : 1;
            UINT32 HasBackupPrivilege : 1;
            UINT32 HasRestorePrivilege : 1;
            UINT32 OpenTargetDirectory : 1;
            UINT32 CaseSensitive : 1;
            UINT32 HasTrailingBackslash : 1;
            UINT32 AcceptsSecurityDescriptor : 1;
            UINT32 EaIsReparsePoint : 1;
            UINT32 ReservedBits0 : 23;
            UINT32 ReservedBits1;
            UINT16 NamedStream; /* offset of the colon in FileName, in bytes; 0: none */
        } Create;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT32 FileAttributes;
            UINT64 AllocationSize __attribute__((aligned(8)));
            UINT32 Supersede : 1;
            UINT32 ReservedBits : 31; /* the next member begins a word, also where bit-fields pack */
            FSP_FSCTL_TRANSACT_BUF Ea;
        } Overwrite;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT32 Delete : 1;
            UINT32 SetAllocationSize : 1;
            UINT32 SetArchiveBit : 1;
            UINT32 SetLastAccessTime : 1;
            UINT32 SetLastWriteTime : 1;
            UINT32 SetChangeTime : 1;
        } Cleanup;
        struct {
            FSP_FSCTL_REQ_CONTEXT
        } Close;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT64 Address;
            UINT64 Offset;
            UINT32 Length;
            UINT32 Key;
        } Read;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT64 Address;
            UINT64 Offset;
            UINT32 Length;
            UINT32 Key;
            UINT32 ConstrainedIo : 1;
        } Write;
        struct {
            FSP_FSCTL_REQ_CONTEXT
        } QueryInformation;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT32 FileInformationClass;
            union {
                struct {
                    UINT32 FileAttributes;
                    UINT64 CreationTime __attribute__((aligned(8)));
                    UINT64 LastAccessTime;
                    UINT64 LastWriteTime;
                    UINT64 ChangeTime;
                } Basic;
                struct {
                    UINT64 AllocationSize;
                } Allocation;
                struct {
                    UINT64 FileSize;
                } EndOfFile;
                struct {
                    UINT32 Delete : 1;
                } Disposition;
                struct {
                    UINT32 Flags;
                } DispositionEx;
                struct {
                    FSP_FSCTL_TRANSACT_BUF NewFileName;
                    UINT64 AccessToken __attribute__((aligned(8))); /* 0: do not replace */
                } Rename;
                struct {
                    FSP_FSCTL_TRANSACT_BUF NewFileName;
                    UINT64 AccessToken __attribute__((aligned(8)));
                    UINT32 Flags;
                } RenameEx;
            } Info __attribute__((aligned(8)));
        } SetInformation;
        struct {
            FSP_FSCTL_REQ_CONTEXT
        } QueryEa;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            FSP_FSCTL_TRANSACT_BUF Ea;
        } SetEa;
        struct {
            FSP_FSCTL_REQ_CONTEXT
        } FlushBuffers;
        struct {
            UINT64 Reserved;
        } QueryVolumeInformation;
        struct {
            UINT32 FsInformationClass;
            union {
                struct {
                    FSP_FSCTL_TRANSACT_BUF VolumeLabel;
                } Label;
            } Info;
        } SetVolumeInformation;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT64 Address;
            UINT32 Length;
            FSP_FSCTL_TRANSACT_BUF Pattern;
            FSP_FSCTL_TRANSACT_BUF Marker;
            UINT32 CaseSensitive : 1;
            UINT32 PatternIsFileName : 1;
        } QueryDirectory;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT32 FsControlCode;
            FSP_FSCTL_TRANSACT_BUF Buffer;
            UINT16 TargetOnFileSystem;
        } FileSystemControl;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT32 IoControlCode;
            FSP_FSCTL_TRANSACT_BUF Buffer;
            UINT32 OutputLength;
        } DeviceControl;
        struct {
            FSP_FSCTL_REQ_CONTEXT
        } QuerySecurity;
        struct {
            FSP_FSCTL_REQ_CONTEXT
            UINT32 SecurityInformation;
            FSP_FSCTL_TRANSACT_BUF SecurityDescriptor;
        } SetSecurity;
        struct {
            FSP_FSCTL_REQ_CONTEXT
        } QueryStreamInformation;
        UINT64 Padding[8];
    } Req;
    FSP_FSCTL_TRANSACT_BUF FileName; /* at the start of Buffer; Size counts the NUL */
    UINT8 Buffer[] __attribute__((aligned(8)));
} FSP_FSCTL_TRANSACT_REQ;

typedef struct {
    UINT16 Version;
    UINT16 Size;
    UINT32 Kind;
    UINT64 Hint;
    struct {
        UINT32 Information;
        UINT32 Status;
    } IoStatus;
    union {
        union {
            struct {
                UINT64 UserContext;
                UINT64 UserContext2;
                UINT32 GrantedAccess;
                FSP_FSCTL_TRANSACT_BUF SecurityDescriptor;
                FSP_FSCTL_FILE_INFO FileInfo;
                FSP_FSCTL_TRANSACT_BUF FileName;
                UINT32 DisableCache : 1;
                UINT32 HasSecurityDescriptor : 1;
            } Opened;
            struct {
                FSP_FSCTL_TRANSACT_BUF Buffer;
            } Reparse;
        } Create;
        struct {
            FSP_FSCTL_FILE_INFO FileInfo;
        } Overwrite, Write, QueryInformation, SetInformation, SetEa, FlushBuffers;
        struct {
            FSP_FSCTL_VOLUME_INFO VolumeInfo;
        } QueryVolumeInformation, SetVolumeInformation;
        struct {
            FSP_FSCTL_TRANSACT_BUF Ea;
        } QueryEa;
        struct {
            FSP_FSCTL_TRANSACT_BUF Buffer;
        } FileSystemControl, DeviceControl, QueryStreamInformation;
        struct {
            FSP_FSCTL_TRANSACT_BUF SecurityDescriptor;
        } QuerySecurity, SetSecurity;
        UINT64 Padding[13];
    } Rsp;
    UINT8 Buffer[] __attribute__((aligned(8)));
} FSP_FSCTL_TRANSACT_RSP;

#undef FSP_FSCTL_REQ_CONTEXT

/* ---- the service ----------------------------------------------------------------------------------------------- */

/** A mount point of FSP_FILE_SYSTEM.VolumeHandle. */
typedef struct {
    HANDLE VolumeHandle;
    PWSTR VolumeName;
    PSECURITY_DESCRIPTOR Security;
    UINT64 Reserved;
    PWSTR MountPoint; /* "*:" is replaced by the letter */
    HANDLE MountHandle; /* out */
} FSP_MOUNT_DESC;

/** STATUS_NOT_SUPPORTED: a file system's requests come to its operations, not by these. */
FSP_API NTSTATUS FSP_ABI FspFsctlCreateVolume(PWSTR DevicePath, const FSP_FSCTL_VOLUME_PARAMS *VolumeParams,
                                              PWCHAR VolumeNameBuf, SIZE_T VolumeNameSize, PHANDLE PVolumeHandle);
FSP_API NTSTATUS FSP_ABI FspFsctlMakeMountdev(HANDLE VolumeHandle, BOOLEAN Persistent, GUID *UniqueId);
FSP_API NTSTATUS FSP_ABI FspFsctlUseMountmgr(HANDLE VolumeHandle, PWSTR MountPoint);
FSP_API NTSTATUS FSP_ABI FspFsctlTransact(HANDLE VolumeHandle, PVOID ResponseBuf, SIZE_T ResponseBufSize,
                                          PVOID RequestBuf, SIZE_T *PRequestBufSize, BOOLEAN Batch);
/** Ends the volume. */
FSP_API NTSTATUS FSP_ABI FspFsctlStop(HANDLE VolumeHandle);
FSP_API NTSTATUS FSP_ABI FspFsctlStop0(HANDLE VolumeHandle);
FSP_API NTSTATUS FSP_ABI FspFsctlNotify(HANDLE VolumeHandle, FSP_FSCTL_NOTIFY_INFO *NotifyInfo, SIZE_T Size);
/** The device's volumes that this container has, "\\Device\\Volume{...}\\server\\share", each with its NUL.
 * STATUS_BUFFER_TOO_SMALL: *PVolumeListSize is what they need, in bytes. */
FSP_API NTSTATUS FSP_ABI FspFsctlGetVolumeList(PWSTR DevicePath, PWCHAR VolumeListBuf, PSIZE_T PVolumeListSize);
/** STATUS_NO_SUCH_DEVICE: the service does not run. */
FSP_API NTSTATUS FSP_ABI FspFsctlPreflight(PWSTR DevicePath);
/** Of the LinFsp service: its major number << 16, or its minor one. */
FSP_API NTSTATUS FSP_ABI FspFsctlServiceVersion(PUINT32 PVersion);
/** On the host, by root; STATUS_NO_SUCH_DEVICE in a container. */
FSP_API NTSTATUS FSP_ABI FspFsctlStartService(VOID);
FSP_API NTSTATUS FSP_ABI FspFsctlStopService(VOID);
FSP_API NTSTATUS FSP_ABI FspFsctlEnumServices(VOID(FSP_ABI *EnumFn)(PVOID Context, PWSTR ServiceName, BOOLEAN Running),
                                              PVOID Context);
FSP_API NTSTATUS FSP_ABI FspMountSet(FSP_MOUNT_DESC *Desc);
FSP_API NTSTATUS FSP_ABI FspMountRemove(FSP_MOUNT_DESC *Desc);

/* ---- batches of messages, and words that threads share --------------------------------------------------------- */

static inline VOID *fsp_fsctl_behind(VOID *Message, SIZE_T Size) {
    return (UINT8 *)Message + FSP_FSCTL_DEFAULT_ALIGN_UP(Size);
}

/* Requests and responses have their size in the same place. */
static inline VOID *fsp_fsctl_next(VOID *Message, PVOID BufEnd, SIZE_T FixedSize) {
    SIZE_T Left = (UINT8 *)Message < (UINT8 *)BufEnd ? (SIZE_T)((UINT8 *)BufEnd - (UINT8 *)Message) : 0;
    if (Left < FixedSize)
        return NULL;
    UINT16 Size = ((FSP_FSCTL_TRANSACT_REQ *)Message)->Size;
    return Size < FixedSize || FSP_FSCTL_DEFAULT_ALIGN_UP(Size) > Left ? NULL : fsp_fsctl_behind(Message, Size);
}

/** Whether the largest request fits between Request and RequestBufEnd. */
static inline BOOLEAN FspFsctlTransactCanProduceRequest(FSP_FSCTL_TRANSACT_REQ *Request, PVOID RequestBufEnd) {
    return (UINT8 *)Request + FSP_FSCTL_TRANSACT_REQ_SIZEMAX <= (UINT8 *)RequestBufEnd;
}

/** Where the next request goes, behind one of RequestSize bytes. */
static inline FSP_FSCTL_TRANSACT_REQ *FspFsctlTransactProduceRequest(FSP_FSCTL_TRANSACT_REQ *Request,
                                                                     SIZE_T RequestSize) {
    return (FSP_FSCTL_TRANSACT_REQ *)fsp_fsctl_behind(Request, RequestSize);
}

/** Where the next request is; NULL: Request is none, or does not end before RequestBufEnd. */
static inline FSP_FSCTL_TRANSACT_REQ *FspFsctlTransactConsumeRequest(FSP_FSCTL_TRANSACT_REQ *Request,
                                                                     PVOID RequestBufEnd) {
    return (FSP_FSCTL_TRANSACT_REQ *)fsp_fsctl_next(Request, RequestBufEnd, sizeof *Request);
}

/** The same for responses. */
static inline BOOLEAN FspFsctlTransactCanProduceResponse(FSP_FSCTL_TRANSACT_RSP *Response, PVOID ResponseBufEnd) {
    return (UINT8 *)Response + FSP_FSCTL_TRANSACT_RSP_SIZEMAX <= (UINT8 *)ResponseBufEnd;
}

static inline FSP_FSCTL_TRANSACT_RSP *FspFsctlTransactProduceResponse(FSP_FSCTL_TRANSACT_RSP *Response,
                                                                      SIZE_T ResponseSize) {
    return (FSP_FSCTL_TRANSACT_RSP *)fsp_fsctl_behind(Response, ResponseSize);
}

static inline FSP_FSCTL_TRANSACT_RSP *FspFsctlTransactConsumeResponse(FSP_FSCTL_TRANSACT_RSP *Response,
                                                                      PVOID ResponseBufEnd) {
    return (FSP_FSCTL_TRANSACT_RSP *)fsp_fsctl_next(Response, ResponseBufEnd, sizeof *Response);
}

/** One access, with a full barrier. */
static inline INT32 FspInterlockedLoad32(INT32 const volatile *p) {
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the built-in function writes
static inline VOID FspInterlockedStore32(INT32 volatile *p, INT32 v) {
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

static inline VOID *FspInterlockedLoadPointer(VOID *volatile *p) {
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static inline VOID FspInterlockedStorePointer(VOID *volatile *p, VOID *v) {
    __atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

#define FSP_SIZE_IS(type, size) _Static_assert(sizeof(type) == (size), #type)
#define FSP_OFFSET_IS(type, member, offset) _Static_assert(offsetof(type, member) == (offset), #type "." #member)
#ifndef __cplusplus
FSP_SIZE_IS(FSP_FSCTL_VOLUME_PARAMS_V0, 456);
FSP_SIZE_IS(FSP_FSCTL_VOLUME_PARAMS, 504);
FSP_OFFSET_IS(FSP_FSCTL_VOLUME_PARAMS, Prefix, 40);
FSP_OFFSET_IS(FSP_FSCTL_VOLUME_PARAMS, FileSystemName, 424);
FSP_OFFSET_IS(FSP_FSCTL_VOLUME_PARAMS, VolumeInfoTimeout, 460);
FSP_OFFSET_IS(FSP_FSCTL_VOLUME_PARAMS, FsextControlCode, 480);
FSP_SIZE_IS(FSP_FSCTL_VOLUME_INFO, 88);
FSP_OFFSET_IS(FSP_FSCTL_VOLUME_INFO, VolumeLabel, 18);
FSP_SIZE_IS(FSP_FSCTL_FILE_INFO, 72);
FSP_SIZE_IS(FSP_FSCTL_OPEN_FILE_INFO, 88);
FSP_SIZE_IS(FSP_FSCTL_DIR_INFO, 104);
FSP_OFFSET_IS(FSP_FSCTL_DIR_INFO, NextOffset, 80);
FSP_OFFSET_IS(FSP_FSCTL_DIR_INFO, FileNameBuf, 104);
FSP_SIZE_IS(FSP_FSCTL_STREAM_INFO, 24);
FSP_OFFSET_IS(FSP_FSCTL_NOTIFY_INFO, FileNameBuf, 12);
FSP_SIZE_IS(FSP_FSCTL_NOTIFY_INFO, 12);
FSP_SIZE_IS(FSP_FSCTL_TRANSACT_REQ, 88);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Req.Create.AllocationSize, 32);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Req.Create.Ea, 60);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Req.Create.NamedStream, 72);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Req.Overwrite.Ea, 52);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Req.SetInformation.Info, 40);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Req.SetInformation.Info.Rename.AccessToken, 48);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Req.QueryDirectory.Marker, 48);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, FileName, 80);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_REQ, Buffer, 88);
FSP_SIZE_IS(FSP_FSCTL_TRANSACT_RSP, 128);
FSP_SIZE_IS(FSP_MOUNT_DESC, 48);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_RSP, Rsp.Create.Opened.FileInfo, 48);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_RSP, Buffer, 128);
FSP_OFFSET_IS(FSP_FSCTL_TRANSACT_RSP, Size, offsetof(FSP_FSCTL_TRANSACT_REQ, Size));
#endif

#endif
