/* SPDX-License-Identifier: MIT */
/*
 * A transaction: one request to the file system, and its response.
 *
 * Model. The request and response structures stand on the stack, each with the room for names and data that WinFsp's
 * have. fsp_transact makes them the thread's operation context, enters the guard, calls
 * FSP_FILE_SYSTEM.Operations[kind] and leaves the guard. Only the headers are cleared: the buffers cost nothing where
 * they are not used.
 */
#ifndef WINFSP_TRANSACTION_H
#define WINFSP_TRANSACTION_H

#include "winfsp/node.h"
#include "winfsp/thread-variable.h"
#include "winfsp/volume.h"

#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#endif
struct fsp_transaction {
    union {
        FSP_FSCTL_TRANSACT_REQ request;
        unsigned char request_bytes[FSP_FSCTL_TRANSACT_REQ_SIZEMAX];
    };
    union {
        FSP_FSCTL_TRANSACT_RSP response;
        unsigned char response_bytes[FSP_FSCTL_TRANSACT_RSP_SIZEMAX];
    };
};

/* Who asks, for access checks: the thread's own, set by whoever serves a request of the kernel. */
struct fsp_caller {
    uint32_t uid, gid;
    int32_t pid;
    bool checked; /* false: the layer itself asks, which may do everything */
};
struct fsp_caller *fsp_caller_here(void);

void fsp_begin(struct fsp_volume *volume, struct fsp_transaction *transaction, UINT32 kind);
/* Puts size bytes at the end of the request's buffer. -ENAMETOOLONG where there is no room. */
int fsp_put(struct fsp_transaction *transaction, const void *data, size_t size, FSP_FSCTL_TRANSACT_BUF *ret_piece);
/* The request's name: path of units, NUL-terminated. First of all that is put. */
int fsp_put_name(struct fsp_transaction *transaction, const WCHAR *path, size_t units);
/* Whose context a request is about. */
void fsp_put_open(struct fsp_transaction *transaction, const struct fsp_open *open);
/* Calls the operation. */
NTSTATUS fsp_transact(struct fsp_volume *volume, struct fsp_transaction *transaction);
/* Whether this thread is in an operation of the volume, or is its dispatcher: what waits for the volume's end would
 * wait for itself. */
bool fsp_works_here(const struct fsp_volume *volume);
/* This thread is the volume's dispatcher. */
void fsp_work_here_for(const struct fsp_volume *volume);

#endif
