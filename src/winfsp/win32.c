/* SPDX-License-Identifier: MIT */
/* What winfsp/win32.h and winfsp/wide.h are made of, on Linux. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "winfsp/format.h"
#include "winfsp/platform.h"
#include "winfsp/security.h"
#include "winfsp/text.h"

ULONG FspLinuxDescriptorSize(PSECURITY_DESCRIPTOR SecurityDescriptor) {
    return (ULONG)fsp_descriptor_size(SecurityDescriptor);
}

WCHAR FspLinuxUpper(WCHAR Unit) {
    return fsp_upper(Unit);
}

WCHAR FspLinuxLower(WCHAR Unit) {
    return fsp_lower(Unit);
}

int FspLinuxFormat(PWSTR To, SIZE_T Units, PCWSTR Format, va_list Arguments) {
    _cleanup_free_ char *text = fsp_format_wide_new(Format, Arguments);
    _cleanup_free_ PWSTR wide = text ? fsp_utf8_to_wide_new(text) : NULL;
    if (!wide)
        return -1;
    size_t length = fsp_wide_length(wide), fits = length < Units ? length : Units - 1;
    if (length > INT_MAX)
        return -1;
    if (To && Units > 0) {
        memcpy(To, wide, fits * sizeof *To);
        To[fits] = 0;
    }
    return (int)length;
}

/* In the library: programs in strict C (-std=c99, -std=c11) do not see clock_gettime. */
VOID FspLinuxTime(FILETIME *Time) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    UINT64 value = (UINT64)(now.tv_sec * INT64_C(10000000) + now.tv_nsec / 100 + FSP_UNIX_EPOCH);
    Time->dwLowDateTime = (DWORD)value;
    Time->dwHighDateTime = (DWORD)(value >> 32);
}

/* ---- conversions ----------------------------------------------------------------------------------------------- */

#define REPLACEMENT 0xfffd

