/* SPDX-License-Identifier: MIT */
/*
 * Between the program's types and ours. FUSE programs have types, errno values and open flags of their C library:
 * flavour-linux.c is for programs on Linux, whose are ours, flavour-windows.c for Windows programs in Wine.
 */
#ifndef LINFSP_WINFSP_FUSE_FLAVOUR_H
#define LINFSP_WINFSP_FUSE_FLAVOUR_H

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "winfsp/fuse/winfsp_fuse.h"

/* 0 and positive numbers stay, negative errno values become those of Linux. -EIO: no such error is known. */
int fsp_flavour_result(int result);
/* The other way round. */
int fsp_flavour_error(int error);
int fsp_flavour_open_flags(int flags);
void fsp_flavour_stat(const struct fuse_stat *from, struct stat *ret_to);
void fsp_flavour_statvfs(const struct fuse_statvfs *from, struct statvfs *ret_to);
/* Bytes of a long. */
unsigned fsp_flavour_long_size(void);

/* Room for the largest answer of getattr. */
union fsp_flavour_stat {
    struct fuse_stat stat;
#ifdef FSP_FUSE_WINDOWS
    struct fuse_stat_ex extended;
#endif
};

#endif
