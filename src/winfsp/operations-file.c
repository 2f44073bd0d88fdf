/* SPDX-License-Identifier: MIT */
/* The default operations on open files, directories and the volume: each takes a request apart, calls one member of the
 * interface, and puts the response together. */
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/operations.h"
#include "winfsp/security.h"
#include "winfsp/text.h"
#include "winfsp/volume.h"

#define FSP_OPERATION(name)                                                                                            \
    NTSTATUS FSP_ABI FspFileSystemOp##name(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,               \
                                           FSP_FSCTL_TRANSACT_RSP *Response)

/* ---- data ------------------------------------------------------------------------------------------------------ */

/* A file system that says it moved more than it was asked for would make us read or send what is not there. */
static NTSTATUS answer_count(FSP_FSCTL_TRANSACT_RSP *response, NTSTATUS status, ULONG count, ULONG length) {
    if (status == STATUS_PENDING || !NT_SUCCESS(status))
        return status;
    if (count > length)
        return STATUS_INTERNAL_ERROR;
    response->IoStatus.Information = count;
    return status;
}

FSP_OPERATION(Read) {
    ULONG count = 0, length = Request->Req.Read.Length;
    if (!FileSystem->Interface->Read)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = FileSystem->Interface->Read(FileSystem, FILE_CONTEXT(FileSystem, Request, Read),
                                                  (PVOID)(UINT_PTR)Request->Req.Read.Address, Request->Req.Read.Offset,
                                                  length, &count);
    return answer_count(Response, status, count, length);
}

FSP_OPERATION(Write) {
    FSP_FSCTL_FILE_INFO info = {0};
    ULONG count = 0, length = Request->Req.Write.Length;
    UINT64 offset = Request->Req.Write.Offset;
    if (!FileSystem->Interface->Write)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = FileSystem->Interface->Write(
        FileSystem, FILE_CONTEXT(FileSystem, Request, Write), (PVOID)(UINT_PTR)Request->Req.Write.Address, offset,
        length, offset == UINT64_MAX, (BOOLEAN)Request->Req.Write.ConstrainedIo, &count, &info);
    if (NT_SUCCESS(status) && status != STATUS_PENDING)
        Response->Rsp.Write.FileInfo = info;
    return answer_count(Response, status, count, length);
}

FSP_OPERATION(FlushBuffers) {
    FSP_FSCTL_FILE_INFO info = {0};
    bool volume = !Request->Req.FlushBuffers.UserContext && !Request->Req.FlushBuffers.UserContext2;
    PVOID context = volume ? NULL : FILE_CONTEXT(FileSystem, Request, FlushBuffers);
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    if (FileSystem->Interface->Flush)
        status = FileSystem->Interface->Flush(FileSystem, context, &info);
    else if (volume)
        status = STATUS_SUCCESS;
    else if (FileSystem->Interface->GetFileInfo)
        status = FileSystem->Interface->GetFileInfo(FileSystem, context, &info);
    if (NT_SUCCESS(status) && context)
        Response->Rsp.FlushBuffers.FileInfo = info;
    return status;
}

/* ---- information ----------------------------------------------------------------------------------------------- */

FSP_OPERATION(QueryInformation) {
    FSP_FSCTL_FILE_INFO info = {0};
    if (!FileSystem->Interface->GetFileInfo)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status =
        FileSystem->Interface->GetFileInfo(FileSystem, FILE_CONTEXT(FileSystem, Request, QueryInformation), &info);
    if (NT_SUCCESS(status))
        Response->Rsp.QueryInformation.FileInfo = info;
    return status;
}

static NTSTATUS set_basic(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, PVOID context,
                          FSP_FSCTL_FILE_INFO *info) {
    UINT32 attributes = request->Req.SetInformation.Info.Basic.FileAttributes;
    if (!fs->Interface->SetBasicInfo)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (attributes == 0)
        attributes = INVALID_FILE_ATTRIBUTES;
    else if (attributes != INVALID_FILE_ATTRIBUTES)
        attributes &= ~FILE_ATTRIBUTE_NORMAL;
    return fs->Interface->SetBasicInfo(fs, context, attributes, request->Req.SetInformation.Info.Basic.CreationTime,
                                       request->Req.SetInformation.Info.Basic.LastAccessTime,
                                       request->Req.SetInformation.Info.Basic.LastWriteTime,
                                       request->Req.SetInformation.Info.Basic.ChangeTime, info);
}

#define DISPOSITION_DELETE 1u
#define DISPOSITION_IGNORE_READONLY 0x10u

