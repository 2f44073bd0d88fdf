/* SPDX-License-Identifier: MIT */
/* The debug log: a line for each request and each response of the kinds that FSP_FILE_SYSTEM.DebugLog has a bit for. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/format.h"
#include "winfsp/operations.h"
#include "winfsp/platform.h"
#include "winfsp/security.h"
#include "winfsp/sid.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

#define LINE_MAX_BYTES 1024

static _Atomic(HANDLE) log_handle;

VOID FSP_ABI FspDebugLogSetHandle(HANDLE Handle) {
    atomic_store(&log_handle, Handle);
}

static void write_line(const char *text) {
    fsp_write_handle(atomic_load(&log_handle), text, strlen(text));
}

VOID FSP_ABI FspDebugLog(const char *Format, ...) {
    char line[LINE_MAX_BYTES * 3];
    FSP_VA_LIST arguments;
    FSP_VA_START(arguments, Format);
    fsp_format_bytes(line, sizeof line, Format, arguments);
    FSP_VA_END(arguments);
    write_line(line);
}

/* ---- things in words ------------------------------------------------------------------------------------------- */

static int append(char *text, size_t size, size_t used, const char *more) {
    return snprintf(used < size ? text + used : NULL, used < size ? size - used : 0, "%s", more);
}

static size_t append_acl(char *text, size_t size, size_t used, const ACL *acl) {
    size_t at = sizeof(ACL);
    for (unsigned i = 0; i < acl->AceCount; i++) {
        const unsigned char *ace = (const unsigned char *)acl + at;
        const ACE_HEADER *head = (const void *)ace;
        char sid[200], entry[280];
        UINT32 mask;
        memcpy(&mask, ace + 4, sizeof mask);
        fsp_sid_text(ace + 8, sid, sizeof sid);
        snprintf(entry, sizeof entry, "(%s;0x%x;0x%x;%s)", head->AceType == ACCESS_ALLOWED_ACE_TYPE ? "A" : "D",
                 head->AceFlags, mask, sid);
        used += (size_t)append(text, size, used, entry);
        at += head->AceSize;
    }
    return used;
}

VOID FSP_ABI FspDebugLogSD(const char *Format, PSECURITY_DESCRIPTOR SecurityDescriptor) {
    char text[LINE_MAX_BYTES] = "(null)", sid[200];
    size_t used = 0;
    if (SecurityDescriptor && fsp_descriptor_size(SecurityDescriptor) > 0) {
        PSID owner = fsp_descriptor_owner(SecurityDescriptor), group = fsp_descriptor_group(SecurityDescriptor);
        fsp_sid_text(owner, sid, sizeof sid);
        used += (size_t)snprintf(text, sizeof text, "O:%s", sid);
        fsp_sid_text(group, sid, sizeof sid);
        used += (size_t)snprintf(text + used, sizeof text - used, "G:%s", sid);
        const ACL *dacl = fsp_descriptor_dacl(SecurityDescriptor);
        used += (size_t)append(text, sizeof text, used, "D:");
        if (dacl)
            append_acl(text, sizeof text, used, dacl);
    } else if (SecurityDescriptor)
        snprintf(text, sizeof text, "(invalid)");
    FspDebugLog(Format, text);
}

VOID FSP_ABI FspDebugLogSid(const char *Format, PSID Sid) {
    char text[200];
    if (Sid)
        fsp_sid_text(Sid, text, sizeof text);
    else
        snprintf(text, sizeof text, "(null)");
    FspDebugLog(Format, text);
}

static void time_text(UINT64 file_time, char *ret_text, size_t size) {
    FSP_INT3264 unix_time[2];
    struct tm parts;
    if (file_time == 0) {
        snprintf(ret_text, size, "0");
        return;
    }
    FspPosixFileTimeToUnixTime(file_time, unix_time);
    time_t seconds = (time_t)unix_time[0];
    if (!gmtime_r(&seconds, &parts)) {
        snprintf(ret_text, size, "?");
        return;
    }
    snprintf(ret_text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", parts.tm_year + 1900, parts.tm_mon + 1,
             parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (long)(unix_time[1] / 1000000));
}

