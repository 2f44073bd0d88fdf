/* SPDX-License-Identifier: MIT */
/*
 * The functions that speak to WinFsp's driver, as far as the LinFsp service is one: which volumes there are, whether it
 * runs, starting and stopping it, and what can be done with the VolumeHandle of an FSP_FILE_SYSTEM. There is no driver
 * that queues requests for FspFsctlTransact: those functions say STATUS_NOT_SUPPORTED.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/volume.h"
#include "util/cleanup.h"
#include "winfsp/live.h"
#include "winfsp/status.h"
#include "winfsp/text.h"
#include "wire/codec.h"
#include "wire/connect.h"

#define ANSWER_MS 10000

/* ---- asking the service ---------------------------------------------------------------------------------------- */

static NTSTATUS connect_to(const char *device, int *ret_socket) {
    int r = wire_connect(device, 0, ret_socket);
    return r == -ENODEV ? STATUS_NO_SUCH_DEVICE : r < 0 ? fsp_status_from_errno(r) : STATUS_SUCCESS;
}

/* Sends a request without members, and gives each answer to `each`; the last one is left in *ret_last. */
static NTSTATUS call(const char *device, uint16_t type, void (*each)(const union wire_message *, void *), void *context,
                     union wire_message *ret_last) {
    _cleanup_close_ int socket = -1;
    struct wire_plain request;
    memset(ret_last, 0, sizeof *ret_last);
    NTSTATUS status = connect_to(device, &socket);
    if (!NT_SUCCESS(status))
        return status;
    wire_begin(&request, type, 1);
    int r = wire_send(socket, &request, NULL, 0);
    while (r >= 0) {
        struct pollfd wait = {.fd = socket, .events = POLLIN};
        int fds[WIRE_FDS_MAX];
        size_t n_fds = 0;
        const char *why;
        r = poll(&wait, 1, ANSWER_MS);
        if (r == 0)
            return STATUS_IO_TIMEOUT;
        r = r < 0 ? -errno : wire_receive(socket, ret_last, fds, &n_fds, &why);
        if (r == 0) /* the service has ended, as STOP has it */
            return type == WIRE_STOP ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
        if (r > 0 && ret_last->header.type == WIRE_ERROR)
            return ret_last->error.error == EPERM ? STATUS_ACCESS_DENIED
                                                  : fsp_status_from_errno(-ret_last->error.error);
        if (r > 0 && ret_last->header.type != WIRE_VOLUME)
            return STATUS_SUCCESS;
        if (r > 0 && each)
            each(ret_last, context);
    }
    return fsp_status_from_errno(r);
}

static const char *device_of(PCWSTR path) {
    bool network;
    return path && fsp_check_device(path, &network) == 0 ? network ? "net" : "disk" : NULL;
}

NTSTATUS FSP_ABI FspFsctlPreflight(PWSTR DevicePath) {
    _cleanup_close_ int socket = -1;
    const char *device = device_of(DevicePath);
    return device ? connect_to(device, &socket) : STATUS_NO_SUCH_DEVICE;
}

struct list {
    PWCHAR text;
    size_t capacity, units; /* units: also those that had no room */
    bool network;
};

