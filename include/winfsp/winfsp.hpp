/* SPDX-License-Identifier: MIT */
/**
 * WinFsp's API for C++: a file system is a class.
 *
 * Who writes one derives a class from Fsp::FileSystemBase and overrides what it can do; what it does not override
 * answers STATUS_INVALID_DEVICE_REQUEST. An Fsp::FileSystemHost mounts it, an Fsp::Service runs it. Create and Open
 * give a file two pointers of the program's own, of which either may stay NULL: the node is the file, the descriptor
 * is this opening of it. An exception that leaves an operation is given to ExceptionHandler, within its catch block,
 * and what that returns is the operation's answer.
 *
 * docs/winfsp.md has what is otherwise than with WinFsp.
 */
#ifndef WINFSP_WINFSP_HPP
#define WINFSP_WINFSP_HPP

#include <winfsp/winfsp.h>

namespace Fsp {

/** Finds the library, where the program loads it (WINFSP_LOAD); once. */
inline NTSTATUS Initialize() {
    static NTSTATUS Result = FspLoad(nullptr);
    return Result;
}

inline NTSTATUS Version(PUINT32 PVersion) {
    return FspVersion(PVersion);
}

inline NTSTATUS NtStatusFromWin32(DWORD Error) {
    return FspNtStatusFromWin32(Error);
}

inline DWORD Win32FromNtStatus(NTSTATUS Status) {
    return FspWin32FromNtStatus(Status);
}

/** Text as WCHARs: of WCHARs, or ASCII, since a literal has their width only where the compiler was told so. What does
 * not fit is cut off. Returns To. */
template <typename Unit> inline PWSTR Widen(WCHAR *To, SIZE_T Count, const Unit *From) {
    SIZE_T Length = 0;
    for (; From[Length] && Length + 1 < Count; Length++)
        To[Length] = static_cast<WCHAR>(From[Length]);
    To[Length] = 0;
    return To;
}

/* ---- a file system --------------------------------------------------------------------------------------------- */

class FileSystemBase {
  public:
    typedef FSP_FSCTL_VOLUME_INFO VolumeInfo;
    typedef FSP_FSCTL_FILE_INFO FileInfo;
    typedef FSP_FSCTL_OPEN_FILE_INFO OpenFileInfo;
    typedef FSP_FSCTL_DIR_INFO DirInfo;
    typedef FSP_FSCTL_STREAM_INFO StreamInfo;
    typedef FSP_FSCTL_NOTIFY_INFO NotifyInfo;

    enum CleanupFlags {
        CleanupDelete = FspCleanupDelete,
        CleanupSetAllocationSize = FspCleanupSetAllocationSize,
        CleanupSetArchiveBit = FspCleanupSetArchiveBit,
        CleanupSetLastAccessTime = FspCleanupSetLastAccessTime,
        CleanupSetLastWriteTime = FspCleanupSetLastWriteTime,
        CleanupSetChangeTime = FspCleanupSetChangeTime
    };

    FileSystemBase() = default;
    FileSystemBase(const FileSystemBase &) = delete;
    FileSystemBase &operator=(const FileSystemBase &) = delete;
    virtual ~FileSystemBase() = default;

    /** Called where an operation threw; `throw;` throws it again. */
    virtual NTSTATUS ExceptionHandler() {
        return STATUS_UNEXPECTED_IO_ERROR;
    }

    /** Before it is mounted: Host is its FileSystemHost, whose settings may still be made. */
    virtual NTSTATUS Init(PVOID /*Host*/) {
        return STATUS_SUCCESS;
    }
    /** It is mounted, and not served yet. */
    virtual NTSTATUS Mounted(PVOID /*Host*/) {
        return STATUS_SUCCESS;
    }
    virtual VOID Unmounted(PVOID /*Host*/) {
    }
    /** Its volume ended. Normally: by Unmount, or since it was unmounted. */
    virtual VOID DispatcherStopped(BOOLEAN /*Normally*/) {
    }

