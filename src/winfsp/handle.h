/* SPDX-License-Identifier: MIT */
/* Opening and closing files of the file system, and what is done with an open one: transactions with arguments and
 * results in C. All return an NTSTATUS. */
#ifndef WINFSP_HANDLE_H
#define WINFSP_HANDLE_H

#include "winfsp/transaction.h"

/* What Open or Create is asked for. */
struct fsp_opening {
    const WCHAR *path;
    size_t units;
    UINT32 disposition; /* FILE_OPEN, ... */
    UINT32 options; /* FILE_DIRECTORY_FILE, ... */
    UINT32 attributes;
    UINT32 access;
    const void *descriptor; /* for a new file; NULL: none */
    size_t descriptor_size;
    const void *extra; /* extended attributes, or a reparse point, for a new file */
    size_t extra_size;
    bool extra_is_reparse_point;
    bool stream; /* of a file: its name stands behind a colon */
};

/* What it gave. */
struct fsp_opened {
    uint64_t context, context2;
    UINT32 granted;
    UINT32 information; /* FILE_OPENED, FILE_CREATED, FILE_OVERWRITTEN, ... */
    bool no_cache;
    bool has_security;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    FSP_FSCTL_FILE_INFO info;
    unsigned name_length; /* of the last component as the file system has it; 0: as it was given */
    WCHAR name[256];
};

/* Asks as the caller of this thread's request where checked, else as the system. */
NTSTATUS fsp_open_path(struct fsp_volume *volume, const struct fsp_opening *opening, bool checked,
                       struct fsp_opened *ret_opened);
/* As fsp_open_path, to look at a file only. */
NTSTATUS fsp_open_to_look(struct fsp_volume *volume, const WCHAR *path, size_t units, UINT32 access,
                          struct fsp_opened *ret_opened);
/* Cleanup and Close. flags: FspCleanup*; path: with FspCleanupDelete. */
void fsp_close_context(struct fsp_volume *volume, uint64_t context, uint64_t context2, ULONG flags, const WCHAR *path,
                       size_t units);
/* Close alone. */
void fsp_close_only(struct fsp_volume *volume, uint64_t context, uint64_t context2);

/* An fsp_open for a node, with the node's reference; NULL: out of memory, and nothing is closed. */
struct fsp_open *fsp_open_register(struct fsp_volume *volume, struct fsp_node *node, const struct fsp_opened *opened);
/* The end of it: Cleanup with what was done, Close; deletes the file where that was waiting for this. */
void fsp_open_end(struct fsp_volume *volume, struct fsp_open *open);
/* Frees it and tells nobody: for a volume that is gone. */
void fsp_open_free(struct fsp_open *open);

/* serve-directory.c. Takes NULL. */
void fsp_listing_free(struct fsp_listing *listing);

/* The file's information by a context. */
NTSTATUS fsp_get_info(struct fsp_volume *volume, const struct fsp_open *open, FSP_FSCTL_FILE_INFO *ret_info);
NTSTATUS fsp_set_times(struct fsp_volume *volume, const struct fsp_open *open, UINT32 attributes, UINT64 created,
                       UINT64 accessed, UINT64 written, UINT64 changed, FSP_FSCTL_FILE_INFO *ret_info);
NTSTATUS fsp_set_size(struct fsp_volume *volume, const struct fsp_open *open, uint64_t size, bool allocation,
                      FSP_FSCTL_FILE_INFO *ret_info);
NTSTATUS fsp_overwrite(struct fsp_volume *volume, const struct fsp_open *open, FSP_FSCTL_FILE_INFO *ret_info);
/* The descriptor in transaction->response.Buffer; *ret_size its size. */
NTSTATUS fsp_get_security(struct fsp_volume *volume, const struct fsp_open *open, struct fsp_transaction *transaction,
                          size_t *ret_size);
NTSTATUS fsp_set_security(struct fsp_volume *volume, const struct fsp_open *open, SECURITY_INFORMATION parts,
                          const void *descriptor, size_t size);
/* The reparse point in transaction->response.Buffer. */
NTSTATUS fsp_get_reparse_point(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                               struct fsp_transaction *transaction, size_t *ret_size);
NTSTATUS fsp_set_reparse_point(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                               const void *data, size_t size);
NTSTATUS fsp_set_disposition(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                             bool delete);
NTSTATUS fsp_rename_open(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                         const WCHAR *new_path, size_t new_units, bool replace);

/* Owner, group and mode of a descriptor. False: it has none that make sense. */
bool fsp_descriptor_mode(PSECURITY_DESCRIPTOR descriptor, size_t size, mode_t *ret_mode, uid_t *ret_uid,
                         gid_t *ret_gid);
uint64_t fsp_file_time_now(void);

#endif
