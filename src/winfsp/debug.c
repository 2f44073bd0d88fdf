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

/* Adds to a text of size bytes of which so many are used; what does not fit is cut off. Returns what is used then. */
__attribute__((format(printf, 4, 5))) static size_t append(char *text, size_t size, size_t used, const char *format,
                                                           ...) {
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
    if (more < 0)
        return used;
    return used + (size_t)more < size ? used + (size_t)more : size - 1;
}

static size_t append_acl(char *text, size_t size, size_t used, const ACL *acl) {
    size_t at = sizeof(ACL);
    for (unsigned i = 0; i < acl->AceCount; i++) {
        const unsigned char *ace = (const unsigned char *)acl + at;
        const ACE_HEADER *head = (const void *)ace;
        char sid[200];
        UINT32 mask;
        memcpy(&mask, ace + 4, sizeof mask);
        fsp_sid_text(ace + 8, sid, sizeof sid);
        used = append(text, size, used, "(%s;0x%x;0x%x;%s)", head->AceType == ACCESS_ALLOWED_ACE_TYPE ? "A" : "D",
                      head->AceFlags, mask, sid);
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
        used = append(text, sizeof text, used, "O:%s", sid);
        fsp_sid_text(group, sid, sizeof sid);
        used = append(text, sizeof text, used, "G:%s", sid);
        const ACL *dacl = fsp_descriptor_dacl(SecurityDescriptor);
        used = append(text, sizeof text, used, "D:");
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

/* A line of the log: at most LINE_MAX_BYTES, with its NUL. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t used;
};

#define ADD(line, ...) ((line)->used = append((line)->text, LINE_MAX_BYTES - 1, (line)->used, __VA_ARGS__))

static void write_and_end(struct line *line) {
    line->text[line->used] = '\n';
    line->text[line->used + 1] = 0;
    write_line(line->text);
}

static const char *kind_name(UINT32 kind) {
    return kind < FspFsctlTransactKindCount ? kinds[kind] : "Invalid";
}

/* "[U] PROGRAM[TID=...]: HINT: " */
static void begin_line(struct line *line, UINT64 hint) {
    line->used = 0;
    ADD(line, "[U] %.200s[TID=%04lx]: %016" PRIx64 ": ", program_invocation_short_name,
        (unsigned long)syscall(SYS_gettid), hint);
}

/* What the request's Size does not cover, or ends within the name, is not read. */
static void add_name(struct line *line, const FSP_FSCTL_TRANSACT_REQ *request) {
    WCHAR name[200];
    char text[ARRAY_SIZE(name) * 3 + 1];
    size_t left = request->Size - sizeof *request, offset = request->FileName.Offset, size = request->FileName.Size;
    if (size == 0)
        return;
    if (offset > left || size > left - offset) {
        ADD(line, " (a name outside of the request)");
        return;
    }
    size_t units = size / sizeof *name < ARRAY_SIZE(name) ? size / sizeof *name : ARRAY_SIZE(name), length = 0;
    memcpy(name, request->Buffer + offset, units * sizeof *name);
    while (length < units && name[length])
        length++;
    if (fsp_wide_to_utf8(name, length, text, sizeof text) >= 0)
        ADD(line, " \"%s\"", text);
}

static void add_contexts(struct line *line, UINT64 context, UINT64 context2) {
    ADD(line, " [%" PRIx64 ":%" PRIx64 "]", context, context2);
}

static void add_request(struct line *line, const FSP_FSCTL_TRANSACT_REQ *request) {
    switch (request->Kind) {
    case FspFsctlTransactCreateKind:
        ADD(line, ", %s, CreateOptions=%x, FileAttributes=%x, DesiredAccess=%x",
            request->Req.Create.UserMode ? "UserMode" : "KernelMode", request->Req.Create.CreateOptions,
            request->Req.Create.FileAttributes, request->Req.Create.DesiredAccess);
        break;
    case FspFsctlTransactCleanupKind:
        ADD(line, "%s%s%s%s%s%s", request->Req.Cleanup.Delete ? ", Delete" : "",
            request->Req.Cleanup.SetAllocationSize ? ", SetAllocationSize" : "",
            request->Req.Cleanup.SetArchiveBit ? ", SetArchiveBit" : "",
            request->Req.Cleanup.SetLastAccessTime ? ", SetLastAccessTime" : "",
            request->Req.Cleanup.SetLastWriteTime ? ", SetLastWriteTime" : "",
            request->Req.Cleanup.SetChangeTime ? ", SetChangeTime" : "");
        break;
    case FspFsctlTransactReadKind:
    case FspFsctlTransactWriteKind: /* of the same shape */
        ADD(line, ", Offset=%" PRIx64 ", Length=%x", request->Req.Read.Offset, request->Req.Read.Length);
        break;
    case FspFsctlTransactSetInformationKind:
        ADD(line, ", Class=%u", request->Req.SetInformation.FileInformationClass);
        break;
    case FspFsctlTransactQueryDirectoryKind:
        ADD(line, ", Length=%x", request->Req.QueryDirectory.Length);
        break;
    case FspFsctlTransactFileSystemControlKind:
        ADD(line, ", FsControlCode=%x", request->Req.FileSystemControl.FsControlCode);
        break;
    case FspFsctlTransactDeviceControlKind:
        ADD(line, ", IoControlCode=%x", request->Req.DeviceControl.IoControlCode);
        break;
    default:
        break;
    }
}

static bool has_contexts(UINT32 kind) {
    return kind != FspFsctlTransactCreateKind && kind != FspFsctlTransactSetVolumeInformationKind &&
           kind != FspFsctlTransactQueryVolumeInformationKind;
}

/* Of a message that is shorter than its fixed part, Size and Kind are there, and nothing more is read. */
#define HEAD_SIZE offsetof(FSP_FSCTL_TRANSACT_REQ, Hint)

VOID FSP_ABI FspDebugLogRequest(FSP_FSCTL_TRANSACT_REQ *Request) {
    struct line line;
    bool whole = Request->Size >= sizeof *Request;
    begin_line(&line, whole ? Request->Hint : 0);
    ADD(&line, ">>%s", Request->Size >= HEAD_SIZE ? kind_name(Request->Kind) : "Invalid");
    if (whole) {
        add_name(&line, Request);
        if (has_contexts(Request->Kind)) /* they stand first in all of these */
            add_contexts(&line, Request->Req.Close.UserContext, Request->Req.Close.UserContext2);
        add_request(&line, Request);
    } else
        ADD(&line, " (Size=%u)", Request->Size);
    write_and_end(&line);
}

static void add_info(struct line *line, const FSP_FSCTL_FILE_INFO *info) {
    char written[64];
    time_text(info->LastWriteTime, written, sizeof written);
    ADD(line,
        ", FileInfo={FileAttributes=%x, ReparseTag=%x, AllocationSize=%" PRIx64 ", FileSize=%" PRIx64
        ", LastWriteTime=%s, IndexNumber=%" PRIx64 "}",
        info->FileAttributes, info->ReparseTag, info->AllocationSize, info->FileSize, written, info->IndexNumber);
}

static void add_response(struct line *line, const FSP_FSCTL_TRANSACT_RSP *response) {
    switch (response->Kind) {
    case FspFsctlTransactCreateKind:
        if (response->IoStatus.Status == (UINT32)STATUS_REPARSE)
            break;
        add_contexts(line, response->Rsp.Create.Opened.UserContext, response->Rsp.Create.Opened.UserContext2);
        add_info(line, &response->Rsp.Create.Opened.FileInfo);
        break;
    case FspFsctlTransactOverwriteKind:
    case FspFsctlTransactWriteKind:
    case FspFsctlTransactQueryInformationKind:
    case FspFsctlTransactSetInformationKind:
    case FspFsctlTransactFlushBuffersKind:
    case FspFsctlTransactSetEaKind: /* all of the same shape */
        add_info(line, &response->Rsp.QueryInformation.FileInfo);
        break;
    default:
        break;
    }
}

VOID FSP_ABI FspDebugLogResponse(FSP_FSCTL_TRANSACT_RSP *Response) {
    struct line line;
    bool whole = Response->Size >= sizeof *Response;
    begin_line(&line, whole ? Response->Hint : 0);
    ADD(&line, "<<%s", Response->Size >= HEAD_SIZE ? kind_name(Response->Kind) : "Invalid");
    if (whole)
        ADD(&line, " IoStatus=%x[%u]", Response->IoStatus.Status, Response->IoStatus.Information);
    else
        ADD(&line, " (Size=%u)", Response->Size);
    if (whole && NT_SUCCESS((NTSTATUS)Response->IoStatus.Status))
        add_response(&line, Response);
    write_and_end(&line);
}
