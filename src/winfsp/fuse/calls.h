/* SPDX-License-Identifier: MIT */
/* What calls2.c and calls3.c do alike. */
#ifndef LINFSP_WINFSP_FUSE_CALLS_H
#define LINFSP_WINFSP_FUSE_CALLS_H

#include <string.h>

#include "winfsp/fuse/internal.h"

/* A Linux error that a missing operation stands for. */
#define NO_OPERATION (-ENOSYS)

/* Copies between the program's struct fuse_file_info, of either version, and open. open may be NULL. */
#define INFO_FROM_OPEN(open)                                                                                           \
    { .flags = (open) ? fsp_flavour_open_flags((open)->flags) : 0, .fh = (open) ? (open)->fh : 0, }

#define OPEN_FROM_INFO(open, info)                                                                                     \
    do {                                                                                                               \
        (open)->fh = (info).fh;                                                                                        \
        (open)->direct_io = (info).direct_io;                                                                          \
        (open)->keep_cache = (info).keep_cache;                                                                        \
        (open)->nonseekable = (info).nonseekable;                                                                      \
    } while (0)

/* What the filler of a listing is given as its buffer. */
struct fsp_filling {
    struct fsp_open *open;
    bool whole; /* what the program gives is all of the attributes */
};

static inline void fsp_filling_add(struct fsp_filling *filling, const char *name, const struct fuse_stat *given,
                                   bool whole) {
    struct stat attributes;
    if (given)
        fsp_flavour_stat(given, &attributes);
    fsp_listing_add(filling->open, name, given ? &attributes : NULL, whole);
}

#endif
