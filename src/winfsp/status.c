/* SPDX-License-Identifier: MIT */
/*
 * Model. Each row says which errno and which Win32 error a status is. The first row with an errno (or Win32 error) is
 * what that errno (error) becomes; further rows with it go one way only.
 */
#include "winfsp/status.h"

#include <errno.h>

#include "util/cleanup.h"

static const struct {
    NTSTATUS status;
    int error;
    DWORD win32;
} rows[] = {
    {STATUS_SUCCESS, 0, 0},
    {STATUS_ACCESS_DENIED, EACCES, 5},
    {STATUS_CANNOT_DELETE, EPERM, 5},
    {STATUS_PRIVILEGE_NOT_HELD, EPERM, 1314},
    {STATUS_NOT_SUPPORTED, EOPNOTSUPP, 50},
    {STATUS_NO_SECURITY_ON_OBJECT, EOPNOTSUPP, 1350},
    {STATUS_OBJECT_NAME_NOT_FOUND, ENOENT, 2},
    {STATUS_OBJECT_PATH_NOT_FOUND, ENOENT, 3},
    {STATUS_NO_SUCH_FILE, ENOENT, 2},
    {STATUS_NOT_FOUND, ENOENT, 1168},
    {STATUS_NO_MORE_FILES, ENOENT, 18},
    {STATUS_BAD_NETWORK_PATH, ENOENT, 53},
    {STATUS_BAD_NETWORK_NAME, ENOENT, 67},
    {STATUS_DELETE_PENDING, EBUSY, 5},
    {STATUS_FILE_DELETED, ENOENT, 5},
    {STATUS_OBJECT_NAME_COLLISION, EEXIST, 183},
    {STATUS_INVALID_PARAMETER, EINVAL, 87},
    {STATUS_OBJECT_NAME_INVALID, EINVAL, 123},
    {STATUS_OBJECT_PATH_INVALID, EINVAL, 161},
    {STATUS_OBJECT_PATH_SYNTAX_BAD, EINVAL, 161},
    {STATUS_INVALID_INFO_CLASS, EINVAL, 87},
    {STATUS_INFO_LENGTH_MISMATCH, EINVAL, 24},
    {STATUS_NOT_A_DIRECTORY, ENOTDIR, 267},
    {STATUS_FILE_IS_A_DIRECTORY, EISDIR, 5},
    {STATUS_DIRECTORY_NOT_EMPTY, ENOTEMPTY, 145},
    {STATUS_NAME_TOO_LONG, ENAMETOOLONG, 206},
    {STATUS_TOO_MANY_OPENED_FILES, EMFILE, 4},
    {STATUS_TOO_MANY_OPENED_FILES, ENFILE, 4},
    {STATUS_SHARING_VIOLATION, EBUSY, 32},
    {STATUS_DEVICE_BUSY, EBUSY, 170},
    {STATUS_NETWORK_BUSY, EBUSY, 54},
    {STATUS_FILE_LOCK_CONFLICT, EAGAIN, 33},
    {STATUS_LOCK_NOT_GRANTED, EAGAIN, 33},
    {STATUS_CANT_WAIT, EAGAIN, 170},
    {STATUS_RETRY, EAGAIN, 1237},
    {STATUS_DISK_FULL, ENOSPC, 112},
    {STATUS_CANNOT_MAKE, ENOSPC, 82},
    {STATUS_QUOTA_EXCEEDED, EDQUOT, 1816},
    {STATUS_FILE_TOO_LARGE, EFBIG, 223},
    {STATUS_MEDIA_WRITE_PROTECTED, EROFS, 19},
    {STATUS_NOT_SAME_DEVICE, EXDEV, 17},
    {STATUS_NO_MEMORY, ENOMEM, 8},
    {STATUS_INSUFFICIENT_RESOURCES, ENOMEM, 1450},
    {STATUS_INVALID_DEVICE_REQUEST, EOPNOTSUPP, 1},
    {STATUS_NOT_IMPLEMENTED, ENOSYS, 1},
    {STATUS_INVALID_HANDLE, EBADF, 6},
    {STATUS_FILE_CLOSED, EBADF, 6},
    {STATUS_OBJECT_TYPE_MISMATCH, EBADF, 6},
    {STATUS_END_OF_FILE, ENODATA, 38},
    {STATUS_NO_EAS_ON_FILE, ENODATA, 1393},
    {STATUS_NONEXISTENT_EA_ENTRY, ENODATA, 1169},
    {STATUS_EA_LIST_INCONSISTENT, EIO, 255},
    {STATUS_INVALID_EA_NAME, EINVAL, 254},
    {STATUS_INVALID_EA_FLAG, EINVAL, 255},
    {STATUS_EA_CORRUPT_ERROR, EIO, 1394},
    {STATUS_EA_TOO_LARGE, E2BIG, 994},
    {STATUS_BUFFER_TOO_SMALL, ERANGE, 122},
    {STATUS_BUFFER_OVERFLOW, ERANGE, 234},
    {STATUS_TOO_MANY_LINKS, EMLINK, 1142},
    {STATUS_REPARSE_POINT_NOT_RESOLVED, ELOOP, 1921},
    {STATUS_STOPPED_ON_SYMLINK, ELOOP, 681},
    {STATUS_NOT_A_REPARSE_POINT, EINVAL, 4390},
    {STATUS_REPARSE_ATTRIBUTE_CONFLICT, EINVAL, 4391},
    {STATUS_IO_REPARSE_DATA_INVALID, EINVAL, 4392},
    {STATUS_IO_REPARSE_TAG_INVALID, EINVAL, 4393},
    {STATUS_IO_REPARSE_TAG_MISMATCH, EINVAL, 4394},
    {STATUS_IO_REPARSE_TAG_NOT_HANDLED, EOPNOTSUPP, 1920},
    {STATUS_DIRECTORY_IS_A_REPARSE_POINT, EINVAL, 4390},
    {STATUS_INVALID_SID, EINVAL, 1337},
    {STATUS_INVALID_ACL, EINVAL, 1336},
    {STATUS_INVALID_SECURITY_DESCR, EINVAL, 1338},
    {STATUS_NO_SUCH_DEVICE, ENODEV, 2},
    {STATUS_DEVICE_NOT_READY, ENXIO, 21},
    {STATUS_NO_MEDIA_IN_DEVICE, ENOMEDIUM, 1112},
    {STATUS_CANCELLED, EINTR, 995},
    {STATUS_CANCELLED, ECANCELED, 995},
    {STATUS_IO_TIMEOUT, ETIMEDOUT, 121},
    {STATUS_PIPE_BROKEN, EPIPE, 109},
    {STATUS_LOGON_FAILURE, EACCES, 1326},
    {STATUS_NETWORK_ACCESS_DENIED, EACCES, 65},
    {STATUS_CONNECTION_REFUSED, ECONNREFUSED, 1225},
    {STATUS_CONNECTION_RESET, ECONNRESET, 64},
    {STATUS_HOST_UNREACHABLE, EHOSTUNREACH, 1232},
    {STATUS_ACCESS_VIOLATION, EFAULT, 998},
    {STATUS_IO_DEVICE_ERROR, EIO, 1117},
    {STATUS_UNSUCCESSFUL, EIO, 31},
    {STATUS_UNEXPECTED_IO_ERROR, EIO, 59},
    {STATUS_INTERNAL_ERROR, EIO, 1359},
    {STATUS_FILE_CORRUPT_ERROR, EUCLEAN, 1392},
    {STATUS_DLL_NOT_FOUND, ENOENT, 1157},
    /* errno values that have no status of their own */
    {STATUS_OBJECT_NAME_INVALID, EILSEQ, 123},
    {STATUS_REPARSE_POINT_NOT_RESOLVED, ELOOP, 1921},
    {STATUS_SHARING_VIOLATION, ETXTBSY, 32},
    /* Win32 errors that another status stands for already */
    {STATUS_OBJECT_NAME_COLLISION, EEXIST, 82},
};

