/* SPDX-License-Identifier: MIT */
#include "winfsp/transaction.h"

#include <errno.h>
#include <string.h>

#include "util/cleanup.h"

struct fsp_caller *FSP_THREAD_VARIABLE(fsp_caller_here)(void) {
    static _Thread_local struct fsp_caller caller;
    return &caller;
}

/* The thread's operation under way, and the volume that it works for. */
struct current {
    FSP_FILE_SYSTEM_OPERATION_CONTEXT *operation;
    const struct fsp_volume *volume;
};

static struct current *FSP_THREAD_VARIABLE(current_here)(void) {
    static _Thread_local struct current current;
    return &current;
}

FSP_FILE_SYSTEM_OPERATION_CONTEXT *FSP_ABI FspFileSystemGetOperationContext(VOID) {
    return current_here()->operation;
}

void fsp_work_here_for(const struct fsp_volume *volume) {
    current_here()->volume = volume;
}

bool fsp_works_here(const struct fsp_volume *volume) {
    return current_here()->volume == volume;
}

void fsp_begin(struct fsp_volume *volume, struct fsp_transaction *transaction, UINT32 kind) {
    memset(&transaction->request, 0, sizeof transaction->request);
    memset(&transaction->response, 0, sizeof transaction->response);
    transaction->request.Version = transaction->response.Version = sizeof(FSP_FSCTL_TRANSACT_REQ);
    transaction->request.Size = sizeof transaction->request;
    transaction->request.Kind = transaction->response.Kind = kind;
    transaction->request.Hint = transaction->response.Hint = atomic_fetch_add(&volume->next_hint, 1);
    transaction->response.Size = sizeof transaction->response;
}

int fsp_put(struct fsp_transaction *transaction, const void *data, size_t size, FSP_FSCTL_TRANSACT_BUF *ret_piece) {
    size_t at = FSP_FSCTL_DEFAULT_ALIGN_UP(transaction->request.Size - sizeof transaction->request);
    if (size > FSP_FSCTL_TRANSACT_REQ_BUFFER_SIZEMAX || at > FSP_FSCTL_TRANSACT_REQ_BUFFER_SIZEMAX - size)
        return -ENAMETOOLONG;
    if (size > 0)
        memcpy(transaction->request.Buffer + at, data, size);
    *ret_piece = (FSP_FSCTL_TRANSACT_BUF){(UINT16)at, (UINT16)size};
    transaction->request.Size = (UINT16)(sizeof transaction->request + at + size);
    return 0;
}

int fsp_put_name(struct fsp_transaction *transaction, const WCHAR *path, size_t units) {
    return fsp_put(transaction, path, (units + 1) * sizeof *path, &transaction->request.FileName);
}

void fsp_put_open(struct fsp_transaction *transaction, const struct fsp_open *open) {
    /* the contexts stand first in all requests that have them */
    transaction->request.Req.Close.UserContext = open->context;
    transaction->request.Req.Close.UserContext2 = open->context2;
}

static bool is_logged(const struct fsp_volume *volume, UINT32 kind) {
    return volume->fs.DebugLog & (UINT32_C(1) << kind);
}

NTSTATUS fsp_transact(struct fsp_volume *volume, struct fsp_transaction *transaction) {
    FSP_FILE_SYSTEM *fs = &volume->fs;
    FSP_FSCTL_TRANSACT_REQ *request = &transaction->request;
    FSP_FSCTL_TRANSACT_RSP *response = &transaction->response;
    FSP_FILE_SYSTEM_OPERATION_CONTEXT context = {request, response};
    struct current *current = current_here(), before = *current;
    if (is_logged(volume, request->Kind))
        FspDebugLogRequest(request);
    *current = (struct current){&context, volume};
    NTSTATUS status = FspFileSystemEnterOperation(fs, request, response);
    if (NT_SUCCESS(status)) {
        FSP_FILE_SYSTEM_OPERATION *operation = fs->Operations[request->Kind];
        status = operation ? operation(fs, request, response) : STATUS_INVALID_DEVICE_REQUEST;
        FspFileSystemLeaveOperation(fs, request, response);
    }
    *current = before;
    if (status == STATUS_PENDING)
        return status;
    response->IoStatus.Status = (UINT32)status;
    if (is_logged(volume, response->Kind))
        FspDebugLogResponse(response);
    return status;
}