    virtual NTSTATUS GetVolumeInfo(VolumeInfo * /*VolumeInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS SetVolumeLabel_(PWSTR /*VolumeLabel*/, VolumeInfo * /*VolumeInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetSecurityByName(PWSTR /*FileName*/, PUINT32 /*PFileAttributes*/,
                                       PSECURITY_DESCRIPTOR /*SecurityDescriptor*/,
                                       SIZE_T * /*PSecurityDescriptorSize*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS Create(PWSTR /*FileName*/, UINT32 /*CreateOptions*/, UINT32 /*GrantedAccess*/,
                            UINT32 /*FileAttributes*/, PSECURITY_DESCRIPTOR /*SecurityDescriptor*/,
                            UINT64 /*AllocationSize*/, PVOID * /*PFileNode*/, PVOID * /*PFileDesc*/,
                            OpenFileInfo * /*OpenFileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS Open(PWSTR /*FileName*/, UINT32 /*CreateOptions*/, UINT32 /*GrantedAccess*/, PVOID * /*PFileNode*/,
                          PVOID * /*PFileDesc*/, OpenFileInfo * /*OpenFileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS Overwrite(PVOID /*FileNode*/, PVOID /*FileDesc*/, UINT32 /*FileAttributes*/,
                               BOOLEAN /*ReplaceFileAttributes*/, UINT64 /*AllocationSize*/, FileInfo * /*FileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual VOID Cleanup(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*FileName*/, ULONG /*Flags*/) {
    }
    virtual VOID Close(PVOID /*FileNode*/, PVOID /*FileDesc*/) {
    }
    virtual NTSTATUS Read(PVOID /*FileNode*/, PVOID /*FileDesc*/, PVOID /*Buffer*/, UINT64 /*Offset*/, ULONG /*Length*/,
                          PULONG /*PBytesTransferred*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS Write(PVOID /*FileNode*/, PVOID /*FileDesc*/, PVOID /*Buffer*/, UINT64 /*Offset*/,
                           ULONG /*Length*/, BOOLEAN /*WriteToEndOfFile*/, BOOLEAN /*ConstrainedIo*/,
                           PULONG /*PBytesTransferred*/, FileInfo * /*FileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS Flush(PVOID /*FileNode*/, PVOID /*FileDesc*/, FileInfo * /*FileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetFileInfo(PVOID /*FileNode*/, PVOID /*FileDesc*/, FileInfo * /*FileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS SetBasicInfo(PVOID /*FileNode*/, PVOID /*FileDesc*/, UINT32 /*FileAttributes*/,
                                  UINT64 /*CreationTime*/, UINT64 /*LastAccessTime*/, UINT64 /*LastWriteTime*/,
                                  UINT64 /*ChangeTime*/, FileInfo * /*FileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS SetFileSize(PVOID /*FileNode*/, PVOID /*FileDesc*/, UINT64 /*NewSize*/,
                                 BOOLEAN /*SetAllocationSize*/, FileInfo * /*FileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS CanDelete(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*FileName*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS SetDelete(PVOID FileNode, PVOID FileDesc, PWSTR FileName, BOOLEAN DeleteFile) {
        return DeleteFile ? CanDelete(FileNode, FileDesc, FileName) : STATUS_SUCCESS;
    }
    virtual NTSTATUS Rename(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*FileName*/, PWSTR /*NewFileName*/,
                            BOOLEAN /*ReplaceIfExists*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetSecurity(PVOID /*FileNode*/, PVOID /*FileDesc*/, PSECURITY_DESCRIPTOR /*SecurityDescriptor*/,
                                 SIZE_T * /*PSecurityDescriptorSize*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS SetSecurity(PVOID /*FileNode*/, PVOID /*FileDesc*/, SECURITY_INFORMATION /*SecurityInformation*/,
                                 PSECURITY_DESCRIPTOR /*ModificationDescriptor*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS ReadDirectory(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*Pattern*/, PWSTR /*Marker*/,
                                   PVOID /*Buffer*/, ULONG /*Length*/, PULONG /*PBytesTransferred*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetDirInfoByName(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*FileName*/,
                                      DirInfo * /*DirInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetReparsePointByName(PWSTR /*FileName*/, BOOLEAN /*IsDirectory*/, PVOID /*Buffer*/,
                                           PSIZE_T /*PSize*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetReparsePoint(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*FileName*/, PVOID /*Buffer*/,
                                     PSIZE_T /*PSize*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS SetReparsePoint(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*FileName*/, PVOID /*Buffer*/,
                                     SIZE_T /*Size*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS DeleteReparsePoint(PVOID /*FileNode*/, PVOID /*FileDesc*/, PWSTR /*FileName*/, PVOID /*Buffer*/,
                                        SIZE_T /*Size*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetStreamInfo(PVOID /*FileNode*/, PVOID /*FileDesc*/, PVOID /*Buffer*/, ULONG /*Length*/,
                                   PULONG /*PBytesTransferred*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS Control(PVOID /*FileNode*/, PVOID /*FileDesc*/, UINT32 /*ControlCode*/, PVOID /*InputBuffer*/,
                             ULONG /*InputBufferLength*/, PVOID /*OutputBuffer*/, ULONG /*OutputBufferLength*/,
                             PULONG /*PBytesTransferred*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS GetEa(PVOID /*FileNode*/, PVOID /*FileDesc*/, PFILE_FULL_EA_INFORMATION /*Ea*/, ULONG /*EaLength*/,
                           PULONG /*PBytesTransferred*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }
    virtual NTSTATUS SetEa(PVOID /*FileNode*/, PVOID /*FileDesc*/, PFILE_FULL_EA_INFORMATION /*Ea*/, ULONG /*EaLength*/,
                           FileInfo * /*FileInfo*/) {
        return STATUS_INVALID_DEVICE_REQUEST;
    }