static NTSTATUS set_disposition(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, PVOID context) {
    const FSP_FILE_SYSTEM_INTERFACE *interface = fs->Interface;
    bool ex = request->Req.SetInformation.FileInformationClass == FspFileDispositionInformationEx;
    UINT32 flags =
        ex ? request->Req.SetInformation.Info.DispositionEx.Flags : request->Req.SetInformation.Info.Disposition.Delete;
    FSP_FSCTL_FILE_INFO info = {0};
    if ((flags & DISPOSITION_DELETE) && !(flags & DISPOSITION_IGNORE_READONLY) && interface->GetFileInfo) {
        NTSTATUS status = interface->GetFileInfo(fs, context, &info);
        if (NT_SUCCESS(status) && (info.FileAttributes & FILE_ATTRIBUTE_READONLY))
            return STATUS_CANNOT_DELETE;
        if (!NT_SUCCESS(status))
            return status;
    }
    if (interface->SetDelete)
        return interface->SetDelete(fs, context, fsp_request_name(request), (flags & DISPOSITION_DELETE) != 0);
    if (!interface->CanDelete)
        return STATUS_INVALID_DEVICE_REQUEST;
    return flags & DISPOSITION_DELETE ? interface->CanDelete(fs, context, fsp_request_name(request)) : STATUS_SUCCESS;
}

static NTSTATUS rename_file(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, PVOID context) {
    PWSTR new_name = (PWSTR)fsp_piece(request, request->Req.SetInformation.Info.Rename.NewFileName);
    UINT64 token = request->Req.SetInformation.Info.Rename.AccessToken;
    if (!fs->Interface->Rename)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (!new_name)
        return STATUS_INVALID_PARAMETER;
    if (token != 0) {
        NTSTATUS status = fsp_access_check_replaced(fs, new_name, token);
        if (!NT_SUCCESS(status))
            return status;
    }
    return fs->Interface->Rename(fs, context, fsp_request_name(request), new_name, token != 0);
}

FSP_OPERATION(SetInformation) {
    const FSP_FILE_SYSTEM_INTERFACE *interface = FileSystem->Interface;
    PVOID context = FILE_CONTEXT(FileSystem, Request, SetInformation);
    FSP_FSCTL_FILE_INFO info = {0};
    NTSTATUS status;
    switch (Request->Req.SetInformation.FileInformationClass) {
    case FspFileBasicInformation:
        status = set_basic(FileSystem, Request, context, &info);
        break;
    case FspFileAllocationInformation:
    case FspFileEndOfFileInformation:
        if (!interface->SetFileSize)
            return STATUS_INVALID_DEVICE_REQUEST;
        /* both members are the union's only one */
        status = interface->SetFileSize(
            FileSystem, context, Request->Req.SetInformation.Info.EndOfFile.FileSize,
            Request->Req.SetInformation.FileInformationClass == FspFileAllocationInformation, &info);
        break;
    case FspFileDispositionInformation:
    case FspFileDispositionInformationEx:
        return set_disposition(FileSystem, Request, context);
    case FspFileRenameInformation:
    case FspFileRenameInformationEx:
        return rename_file(FileSystem, Request, context);
    default:
        return STATUS_INVALID_PARAMETER;
    }
    if (NT_SUCCESS(status))
        Response->Rsp.SetInformation.FileInfo = info;
    return status;
}

/* ---- extended attributes, streams, security -------------------------------------------------------------------- */

/* A response that is all data. */
static NTSTATUS answer_data(FSP_FSCTL_TRANSACT_RSP *response, NTSTATUS status, SIZE_T size,
                            FSP_FSCTL_TRANSACT_BUF *ret_piece) {
    if (!NT_SUCCESS(status))
        return status;
    if (size > FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX)
        return STATUS_INTERNAL_ERROR;
    *ret_piece = (FSP_FSCTL_TRANSACT_BUF){0, (UINT16)size};
    response->Size = (UINT16)(sizeof *response + size);
    return status;
}

FSP_OPERATION(QueryEa) {
    ULONG size = 0;
    if (!FileSystem->Interface->GetEa)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = FileSystem->Interface->GetEa(FileSystem, FILE_CONTEXT(FileSystem, Request, QueryEa),
                                                   (PFILE_FULL_EA_INFORMATION)(void *)Response->Buffer,
                                                   (ULONG)FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX, &size);
    return answer_data(Response, status == STATUS_BUFFER_OVERFLOW ? STATUS_EA_LIST_INCONSISTENT : status, size,
                       &Response->Rsp.QueryEa.Ea);
}

FSP_OPERATION(SetEa) {
    FSP_FSCTL_FILE_INFO info = {0};
    if (!FileSystem->Interface->SetEa)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = FileSystem->Interface->SetEa(FileSystem, FILE_CONTEXT(FileSystem, Request, SetEa),
                                                   (PFILE_FULL_EA_INFORMATION)fsp_piece(Request, Request->Req.SetEa.Ea),
                                                   Request->Req.SetEa.Ea.Size, &info);
    if (NT_SUCCESS(status))
        Response->Rsp.SetEa.FileInfo = info;
    return status;
}

