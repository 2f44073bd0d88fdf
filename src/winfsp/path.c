/* SPDX-License-Identifier: MIT */
/* Paths: taking them apart and together in place, and between Windows and POSIX. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "winfsp/status.h"
#include "winfsp/text.h"

VOID FSP_ABI FspPathPrefix(PWSTR Path, PWSTR *PPrefix, PWSTR *PRemain, PWSTR Root) {
    PWSTR at = Path;
    while (*at && *at != '\\')
        at++;
    PWSTR rest = at;
    while (*rest == '\\')
        rest++;
    if (*at)
        *at = 0;
    *PPrefix = at == Path && rest != at && Root ? Root : Path;
    *PRemain = rest;
}

VOID FSP_ABI FspPathSuffix(PWSTR Path, PWSTR *PRemain, PWSTR *PSuffix, PWSTR Root) {
    PWSTR last = NULL, at = Path;
    for (; *at; at++)
        if (*at == '\\' && (at == Path || at[-1] != '\\'))
            last = at;
    if (!last) {
        *PRemain = Path;
        *PSuffix = at;
        return;
    }
    PWSTR suffix = last;
    while (*suffix == '\\')
        suffix++;
    *last = 0;
    *PRemain = last == Path && Root ? Root : Path;
    *PSuffix = suffix;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the API's */
VOID FSP_ABI FspPathCombine(PWSTR Prefix, PWSTR Suffix) {
    for (PWSTR at = Prefix; at < Suffix; at++)
        if (!*at)
            *at = '\\';
}

/* ---- POSIX ----------------------------------------------------------------------------------------------------- */

#define PRIVATE_USE 0xf000

static bool is_encoded(WCHAR unit) {
    return (unit > 0 && unit < 0x20) || (unit < 0x80 && unit && strchr("<>:\"\\|?*", unit));
}

static WCHAR encode_unit(WCHAR unit) {
    return unit == '/' ? '\\' : is_encoded(unit) ? (WCHAR)(PRIVATE_USE | unit) : unit;
}

static WCHAR decode_unit(WCHAR unit) {
    if (unit == '\\')
        return '/';
    return (unit & 0xff00) == PRIVATE_USE && is_encoded(unit & 0xff) ? (WCHAR)(unit & 0xff) : unit;
}

VOID FSP_ABI FspPosixEncodeWindowsPath(PWSTR WindowsPath, ULONG Size) {
    for (ULONG i = 0; i < Size; i++)
        WindowsPath[i] = encode_unit(WindowsPath[i]);
}

VOID FSP_ABI FspPosixDecodeWindowsPath(PWSTR WindowsPath, ULONG Size) {
    for (ULONG i = 0; i < Size; i++)
        WindowsPath[i] = decode_unit(WindowsPath[i]);
}

NTSTATUS FSP_ABI FspPosixMapWindowsToPosixPathEx(PWSTR WindowsPath, char **PPosixPath, BOOLEAN Translate) {
    size_t length = fsp_wide_length(WindowsPath);
    *PPosixPath = NULL;
    PWSTR copy = fsp_wide_copy(WindowsPath, length);
    if (!copy)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (Translate)
        FspPosixDecodeWindowsPath(copy, (ULONG)length);
    *PPosixPath = fsp_wide_to_utf8_new(copy);
    free(copy);
    return *PPosixPath ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS FSP_ABI FspPosixMapPosixToWindowsPathEx(const char *PosixPath, PWSTR *PWindowsPath, BOOLEAN Translate) {
    size_t size = strlen(PosixPath);
    *PWindowsPath = NULL;
    PWSTR path = malloc((size + 1) * sizeof *path);
    if (!path)
        return STATUS_INSUFFICIENT_RESOURCES;
    int length = fsp_utf8_to_wide(PosixPath, size, path, size);
    if (length < 0) {
        free(path);
        return fsp_status_from_errno(length);
    }
    path[length] = 0;
    if (Translate)
        FspPosixEncodeWindowsPath(path, (ULONG)length);
    *PWindowsPath = path;
    return STATUS_SUCCESS;
}

VOID FSP_ABI FspPosixDeletePath(void *Path) {
    free(Path);
}