    /* Helpers for the operations above; winfsp.h has their contracts. */
    static BOOLEAN AddDirInfo(DirInfo *Info, PVOID Buffer, ULONG Length, PULONG PBytesTransferred) {
        return FspFileSystemAddDirInfo(Info, Buffer, Length, PBytesTransferred);
    }
    static BOOLEAN AddStreamInfo(StreamInfo *Info, PVOID Buffer, ULONG Length, PULONG PBytesTransferred) {
        return FspFileSystemAddStreamInfo(Info, Buffer, Length, PBytesTransferred);
    }
    static BOOLEAN AddNotifyInfo(NotifyInfo *Info, PVOID Buffer, ULONG Length, PULONG PBytesTransferred) {
        return FspFileSystemAddNotifyInfo(Info, Buffer, Length, PBytesTransferred);
    }
    static BOOLEAN AcquireDirectoryBuffer(PVOID *PDirBuffer, BOOLEAN Reset, PNTSTATUS PResult) {
        return FspFileSystemAcquireDirectoryBuffer(PDirBuffer, Reset, PResult);
    }
    static BOOLEAN FillDirectoryBuffer(PVOID *PDirBuffer, DirInfo *Info, PNTSTATUS PResult) {
        return FspFileSystemFillDirectoryBuffer(PDirBuffer, Info, PResult);
    }
    static VOID ReleaseDirectoryBuffer(PVOID *PDirBuffer) {
        FspFileSystemReleaseDirectoryBuffer(PDirBuffer);
    }
    static VOID ReadDirectoryBuffer(PVOID *PDirBuffer, PWSTR Marker, PVOID Buffer, ULONG Length,
                                    PULONG PBytesTransferred) {
        FspFileSystemReadDirectoryBuffer(PDirBuffer, Marker, Buffer, Length, PBytesTransferred);
    }
    static VOID DeleteDirectoryBuffer(PVOID *PDirBuffer) {
        FspFileSystemDeleteDirectoryBuffer(PDirBuffer);
    }
    static NTSTATUS CanReplaceReparsePoint(PVOID CurrentReparseData, SIZE_T CurrentReparseDataSize,
                                           PVOID ReplaceReparseData, SIZE_T ReplaceReparseDataSize) {
        return FspFileSystemCanReplaceReparsePoint(CurrentReparseData, CurrentReparseDataSize, ReplaceReparseData,
                                                   ReplaceReparseDataSize);
    }
    /** Of the operation under way. */
    static UINT32 GetOperationProcessId() {
        return FspFileSystemOperationProcessId();
    }
    static BOOLEAN IsOperationCaseSensitive() {
        return FspFileSystemIsOperationCaseSensitive();
    }
};

/* ---- what mounts it -------------------------------------------------------------------------------------------- */

class FileSystemHost {
  public:
    explicit FileSystemHost(FileSystemBase &FileSystem)
        : _FileSystem(FileSystem), _Handle(nullptr), _Params(), _Device() {
        Initialize();
        _Params.Version = sizeof _Params;
        _Params.UmFileContextIsFullContext = 1;
    }
    FileSystemHost(const FileSystemHost &) = delete;
    FileSystemHost &operator=(const FileSystemHost &) = delete;
    virtual ~FileSystemHost() {
        Unmount();
    }