VOID FSP_ABI FspDebugLogFT(const char *Format, PFILETIME FileTime) {
    char text[64];
    time_text((UINT64)FileTime->dwHighDateTime << 32 | FileTime->dwLowDateTime, text, sizeof text);
    FspDebugLog(Format, text);
}

/* ---- requests and responses ------------------------------------------------------------------------------------ */

static const char *const kinds[FspFsctlTransactKindCount] = {
    "Reserved",
    "Create",
    "Overwrite",
    "Cleanup",
    "Close",
    "Read",
    "Write",
    "QueryInformation",
    "SetInformation",
    "QueryEa",
    "SetEa",
    "FlushBuffers",
    "QueryVolumeInformation",
    "SetVolumeInformation",
    "QueryDirectory",
    "FileSystemControl",
    "DeviceControl",
    "Shutdown",
    "LockControl",
    "QuerySecurity",
    "SetSecurity",
    "QueryStreamInformation",
};

static const char *kind_name(UINT32 kind) {
    return kind < FspFsctlTransactKindCount ? kinds[kind] : "Invalid";
}

/* "[U] PROGRAM[TID=...]: HINT: " */
static size_t begin_line(char *line, size_t size, UINT64 hint) {
    return (size_t)snprintf(line, size, "[U] %s[TID=%04lx]: %016" PRIx64 ": ", program_invocation_short_name,
                            (unsigned long)syscall(SYS_gettid), hint);
}

static size_t append_name(char *line, size_t size, size_t used, FSP_FSCTL_TRANSACT_REQ *request) {
    PWSTR name = fsp_request_name(request);
    _cleanup_free_ char *text = name ? fsp_wide_to_utf8_new(name) : NULL;
    return text ? used + (size_t)snprintf(line + used, size - used, " \"%.600s\"", text) : used;
}

static size_t append_contexts(char *line, size_t size, size_t used, UINT64 context, UINT64 context2) {
    return used + (size_t)snprintf(line + used, size - used, " [%" PRIx64 ":%" PRIx64 "]", context, context2);
}

static size_t append_request(char *line, size_t size, size_t used, const FSP_FSCTL_TRANSACT_REQ *request) {
    char *at = line + used;
    size_t left = size - used;
    switch (request->Kind) {
    case FspFsctlTransactCreateKind:
        return used + (size_t)snprintf(at, left, ", %s, CreateOptions=%x, FileAttributes=%x, DesiredAccess=%x",
                                       request->Req.Create.UserMode ? "UserMode" : "KernelMode",
                                       request->Req.Create.CreateOptions, request->Req.Create.FileAttributes,
                                       request->Req.Create.DesiredAccess);
    case FspFsctlTransactCleanupKind:
        return used + (size_t)snprintf(at, left, "%s%s%s%s%s%s", request->Req.Cleanup.Delete ? ", Delete" : "",
                                       request->Req.Cleanup.SetAllocationSize ? ", SetAllocationSize" : "",
                                       request->Req.Cleanup.SetArchiveBit ? ", SetArchiveBit" : "",
                                       request->Req.Cleanup.SetLastAccessTime ? ", SetLastAccessTime" : "",
                                       request->Req.Cleanup.SetLastWriteTime ? ", SetLastWriteTime" : "",
                                       request->Req.Cleanup.SetChangeTime ? ", SetChangeTime" : "");
    case FspFsctlTransactReadKind:
    case FspFsctlTransactWriteKind: /* of the same shape */
        return used + (size_t)snprintf(at, left, ", Offset=%" PRIx64 ", Length=%x", request->Req.Read.Offset,
                                       request->Req.Read.Length);
    case FspFsctlTransactSetInformationKind:
        return used + (size_t)snprintf(at, left, ", Class=%u", request->Req.SetInformation.FileInformationClass);
    case FspFsctlTransactQueryDirectoryKind:
        return used + (size_t)snprintf(at, left, ", Length=%x", request->Req.QueryDirectory.Length);
    case FspFsctlTransactFileSystemControlKind:
        return used + (size_t)snprintf(at, left, ", FsControlCode=%x", request->Req.FileSystemControl.FsControlCode);
    case FspFsctlTransactDeviceControlKind:
        return used + (size_t)snprintf(at, left, ", IoControlCode=%x", request->Req.DeviceControl.IoControlCode);
    default:
        return used;
    }
}

