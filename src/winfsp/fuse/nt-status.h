/* SPDX-License-Identifier: MIT */
#ifndef LINFSP_WINFSP_FUSE_NT_STATUS_H
#define LINFSP_WINFSP_FUSE_NT_STATUS_H

#include <stdint.h>

/* The NTSTATUS that a positive errno value of Linux becomes. */
uint32_t fsp_nt_status_of(int error);

#endif