    /* Settings, before Mount. Time-outs in ms. */
    VOID SetSectorSize(UINT16 Value) {
        _Params.SectorSize = Value;
    }
    VOID SetSectorsPerAllocationUnit(UINT16 Value) {
        _Params.SectorsPerAllocationUnit = Value;
    }
    VOID SetMaxComponentLength(UINT16 Value) {
        _Params.MaxComponentLength = Value;
    }
    VOID SetVolumeCreationTime(UINT64 Value) {
        _Params.VolumeCreationTime = Value;
    }
    VOID SetVolumeSerialNumber(UINT32 Value) {
        _Params.VolumeSerialNumber = Value;
    }
    VOID SetFileInfoTimeout(UINT32 Value) {
        _Params.FileInfoTimeout = Value;
    }
    VOID SetVolumeInfoTimeout(UINT32 Value) {
        _Params.VolumeInfoTimeoutValid = 1;
        _Params.VolumeInfoTimeout = Value;
    }
    VOID SetDirInfoTimeout(UINT32 Value) {
        _Params.DirInfoTimeoutValid = 1;
        _Params.DirInfoTimeout = Value;
    }
    VOID SetSecurityTimeout(UINT32 Value) {
        _Params.SecurityTimeoutValid = 1;
        _Params.SecurityTimeout = Value;
    }
    VOID SetStreamInfoTimeout(UINT32 Value) {
        _Params.StreamInfoTimeoutValid = 1;
        _Params.StreamInfoTimeout = Value;
    }
    VOID SetEaTimeout(UINT32 Value) {
        _Params.EaTimeoutValid = 1;
        _Params.EaTimeout = Value;
    }
    VOID SetCaseSensitiveSearch(BOOLEAN Value) {
        _Params.CaseSensitiveSearch = !!Value;
    }
    VOID SetCasePreservedNames(BOOLEAN Value) {
        _Params.CasePreservedNames = !!Value;
    }
    VOID SetUnicodeOnDisk(BOOLEAN Value) {
        _Params.UnicodeOnDisk = !!Value;
    }
    VOID SetPersistentAcls(BOOLEAN Value) {
        _Params.PersistentAcls = !!Value;
    }
    VOID SetReparsePoints(BOOLEAN Value) {
        _Params.ReparsePoints = !!Value;
    }
    VOID SetReparsePointsAccessCheck(BOOLEAN Value) {
        _Params.ReparsePointsAccessCheck = !!Value;
    }
    VOID SetNamedStreams(BOOLEAN Value) {
        _Params.NamedStreams = !!Value;
    }
    VOID SetExtendedAttributes(BOOLEAN Value) {
        _Params.ExtendedAttributes = !!Value;
    }
    VOID SetReadOnlyVolume(BOOLEAN Value) {
        _Params.ReadOnlyVolume = !!Value;
    }
    VOID SetPostCleanupWhenModifiedOnly(BOOLEAN Value) {
        _Params.PostCleanupWhenModifiedOnly = !!Value;
    }
    VOID SetPostDispositionWhenNecessaryOnly(BOOLEAN Value) {
        _Params.PostDispositionWhenNecessaryOnly = !!Value;
    }
    VOID SetPassQueryDirectoryPattern(BOOLEAN Value) {
        _Params.PassQueryDirectoryPattern = !!Value;
    }
    VOID SetPassQueryDirectoryFileName(BOOLEAN Value) {
        _Params.PassQueryDirectoryFileName = !!Value;
    }
    VOID SetFlushAndPurgeOnCleanup(BOOLEAN Value) {
        _Params.FlushAndPurgeOnCleanup = !!Value;
    }
    VOID SetDeviceControl(BOOLEAN Value) {
        _Params.DeviceControl = !!Value;
    }
    VOID SetAllowOpenInKernelMode(BOOLEAN Value) {
        _Params.AllowOpenInKernelMode = !!Value;
    }
    VOID SetRejectIrpPriorToTransact0(BOOLEAN Value) {
        _Params.RejectIrpPriorToTransact0 = !!Value;
    }
    VOID SetSupportsPosixUnlinkRename(BOOLEAN Value) {
        _Params.SupportsPosixUnlinkRename = !!Value;
    }
    /** "\server\share": a network volume. What does not fit is cut off. */
    VOID SetPrefix(PCWSTR Prefix) {
        Widen(_Params.Prefix, sizeof _Params.Prefix / sizeof *_Params.Prefix, Prefix);
    }
    VOID SetFileSystemName(PCWSTR Name) {
        Widen(_Params.FileSystemName, sizeof _Params.FileSystemName / sizeof *_Params.FileSystemName, Name);
    }

