/* SPDX-License-Identifier: MIT */
/*
 * Security descriptors and SIDs, as bytes.
 *
 * Model. A descriptor is self-relative: one piece of memory with offsets in it. What a file system gives is checked
 * before it is read (fsp_descriptor_size). SIDs become uids and gids by the rules of Cygwin and Interix; a descriptor
 * becomes an owner, a group and mode bits, and the other way.
 */
#ifndef WINFSP_SECURITY_H
#define WINFSP_SECURITY_H

#include <stdbool.h>

#include <winfsp/winfsp.h>

/* The size of a self-relative descriptor, 0 where it is malformed within the 64 KiB that one may have. */
size_t fsp_descriptor_size(PSECURITY_DESCRIPTOR descriptor);

/* A descriptor of the thread's that was looked into last: most files of a volume have the same. */
struct fsp_descriptor_memo {
    size_t size; /* 0: none */
    unsigned char bytes[256];
};
bool fsp_descriptor_is(const struct fsp_descriptor_memo *memo, const void *descriptor, size_t size);
void fsp_descriptor_remember(struct fsp_descriptor_memo *memo, const void *descriptor, size_t size);

/* Whether it is one, and fits into size bytes. */
bool fsp_descriptor_valid(PSECURITY_DESCRIPTOR descriptor, size_t size);

/* Parts of a descriptor that is valid; NULL: it has none. */
PSID fsp_descriptor_owner(PSECURITY_DESCRIPTOR descriptor);
PSID fsp_descriptor_group(PSECURITY_DESCRIPTOR descriptor);
const ACL *fsp_descriptor_dacl(PSECURITY_DESCRIPTOR descriptor);
/* A self-relative descriptor of these parts, each of which may be NULL; NULL: out of memory. */
PSECURITY_DESCRIPTOR fsp_descriptor_build(PSID owner, PSID group, const ACL *sacl, const ACL *dacl, UINT16 control);

/* Generic rights as the ones of files that they stand for. */
UINT32 fsp_expand_generic(UINT32 mask);

/* The index that FspAccessCheckEx had STATUS_REPARSE with, of this thread. */
UINT32 fsp_reparse_index(void);
/* May what stands at new_name, if anything, be replaced? */
NTSTATUS fsp_access_check_replaced(FSP_FILE_SYSTEM *fs, PWSTR new_name, UINT64 token);

#endif
