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

/* The descriptors that a thread has looked into last: a file and its directory, and most others, have one of a few. */
#define FSP_MEMO_SLOTS 4
struct fsp_descriptor_memo {
    unsigned next; /* slot to be taken */
    struct {
        size_t size; /* 0: none */
        unsigned char bytes[256];
    } slots[FSP_MEMO_SLOTS];
};
/* The slot that holds it, or -1. */
int fsp_descriptor_recall(const struct fsp_descriptor_memo *memo, const void *descriptor, size_t size);
/* The slot that holds it from now on, or -1: it is too large. */
int fsp_descriptor_remember(struct fsp_descriptor_memo *memo, const void *descriptor, size_t size);

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

/* A file's descriptor as the file system gave it, seen to be whole. */
struct fsp_security {
    PSECURITY_DESCRIPTOR descriptor; /* NULL: none */
    size_t size; /* of the descriptor's memory */
    _Alignas(8) unsigned char room[1024]; /* for a descriptor that fits */
};
void fsp_security_end(struct fsp_security *security);

/* FspAccessCheckEx, with the descriptor in ret_security, which is always to be ended. keep: it is wanted. */
NTSTATUS fsp_access_check(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, bool parent, bool traverse,
                          UINT32 desired, bool keep, UINT32 *ret_granted, struct fsp_security *ret_security);

/* Whether a valid descriptor grants all that is desired to that user. */
bool fsp_descriptor_grants(PSECURITY_DESCRIPTOR descriptor, UINT32 uid, UINT32 gid, UINT32 desired);
/* The index that FspAccessCheckEx had STATUS_REPARSE with, of this thread. */
UINT32 fsp_reparse_index(void);
/* May what stands at new_name, if anything, be replaced? */
NTSTATUS fsp_access_check_replaced(FSP_FILE_SYSTEM *fs, PWSTR new_name, UINT64 token);

#endif