FSP_OPERATION(QueryStreamInformation) {
    ULONG size = 0;
    if (!FileSystem->Interface->GetStreamInfo)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status =
        FileSystem->Interface->GetStreamInfo(FileSystem, FILE_CONTEXT(FileSystem, Request, QueryStreamInformation),
                                             Response->Buffer, (ULONG)FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX, &size);
    return answer_data(Response, status, size, &Response->Rsp.QueryStreamInformation.Buffer);
}

FSP_OPERATION(QuerySecurity) {
    SIZE_T size = FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX;
    if (!FileSystem->Interface->GetSecurity)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = FileSystem->Interface->GetSecurity(FileSystem, FILE_CONTEXT(FileSystem, Request, QuerySecurity),
                                                         Response->Buffer, &size);
    return answer_data(Response, status == STATUS_BUFFER_OVERFLOW ? STATUS_INVALID_SECURITY_DESCR : status, size,
                       &Response->Rsp.QuerySecurity.SecurityDescriptor);
}

FSP_OPERATION(SetSecurity) {
    if (!FileSystem->Interface->SetSecurity)
        return STATUS_INVALID_DEVICE_REQUEST;
    return FileSystem->Interface->SetSecurity(FileSystem, FILE_CONTEXT(FileSystem, Request, SetSecurity),
                                              Request->Req.SetSecurity.SecurityInformation,
                                              fsp_piece(Request, Request->Req.SetSecurity.SecurityDescriptor));
}

/* ---- directories ----------------------------------------------------------------------------------------------- */

#define NAME_UNITS 255

static NTSTATUS query_one(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, PWSTR name, PULONG ret_count) {
    union {
        FSP_FSCTL_DIR_INFO info;
        unsigned char bytes[sizeof(FSP_FSCTL_DIR_INFO) + NAME_UNITS * sizeof(WCHAR)];
    } entry;
    PVOID buffer = (PVOID)(UINT_PTR)request->Req.QueryDirectory.Address;
    memset(&entry.info, 0, sizeof entry.info);
    NTSTATUS status = fs->Interface->GetDirInfoByName(fs, FILE_CONTEXT(fs, request, QueryDirectory), name, &entry.info);
    if (NT_SUCCESS(status) && entry.info.Size > sizeof entry.bytes)
        return STATUS_INTERNAL_ERROR;
    if (NT_SUCCESS(status))
        FspFileSystemAddDirInfo(&entry.info, buffer, request->Req.QueryDirectory.Length, ret_count);
    else if (status != STATUS_OBJECT_NAME_NOT_FOUND)
        return status;
    FspFileSystemAddDirInfo(NULL, buffer, request->Req.QueryDirectory.Length, ret_count);
    return STATUS_SUCCESS;
}

FSP_OPERATION(QueryDirectory) {
    ULONG count = 0, length = Request->Req.QueryDirectory.Length;
    PWSTR pattern = (PWSTR)fsp_piece(Request, Request->Req.QueryDirectory.Pattern);
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    if (Request->Req.QueryDirectory.PatternIsFileName && pattern && FileSystem->Interface->GetDirInfoByName)
        status = query_one(FileSystem, Request, pattern, &count);
    else if (FileSystem->Interface->ReadDirectory)
        status =
            FileSystem->Interface->ReadDirectory(FileSystem, FILE_CONTEXT(FileSystem, Request, QueryDirectory), pattern,
                                                 (PWSTR)fsp_piece(Request, Request->Req.QueryDirectory.Marker),
                                                 (PVOID)(UINT_PTR)Request->Req.QueryDirectory.Address, length, &count);
    return answer_count(Response, status, count, length);
}

/* ---- control codes --------------------------------------------------------------------------------------------- */

static bool lists_names(const unsigned char *buffer, ULONG count) {
    for (ULONG at = 0; at + sizeof(FSP_FSCTL_DIR_INFO) <= count;) {
        const FSP_FSCTL_DIR_INFO *entry = (const void *)(buffer + at);
        if (entry->Size < sizeof *entry || entry->Size > count - at)
            return false;
        size_t length = (entry->Size - sizeof *entry) / sizeof(WCHAR);
        bool dots = (length == 1 && entry->FileNameBuf[0] == '.') ||
                    (length == 2 && entry->FileNameBuf[0] == '.' && entry->FileNameBuf[1] == '.');
        if (!dots)
            return true;
        at += (ULONG)FSP_FSCTL_DEFAULT_ALIGN_UP(entry->Size);
    }
    return false;
}

