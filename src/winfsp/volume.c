/* SPDX-License-Identifier: MIT */
/*
 * FspFileSystemCreate and what a program does with a file system.
 *
 * Model. FspFileSystemCreate checks the parameters. SetMountPoint asks the service for the volume and has it mounted;
 * a network volume without a mount point is mounted by StartDispatcher. StartDispatcher starts one thread that runs the
 * session of liblinfsp, which has threads of its own. When the session ends, by StopDispatcher or because the volume
 * was unmounted, that thread calls DispatcherStopped.
 */
#include "winfsp/volume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/live.h"
#include "winfsp/node.h"
#include "winfsp/notify.h"
#include "winfsp/pending.h"
#include "winfsp/status.h"
#include "winfsp/text.h"
#include "winfsp/transaction.h"

#define IRP_TIMEOUT_MIN 60000
#define IRP_TIMEOUT_MAX 600000
#define IRP_TIMEOUT_DEFAULT 300000

/* ---- parameters ------------------------------------------------------------------------------------------------ */

static uint64_t timeout_of(uint32_t milliseconds) {
    return milliseconds == INFINITE ? LINFSP_TIMEOUT_INFINITE : milliseconds;
}

/* Of version 0 nothing behind the fields of version 0 is there to be read. */
static int take_params(const FSP_FSCTL_VOLUME_PARAMS *given, FSP_FSCTL_VOLUME_PARAMS *ret_params) {
    FSP_FSCTL_VOLUME_PARAMS params = {0};
    size_t size = given->Version ? given->Version : sizeof(FSP_FSCTL_VOLUME_PARAMS_V0);
    if (size < sizeof(FSP_FSCTL_VOLUME_PARAMS_V0))
        return -EINVAL;
    memcpy(&params, given, size < sizeof params ? size : sizeof params);
    params.Version = sizeof params;
    params.Prefix[ARRAY_SIZE(params.Prefix) - 1] = 0;
    params.FileSystemName[ARRAY_SIZE(params.FileSystemName) - 1] = 0;
    if (params.SectorSize == 0)
        params.SectorSize = 512;
    if (params.SectorsPerAllocationUnit == 0)
        params.SectorsPerAllocationUnit = 1;
    if (params.MaxComponentLength == 0 || params.MaxComponentLength > 255)
        params.MaxComponentLength = 255;
    if (params.IrpTimeout < IRP_TIMEOUT_MIN || params.IrpTimeout > IRP_TIMEOUT_MAX)
        params.IrpTimeout = IRP_TIMEOUT_DEFAULT;
    if (params.UmFileContextIsUserContext2 && params.UmFileContextIsFullContext)
        return -EINVAL;
    *ret_params = params;
    return 0;
}

static void set_timeouts(struct fsp_volume *volume) {
    const FSP_FSCTL_VOLUME_PARAMS *params = &volume->params;
    uint64_t usual = timeout_of(params->FileInfoTimeout);
    volume->timeouts = (struct fsp_timeouts){
        .file_info = usual,
        .volume_info = params->VolumeInfoTimeoutValid ? timeout_of(params->VolumeInfoTimeout) : usual,
        .directory = params->DirInfoTimeoutValid ? timeout_of(params->DirInfoTimeout) : usual,
        .security = params->SecurityTimeoutValid ? timeout_of(params->SecurityTimeout) : usual,
        .stream = params->StreamInfoTimeoutValid ? timeout_of(params->StreamInfoTimeout) : usual,
        .ea = params->EaTimeoutValid ? timeout_of(params->EaTimeout) : usual,
    };
}

/* What mount(8) shows: letters, digits, '.', '-' and '_'. "WinFsp" stands before a name that is empty, or that asks for
 * it by its first character. */
