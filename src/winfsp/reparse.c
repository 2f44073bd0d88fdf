/* SPDX-License-Identifier: MIT */
/* Reparse points on the way of a path: finding and resolving them, for file systems that keep them by name. */
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/text.h"

#define LINKS_MAX 32
#define PATH_UNITS 32768

/* ---- Find ------------------------------------------------------------------------------------------------------ */

BOOLEAN FSP_ABI FspFileSystemFindReparsePoint(FSP_FILE_SYSTEM *FileSystem,
                                              FSP_GET_REPARSE_POINT_BY_NAME *GetReparsePointByName, PVOID Context,
                                              PWSTR FileName, PUINT32 PReparsePointIndex) {
    for (PWSTR at = FileName; *at;) {
        while (*at == '\\')
            at++;
        PWSTR component = at;
        while (*at && *at != '\\' && *at != ':')
            at++;
        if (*at != '\\') /* the last one, or a stream's */
            return FALSE;
        *at = 0;
        NTSTATUS status = GetReparsePointByName(FileSystem, Context, FileName, TRUE, NULL, NULL);
        *at = '\\';
        if (NT_SUCCESS(status)) {
            if (PReparsePointIndex)
                *PReparsePointIndex = (UINT32)(component - FileName);
            return TRUE;
        }
        if (status != STATUS_NOT_A_REPARSE_POINT)
            return FALSE;
    }
    return FALSE;
}

/* ---- Resolve --------------------------------------------------------------------------------------------------- */

/* A path that is being resolved: what is done, and what is still to do. */
struct resolving {
    WCHAR *path;
    size_t done; /* units that have no links in them */
    WCHAR *rest;
    unsigned links;
};

static const WCHAR *target_of(const REPARSE_DATA_BUFFER *data, SIZE_T size, size_t *ret_units) {
    size_t head = offsetof(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer);
    size_t offset = data->SymbolicLinkReparseBuffer.SubstituteNameOffset;
    size_t length = data->SymbolicLinkReparseBuffer.SubstituteNameLength;
    if (size < head || offset + length > size - head)
        return NULL;
    *ret_units = length / sizeof(WCHAR);
    return (const WCHAR *)(const void *)((const char *)data + head + offset);
}

/* The target takes the component's place: in front of what is still to do. */
static NTSTATUS follow(struct resolving *resolving, size_t component, const WCHAR *target, size_t units) {
    size_t rest = fsp_wide_length(resolving->rest);
    if (++resolving->links > LINKS_MAX || units + rest + 2 > PATH_UNITS)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    memmove(resolving->rest + units + 1, resolving->rest, (rest + 1) * sizeof(WCHAR));
    memcpy(resolving->rest, target, units * sizeof(WCHAR));
    resolving->rest[units] = '\\';
    if (rest == 0)
        resolving->rest[units] = 0;
    resolving->done = units > 0 && target[0] == '\\' ? 0 : component;
    resolving->path[resolving->done] = 0;
    return STATUS_SUCCESS;
}

/* Takes the next component from what is to do. */
static size_t next_component(struct resolving *resolving, WCHAR *component) {
    WCHAR *at = resolving->rest;
    size_t length = 0;
    while (*at == '\\')
        at++;
    while (at[length] && at[length] != '\\')
        length++;
    memcpy(component, at, length * sizeof *component);
    component[length] = 0;
    at += length;
    while (*at == '\\')
        at++;
    memmove(resolving->rest, at, (fsp_wide_length(at) + 1) * sizeof *at);
    return length;
}

static void go_up(struct resolving *resolving) {
    while (resolving->done > 0 && resolving->path[--resolving->done] != '\\')
        ;
    resolving->path[resolving->done] = 0;
}

static bool is_dots(const WCHAR *component, size_t length, size_t dots) {
    return length == dots && component[0] == '.' && component[dots - 1] == '.';
}

struct resolve_call {
    FSP_FILE_SYSTEM *fs;
    FSP_GET_REPARSE_POINT_BY_NAME *get;
    PVOID context;
    bool last_too;
    union {
        REPARSE_DATA_BUFFER data;
        unsigned char bytes[MAXIMUM_REPARSE_DATA_BUFFER_SIZE];
    } point;
    SIZE_T size;
    bool ended; /* with point as the answer */
};

static NTSTATUS use_point(struct resolve_call *call, struct resolving *resolving, size_t component) {
    const REPARSE_DATA_BUFFER *data = &call->point.data;
    size_t units = 0;
    if (call->size < REPARSE_DATA_BUFFER_HEADER_SIZE || call->size > sizeof call->point)
        return STATUS_IO_REPARSE_DATA_INVALID;
    bool relative =
        data->ReparseTag == IO_REPARSE_TAG_SYMLINK && (data->SymbolicLinkReparseBuffer.Flags & SYMLINK_FLAG_RELATIVE);
    if (!relative) { /* the system's, not ours */
        call->ended = true;
        return STATUS_SUCCESS;
    }
    const WCHAR *target = target_of(data, call->size, &units);
    return target ? follow(resolving, component, target, units) : STATUS_IO_REPARSE_DATA_INVALID;
}