int fsp_errno_from_status(NTSTATUS status) {
    if (NT_SUCCESS(status))
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].status == status)
            return -rows[i].error;
    return -EIO;
}

NTSTATUS fsp_status_from_errno(int error) {
    if (error == -EIO)
        return STATUS_IO_DEVICE_ERROR;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].error == -error)
            return rows[i].status;
    return STATUS_UNSUCCESSFUL;
}

const char *fsp_status_name(NTSTATUS status) {
#define STATUS_NAME(name, value)                                                                                       \
    case name:                                                                                                         \
        return #name;
    switch (status) {
#ifdef FSP_NT_STATUS_LIST
        FSP_NT_STATUS_LIST(STATUS_NAME)
#endif
    default:
        return NULL;
    }
#undef STATUS_NAME
}

#define FACILITY_WIN32_BITS 0x80070000u

NTSTATUS FSP_ABI FspNtStatusFromWin32(DWORD Error) {
    static const struct {
        DWORD win32;
        NTSTATUS status;
    } first[] = {
        {1, STATUS_NOT_IMPLEMENTED}, {2, STATUS_OBJECT_NAME_NOT_FOUND}, {5, STATUS_ACCESS_DENIED},
        {6, STATUS_INVALID_HANDLE},  {38, STATUS_END_OF_FILE},          {170, STATUS_DEVICE_BUSY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(first); i++)
        if (first[i].win32 == Error)
            return first[i].status;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].win32 == Error)
            return rows[i].status;
    return Error <= 0xffff ? (NTSTATUS)(FACILITY_WIN32_BITS | Error) : STATUS_ACCESS_DENIED;
}

DWORD FSP_ABI FspWin32FromNtStatus(NTSTATUS Status) {
    static const DWORD unknown = 317; /* ERROR_MR_MID_NOT_FOUND */
    if (((ULONG)Status & 0xffff0000u) == FACILITY_WIN32_BITS)
        return (ULONG)Status & 0xffff;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].status == Status)
            return rows[i].win32;
    return NT_SUCCESS(Status) ? 0 : unknown;
}
