/* SPDX-License-Identifier: MIT */
#include "winfsp/fuse/flavour.h"

int fsp_flavour_result(int result) {
    return result;
}

int fsp_flavour_error(int error) {
    return error;
}

int fsp_flavour_open_flags(int flags) {
    return flags;
}

void fsp_flavour_stat(const struct fuse_stat *from, struct stat *ret_to) {
    *ret_to = *from;
}

void fsp_flavour_statvfs(const struct fuse_statvfs *from, struct statvfs *ret_to) {
    *ret_to = *from;
}

unsigned fsp_flavour_long_size(void) {
    return sizeof(long);
}
