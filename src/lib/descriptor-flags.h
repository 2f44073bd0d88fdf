/* SPDX-License-Identifier: MIT */
/* fcntl(2) by its number: the C library's own has another name with large files (fcntl64 in glibc), so that the static
 * library would not link with another C library than it was built with. */
#ifndef LINFSP_LIB_DESCRIPTOR_FLAGS_H
#define LINFSP_LIB_DESCRIPTOR_FLAGS_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int fsp_fcntl(int fd, int command, int argument) {
    return (int)syscall(SYS_fcntl, fd, command, (long)argument);
}

#endif
