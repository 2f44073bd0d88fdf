/* SPDX-License-Identifier: MIT */
/* LINFSP_WANT_* and the kernel's FUSE_INIT flags, to and fro. The service sends FUSE_INIT's answer; this says what goes
 * into it. */
#include "lib/volume.h"

/* One page of messages each; the kernel's own limit is 256 unless root raised it. */
#define PAGE_SIZE_KERNEL 4096u

/* The volume has these in any case, where the kernel has them. */
#define ALWAYS                                                                                                         \
    (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_ASYNC_DIO | FUSE_MAX_PAGES | FUSE_SETXATTR_EXT | FUSE_INIT_EXT |         \
     FUSE_HAS_IOCTL_DIR)

static const struct {
    uint64_t want;
    uint64_t flags;
} pairs[] = {
    {LINFSP_WANT_WRITEBACK, FUSE_WRITEBACK_CACHE},
    {LINFSP_WANT_READDIRPLUS, FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO},
    {LINFSP_WANT_PARALLEL_DIRECTORY, FUSE_PARALLEL_DIROPS},
    {LINFSP_WANT_POSIX_ACL, FUSE_POSIX_ACL},
    {LINFSP_WANT_HANDLE_KILLPRIV, FUSE_HANDLE_KILLPRIV_V2},
    {LINFSP_WANT_NO_OPEN, FUSE_NO_OPEN_SUPPORT},
    {LINFSP_WANT_NO_OPENDIR, FUSE_NO_OPENDIR_SUPPORT},
    {LINFSP_WANT_PASSTHROUGH, FUSE_PASSTHROUGH},
    {LINFSP_WANT_DONT_MASK, FUSE_DONT_MASK},
    {LINFSP_WANT_ATOMIC_TRUNCATE, FUSE_ATOMIC_O_TRUNC},
    {LINFSP_WANT_CACHE_SYMLINKS, FUSE_CACHE_SYMLINKS},
    {LINFSP_WANT_EXPORT, FUSE_EXPORT_SUPPORT},
    {LINFSP_WANT_AUTO_INVALIDATE, FUSE_AUTO_INVAL_DATA},
    {LINFSP_WANT_DIRECT_IO_MMAP, FUSE_DIRECT_IO_ALLOW_MMAP},
};

/* The kernel's write-back cache excludes reads and writes that pass through. */
static uint64_t reconcile(uint64_t want) {
    return want & LINFSP_WANT_WRITEBACK ? want & ~LINFSP_WANT_PASSTHROUGH : want;
}

void fsp_negotiate(uint64_t want, uint32_t max_write, uint32_t max_background, struct wire_init *ret_init) {
    struct wire_init init = {
        .flags = ALWAYS,
        .minor = FUSE_KERNEL_MINOR_VERSION,
        .max_readahead = 1u << 20,
        .max_write = max_write,
        .time_gran = 1,
        .max_background = (uint16_t)max_background,
        .congestion_threshold = (uint16_t)(max_background * 3 / 4 ?: 1),
        .max_pages = (uint16_t)((max_write + PAGE_SIZE_KERNEL - 1) / PAGE_SIZE_KERNEL),
    };
    want = reconcile(want);
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        if (want & pairs[i].want)
            init.flags |= pairs[i].flags;
    if (!(want & LINFSP_WANT_AUTO_INVALIDATE))
        init.flags |= FUSE_EXPLICIT_INVAL_DATA;
    if (want & LINFSP_WANT_PASSTHROUGH)
        init.max_stack_depth = 2; /* a folder on overlayfs, as a container's are, has a depth of its own */
    *ret_init = init;
}

uint64_t fsp_granted(uint64_t want, const struct wire_init *init) {
    uint64_t granted = 0;
    want = reconcile(want);
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        if ((want & pairs[i].want) && (init->flags & pairs[i].flags) == pairs[i].flags)
            granted |= pairs[i].want;
    /* a file that is not opened has no backing file */
    return granted & LINFSP_WANT_PASSTHROUGH ? granted & ~LINFSP_WANT_NO_OPEN : granted;
}
