/* SPDX-License-Identifier: MIT */
#include "winfsp/notify.h"

#include "util/cleanup.h"

int fsp_notifier_init(struct fsp_volume *volume _unused_) {
    return 0;
}

void fsp_notifier_destroy(struct fsp_volume *volume _unused_) {
}

NTSTATUS FSP_ABI FspFileSystemNotifyBegin(FSP_FILE_SYSTEM *FileSystem _unused_, ULONG Timeout _unused_) {
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFileSystemNotifyEnd(FSP_FILE_SYSTEM *FileSystem _unused_) {
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFileSystemNotify(FSP_FILE_SYSTEM *FileSystem _unused_, FSP_FSCTL_NOTIFY_INFO *NotifyInfo _unused_,
                                     SIZE_T Size _unused_) {
    return STATUS_SUCCESS;
}