    /** Whether Mount would find its mount point usable. */
    NTSTATUS Preflight(PWSTR MountPoint) {
        return FspFileSystemPreflight(DeviceName(), MountPoint);
    }

    /** MountPoint: "Z:", a path, or NULL for any letter. Synchronized: one operation at a time. DebugLog: winfsp.h. */
    NTSTATUS Mount(PWSTR MountPoint, PSECURITY_DESCRIPTOR SecurityDescriptor = nullptr, BOOLEAN Synchronized = FALSE,
                   UINT32 DebugLog = 0) {
        if (_Handle)
            return STATUS_INVALID_PARAMETER;
        NTSTATUS Result = Guarded(_FileSystem, [this] { return _FileSystem.Init(this); });
        if (!NT_SUCCESS(Result))
            return Result;
        Result = FspFileSystemCreate(DeviceName(), &_Params, Interface(), &_Handle);
        if (!NT_SUCCESS(Result))
            return Result;
        _Handle->UserContext = &_FileSystem;
        FspFileSystemSetOperationGuardStrategy(_Handle, Synchronized ? FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_COARSE
                                                                     : FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_FINE);
        FspFileSystemSetDebugLog(_Handle, DebugLog);
        Result = FspFileSystemSetMountPointEx(_Handle, MountPoint, SecurityDescriptor);
        if (NT_SUCCESS(Result))
            Result = Guarded(_FileSystem, [this] { return _FileSystem.Mounted(this); });
        bool Told = NT_SUCCESS(Result);
        if (Told)
            Result = FspFileSystemStartDispatcher(_Handle, 0);
        if (!NT_SUCCESS(Result))
            End(Told);
        return Result;
    }

    VOID Unmount() {
        if (!_Handle)
            return;
        FspFileSystemStopDispatcher(_Handle);
        End(true);
    }

    /** NULL while it is not mounted. */
    PWSTR MountPoint() {
        return _Handle ? FspFileSystemMountPoint(_Handle) : nullptr;
    }
    FSP_FILE_SYSTEM *FileSystemHandle() {
        return _Handle;
    }
    FileSystemBase &FileSystem() {
        return _FileSystem;
    }

    NTSTATUS NotifyBegin(ULONG Timeout) {
        return FspFileSystemNotifyBegin(_Handle, Timeout);
    }
    NTSTATUS NotifyEnd() {
        return FspFileSystemNotifyEnd(_Handle);
    }
    NTSTATUS Notify(FSP_FSCTL_NOTIFY_INFO *NotifyInfo, SIZE_T Size) {
        return FspFileSystemNotify(_Handle, NotifyInfo, Size);
    }

  private:
    typedef FSP_FSCTL_TRANSACT_FULL_CONTEXT Context;

    FileSystemBase &_FileSystem;
    FSP_FILE_SYSTEM *_Handle;
    FSP_FSCTL_VOLUME_PARAMS _Params;
    WCHAR _Device[16];

    PWSTR DeviceName() {
        return Widen(_Device, sizeof _Device / sizeof *_Device,
                     _Params.Prefix[0] ? FSP_FSCTL_NET_DEVICE_NAME : FSP_FSCTL_DISK_DEVICE_NAME);
    }

    VOID End(bool Told) {
        if (Told)
            Guarded(_FileSystem, [this] { return _FileSystem.Unmounted(this), STATUS_SUCCESS; });
        FspFileSystemDelete(_Handle);
        _Handle = nullptr;
    }

    template <typename Operation> static NTSTATUS Guarded(FileSystemBase &Self, Operation Call) {
        try {
            return Call();
        } catch (...) {
            return Self.ExceptionHandler();
        }
    }

    static FileSystemBase &Of(FSP_FILE_SYSTEM *Handle) {
        return *static_cast<FileSystemBase *>(Handle->UserContext);
    }
    static PVOID Node(PVOID Full) {
        return reinterpret_cast<PVOID>(static_cast<UINT_PTR>(static_cast<Context *>(Full)->UserContext));
    }
    static PVOID Desc(PVOID Full) {
        return reinterpret_cast<PVOID>(static_cast<UINT_PTR>(static_cast<Context *>(Full)->UserContext2));
    }