/* Only an empty directory may become a reparse point. */
static NTSTATUS check_directory_empty(FSP_FILE_SYSTEM *fs, PVOID context) {
    const FSP_FILE_SYSTEM_INTERFACE *interface = fs->Interface;
    unsigned char buffer[4096] __attribute__((aligned(8)));
    FSP_FSCTL_FILE_INFO info = {0};
    ULONG count = 0;
    if (fs->UmNoReparsePointsDirCheck || !interface->GetFileInfo || !interface->ReadDirectory)
        return STATUS_SUCCESS;
    if (!NT_SUCCESS(interface->GetFileInfo(fs, context, &info)) || !(info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        return STATUS_SUCCESS;
    NTSTATUS status = interface->ReadDirectory(fs, context, NULL, NULL, buffer, sizeof buffer, &count);
    return NT_SUCCESS(status) && status != STATUS_PENDING && count <= sizeof buffer && lists_names(buffer, count)
               ? STATUS_DIRECTORY_NOT_EMPTY
               : STATUS_SUCCESS;
}

static NTSTATUS get_reparse_point(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request,
                                  FSP_FSCTL_TRANSACT_RSP *response, PVOID context) {
    SIZE_T size = FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX;
    if (!fs->Interface->GetReparsePoint)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = fs->Interface->GetReparsePoint(fs, context, fsp_request_name(request), response->Buffer, &size);
    return answer_data(response, status, size, &response->Rsp.FileSystemControl.Buffer);
}

FSP_OPERATION(FileSystemControl) {
    const FSP_FILE_SYSTEM_INTERFACE *interface = FileSystem->Interface;
    PVOID context = FILE_CONTEXT(FileSystem, Request, FileSystemControl);
    PVOID data = fsp_piece(Request, Request->Req.FileSystemControl.Buffer);
    SIZE_T size = Request->Req.FileSystemControl.Buffer.Size;
    NTSTATUS status;
    switch (Request->Req.FileSystemControl.FsControlCode) {
    case FSCTL_GET_REPARSE_POINT:
        return get_reparse_point(FileSystem, Request, Response, context);
    case FSCTL_SET_REPARSE_POINT:
        if (!interface->SetReparsePoint)
            return STATUS_INVALID_DEVICE_REQUEST;
        status = check_directory_empty(FileSystem, context);
        return NT_SUCCESS(status)
                   ? interface->SetReparsePoint(FileSystem, context, fsp_request_name(Request), data, size)
                   : status;
    case FSCTL_DELETE_REPARSE_POINT:
        if (!interface->DeleteReparsePoint)
            return STATUS_INVALID_DEVICE_REQUEST;
        return interface->DeleteReparsePoint(FileSystem, context, fsp_request_name(Request), data, size);
    default:
        return STATUS_INVALID_DEVICE_REQUEST;
    }
}

FSP_OPERATION(DeviceControl) {
    ULONG size = 0, room = Request->Req.DeviceControl.OutputLength;
    if (!FileSystem->Interface->Control)
        return STATUS_INVALID_DEVICE_REQUEST;
    if (room > FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX)
        room = (ULONG)FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX;
    NTSTATUS status = FileSystem->Interface->Control(
        FileSystem, FILE_CONTEXT(FileSystem, Request, DeviceControl), Request->Req.DeviceControl.IoControlCode,
        fsp_piece(Request, Request->Req.DeviceControl.Buffer), Request->Req.DeviceControl.Buffer.Size, Response->Buffer,
        room, &size);
    if (NT_SUCCESS(status) && size > room)
        return STATUS_INTERNAL_ERROR;
    return answer_data(Response, status, size, &Response->Rsp.DeviceControl.Buffer);
}

/* ---- the volume ------------------------------------------------------------------------------------------------ */

static void limit_label(FSP_FSCTL_VOLUME_INFO *info) {
    if (info->VolumeLabelLength > sizeof info->VolumeLabel)
        info->VolumeLabelLength = sizeof info->VolumeLabel;
}

FSP_OPERATION(QueryVolumeInformation) {
    FSP_FSCTL_VOLUME_INFO info = {0};
    if (!FileSystem->Interface->GetVolumeInfo)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = FileSystem->Interface->GetVolumeInfo(FileSystem, &info);
    limit_label(&info);
    if (NT_SUCCESS(status))
        Response->Rsp.QueryVolumeInformation.VolumeInfo = info;
    return status;
}

FSP_OPERATION(SetVolumeInformation) {
    FSP_FSCTL_VOLUME_INFO info = {0};
    PWSTR label = (PWSTR)fsp_piece(Request, Request->Req.SetVolumeInformation.Info.Label.VolumeLabel);
    if (Request->Req.SetVolumeInformation.FsInformationClass != FspFsLabelInformation || !label)
        return STATUS_INVALID_PARAMETER;
    if (!FileSystem->Interface->SetVolumeLabel)
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = FileSystem->Interface->SetVolumeLabel(FileSystem, label, &info);
    limit_label(&info);
    if (NT_SUCCESS(status))
        Response->Rsp.SetVolumeInformation.VolumeInfo = info;
    return status;
}
