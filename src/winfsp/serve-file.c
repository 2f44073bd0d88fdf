/* SPDX-License-Identifier: MIT */
/* Serving open files: open, create, read, write, and what ends it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/linux-flags.h"
#include "winfsp/pending.h"
#include "winfsp/security.h"
#include "winfsp/serve.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

/* ---- opening --------------------------------------------------------------------------------------------------- */

static UINT32 access_of(uint32_t flags) {
    UINT32 reading = FILE_GENERIC_READ, writing = FILE_GENERIC_WRITE | FILE_READ_ATTRIBUTES;
    switch (flags & O_ACCMODE) {
    case O_WRONLY:
        return writing;
    case O_RDWR:
        return reading | writing;
    default:
        return reading;
    }
}

static void set_open_flags(const struct fsp_volume *volume, const struct fsp_opened *opened, struct linfsp_file *file) {
    bool keep = volume->timeouts.file_info == LINFSP_TIMEOUT_INFINITE && !volume->params.FlushAndPurgeOnCleanup;
    if (opened->no_cache)
        file->open_flags |= LINFSP_OPEN_DIRECT_IO;
    else if (keep && opened->information == FILE_OPENED)
        file->open_flags |= LINFSP_OPEN_KEEP_CACHE;
    file->open_flags |= LINFSP_OPEN_NOFLUSH;
}

/* The second half of overwriting: a file that cannot be overwritten was not opened. */
static NTSTATUS overwrite(struct fsp_volume *volume, struct fsp_opened *opened) {
    struct fsp_open open = {.context = opened->context, .context2 = opened->context2};
    if (opened->information != FILE_OVERWRITTEN && opened->information != FILE_SUPERSEDED)
        return STATUS_SUCCESS;
    NTSTATUS status = fsp_overwrite(volume, &open, &opened->info);
    if (!NT_SUCCESS(status))
        fsp_close_only(volume, opened->context, opened->context2);
    return status;
}

void fsp_mark_modified(struct fsp_open *open) {
    struct fsp_node *node = open->node;
    pthread_mutex_lock(&node->state);
    if (!open->modified)
        node->modified_count++;
    open->modified = true;
    open->set_write_time = open->set_change_time = false;
    node->written_at = fsp_file_time_now();
    pthread_mutex_unlock(&node->state);
}

static int open_file(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *node,
                     struct linfsp_file *file) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened;
    int units = fsp_node_path(node, NULL, 0, path);
    if (units < 0)
        return units;
    struct fsp_opening opening = {
        .path = path,
        .units = (size_t)units,
        .disposition = file->flags & O_TRUNC ? FILE_OVERWRITE : FILE_OPEN,
        .options = FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT,
        .access = access_of(file->flags),
    };
    NTSTATUS status = fsp_open_path(volume, &opening, true, &opened);
    if (NT_SUCCESS(status))
        status = overwrite(volume, &opened);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    struct fsp_open *open = fsp_open_register(volume, node, &opened);
    if (!open) {
        fsp_close_context(volume, opened.context, opened.context2, 0, NULL, 0);
        return -ENOMEM;
    }
    fsp_note_security(volume, node, &opened);
    if (opened.information != FILE_OPENED)
        fsp_mark_modified(open);
    file->handle = (uint64_t)(uintptr_t)open;
    set_open_flags(volume, &opened, file);
    if (linfsp_reply_open(request, file) < 0)
        return -ECANCELED;
    return 0;
}

int fsp_serve_open(linfsp_request *request, uint64_t inode, struct linfsp_file *file) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *node = fsp_node_of(volume, inode);
    fsp_lock_shared(&volume->names);
    fsp_lock_exclusive(&node->lock);
    int r = open_file(request, volume, node, file);
    fsp_unlock(&node->lock);
    fsp_unlock(&volume->names);
    if (r == -ECANCELED && file->handle) { /* nobody learnt of it: nobody will release it */
        fsp_open_end(volume, fsp_open_of(file));
        return 0;
    }
    return r;
}

/* ---- creating -------------------------------------------------------------------------------------------------- */