VOID FSP_ABI FspDebugLogRequest(FSP_FSCTL_TRANSACT_REQ *Request) {
    char line[LINE_MAX_BYTES];
    size_t used = begin_line(line, sizeof line - 2, Request->Hint);
    used += (size_t)snprintf(line + used, sizeof line - used, ">>%s", kind_name(Request->Kind));
    used = append_name(line, sizeof line, used, Request);
    bool has_context = Request->Kind != FspFsctlTransactCreateKind &&
                       Request->Kind != FspFsctlTransactSetVolumeInformationKind &&
                       Request->Kind != FspFsctlTransactQueryVolumeInformationKind;
    if (has_context) /* stand first in all of these */
        used =
            append_contexts(line, sizeof line, used, Request->Req.Close.UserContext, Request->Req.Close.UserContext2);
    used = append_request(line, sizeof line - 2, used, Request);
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used] = '\n';
    line[used + 1] = 0;
    write_line(line);
}

static size_t append_info(char *line, size_t size, size_t used, const FSP_FSCTL_FILE_INFO *info) {
    char written[64];
    time_text(info->LastWriteTime, written, sizeof written);
    return used + (size_t)snprintf(line + used, size - used,
                                   ", FileInfo={FileAttributes=%x, ReparseTag=%x, AllocationSize=%" PRIx64
                                   ", FileSize=%" PRIx64 ", LastWriteTime=%s, IndexNumber=%" PRIx64 "}",
                                   info->FileAttributes, info->ReparseTag, info->AllocationSize, info->FileSize,
                                   written, info->IndexNumber);
}

static size_t append_response(char *line, size_t size, size_t used, const FSP_FSCTL_TRANSACT_RSP *response) {
    switch (response->Kind) {
    case FspFsctlTransactCreateKind:
        if (response->IoStatus.Status == (UINT32)STATUS_REPARSE)
            return used;
        used = append_contexts(line, size, used, response->Rsp.Create.Opened.UserContext,
                               response->Rsp.Create.Opened.UserContext2);
        return append_info(line, size, used, &response->Rsp.Create.Opened.FileInfo);
    case FspFsctlTransactOverwriteKind:
    case FspFsctlTransactWriteKind:
    case FspFsctlTransactQueryInformationKind:
    case FspFsctlTransactSetInformationKind:
    case FspFsctlTransactFlushBuffersKind:
    case FspFsctlTransactSetEaKind: /* all of the same shape */
        return append_info(line, size, used, &response->Rsp.QueryInformation.FileInfo);
    default:
        return used;
    }
}

VOID FSP_ABI FspDebugLogResponse(FSP_FSCTL_TRANSACT_RSP *Response) {
    char line[LINE_MAX_BYTES];
    size_t used = begin_line(line, sizeof line - 2, Response->Hint);
    used += (size_t)snprintf(line + used, sizeof line - used, "<<%s IoStatus=%x[%u]", kind_name(Response->Kind),
                             Response->IoStatus.Status, Response->IoStatus.Information);
    if (NT_SUCCESS((NTSTATUS)Response->IoStatus.Status))
        used = append_response(line, sizeof line - 2, used, Response);
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used] = '\n';
    line[used + 1] = 0;
    write_line(line);
}
