/* SPDX-License-Identifier: MIT */
/*
 * The volume's label: what FS_IOC_GETFSLABEL and FS_IOC_SETFSLABEL get and set, of any open file or directory, as they
 * do with btrfs and xfs (xfs_io -c label).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util/cleanup.h"
#include "winfsp/serve.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

/* As linux/fs.h has them, which musl does not bring. */
#define LABEL_SIZE 256
#define GET_LABEL _IOR(0x94, 49, char[LABEL_SIZE]) /* FS_IOC_GETFSLABEL */
#define SET_LABEL _IOW(0x94, 50, char[LABEL_SIZE]) /* FS_IOC_SETFSLABEL */

static int get_label(linfsp_request *request, struct fsp_volume *volume) {
    struct fsp_transaction transaction;
    const FSP_FSCTL_VOLUME_INFO *info = &transaction.response.Rsp.QueryVolumeInformation.VolumeInfo;
    char label[LABEL_SIZE] = "";
    fsp_begin(volume, &transaction, FspFsctlTransactQueryVolumeInformationKind);
    NTSTATUS status = fsp_transact(volume, &transaction);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    size_t units = info->VolumeLabelLength / sizeof(WCHAR), length = 0;
    if (units > ARRAY_SIZE(info->VolumeLabel))
        units = ARRAY_SIZE(info->VolumeLabel);
    while (length < units && info->VolumeLabel[length])
        length++;
    int r = fsp_wide_to_utf8(info->VolumeLabel, length, label, sizeof label);
    return r < 0 ? r : (linfsp_reply_ioctl(request, 0, label, sizeof label), 0);
}

static int set_label(linfsp_request *request, struct fsp_volume *volume, const char *label, size_t size) {
    WCHAR wide[ARRAY_SIZE(((FSP_FSCTL_VOLUME_INFO *)0)->VolumeLabel) + 1] = {0};
    struct fsp_transaction transaction;
    if (fsp_caller_here()->uid != 0 && fsp_caller_here()->uid != volume->owner_uid)
        return -EPERM;
    if (volume->params.ReadOnlyVolume)
        return -EROFS;
    int units = fsp_utf8_to_wide(label, strnlen(label, size), wide, ARRAY_SIZE(wide) - 1);
    if (units < 0)
        return -EINVAL; /* too long, or no text */
    fsp_begin(volume, &transaction, FspFsctlTransactSetVolumeInformationKind);
    transaction.request.Req.SetVolumeInformation.FsInformationClass = FspFsLabelInformation;
    fsp_put(&transaction, wide, ((size_t)units + 1) * sizeof *wide,
            &transaction.request.Req.SetVolumeInformation.Info.Label.VolumeLabel);
    NTSTATUS status = fsp_transact(volume, &transaction);
    return NT_SUCCESS(status) ? (linfsp_reply_ioctl(request, 0, NULL, 0), 0) : fsp_errno_from_status(status);
}

bool fsp_serve_label(linfsp_request *request, struct fsp_volume *volume, uint32_t command, const void *in,
                     size_t in_size, int *ret_result) {
    if (command == GET_LABEL)
        *ret_result = get_label(request, volume);
    else if (command == SET_LABEL)
        *ret_result = set_label(request, volume, in, in_size);
    else
        return false;
    return true;
}