    /* What an operation on an open file comes to: the same call of the class. */
    template <typename Result, typename... Arguments> struct OnFile;
    template <typename... Arguments> struct OnFile<NTSTATUS, Arguments...> {
        template <NTSTATUS (FileSystemBase::*Member)(PVOID, PVOID, Arguments...)>
        static NTSTATUS FSP_ABI Call(FSP_FILE_SYSTEM *Handle, PVOID Full, Arguments... Values) {
            return Guarded(Of(Handle), [&] { return (Of(Handle).*Member)(Node(Full), Desc(Full), Values...); });
        }
    };
    template <typename... Arguments> struct OnFile<VOID, Arguments...> {
        template <VOID (FileSystemBase::*Member)(PVOID, PVOID, Arguments...)>
        static VOID FSP_ABI Call(FSP_FILE_SYSTEM *Handle, PVOID Full, Arguments... Values) {
            Guarded(Of(Handle),
                    [&] { return (Of(Handle).*Member)(Node(Full), Desc(Full), Values...), STATUS_SUCCESS; });
        }
    };

    static NTSTATUS FSP_ABI GetVolumeInfo(FSP_FILE_SYSTEM *Handle, FSP_FSCTL_VOLUME_INFO *VolumeInfo) {
        return Guarded(Of(Handle), [&] { return Of(Handle).GetVolumeInfo(VolumeInfo); });
    }
    static NTSTATUS FSP_ABI SetVolumeLabel_(FSP_FILE_SYSTEM *Handle, PWSTR Label, FSP_FSCTL_VOLUME_INFO *VolumeInfo) {
        return Guarded(Of(Handle), [&] { return Of(Handle).SetVolumeLabel_(Label, VolumeInfo); });
    }
    static NTSTATUS FSP_ABI GetSecurityByName(FSP_FILE_SYSTEM *Handle, PWSTR FileName, PUINT32 PFileAttributes,
                                              PSECURITY_DESCRIPTOR Descriptor, SIZE_T *PSize) {
        return Guarded(Of(Handle),
                       [&] { return Of(Handle).GetSecurityByName(FileName, PFileAttributes, Descriptor, PSize); });
    }

    /* *PFull is where the two pointers go. */
    template <typename Operation>
    static NTSTATUS Opened(FSP_FILE_SYSTEM *Handle, PVOID *PFull, FSP_FSCTL_FILE_INFO *FileInfo, Operation Call) {
        PVOID FileNode = nullptr, FileDesc = nullptr;
        NTSTATUS Result =
            Guarded(Of(Handle), [&] { return Call(&FileNode, &FileDesc, FspFileSystemGetOpenFileInfo(FileInfo)); });
        Context *Full = static_cast<Context *>(*PFull);
        Full->UserContext = reinterpret_cast<UINT_PTR>(FileNode);
        Full->UserContext2 = reinterpret_cast<UINT_PTR>(FileDesc);
        return Result;
    }
    static NTSTATUS FSP_ABI Create(FSP_FILE_SYSTEM *Handle, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess,
                                   UINT32 FileAttributes, PSECURITY_DESCRIPTOR Descriptor, UINT64 AllocationSize,
                                   PVOID *PFull, FSP_FSCTL_FILE_INFO *FileInfo) {
        return Opened(Handle, PFull, FileInfo, [&](PVOID *PNode, PVOID *PDesc, FSP_FSCTL_OPEN_FILE_INFO *Info) {
            return Of(Handle).Create(FileName, CreateOptions, GrantedAccess, FileAttributes, Descriptor, AllocationSize,
                                     PNode, PDesc, Info);
        });
    }
    static NTSTATUS FSP_ABI Open(FSP_FILE_SYSTEM *Handle, PWSTR FileName, UINT32 CreateOptions, UINT32 GrantedAccess,
                                 PVOID *PFull, FSP_FSCTL_FILE_INFO *FileInfo) {
        return Opened(Handle, PFull, FileInfo, [&](PVOID *PNode, PVOID *PDesc, FSP_FSCTL_OPEN_FILE_INFO *Info) {
            return Of(Handle).Open(FileName, CreateOptions, GrantedAccess, PNode, PDesc, Info);
        });
    }