/* One component more. */
static NTSTATUS step(struct resolve_call *call, struct resolving *resolving, WCHAR *component) {
    size_t length = next_component(resolving, component), begin = resolving->done;
    bool last = *resolving->rest == 0;
    if (length == 0 || is_dots(component, length, 1))
        return STATUS_SUCCESS;
    if (is_dots(component, length, 2)) {
        go_up(resolving);
        return STATUS_SUCCESS;
    }
    if (begin + length + 2 > PATH_UNITS)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    resolving->path[begin] = '\\';
    memcpy(resolving->path + begin + 1, component, (length + 1) * sizeof *component);
    resolving->done = begin + 1 + length;
    if (last && !call->last_too)
        return STATUS_SUCCESS;
    call->size = sizeof call->point;
    NTSTATUS status = call->get(call->fs, call->context, resolving->path, !last, &call->point, &call->size);
    if (NT_SUCCESS(status))
        return use_point(call, resolving, begin);
    if (status == STATUS_NOT_A_REPARSE_POINT || (last && status == STATUS_OBJECT_NAME_NOT_FOUND))
        return STATUS_SUCCESS;
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;
}

static NTSTATUS answer_path(const struct resolving *resolving, PIO_STATUS_BLOCK io, REPARSE_DATA_BUFFER *data,
                            PSIZE_T size) {
    size_t units = resolving->done ? resolving->done : 1, bytes = units * sizeof(WCHAR);
    size_t head = offsetof(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer);
    static const WCHAR root[] = {'\\'};
    if (*size < head + bytes || head + bytes > MAXIMUM_REPARSE_DATA_BUFFER_SIZE)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    memset(data, 0, head);
    data->ReparseTag = IO_REPARSE_TAG_SYMLINK;
    data->ReparseDataLength = (USHORT)(head - REPARSE_DATA_BUFFER_HEADER_SIZE + bytes);
    data->SymbolicLinkReparseBuffer.SubstituteNameLength = (USHORT)bytes;
    data->SymbolicLinkReparseBuffer.PrintNameLength = (USHORT)bytes;
    data->SymbolicLinkReparseBuffer.Flags = SYMLINK_FLAG_RELATIVE;
    memcpy((char *)data + head, resolving->done ? resolving->path : root, bytes);
    *size = head + bytes;
    io->Status = STATUS_REPARSE;
    io->Information = IO_REPARSE_TAG_SYMLINK;
    return STATUS_REPARSE;
}

static NTSTATUS answer_point(const struct resolve_call *call, PIO_STATUS_BLOCK io, PVOID buffer, PSIZE_T size) {
    if (*size < call->size)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    memcpy(buffer, &call->point, call->size);
    *size = call->size;
    io->Status = STATUS_REPARSE;
    io->Information = call->point.data.ReparseTag;
    return STATUS_REPARSE;
}

NTSTATUS FSP_ABI FspFileSystemResolveReparsePoints(FSP_FILE_SYSTEM *FileSystem,
                                                   FSP_GET_REPARSE_POINT_BY_NAME *GetReparsePointByName, PVOID Context,
                                                   PWSTR FileName, UINT32 ReparsePointIndex,
                                                   BOOLEAN ResolveLastPathComponent, PIO_STATUS_BLOCK PIoStatus,
                                                   PVOID Buffer, PSIZE_T PSize) {
    size_t length = fsp_wide_length(FileName), index = ReparsePointIndex < length ? ReparsePointIndex : length;
    _cleanup_free_ WCHAR *memory = malloc(3 * PATH_UNITS * sizeof *memory);
    _cleanup_free_ struct resolve_call *call = malloc(sizeof *call);
    if (!memory || !call)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (length + 2 > PATH_UNITS)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    struct resolving resolving = {.path = memory, .rest = memory + PATH_UNITS};
    call->fs = FileSystem;
    call->get = GetReparsePointByName;
    call->context = Context;
    call->last_too = ResolveLastPathComponent;
    call->ended = false;
    while (index > 0 && FileName[index - 1] == '\\') /* what is done has no backslash behind it */
        index--;
    memcpy(resolving.path, FileName, index * sizeof *FileName);
    resolving.path[index] = 0;
    resolving.done = index;
    memcpy(resolving.rest, FileName + index, (length - index + 1) * sizeof *FileName);
    while (*resolving.rest) {
        NTSTATUS status = step(call, &resolving, memory + 2 * (size_t)PATH_UNITS);
        if (!NT_SUCCESS(status))
            return status;
        if (call->ended)
            return answer_point(call, PIoStatus, Buffer, PSize);
    }
    return answer_path(&resolving, PIoStatus, Buffer, PSize);
}

/* ---- CanReplace ------------------------------------------------------------------------------------------------ */

NTSTATUS FSP_ABI FspFileSystemCanReplaceReparsePoint(PVOID CurrentReparseData, SIZE_T CurrentReparseDataSize,
                                                     PVOID ReplaceReparseData, SIZE_T ReplaceReparseDataSize) {
    ULONG current, replacement;
    if (CurrentReparseDataSize < sizeof current || ReplaceReparseDataSize < sizeof replacement)
        return STATUS_IO_REPARSE_DATA_INVALID;
    memcpy(&current, CurrentReparseData, sizeof current);
    memcpy(&replacement, ReplaceReparseData, sizeof replacement);
    if (current != replacement)
        return STATUS_IO_REPARSE_TAG_MISMATCH;
    if (IsReparseTagMicrosoft(current))
        return STATUS_SUCCESS;
    size_t at = offsetof(REPARSE_GUID_DATA_BUFFER, ReparseGuid), end = at + sizeof(GUID);
    if (CurrentReparseDataSize < end || ReplaceReparseDataSize < end)
        return STATUS_IO_REPARSE_DATA_INVALID;
    return memcmp((char *)CurrentReparseData + at, (char *)ReplaceReparseData + at, sizeof(GUID)) == 0
               ? STATUS_SUCCESS
               : STATUS_REPARSE_ATTRIBUTE_CONFLICT;
}