static int reply_created(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *node,
                         const struct linfsp_entry *entry, const struct fsp_opened *opened, struct linfsp_file *file) {
    struct fsp_open *open = fsp_open_register(volume, node, opened);
    if (!open)
        return -ENOMEM;
    if (opened->information == FILE_OVERWRITTEN)
        fsp_mark_modified(open);
    file->handle = (uint64_t)(uintptr_t)open;
    set_open_flags(volume, opened, file);
    fsp_node_count_lookup(volume, node);
    if (linfsp_reply_create(request, entry, file) == 0)
        return 0;
    fsp_node_forget(volume, node, 1);
    return -ECANCELED;
}

/* Somebody else has just made it, and may be reading. */
static NTSTATUS overwrite_found(struct fsp_volume *volume, struct fsp_node *parent, const struct fsp_creation *creation,
                                struct fsp_opened *opened) {
    bool found = opened->information == FILE_OVERWRITTEN || opened->information == FILE_SUPERSEDED;
    struct fsp_node *node = found ? fsp_node_find(volume, parent, creation->name, creation->name_length) : NULL;
    if (node)
        fsp_lock_exclusive(&node->lock);
    NTSTATUS status = overwrite(volume, opened);
    if (node)
        fsp_unlock(&node->lock);
    fsp_node_release(volume, node);
    return status;
}

static int create_file(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *parent, const char *name,
                       mode_t mode, struct linfsp_file *file) {
    struct fsp_opened opened;
    struct linfsp_entry entry;
    struct fsp_node *node = NULL;
    struct fsp_creation creation;
    UINT32 disposition = file->flags & O_EXCL ? FILE_CREATE : file->flags & O_TRUNC ? FILE_OVERWRITE_IF : FILE_OPEN_IF;
    int r = fsp_creation_begin(volume, parent, name, mode, &creation);
    if (r < 0)
        return r;
    creation.opening.disposition = disposition;
    creation.opening.options = FILE_NON_DIRECTORY_FILE | FILE_OPEN_REPARSE_POINT;
    creation.opening.access = access_of(file->flags);
    NTSTATUS status = fsp_open_path(volume, &creation.opening, true, &opened);
    if (NT_SUCCESS(status))
        status = overwrite_found(volume, parent, &creation, &opened);
    fsp_creation_end(&creation);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    r = fsp_serve_entry(volume, parent, creation.name, creation.name_length, &opened, &entry, &node);
    if (r == 0)
        r = reply_created(request, volume, node, &entry, &opened, file);
    if (r < 0 && r != -ECANCELED)
        fsp_close_context(volume, opened.context, opened.context2, 0, NULL, 0);
    fsp_node_release(volume, node);
    return r;
}

int fsp_serve_create(linfsp_request *request, uint64_t parent, const char *name, mode_t mode,
                     struct linfsp_file *file) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    fsp_lock_shared(&volume->names);
    int r = create_file(request, volume, fsp_node_of(volume, parent), name, mode, file);
    fsp_unlock(&volume->names);
    if (r == -ECANCELED && file->handle) {
        fsp_open_end(volume, fsp_open_of(file));
        return 0;
    }
    return r;
}

/* ---- reading and writing --------------------------------------------------------------------------------------- */

/* A request that is answered now or later. */
struct transfer {
    linfsp_request *request;
    struct fsp_volume *volume;
    struct fsp_open *open;
    void *buffer; /* of a read: the request's own, or ours */
    void *owned; /* to be freed */
    size_t size;
};

static void end_transfer(struct transfer *transfer) {
    fsp_unlock(&transfer->open->node->lock);
    free(transfer->owned);
    free(transfer);
}

static void answer_read(void *argument, NTSTATUS status, const FSP_FSCTL_TRANSACT_RSP *response) {
    struct transfer *transfer = argument;
    size_t count = response ? response->IoStatus.Information : 0;
    if (status == STATUS_END_OF_FILE) {
        status = STATUS_SUCCESS;
        count = 0;
    }
    if (NT_SUCCESS(status) && count > transfer->size)
        status = STATUS_INTERNAL_ERROR;
    linfsp_request *request = transfer->request;
    if (NT_SUCCESS(status))
        linfsp_reply_data(request, transfer->buffer, count);
    else
        linfsp_reply_error(request, fsp_errno_from_status(status));
    end_transfer(transfer);
}