    static NTSTATUS FSP_ABI ReparsePointByName(FSP_FILE_SYSTEM *Handle, PVOID /*Context*/, PWSTR FileName,
                                               BOOLEAN IsDirectory, PVOID Buffer, PSIZE_T PSize) {
        return Guarded(Of(Handle),
                       [&] { return Of(Handle).GetReparsePointByName(FileName, IsDirectory, Buffer, PSize); });
    }
    static NTSTATUS FSP_ABI ResolveReparsePoints(FSP_FILE_SYSTEM *Handle, PWSTR FileName, UINT32 ReparsePointIndex,
                                                 BOOLEAN ResolveLastPathComponent, PIO_STATUS_BLOCK PIoStatus,
                                                 PVOID Buffer, PSIZE_T PSize) {
        return FspFileSystemResolveReparsePoints(Handle, ReparsePointByName, nullptr, FileName, ReparsePointIndex,
                                                 ResolveLastPathComponent, PIoStatus, Buffer, PSize);
    }
    static VOID FSP_ABI DispatcherStopped(FSP_FILE_SYSTEM *Handle, BOOLEAN Normally) {
        Guarded(Of(Handle), [&] { return Of(Handle).DispatcherStopped(Normally), STATUS_SUCCESS; });
    }

    static FSP_FILE_SYSTEM_INTERFACE MakeInterface() {
        typedef FileSystemBase Base;
        typedef FSP_FSCTL_FILE_INFO Info;
        FSP_FILE_SYSTEM_INTERFACE Table = FSP_FILE_SYSTEM_INTERFACE();
        Table.GetVolumeInfo = GetVolumeInfo;
        Table.SetVolumeLabel = SetVolumeLabel_;
        Table.GetSecurityByName = GetSecurityByName;
        Table.Create = Create;
        Table.Open = Open;
        Table.Overwrite = OnFile<NTSTATUS, UINT32, BOOLEAN, UINT64, Info *>::Call<&Base::Overwrite>;
        Table.Cleanup = OnFile<VOID, PWSTR, ULONG>::Call<&Base::Cleanup>;
        Table.Close = OnFile<VOID>::Call<&Base::Close>;
        Table.Read = OnFile<NTSTATUS, PVOID, UINT64, ULONG, PULONG>::Call<&Base::Read>;
        Table.Write = OnFile<NTSTATUS, PVOID, UINT64, ULONG, BOOLEAN, BOOLEAN, PULONG, Info *>::Call<&Base::Write>;
        Table.Flush = OnFile<NTSTATUS, Info *>::Call<&Base::Flush>;
        Table.GetFileInfo = OnFile<NTSTATUS, Info *>::Call<&Base::GetFileInfo>;
        Table.SetBasicInfo =
            OnFile<NTSTATUS, UINT32, UINT64, UINT64, UINT64, UINT64, Info *>::Call<&Base::SetBasicInfo>;
        Table.SetFileSize = OnFile<NTSTATUS, UINT64, BOOLEAN, Info *>::Call<&Base::SetFileSize>;
        Table.Rename = OnFile<NTSTATUS, PWSTR, PWSTR, BOOLEAN>::Call<&Base::Rename>;
        Table.GetSecurity = OnFile<NTSTATUS, PSECURITY_DESCRIPTOR, SIZE_T *>::Call<&Base::GetSecurity>;
        Table.SetSecurity = OnFile<NTSTATUS, SECURITY_INFORMATION, PSECURITY_DESCRIPTOR>::Call<&Base::SetSecurity>;
        Table.ReadDirectory = OnFile<NTSTATUS, PWSTR, PWSTR, PVOID, ULONG, PULONG>::Call<&Base::ReadDirectory>;
        Table.ResolveReparsePoints = ResolveReparsePoints;
        Table.GetReparsePoint = OnFile<NTSTATUS, PWSTR, PVOID, PSIZE_T>::Call<&Base::GetReparsePoint>;
        Table.SetReparsePoint = OnFile<NTSTATUS, PWSTR, PVOID, SIZE_T>::Call<&Base::SetReparsePoint>;
        Table.DeleteReparsePoint = OnFile<NTSTATUS, PWSTR, PVOID, SIZE_T>::Call<&Base::DeleteReparsePoint>;
        Table.GetStreamInfo = OnFile<NTSTATUS, PVOID, ULONG, PULONG>::Call<&Base::GetStreamInfo>;
        Table.GetDirInfoByName = OnFile<NTSTATUS, PWSTR, FSP_FSCTL_DIR_INFO *>::Call<&Base::GetDirInfoByName>;
        Table.Control = OnFile<NTSTATUS, UINT32, PVOID, ULONG, PVOID, ULONG, PULONG>::Call<&Base::Control>;
        Table.SetDelete = OnFile<NTSTATUS, PWSTR, BOOLEAN>::Call<&Base::SetDelete>;
        Table.GetEa = OnFile<NTSTATUS, PFILE_FULL_EA_INFORMATION, ULONG, PULONG>::Call<&Base::GetEa>;
        Table.SetEa = OnFile<NTSTATUS, PFILE_FULL_EA_INFORMATION, ULONG, Info *>::Call<&Base::SetEa>;
        Table.DispatcherStopped = DispatcherStopped;
        return Table;
    }
    static const FSP_FILE_SYSTEM_INTERFACE *Interface() {
        static const FSP_FILE_SYSTEM_INTERFACE Table = MakeInterface();
        return &Table;
    }
};

/* ---- what runs it ---------------------------------------------------------------------------------------------- */

class Service {
  public:
    explicit Service(PWSTR ServiceName) : _Service(nullptr) {
        _Result = Initialize();
        if (NT_SUCCESS(_Result))
            _Result = FspServiceCreate(ServiceName, Started, Stopped, nullptr, &_Service);
        if (NT_SUCCESS(_Result))
            _Service->UserContext = this;
    }
    Service(const Service &) = delete;
    Service &operator=(const Service &) = delete;
    virtual ~Service() {
        FspServiceDelete(_Service);
    }