/* Of a character that begins here: how many bytes it has, by its first one. */
static size_t sequence_length(unsigned char first) {
    return first < 0xc2 || first > 0xf4 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

/* Whether a second byte makes a character with this first one: not one that is encoded too long, a surrogate, or beyond
 * U+10FFFF. */
static bool may_be_second(unsigned char first, unsigned char byte) {
    unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    return byte >= least && byte <= most;
}

/* Of a character, or of bytes that are a part of one: its units. *ret_size: its bytes. A second byte that makes no
 * character ends it, and belongs to it, as in Wine. */
static int convert_one(PCSTR text, SIZE_T size, WCHAR *ret_units, size_t *ret_size) {
    size_t length = sequence_length((unsigned char)*text), there = 1;
    bool possible = true;
    for (; possible && there < length && there < size && (text[there] & 0xc0) == 0x80; there++)
        possible = there > 1 || may_be_second((unsigned char)*text, (unsigned char)text[1]);
    *ret_size = there;
    return possible && there == length ? fsp_utf8_to_wide(text, length, ret_units, 2) : -EILSEQ;
}

SSIZE_T FspLinuxToWide(PCSTR Text, SIZE_T Size, PWSTR To, SIZE_T Units, BOOLEAN Strict) {
    SIZE_T at = 0;
    for (SIZE_T from = 0, length; from < Size; from += length) {
        WCHAR units[2];
        int count = convert_one(Text + from, Size - from, units, &length);
        if (count < 0 && Strict)
            return -1;
        if (count < 0)
            units[0] = REPLACEMENT;
        for (int i = 0; i < (count < 0 ? 1 : count); i++, at++)
            if (To && at < Units)
                To[at] = units[i];
    }
    return (SSIZE_T)at;
}

SSIZE_T FspLinuxToBytes(PCWSTR Text, SIZE_T Units, PSTR To, SIZE_T Size, BOOLEAN Strict) {
    SIZE_T at = 0;
    for (SIZE_T from = 0, length; from < Units; from += length) {
        char bytes[8];
        bool high = (Text[from] & 0xfc00) == 0xd800, low = (Text[from] & 0xfc00) == 0xdc00;
        bool pair = high && from + 1 < Units && (Text[from + 1] & 0xfc00) == 0xdc00;
        WCHAR alone = (high || low) && !pair ? REPLACEMENT : Text[from];
        if (alone != Text[from] && Strict)
            return -1;
        length = pair ? 2 : 1;
        int count = fsp_wide_to_utf8(pair ? Text + from : &alone, length, bytes, sizeof bytes);
        for (int i = 0; i < count; i++, at++)
            if (To && at < Size)
                To[at] = bytes[i];
    }
    return (SSIZE_T)at;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static DWORD error_of(int number) {
    switch (number) {
    case EBADF:
        return ERROR_INVALID_HANDLE;
    case ENOENT:
        return ERROR_FILE_NOT_FOUND;
    case EEXIST:
        return ERROR_FILE_EXISTS;
    case ENOTDIR:
        return ERROR_PATH_NOT_FOUND;
    case ENOMEM:
        return ERROR_NOT_ENOUGH_MEMORY;
    case ENOSPC:
        return ERROR_DISK_FULL;
    default:
        return ERROR_ACCESS_DENIED;
    }
}

static int flags_of(DWORD access, DWORD disposition) {
    bool overwrites = access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA);
    bool appends = (access & FILE_APPEND_DATA) && !overwrites, writes = overwrites || appends;
    bool reads = access & (GENERIC_READ | GENERIC_ALL | FILE_READ_DATA);
    int flags = O_CLOEXEC | O_NOCTTY | (writes && reads ? O_RDWR : writes ? O_WRONLY : O_RDONLY);
    flags |= appends ? O_APPEND : 0;
    flags |= disposition == CREATE_NEW ? O_EXCL : 0;
    flags |= disposition == CREATE_ALWAYS || disposition == TRUNCATE_EXISTING ? O_TRUNC : 0;
    return flags | (disposition == OPEN_EXISTING || disposition == TRUNCATE_EXISTING ? 0 : O_CREAT);
}

/* *ret_error: of Windows, also of a success: CREATE_ALWAYS and OPEN_ALWAYS tell that there was a file. */
static int open_file(const char *path, DWORD access, DWORD disposition, DWORD *ret_error) {
    bool tells = disposition == CREATE_ALWAYS || disposition == OPEN_ALWAYS;
    int flags = flags_of(access, disposition);
    int fd = open(path, flags | (tells ? O_EXCL : 0), 0666);
    bool existed = tells && fd < 0 && errno == EEXIST;
    if (existed)
        fd = open(path, flags, 0666);
    *ret_error = fd < 0 ? error_of(errno) : existed ? ERROR_ALREADY_EXISTS : 0;
    return fd;
}

/* A handle is the descriptor, plus 1. */
HANDLE FspLinuxOpen(PCWSTR Path, DWORD Access, DWORD Disposition) {
    DWORD error = ERROR_NOT_ENOUGH_MEMORY;
    int fd = -1;
    _cleanup_free_ char *path = fsp_directory_path(Path);
    if (Disposition < CREATE_NEW || Disposition > TRUNCATE_EXISTING)
        error = ERROR_INVALID_PARAMETER;
    else if (path)
        fd = open_file(path, Access, Disposition, &error);
    *FspLinuxLastError() = error;
    return fd < 0 ? INVALID_HANDLE_VALUE : (HANDLE)((intptr_t)fd + 1);
}

BOOL FspLinuxWrite(HANDLE File, LPCVOID Data, DWORD Size, LPDWORD PWritten) {
    bool is_file = (uintptr_t)File - 1 < INT_MAX;
    ssize_t n = is_file ? write((int)(intptr_t)File - 1, Data, Size) : -1;
    if (PWritten)
        *PWritten = n < 0 ? 0 : (DWORD)n;
    if (n < 0)
        *FspLinuxLastError() = is_file ? error_of(errno) : ERROR_INVALID_HANDLE;
    return n >= 0;
}
