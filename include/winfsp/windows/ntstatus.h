/* SPDX-License-Identifier: MIT */
/** What <ntstatus.h> has on Windows, as far as file systems of WinFsp's API need it on Linux. */
#include <winfsp/winfsp.h>