    /** Runs OnStart, waits until it is stopped, runs OnStop. Returns the exit status for the process. */
    ULONG Run() {
        if (NT_SUCCESS(_Result)) {
            FspServiceAllowConsoleMode(_Service);
            _Result = FspServiceLoop(_Service);
        }
        ULONG ExitCode = _Service ? FspServiceGetExitCode(_Service) : 0;
        if (NT_SUCCESS(_Result))
            return ExitCode;
        WCHAR Format[64];
        FspServiceLog(EVENTLOG_ERROR_TYPE, Widen(Format, 64, "The service has failed to run (Status=%lx)."), _Result);
        return Win32FromNtStatus(_Result);
    }
    VOID Stop() {
        FspServiceStop(_Service);
    }
    VOID RequestTime(ULONG Time) {
        FspServiceRequestTime(_Service, Time);
    }
    ULONG GetExitCode() {
        return FspServiceGetExitCode(_Service);
    }
    VOID SetExitCode(ULONG ExitCode) {
        FspServiceSetExitCode(_Service, ExitCode);
    }
    FSP_SERVICE *ServiceHandle() {
        return _Service;
    }
    static VOID Log(ULONG Type, PWSTR Format, ...) {
        FSP_VA_LIST Arguments;
        va_start(Arguments, Format);
        FspServiceLogV(Type, Format, Arguments);
        va_end(Arguments);
    }

  protected:
    /** Called where OnStart or OnStop threw. */
    virtual NTSTATUS ExceptionHandler() {
        return STATUS_UNEXPECTED_IO_ERROR;
    }
    virtual NTSTATUS OnStart(ULONG /*Argc*/, PWSTR * /*Argv*/) {
        return STATUS_SUCCESS;
    }
    virtual NTSTATUS OnStop() {
        return STATUS_SUCCESS;
    }

  private:
    FSP_SERVICE *_Service;
    NTSTATUS _Result;

    static NTSTATUS FSP_ABI Started(FSP_SERVICE *Handle, ULONG Argc, PWSTR *Argv) {
        Service *Self = static_cast<Service *>(Handle->UserContext);
        try {
            return Self->OnStart(Argc, Argv);
        } catch (...) {
            return Self->ExceptionHandler();
        }
    }
    static NTSTATUS FSP_ABI Stopped(FSP_SERVICE *Handle) {
        Service *Self = static_cast<Service *>(Handle->UserContext);
        try {
            return Self->OnStop();
        } catch (...) {
            return Self->ExceptionHandler();
        }
    }
};

} /* namespace Fsp */

#endif
