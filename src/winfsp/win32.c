/* SPDX-License-Identifier: MIT */
/* What winfsp/win32.h and winfsp/wide.h are made of, on Linux. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "winfsp/format.h"
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
