/* SPDX-License-Identifier: MIT */
#include "util/helper-sign.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

/* Every helper speaks to its caller over a socket whose number is in this variable. */
#define SIGN "_FUSE_COMMFD"
#define BLOCK (64 << 10)
#define SIZE_MAX_SEARCHED (4 << 20)

bool helper_sign_is_in(int file) {
    char block[BLOCK];
    const size_t overlap = strlen(SIGN) - 1;
    size_t kept = 0;
    ssize_t n;
    for (off_t at = 0; at < SIZE_MAX_SEARCHED && (n = pread(file, block + kept, sizeof block - kept, at)) > 0;
         at += n) {
        if (at == 0 && (n < SELFMAG || memcmp(block, ELFMAG, SELFMAG) != 0))
            return false;
        size_t size = kept + (size_t)n;
        if (memmem(block, size, SIGN, strlen(SIGN)))
            return true;
        kept = size < overlap ? size : overlap;
        memmove(block, block + size - kept, kept);
    }
    return false;
}
