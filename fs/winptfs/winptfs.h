/* SPDX-License-Identifier: MIT */
#pragma once

#include <winfsp/winfsp.h>

#include <winfsp/win32.h>

/* The folder that is passed through: folder-linux.c by Linux's functions, folder-windows.c by those of Windows. */

extern const FSP_FILE_SYSTEM_INTERFACE folder_interface;

/* Opens the folder. The operations may be called when this has succeeded. */
NTSTATUS folder_open(PWSTR name);

/* Sets what the system's files can and cannot do; the rest of the parameters stays. */
void folder_fill_params(FSP_FSCTL_VOLUME_PARAMS *params);
