/* SPDX-License-Identifier: MIT */
/* NTSTATUS codes, errno values and Win32 errors: one table for all ways between them. */
#ifndef WINFSP_STATUS_H
#define WINFSP_STATUS_H

#include <winfsp/winfsp.h>

/* 0 for any success, else a negative errno; -EIO for a status that is not in the table. */
int fsp_errno_from_status(NTSTATUS status);
/* error: a negative errno, or 0. */
NTSTATUS fsp_status_from_errno(int error);
/* "STATUS_ACCESS_DENIED"; NULL for one that nt.h does not name. */
const char *fsp_status_name(NTSTATUS status);

#endif
