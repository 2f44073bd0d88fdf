/* SPDX-License-Identifier: MIT */
#include "winfsp/fuse/nt-status.h"

#include <errno.h>
#include <stddef.h>

#include "util/cleanup.h"

static const struct {
    int error;
    uint32_t status;
} statuses[] = {
    {0, 0},
    {EPERM, 0xc0000022},
    {ENOENT, 0xc0000034},
    {EINTR, 0xc0000120},
    {EBADF, 0xc0000008},
    {ENOMEM, 0xc000009a},
    {EACCES, 0xc0000022},
    {EBUSY, 0x80000011},
    {EEXIST, 0xc0000035},
    {EXDEV, 0xc00000d4},
    {ENODEV, 0xc000000e},
    {ENOTDIR, 0xc0000103},
    {EISDIR, 0xc00000ba},
    {EINVAL, 0xc000000d},
    {EFBIG, 0xc000007f},
    {ENOSPC, 0xc000007f},
    {EROFS, 0xc00000a2},
    {ENAMETOOLONG, 0xc0000106},
    {ENOSYS, 0xc0000010},
    {ENOTEMPTY, 0xc0000101},
    {EOPNOTSUPP, 0xc00000bb},
    {ETIMEDOUT, 0xc00000b5},
};

uint32_t fsp_nt_status_of(int error) {
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (statuses[i].error == error)
            return statuses[i].status;
    return 0xc00000e5; /* INTERNAL_ERROR */
}
