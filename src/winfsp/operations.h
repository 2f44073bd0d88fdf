/* SPDX-License-Identifier: MIT */
/* What the default operations (operations*.c) share. */
#ifndef WINFSP_OPERATIONS_H
#define WINFSP_OPERATIONS_H

#include <winfsp/winfsp.h>

/* The FileContext that an operation gets, from the contexts of a request. */
static inline PVOID fsp_file_context(const FSP_FILE_SYSTEM *fs, UINT64 *contexts) {
    if (fs->UmFileContextIsFullContext)
        return contexts;
    return (PVOID)(UINT_PTR)contexts[fs->UmFileContextIsUserContext2 ? 1 : 0];
}
#define FILE_CONTEXT(fs, request, kind) fsp_file_context((fs), &(request)->Req.kind.UserContext)

/* A piece of the request's buffer; NULL for an empty one. */
static inline PVOID fsp_piece(FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_BUF piece) {
    return piece.Size ? request->Buffer + piece.Offset : NULL;
}

static inline PWSTR fsp_request_name(FSP_FSCTL_TRANSACT_REQ *request) {
    return (PWSTR)fsp_piece(request, request->FileName);
}

#endif
