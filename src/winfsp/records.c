/* SPDX-License-Identifier: MIT */
/* Records behind each other in a buffer: directory entries, streams, notifications, extended attributes. */
#include <string.h>

#include <winfsp/winfsp.h>

/* A record begins with its size, 16 bits. NULL: the mark of the end, which is a size of 0. */
static BOOLEAN add_record(const void *record, PVOID buffer, ULONG length, PULONG used) {
    static const UINT16 end;
    UINT16 size;
    if (*used > length)
        return FALSE;
    if (!record) {
        if (length - *used < sizeof end)
            return FALSE;
        memcpy((char *)buffer + *used, &end, sizeof end);
        *used += sizeof end;
        return TRUE;
    }
    memcpy(&size, record, sizeof size);
    ULONG whole = (ULONG)FSP_FSCTL_DEFAULT_ALIGN_UP(size);
    if (length - *used < whole)
        return FALSE;
    memcpy((char *)buffer + *used, record, size);
    *used += whole;
    return TRUE;
}

BOOLEAN FSP_ABI FspFileSystemAddDirInfo(FSP_FSCTL_DIR_INFO *DirInfo, PVOID Buffer, ULONG Length,
                                        PULONG PBytesTransferred) {
    return add_record(DirInfo, Buffer, Length, PBytesTransferred);
}

BOOLEAN FSP_ABI FspFileSystemAddStreamInfo(FSP_FSCTL_STREAM_INFO *StreamInfo, PVOID Buffer, ULONG Length,
                                           PULONG PBytesTransferred) {
    return add_record(StreamInfo, Buffer, Length, PBytesTransferred);
}

BOOLEAN FSP_ABI FspFileSystemAddNotifyInfo(FSP_FSCTL_NOTIFY_INFO *NotifyInfo, PVOID Buffer, ULONG Length,
                                           PULONG PBytesTransferred) {
    return add_record(NotifyInfo, Buffer, Length, PBytesTransferred);
}

/* ---- extended attributes --------------------------------------------------------------------------------------- */

static ULONG ea_size(const FILE_FULL_EA_INFORMATION *ea) {
    return (ULONG)(offsetof(FILE_FULL_EA_INFORMATION, EaName) + ea->EaNameLength + 1u + ea->EaValueLength);
}

/* The entry that ends where used says, NULL where there is none. */
static PFILE_FULL_EA_INFORMATION last_ea(PFILE_FULL_EA_INFORMATION first, ULONG used) {
    ULONG at = 0;
    if (used == 0)
        return NULL;
    for (;;) {
        PFILE_FULL_EA_INFORMATION ea = (PFILE_FULL_EA_INFORMATION)(void *)((char *)first + at);
        if (ea->NextEntryOffset == 0 || ea->NextEntryOffset >= used - at)
            return ea;
        at += ea->NextEntryOffset;
    }
}

BOOLEAN FSP_ABI FspFileSystemAddEa(PFILE_FULL_EA_INFORMATION SingleEa, PFILE_FULL_EA_INFORMATION Ea, ULONG EaLength,
                                   PULONG PBytesTransferred) {
    ULONG at = (*PBytesTransferred + 3) & ~3u;
    if (!SingleEa) {
        PFILE_FULL_EA_INFORMATION last = last_ea(Ea, *PBytesTransferred);
        if (last)
            last->NextEntryOffset = 0;
        return TRUE;
    }
    ULONG size = ea_size(SingleEa);
    if (at > EaLength || EaLength - at < size)
        return FALSE;
    PFILE_FULL_EA_INFORMATION entry = (PFILE_FULL_EA_INFORMATION)(void *)((char *)Ea + at);
    memcpy(entry, SingleEa, size);
    entry->NextEntryOffset = (size + 3) & ~3u;
    *PBytesTransferred = at + size;
    return TRUE;
}

NTSTATUS FSP_ABI FspFileSystemEnumerateEa(FSP_FILE_SYSTEM *FileSystem,
                                          NTSTATUS(FSP_ABI *EnumerateEa)(FSP_FILE_SYSTEM *FileSystem, PVOID Context,
                                                                         PFILE_FULL_EA_INFORMATION SingleEa),
                                          PVOID Context, PFILE_FULL_EA_INFORMATION Ea, ULONG EaLength) {
    ULONG head = offsetof(FILE_FULL_EA_INFORMATION, EaName), at = 0;
    while (Ea && EaLength - at >= head) {
        PFILE_FULL_EA_INFORMATION entry = (PFILE_FULL_EA_INFORMATION)(void *)((char *)Ea + at);
        if (ea_size(entry) > EaLength - at)
            return STATUS_EA_LIST_INCONSISTENT;
        NTSTATUS status = EnumerateEa(FileSystem, Context, entry);
        if (!NT_SUCCESS(status))
            return status;
        if (entry->NextEntryOffset == 0)
            break;
        if (entry->NextEntryOffset < head || entry->NextEntryOffset > EaLength - at)
            return STATUS_EA_LIST_INCONSISTENT;
        at += entry->NextEntryOffset;
    }
    return STATUS_SUCCESS;
}