static struct transfer *begin_transfer(linfsp_request *request, struct fsp_volume *volume, struct linfsp_file *file,
                                       size_t size) {
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return NULL;
    *transfer = (struct transfer){.request = request, .volume = volume, .open = fsp_open_of(file), .size = size};
    return transfer;
}

int fsp_serve_read(linfsp_request *request, uint64_t inode _unused_, struct linfsp_file *file, size_t size,
                   off_t offset) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_transaction transaction;
    struct transfer *transfer = begin_transfer(request, volume, file, size);
    if (!transfer)
        return -ENOMEM;
    transfer->buffer = linfsp_request_buffer(request, size);
    if (!transfer->buffer)
        transfer->buffer = transfer->owned = malloc(size);
    if (!transfer->buffer) {
        free(transfer);
        return -ENOMEM;
    }
    fsp_lock_shared(&transfer->open->node->lock);
    transfer->open->accessed = true;
    fsp_begin(volume, &transaction, FspFsctlTransactReadKind);
    fsp_put_open(&transaction, transfer->open);
    transaction.request.Req.Read.Address = (UINT64)(uintptr_t)transfer->buffer;
    transaction.request.Req.Read.Offset = (UINT64)offset;
    transaction.request.Req.Read.Length = (UINT32)size;
    NTSTATUS status = fsp_transact_pending(volume, &transaction, answer_read, transfer);
    if (status != STATUS_PENDING)
        answer_read(transfer, status, &transaction.response);
    return 0;
}

static void answer_write(void *argument, NTSTATUS status, const FSP_FSCTL_TRANSACT_RSP *response) {
    struct transfer *transfer = argument;
    size_t count = response ? response->IoStatus.Information : 0;
    linfsp_request *request = transfer->request;
    if (NT_SUCCESS(status) && count > transfer->size)
        status = STATUS_INTERNAL_ERROR;
    if (NT_SUCCESS(status))
        linfsp_reply_written(request, count);
    else
        linfsp_reply_error(request, fsp_errno_from_status(status));
    end_transfer(transfer);
}

/* A request keeps its data until it is answered. */
int fsp_serve_write(linfsp_request *request, uint64_t inode _unused_, struct linfsp_file *file, const void *data,
                    size_t size, off_t offset, uint32_t flags) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_transaction transaction;
    struct transfer *transfer = begin_transfer(request, volume, file, size);
    if (!transfer)
        return -ENOMEM;
    fsp_lock_exclusive(&transfer->open->node->lock);
    fsp_mark_modified(transfer->open);
    fsp_begin(volume, &transaction, FspFsctlTransactWriteKind);
    fsp_put_open(&transaction, transfer->open);
    transaction.request.Req.Write.Address = (UINT64)(uintptr_t)data;
    transaction.request.Req.Write.Offset = (UINT64)offset;
    transaction.request.Req.Write.Length = (UINT32)size;
    transaction.request.Req.Write.ConstrainedIo = (flags & LINFSP_WRITE_CACHE) != 0;
    NTSTATUS status = fsp_transact_pending(volume, &transaction, answer_write, transfer);
    if (status != STATUS_PENDING)
        answer_write(transfer, status, &transaction.response);
    return 0;
}

/* ---- the rest -------------------------------------------------------------------------------------------------- */

int fsp_serve_release(linfsp_request *request, uint64_t inode _unused_, struct linfsp_file *file) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    fsp_open_end(volume, fsp_open_of(file));
    return linfsp_reply_done(request), 0;
}

static NTSTATUS flush(struct fsp_volume *volume, const struct fsp_open *open) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactFlushBuffersKind);
    if (open)
        fsp_put_open(&transaction, open);
    return fsp_transact(volume, &transaction);
}