static int set_file_system_name(struct fsp_volume *volume) {
    _cleanup_free_ char *name = fsp_wide_to_utf8_new(volume->params.FileSystemName);
    if (!name)
        return -ENOMEM;
    bool prefixed = !*name || strchr("-/\\", *name);
    if (asprintf(&volume->file_system_name, "%s%s", prefixed ? "WinFsp" : "", name) < 0) {
        volume->file_system_name = NULL;
        return -ENOMEM;
    }
    for (char *at = volume->file_system_name; *at; at++)
        if (!((*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') ||
              strchr(".-_", *at)))
            *at = '-';
    if (strlen(volume->file_system_name) > 63)
        volume->file_system_name[63] = 0;
    return 0;
}

/* "WinFsp.Disk" or "WinFsp.Net", also as an absolute path of NT. */
int fsp_check_device(PCWSTR path, bool *ret_network) {
    static const WCHAR disk[] = u"WinFsp.Disk", net[] = u"WinFsp.Net", nt[] = u"\\Device\\";
    size_t length = fsp_wide_length(path), head = ARRAY_SIZE(nt) - 1;
    if (length >= head && fsp_wide_compare_folded(path, head, nt, head) == 0)
        path += head;
    else if (*path == '\\')
        path++;
    length = fsp_wide_length(path);
    *ret_network = fsp_wide_compare_folded(path, length, net, ARRAY_SIZE(net) - 1) == 0;
    return *ret_network || fsp_wide_compare_folded(path, length, disk, ARRAY_SIZE(disk) - 1) == 0 ? 0 : -ENODEV;
}

static int set_prefix(struct fsp_volume *volume) {
    char path[LINFSP_PATH_MAX];
    if (!volume->network)
        return 0;
    volume->prefix = fsp_wide_to_utf8_new(volume->params.Prefix);
    if (!volume->prefix)
        return -ENOMEM;
    return linfsp_prefix_to_path(volume->prefix, path, sizeof path) < 0 ? -EINVAL : 0;
}

/* ---- creation -------------------------------------------------------------------------------------------------- */

static void set_operations(FSP_FILE_SYSTEM *fs) {
    FSP_FILE_SYSTEM_OPERATION *const operations[FspFsctlTransactKindCount] = {
        [FspFsctlTransactCreateKind] = FspFileSystemOpCreate,
        [FspFsctlTransactOverwriteKind] = FspFileSystemOpOverwrite,
        [FspFsctlTransactCleanupKind] = FspFileSystemOpCleanup,
        [FspFsctlTransactCloseKind] = FspFileSystemOpClose,
        [FspFsctlTransactReadKind] = FspFileSystemOpRead,
        [FspFsctlTransactWriteKind] = FspFileSystemOpWrite,
        [FspFsctlTransactQueryInformationKind] = FspFileSystemOpQueryInformation,
        [FspFsctlTransactSetInformationKind] = FspFileSystemOpSetInformation,
        [FspFsctlTransactQueryEaKind] = FspFileSystemOpQueryEa,
        [FspFsctlTransactSetEaKind] = FspFileSystemOpSetEa,
        [FspFsctlTransactFlushBuffersKind] = FspFileSystemOpFlushBuffers,
        [FspFsctlTransactQueryVolumeInformationKind] = FspFileSystemOpQueryVolumeInformation,
        [FspFsctlTransactSetVolumeInformationKind] = FspFileSystemOpSetVolumeInformation,
        [FspFsctlTransactQueryDirectoryKind] = FspFileSystemOpQueryDirectory,
        [FspFsctlTransactFileSystemControlKind] = FspFileSystemOpFileSystemControl,
        [FspFsctlTransactDeviceControlKind] = FspFileSystemOpDeviceControl,
        [FspFsctlTransactQuerySecurityKind] = FspFileSystemOpQuerySecurity,
        [FspFsctlTransactSetSecurityKind] = FspFileSystemOpSetSecurity,
        [FspFsctlTransactQueryStreamInformationKind] = FspFileSystemOpQueryStreamInformation,
    };
    memcpy(fs->Operations, operations, sizeof operations);
    fs->EnterOperation = FspFileSystemOpEnter;
    fs->LeaveOperation = FspFileSystemOpLeave;
}

static void free_volume(struct fsp_volume *volume) {
    fsp_notifier_destroy(volume);
    fsp_pending_destroy(volume);
    fsp_nodes_destroy(volume);
    pthread_mutex_destroy(&volume->lock);
    free(volume->prefix);
    free(volume->file_system_name);
    free(volume->fs.MountPoint);
    free(volume);
}

static void set_volume_name(struct fsp_volume *volume) {
    static _Atomic unsigned next = 1;
    char name[64];
    snprintf(name, sizeof name, "\\Device\\Volume{linfsp-%d-%u}", (int)getpid(), next++);
    int units = fsp_utf8_to_wide(name, strlen(name), volume->fs.VolumeName, ARRAY_SIZE(volume->fs.VolumeName) - 1);
    volume->fs.VolumeName[units > 0 ? units : 0] = 0;
}

static int make_volume(bool network, const FSP_FSCTL_VOLUME_PARAMS *params, struct fsp_volume **ret_volume) {
    struct fsp_volume *volume = calloc(1, sizeof *volume);
    if (!volume)
        return -ENOMEM;
    pthread_mutex_init(&volume->lock, NULL);
    fsp_pending_init(volume);
    volume->params = *params;
    volume->network = network;
    volume->case_blind = !params->CaseSensitiveSearch;
    volume->next_hint = volume->next_index = 1;
    const char *streams = getenv("LINFSP_STREAM_NAMES");
    volume->streams_in_names = params->NamedStreams && streams && *streams && *streams != '0';
    set_timeouts(volume);
    int r = set_file_system_name(volume);
    if (r == 0)
        r = set_prefix(volume);
    if (r == 0)
        r = fsp_nodes_init(volume);
    if (r == 0)
        r = fsp_notifier_init(volume);
    if (r < 0) {
        free_volume(volume);
        return r;
    }
    set_volume_name(volume);
    *ret_volume = volume;
    return 0;
}

NTSTATUS FSP_ABI FspFileSystemCreate(PWSTR DevicePath, const FSP_FSCTL_VOLUME_PARAMS *VolumeParams,
                                     const FSP_FILE_SYSTEM_INTERFACE *Interface, FSP_FILE_SYSTEM **PFileSystem) {
    static const FSP_FILE_SYSTEM_INTERFACE empty;
    FSP_FSCTL_VOLUME_PARAMS params;
    struct fsp_volume *volume = NULL;
    bool network = false;
    if (!PFileSystem)
        return STATUS_INVALID_PARAMETER;
    *PFileSystem = NULL;
    if (!DevicePath || !VolumeParams)
        return STATUS_INVALID_PARAMETER;
    int r = fsp_check_device(DevicePath, &network);
    if (r == 0)
        r = take_params(VolumeParams, &params);
    if (r == 0)
        r = make_volume(network, &params, &volume);
    if (r < 0)
        return fsp_status_from_errno(r);
    volume->fs.Version = sizeof volume->fs;
    volume->fs.VolumeHandle = volume;
    volume->fs.Interface = Interface ? Interface : &empty;
    volume->fs.UmFileContextIsUserContext2 = (BOOLEAN)params.UmFileContextIsUserContext2;
    volume->fs.UmFileContextIsFullContext = (BOOLEAN)params.UmFileContextIsFullContext;
    volume->fs.UmNoReparsePointsDirCheck = (UINT16)params.UmNoReparsePointsDirCheck;
    set_operations(&volume->fs);
    fsp_live_add(volume);
    *PFileSystem = &volume->fs;
    return STATUS_SUCCESS;
}

/* From within, the volume ends, and its memory stays: the operation that is under way needs it. */
VOID FSP_ABI FspFileSystemDelete(FSP_FILE_SYSTEM *FileSystem) {
    if (!FileSystem)
        return;
    struct fsp_volume *volume = fsp_volume_of(FileSystem);
    FspFileSystemStopDispatcher(FileSystem);
    if (fsp_works_here(volume))
        return;
    FspFileSystemRemoveMountPoint(FileSystem);
    fsp_live_remove(volume);
    free_volume(volume);
}

/* ---- mounting -------------------------------------------------------------------------------------------------- */

static NTSTATUS explain(struct fsp_volume *volume, int r, const struct linfsp_error *error) {
    char line[sizeof error->message + 80];
    snprintf(line, sizeof line, "%s: %s", volume->file_system_name, error->message);
    fsp_write_system_log(EVENTLOG_ERROR_TYPE, line);
    switch (r) {
    case -EPERM:
        return STATUS_ACCESS_DENIED;
    case -ENOENT:
        return STATUS_OBJECT_NAME_INVALID;
    case -EEXIST:
    case -EBUSY:
    case -ENOTEMPTY:
        return STATUS_OBJECT_NAME_COLLISION;
    default:
        return fsp_status_from_errno(r);
    }
}

/* Under volume->lock. mount_point may be NULL, for a network volume. */
static NTSTATUS mount_volume(struct fsp_volume *volume, const char *mount_point) {
    struct linfsp_volume_options options = {
        .size = sizeof options,
        .file_system_name = volume->file_system_name,
        .mount_point = mount_point,
        .prefix = volume->prefix,
        .want = fsp_serve_want(volume),
        .flags = volume->params.ReadOnlyVolume ? LINFSP_VOLUME_READ_ONLY : 0,
        .threads = volume->fs.DispatcherThreadCount,
        .root_mode = 0777,
        .thread_functions = fsp_serving_threads(),
    };
    struct linfsp_error error = {0};
    int r = linfsp_volume_create(&options, &fsp_serve_operations, volume, &volume->mounted, &error);
    if (r < 0)
        return explain(volume, r, &error);
    volume->owner_uid = linfsp_volume_owner_uid(volume->mounted);
    volume->owner_gid = linfsp_volume_owner_gid(volume->mounted);
    fsp_note_mounted(linfsp_volume_mount_point(volume->mounted));
    return STATUS_SUCCESS;
}

/* Under volume->lock; nobody runs it. */
static void unmount_volume(struct fsp_volume *volume) {
    fsp_note_unmounted(linfsp_volume_mount_point(volume->mounted));
    linfsp_volume_destroy(volume->mounted);
    volume->mounted = NULL;
}

/* What FSP_FILE_SYSTEM.MountPoint shows: a letter, or the text that was given. */
static PWSTR shown_mount_point(const struct fsp_volume *volume, PCWSTR given) {
    const char *path = linfsp_volume_mount_point(volume->mounted);
    bool any = !given || *given == '*';
    if (any && path && !strncmp(path, "/mnt/", 5) && strlen(path) == 6)
        return fsp_wide_copy((const WCHAR[]){(WCHAR)(path[5] - 'a' + 'A'), ':'}, 2);
    return given ? fsp_wide_copy(given, fsp_wide_length(given)) : path ? fsp_utf8_to_wide_new(path) : NULL;
}

/* "*:", "X:", "\\.\X:" or a directory, which Linux spells with slashes. */
static char *mount_point_text(PCWSTR given) {
    static const WCHAR manager[] = u"\\\\.\\";
    size_t head = ARRAY_SIZE(manager) - 1;
    if (!given || *given == '*')
        return strdup("*");
    if (fsp_wide_length(given) >= head && fsp_wide_compare(given, head, manager, head) == 0)
        given += head;
    bool letter = fsp_wide_length(given) == 2 && given[1] == ':';
    return letter ? fsp_wide_to_utf8_new(given) : fsp_directory_path(given);
}

static NTSTATUS set_mount_point(struct fsp_volume *volume, PCWSTR given) {
    if (volume->fs.MountPoint || volume->mounted)
        return STATUS_INVALID_PARAMETER;
    _cleanup_free_ char *text = mount_point_text(given);
    if (!text)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = mount_volume(volume, text);
    if (!NT_SUCCESS(status))
        return status;
    volume->fs.MountPoint = shown_mount_point(volume, given);
    if (!volume->fs.MountPoint) {
        unmount_volume(volume);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    volume->fs.MountHandle = volume;
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFileSystemSetMountPoint(FSP_FILE_SYSTEM *FileSystem, PWSTR MountPoint) {
    return FspFileSystemSetMountPointEx(FileSystem, MountPoint, NULL);
}

/* A descriptor of the mount point's own has no meaning: the root's is what counts. */
NTSTATUS FSP_ABI FspFileSystemSetMountPointEx(FSP_FILE_SYSTEM *FileSystem, PWSTR MountPoint,
                                              PSECURITY_DESCRIPTOR SecurityDescriptor _unused_) {
    struct fsp_volume *volume = fsp_volume_of(FileSystem);
    pthread_mutex_lock(&volume->lock);
    NTSTATUS status = set_mount_point(volume, MountPoint);
    pthread_mutex_unlock(&volume->lock);
    return status;
}

/* While the dispatcher runs the volume goes with its end. */
VOID FSP_ABI FspFileSystemRemoveMountPoint(FSP_FILE_SYSTEM *FileSystem) {
    struct fsp_volume *volume = fsp_volume_of(FileSystem);
    pthread_mutex_lock(&volume->lock);
    if (volume->mounted && !volume->fs.DispatcherThread) {
        fsp_notifier_stop(volume);
        unmount_volume(volume);
    } else if (volume->mounted)
        linfsp_volume_stop(volume->mounted);
    free(volume->fs.MountPoint);
    volume->fs.MountPoint = NULL;
    volume->fs.MountHandle = NULL;
    pthread_mutex_unlock(&volume->lock);
}

/* ---- the dispatcher -------------------------------------------------------------------------------------------- */

static void run(void *argument) {
    struct fsp_volume *volume = argument;
    FSP_FILE_SYSTEM *fs = &volume->fs;
    fsp_work_here_for(volume);
    int r = linfsp_volume_run(volume->mounted);
    bool normally = fs->DispatcherStopping;
    if (r < 0)
        FspFileSystemSetDispatcherResult(fs, fsp_status_from_errno(r));
    fsp_pending_cancel(volume);
    atomic_store(&volume->ended, true);
    if (fs->Interface->DispatcherStopped)
        fs->Interface->DispatcherStopped(fs, normally);
    else
        FspFileSystemStopServiceIfNecessary(fs, normally);
}

static NTSTATUS start(struct fsp_volume *volume, ULONG threads) {
    NTSTATUS status = STATUS_SUCCESS;
    if (volume->started)
        return STATUS_INVALID_PARAMETER;
    volume->fs.DispatcherThreadCount = threads;
    if (!volume->mounted)
        status = volume->network ? mount_volume(volume, NULL) : STATUS_SUCCESS;
    if (!NT_SUCCESS(status) || !volume->mounted) /* a disk that is mounted nowhere: nothing can ask it */
        return status;
    int r = fsp_thread_start(run, volume, &volume->thread);
    if (r < 0)
        return fsp_status_from_errno(r);
    volume->fs.DispatcherThread = volume->thread;
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFileSystemStartDispatcher(FSP_FILE_SYSTEM *FileSystem, ULONG ThreadCount) {
    struct fsp_volume *volume = fsp_volume_of(FileSystem);
    pthread_mutex_lock(&volume->lock);
    NTSTATUS status = start(volume, ThreadCount);
    volume->started = volume->started || NT_SUCCESS(status);
    pthread_mutex_unlock(&volume->lock);
    return status;
}

/* From within an operation the volume is only told to end: who calls this once more, or deletes it, waits for that. */
VOID FSP_ABI FspFileSystemStopDispatcher(FSP_FILE_SYSTEM *FileSystem) {
    struct fsp_volume *volume = fsp_volume_of(FileSystem);
    pthread_mutex_lock(&volume->lock);
    struct fsp_thread *thread = volume->thread;
    bool waits = thread && !fsp_works_here(volume);
    if (thread) {
        FileSystem->DispatcherStopping = 1;
        linfsp_volume_stop(volume->mounted);
    }
    if (waits)
        volume->thread = NULL;
    pthread_mutex_unlock(&volume->lock);
    if (!waits)
        return;
    fsp_thread_join(thread);
    fsp_notifier_stop(volume);
    pthread_mutex_lock(&volume->lock);
    unmount_volume(volume);
    FileSystem->DispatcherThread = NULL;
    pthread_mutex_unlock(&volume->lock);
}

/* A letter that is free, a directory that can be made: known for sure when it is done. */
NTSTATUS FSP_ABI FspFileSystemPreflight(PWSTR DevicePath, PWSTR MountPoint) {
    bool network;
    struct stat status;
    if (!DevicePath || fsp_check_device(DevicePath, &network) < 0)
        return STATUS_NO_SUCH_DEVICE;
    if (!MountPoint || *MountPoint == '*')
        return STATUS_SUCCESS;
    _cleanup_free_ char *text = mount_point_text(MountPoint);
    if (!text)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (strlen(text) == 2 && text[1] == ':')
        return STATUS_SUCCESS;
    if (lstat(text, &status) == 0)
        return STATUS_OBJECT_NAME_COLLISION;
    char *slash = strrchr(text, '/');
    if (slash == text || !slash)
        return STATUS_SUCCESS;
    *slash = 0;
    return stat(text, &status) == 0 && S_ISDIR(status.st_mode) ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
}

/* ---- inline helpers as functions ------------------------------------------------------------------------------- */

PWSTR FSP_ABI FspFileSystemMountPointF(FSP_FILE_SYSTEM *FileSystem) {
    return FspFileSystemMountPoint(FileSystem);
}

NTSTATUS FSP_ABI FspFileSystemEnterOperationF(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                              FSP_FSCTL_TRANSACT_RSP *Response) {
    return FspFileSystemEnterOperation(FileSystem, Request, Response);
}

NTSTATUS FSP_ABI FspFileSystemLeaveOperationF(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                              FSP_FSCTL_TRANSACT_RSP *Response) {
    return FspFileSystemLeaveOperation(FileSystem, Request, Response);
}

VOID FSP_ABI FspFileSystemSetOperationGuardF(FSP_FILE_SYSTEM *FileSystem,
                                             FSP_FILE_SYSTEM_OPERATION_GUARD *EnterOperation,
                                             FSP_FILE_SYSTEM_OPERATION_GUARD *LeaveOperation) {
    FspFileSystemSetOperationGuard(FileSystem, EnterOperation, LeaveOperation);
}

VOID FSP_ABI FspFileSystemSetOperationGuardStrategyF(FSP_FILE_SYSTEM *FileSystem,
                                                     FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY GuardStrategy) {
    FspFileSystemSetOperationGuardStrategy(FileSystem, GuardStrategy);
}

VOID FSP_ABI FspFileSystemSetOperationF(FSP_FILE_SYSTEM *FileSystem, ULONG Index,
                                        FSP_FILE_SYSTEM_OPERATION *Operation) {
    if (Index < FspFsctlTransactKindCount)
        FspFileSystemSetOperation(FileSystem, Index, Operation);
}

VOID FSP_ABI FspFileSystemGetDispatcherResultF(FSP_FILE_SYSTEM *FileSystem, NTSTATUS *PDispatcherResult) {
    FspFileSystemGetDispatcherResult(FileSystem, PDispatcherResult);
}

VOID FSP_ABI FspFileSystemSetDispatcherResultF(FSP_FILE_SYSTEM *FileSystem, NTSTATUS DispatcherResult) {
    FspFileSystemSetDispatcherResult(FileSystem, DispatcherResult);
}

VOID FSP_ABI FspFileSystemSetDebugLogF(FSP_FILE_SYSTEM *FileSystem, UINT32 DebugLog) {
    FspFileSystemSetDebugLog(FileSystem, DebugLog);
}

BOOLEAN FSP_ABI FspFileSystemIsOperationCaseSensitiveF(VOID) {
    return FspFileSystemIsOperationCaseSensitive();
}

UINT32 FSP_ABI FspFileSystemOperationProcessIdF(VOID) {
    return FspFileSystemOperationProcessId();
}

NTSTATUS FSP_ABI FspVersion(PUINT32 PVersion) {
    *PVersion = 2u << 16 | 2;
    return STATUS_SUCCESS;
}

PWSTR FSP_ABI FspSxsIdent(VOID) {
    static WCHAR none[1];
    return none;
}