static void add_volume(const union wire_message *message, void *context) {
    struct list *list = context;
    const struct wire_volume *volume = &message->volume;
    char name[WIRE_PREFIX_MAX + 80];
    WCHAR wide[ARRAY_SIZE(name)];
    if ((volume->prefix[0] != 0) != list->network)
        return;
    snprintf(name, sizeof name, "\\Device\\Volume{00000000-0000-0000-0000-%012" PRIx64 "}%s", volume->id,
             volume->prefix);
    int units = fsp_utf8_to_wide(name, strlen(name), wide, ARRAY_SIZE(wide) - 1);
    if (units < 0)
        return;
    wide[units++] = 0;
    if (list->units + (size_t)units <= list->capacity)
        memcpy(list->text + list->units, wide, (size_t)units * sizeof *wide);
    list->units += (size_t)units;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the list is filled in by add_volume */
NTSTATUS FSP_ABI FspFsctlGetVolumeList(PWSTR DevicePath, PWCHAR VolumeListBuf, PSIZE_T PVolumeListSize) {
    const char *device = device_of(DevicePath);
    if (!PVolumeListSize || (!VolumeListBuf && *PVolumeListSize > 0))
        return STATUS_INVALID_PARAMETER;
    if (!device)
        return STATUS_NO_SUCH_DEVICE;
    struct list list = {.text = VolumeListBuf, .capacity = *PVolumeListSize / sizeof(WCHAR), .network = *device == 'n'};
    _cleanup_free_ union wire_message *last = malloc(sizeof *last);
    if (!last)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = call(device, WIRE_LIST_VOLUMES, add_volume, &list, last);
    if (!NT_SUCCESS(status))
        return status;
    *PVolumeListSize = list.units * sizeof(WCHAR);
    return list.units > list.capacity ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFsctlServiceVersion(PUINT32 PVersion) {
    unsigned major_number, minor_number;
    if (!PVersion)
        return STATUS_INVALID_PARAMETER;
    _cleanup_free_ union wire_message *last = malloc(sizeof *last);
    if (!last)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = call("disk", WIRE_GET_STATUS, NULL, NULL, last);
    if (!NT_SUCCESS(status))
        return status;
    if (last->header.type != WIRE_STATUS || sscanf(last->status.version, "%u.%u", &major_number, &minor_number) != 2)
        return STATUS_INTERNAL_ERROR;
    *PVersion = major_number << 16 | minor_number;
    return STATUS_SUCCESS;
}

/* As creating a volume does it: on the host, by root. */
NTSTATUS FSP_ABI FspFsctlStartService(VOID) {
    struct linfsp_error error;
    _cleanup_close_ int socket = -1;
    NTSTATUS status = connect_to("disk", &socket);
    if (status != STATUS_NO_SUCH_DEVICE)
        return status;
    if (!fsp_may_start_service())
        return status;
    int r = fsp_start_service(&error);
    return r < 0 ? fsp_status_from_errno(r) : STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFsctlStopService(VOID) {
    _cleanup_free_ union wire_message *last = malloc(sizeof *last);
    NTSTATUS status = last ? call("disk", WIRE_STOP, NULL, NULL, last) : STATUS_INSUFFICIENT_RESOURCES;
    return status == STATUS_NO_SUCH_DEVICE ? STATUS_SUCCESS : status; /* it is not running */
}

NTSTATUS FSP_ABI FspFsctlEnumServices(VOID(FSP_ABI *EnumFn)(PVOID Context, PWSTR ServiceName, BOOLEAN Running),
                                      PVOID Context) {
    WCHAR name[] = {'W', 'i', 'n', 'F', 's', 'p', 0};
    _cleanup_close_ int socket = -1;
    if (!EnumFn)
        return STATUS_INVALID_PARAMETER;
    EnumFn(Context, name, NT_SUCCESS(connect_to("disk", &socket)));
    return STATUS_SUCCESS;
}

/* ---- by handle ------------------------------------------------------------------------------------------------- */

/* FSP_FILE_SYSTEM.VolumeHandle is the volume. */

NTSTATUS FSP_ABI FspFsctlStop(HANDLE VolumeHandle) {
    struct fsp_volume *volume = fsp_live_use(VolumeHandle);
    if (!volume)
        return STATUS_INVALID_HANDLE;
    pthread_mutex_lock(&volume->lock);
    if (volume->mounted)
        linfsp_volume_stop(volume->mounted);
    pthread_mutex_unlock(&volume->lock);
    fsp_live_release(volume);
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFsctlStop0(HANDLE VolumeHandle) {
    return FspFsctlStop(VolumeHandle);
}

NTSTATUS FSP_ABI FspFsctlNotify(HANDLE VolumeHandle, FSP_FSCTL_NOTIFY_INFO *NotifyInfo, SIZE_T Size) {
    struct fsp_volume *volume = fsp_live_use(VolumeHandle);
    NTSTATUS status = volume ? FspFileSystemNotify(&volume->fs, NotifyInfo, Size) : STATUS_INVALID_HANDLE;
    fsp_live_release(volume);
    return status;
}

/* "*:" becomes the letter that was found. */
NTSTATUS FSP_ABI FspMountSet(FSP_MOUNT_DESC *Desc) {
    struct fsp_volume *volume = Desc ? fsp_live_use(Desc->VolumeHandle) : NULL;
    if (!volume)
        return STATUS_INVALID_HANDLE;
    NTSTATUS status = Desc->MountPoint ? FspFileSystemSetMountPointEx(&volume->fs, Desc->MountPoint, Desc->Security)
                                       : STATUS_INVALID_PARAMETER;
    if (NT_SUCCESS(status)) {
        if (*Desc->MountPoint == '*')
            *Desc->MountPoint = *volume->fs.MountPoint;
        Desc->MountHandle = volume->fs.MountHandle;
    }
    fsp_live_release(volume);
    return status;
}

NTSTATUS FSP_ABI FspMountRemove(FSP_MOUNT_DESC *Desc) {
    struct fsp_volume *volume = Desc ? fsp_live_use(Desc->VolumeHandle) : NULL;
    if (!volume)
        return STATUS_INVALID_HANDLE;
    FspFileSystemRemoveMountPoint(&volume->fs);
    Desc->MountHandle = NULL;
    fsp_live_release(volume);
    return STATUS_SUCCESS;
}

/* ---- what there is none of ------------------------------------------------------------------------------------- */

/* NOLINTBEGIN(readability-non-const-parameter): the types are the API's */

NTSTATUS FSP_ABI FspFsctlCreateVolume(PWSTR DevicePath _unused_, const FSP_FSCTL_VOLUME_PARAMS *VolumeParams _unused_,
                                      PWCHAR VolumeNameBuf _unused_, SIZE_T VolumeNameSize _unused_,
                                      PHANDLE PVolumeHandle) {
    if (PVolumeHandle)
        *PVolumeHandle = INVALID_HANDLE_VALUE;
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS FSP_ABI FspFsctlMakeMountdev(HANDLE VolumeHandle _unused_, BOOLEAN Persistent _unused_,
                                      GUID *UniqueId _unused_) {
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS FSP_ABI FspFsctlUseMountmgr(HANDLE VolumeHandle _unused_, PWSTR MountPoint _unused_) {
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS FSP_ABI FspFsctlTransact(HANDLE VolumeHandle _unused_, PVOID ResponseBuf _unused_,
                                  SIZE_T ResponseBufSize _unused_, PVOID RequestBuf _unused_, SIZE_T *PRequestBufSize,
                                  BOOLEAN Batch _unused_) {
    if (PRequestBufSize)
        *PRequestBufSize = 0;
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS FSP_ABI FspCallNamedPipeSecurelyEx(PWSTR PipeName _unused_, PVOID InBuffer _unused_,
                                            ULONG InBufferSize _unused_, PVOID OutBuffer _unused_,
                                            ULONG OutBufferSize _unused_, PULONG PBytesTransferred,
                                            ULONG Timeout _unused_, BOOLEAN AllowImpersonation _unused_,
                                            PSID Sid _unused_) {
    if (PBytesTransferred)
        *PBytesTransferred = 0;
    return STATUS_NOT_SUPPORTED;
}

NTSTATUS FSP_ABI FspCallNamedPipeSecurely(PWSTR PipeName, PVOID InBuffer, ULONG InBufferSize, PVOID OutBuffer,
                                          ULONG OutBufferSize, PULONG PBytesTransferred, ULONG Timeout, PSID Sid) {
    return FspCallNamedPipeSecurelyEx(PipeName, InBuffer, InBufferSize, OutBuffer, OutBufferSize, PBytesTransferred,
                                      Timeout, FALSE, Sid);
}

/* NOLINTEND(readability-non-const-parameter) */