int fsp_serve_fsync(linfsp_request *request, uint64_t inode _unused_, struct linfsp_file *file,
                    bool data_only _unused_) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_open *open = fsp_open_of(file);
    fsp_lock_exclusive(&open->node->lock);
    NTSTATUS status = flush(volume, open);
    fsp_unlock(&open->node->lock);
    return NT_SUCCESS(status) ? (linfsp_reply_done(request), 0) : fsp_errno_from_status(status);
}

int fsp_serve_syncfs(linfsp_request *request, uint64_t inode _unused_) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    NTSTATUS status = flush(volume, NULL);
    return NT_SUCCESS(status) ? (linfsp_reply_done(request), 0) : fsp_errno_from_status(status);
}

/* Room is reserved by the allocation size; a size that grows, by the size. Holes cannot be said. */
static NTSTATUS allocate(struct fsp_volume *volume, struct fsp_open *open, int mode, uint64_t end) {
    FSP_FSCTL_FILE_INFO info;
    NTSTATUS status = fsp_get_info(volume, open, &info);
    uint64_t unit = (uint64_t)volume->params.SectorSize * volume->params.SectorsPerAllocationUnit;
    uint64_t allocation = (end + unit - 1) / unit * unit;
    if (NT_SUCCESS(status) && allocation > info.AllocationSize)
        status = fsp_set_size(volume, open, allocation, true, &info);
    if (NT_SUCCESS(status) && !(mode & FALLOC_FL_KEEP_SIZE) && end > info.FileSize)
        status = fsp_set_size(volume, open, end, false, &info);
    return status;
}

int fsp_serve_fallocate(linfsp_request *request, uint64_t inode _unused_, struct linfsp_file *file, int mode,
                        off_t offset, off_t length) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_open *open = fsp_open_of(file);
    if (mode & ~FALLOC_FL_KEEP_SIZE)
        return -EOPNOTSUPP;
    fsp_lock_exclusive(&open->node->lock);
    NTSTATUS status = allocate(volume, open, mode, (uint64_t)offset + (uint64_t)length);
    if (NT_SUCCESS(status))
        fsp_mark_modified(open);
    fsp_unlock(&open->node->lock);
    return NT_SUCCESS(status) ? (linfsp_reply_done(request), 0) : fsp_errno_from_status(status);
}

/* ---- control codes --------------------------------------------------------------------------------------------- */

#define CONTROL_TYPE 0x8000u
#define CONTROL_FUNCTION 0x800u

/* An ioctl of type T and number N is the code of device type 0x8000 + T and function 0x800 + N, method buffered: for T
 * 0 and N 0 that is 0x80002000. */
static UINT32 control_code(uint32_t command) {
    uint32_t type = (command >> 8) & 0xff, number = command & 0xff;
    return (CONTROL_TYPE | type) << 16 | (CONTROL_FUNCTION | number) << 2;
}

int fsp_serve_ioctl(linfsp_request *request, uint64_t inode _unused_, struct linfsp_file *file, uint32_t command,
                    uint64_t argument _unused_, uint32_t flags _unused_, const void *in, size_t in_size,
                    size_t out_size) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_transaction transaction;
    struct fsp_open *open = fsp_open_of(file);
    int result;
    if (fsp_serve_label(request, volume, command, in, in_size, &result))
        return result;
    if (!volume->params.DeviceControl)
        return -ENOTTY;
    fsp_begin(volume, &transaction, FspFsctlTransactDeviceControlKind);
    fsp_put_open(&transaction, open);
    transaction.request.Req.DeviceControl.IoControlCode = control_code(command);
    transaction.request.Req.DeviceControl.OutputLength = (UINT32)out_size;
    if (fsp_put(&transaction, in, in_size, &transaction.request.Req.DeviceControl.Buffer) < 0)
        return -EINVAL;
    fsp_lock_exclusive(&open->node->lock);
    NTSTATUS status = fsp_transact(volume, &transaction);
    fsp_unlock(&open->node->lock);
    if (status == STATUS_INVALID_DEVICE_REQUEST)
        return -ENOTTY;
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    size_t size = transaction.response.Rsp.DeviceControl.Buffer.Size;
    return linfsp_reply_ioctl(request, 0, transaction.response.Buffer, size < out_size ? size : out_size), 0;
}
