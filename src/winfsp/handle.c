/* SPDX-License-Identifier: MIT */
#include "winfsp/handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "winfsp/security.h"
#include "winfsp/sid.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

uint64_t fsp_file_time_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)(now.tv_sec * INT64_C(10000000) + now.tv_nsec / 100 + FSP_UNIX_EPOCH);
}

/* What the thread's last descriptors say. */
struct known_modes {
    struct fsp_descriptor_memo memo;
    struct {
        unsigned generation;
        UINT32 uid, gid, mode;
    } slots[FSP_MEMO_SLOTS];
};

static struct known_modes *FSP_THREAD_VARIABLE(known_here)(void) {
    static _Thread_local struct known_modes known;
    return &known;
}

bool fsp_descriptor_mode(PSECURITY_DESCRIPTOR descriptor, size_t size, mode_t *ret_mode, uid_t *ret_uid,
                         gid_t *ret_gid) {
    struct known_modes *known = known_here();
    unsigned generation = fsp_uid_map_generation();
    UINT32 uid, gid, mode;
    int slot = fsp_descriptor_recall(&known->memo, descriptor, size);
    if (slot < 0 || known->slots[slot].generation != generation) {
        if (size == 0 || !fsp_descriptor_valid(descriptor, size) ||
            !NT_SUCCESS(FspPosixMapSecurityDescriptorToPermissions(descriptor, &uid, &gid, &mode)))
            return false;
        slot = slot < 0 ? fsp_descriptor_remember(&known->memo, descriptor, size) : slot;
        if (slot >= 0)
            known->slots[slot] = (__typeof__(known->slots[slot])){generation, uid, gid, mode};
    } else {
        uid = known->slots[slot].uid;
        gid = known->slots[slot].gid;
        mode = known->slots[slot].mode;
    }
    *ret_mode = mode & 07777;
    *ret_uid = uid;
    *ret_gid = gid;
    return true;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int fill_create(struct fsp_transaction *transaction, const struct fsp_volume *volume,
                       const struct fsp_opening *opening, bool checked) {
    FSP_FSCTL_TRANSACT_REQ *request = &transaction->request;
    int r = fsp_put_name(transaction, opening->path, opening->units);
    if (r == 0 && opening->descriptor_size > 0)
        r = fsp_put(transaction, opening->descriptor, opening->descriptor_size,
                    &request->Req.Create.SecurityDescriptor);
    if (r == 0 && opening->extra_size > 0)
        r = fsp_put(transaction, opening->extra, opening->extra_size, &request->Req.Create.Ea);
    request->Req.Create.CreateOptions = opening->disposition << 24 | opening->options;
    request->Req.Create.FileAttributes = opening->attributes;
    request->Req.Create.AccessToken = (UINT64)(UINT32)fsp_caller_here()->pid << 32;
    request->Req.Create.DesiredAccess = opening->access;
    request->Req.Create.ShareAccess = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    request->Req.Create.UserMode = checked;
    request->Req.Create.HasTraversePrivilege = 1; /* the kernel has walked here, and checked each directory */
    request->Req.Create.CaseSensitive = !volume->case_blind;
    request->Req.Create.AcceptsSecurityDescriptor = 1;
    request->Req.Create.EaIsReparsePoint = opening->extra_is_reparse_point;
    bool stream = opening->stream || volume->streams_in_names;
    for (size_t i = 0; stream && i < opening->units; i++)
        if (opening->path[i] == ':') {
            request->Req.Create.NamedStream = (UINT16)(i * sizeof(WCHAR));
            break;
        }
    return r;
}

/* The last component of what the file system says the name is, where it says so. */
static void take_name(const FSP_FSCTL_TRANSACT_RSP *response, struct fsp_opened *opened) {
    const WCHAR *name = (const WCHAR *)(const void *)(response->Buffer + response->Rsp.Create.Opened.FileName.Offset);
    size_t units = response->Rsp.Create.Opened.FileName.Size / sizeof(WCHAR), begin = units;
    while (begin > 0 && name[begin - 1] != '\\')
        begin--;
    opened->name_length = 0;
    if (units - begin > 255)
        return;
    opened->name_length = (unsigned)(units - begin);
    memcpy(opened->name, name + begin, (units - begin) * sizeof *name);
}

static void take_opened(FSP_FSCTL_TRANSACT_RSP *response, struct fsp_opened *opened) {
    FSP_FSCTL_TRANSACT_BUF descriptor = response->Rsp.Create.Opened.SecurityDescriptor;
    opened->context = response->Rsp.Create.Opened.UserContext;
    opened->context2 = response->Rsp.Create.Opened.UserContext2;
    opened->granted = response->Rsp.Create.Opened.GrantedAccess;
    opened->information = response->IoStatus.Information;
    opened->no_cache = response->Rsp.Create.Opened.DisableCache;
    opened->info = response->Rsp.Create.Opened.FileInfo;
    take_name(response, opened);
    opened->has_security = response->Rsp.Create.Opened.HasSecurityDescriptor &&
                           fsp_descriptor_mode(response->Buffer + descriptor.Offset, descriptor.Size, &opened->mode,
                                               &opened->uid, &opened->gid);
}

NTSTATUS fsp_open_path(struct fsp_volume *volume, const struct fsp_opening *opening, bool checked,
                       struct fsp_opened *ret_opened) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactCreateKind);
    int r = fill_create(&transaction, volume, opening, checked);
    if (r < 0)
        return fsp_status_from_errno(r);
    NTSTATUS status = fsp_transact(volume, &transaction);
    if (status == STATUS_REPARSE)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    if (status == STATUS_PENDING)
        return STATUS_INTERNAL_ERROR;
    if (NT_SUCCESS(status))
        take_opened(&transaction.response, ret_opened);
    return status;
}

NTSTATUS fsp_open_to_look(struct fsp_volume *volume, const WCHAR *path, size_t units, UINT32 access,
                          struct fsp_opened *ret_opened) {
    struct fsp_opening opening = {
        .path = path,
        .units = units,
        .disposition = FILE_OPEN,
        .options = FILE_OPEN_REPARSE_POINT | FILE_OPEN_FOR_BACKUP_INTENT,
        .access = access,
    };
    return fsp_open_path(volume, &opening, false, ret_opened);
}

void fsp_close_only(struct fsp_volume *volume, uint64_t context, uint64_t context2) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactCloseKind);
    transaction.request.Req.Close.UserContext = context;
    transaction.request.Req.Close.UserContext2 = context2;
    fsp_transact(volume, &transaction);
}

static void clean_up(struct fsp_volume *volume, uint64_t context, uint64_t context2, ULONG flags, const WCHAR *path,
                     size_t units) {
    struct fsp_transaction transaction;
    if (volume->params.PostCleanupWhenModifiedOnly && !(flags & ~(ULONG)FspCleanupSetLastAccessTime))
        return;
    fsp_begin(volume, &transaction, FspFsctlTransactCleanupKind);
    if (flags & FspCleanupDelete)
        fsp_put_name(&transaction, path, units);
    transaction.request.Req.Cleanup.UserContext = context;
    transaction.request.Req.Cleanup.UserContext2 = context2;
    transaction.request.Req.Cleanup.Delete = (flags & FspCleanupDelete) != 0;
    transaction.request.Req.Cleanup.SetAllocationSize = (flags & FspCleanupSetAllocationSize) != 0;
    transaction.request.Req.Cleanup.SetArchiveBit = (flags & FspCleanupSetArchiveBit) != 0;
    transaction.request.Req.Cleanup.SetLastAccessTime = (flags & FspCleanupSetLastAccessTime) != 0;
    transaction.request.Req.Cleanup.SetLastWriteTime = (flags & FspCleanupSetLastWriteTime) != 0;
    transaction.request.Req.Cleanup.SetChangeTime = (flags & FspCleanupSetChangeTime) != 0;
    fsp_transact(volume, &transaction);
}

void fsp_close_context(struct fsp_volume *volume, uint64_t context, uint64_t context2, ULONG flags, const WCHAR *path,
                       size_t units) {
    clean_up(volume, context, context2, flags, path, units);
    fsp_close_only(volume, context, context2);
}

/* ---- open files ------------------------------------------------------------------------------------------------ */

struct fsp_open *fsp_open_register(struct fsp_volume *volume, struct fsp_node *node, const struct fsp_opened *opened) {
    struct fsp_open *open = calloc(1, sizeof *open);
    if (!open)
        return NULL;
    open->node = node;
    open->context = opened->context;
    open->context2 = opened->context2;
    open->granted = opened->granted;
    pthread_mutex_init(&open->listing_lock, NULL);
    fsp_node_hold(volume, node);
    pthread_mutex_lock(&node->state);
    open->next = node->opens;
    if (open->next)
        open->next->previous = open;
    node->opens = open;
    node->open_count++;
    pthread_mutex_unlock(&node->state);
    return open;
}

/* What Cleanup is to do for an open file: what was done with it, less what its owner has set by itself. */
static ULONG cleanup_flags(const struct fsp_open *open) {
    ULONG flags = 0;
    if (open->modified) {
        flags |= FspCleanupSetAllocationSize;
        if (!open->set_attributes)
            flags |= FspCleanupSetArchiveBit;
        if (!open->set_write_time)
            flags |= FspCleanupSetLastWriteTime;
        if (!open->set_change_time)
            flags |= FspCleanupSetChangeTime;
    }
    if ((open->modified || open->accessed) && !open->set_access_time && open->accessed)
        flags |= FspCleanupSetLastAccessTime;
    return flags;
}

/* Whether a deletion has waited for this, the last close. */
static bool unregister(struct fsp_open *open) {
    struct fsp_node *node = open->node;
    pthread_mutex_lock(&node->state);
    if (open->previous)
        open->previous->next = open->next;
    else
        node->opens = open->next;
    if (open->next)
        open->next->previous = open->previous;
    node->open_count--;
    if (open->modified && --node->modified_count == 0)
        node->written_at = 0;
    bool delete = node->doomed && node->open_count == 0;
    pthread_mutex_unlock(&node->state);
    return delete;
}

void fsp_open_free(struct fsp_open *open) {
    pthread_mutex_destroy(&open->listing_lock);
    fsp_listing_free(open->listing);
    free(open);
}

void fsp_open_end(struct fsp_volume *volume, struct fsp_open *open) {
    struct fsp_node *node = open->node;
    WCHAR path[FSP_PATH_UNITS];
    ULONG flags = cleanup_flags(open);
    int units = 0;
    fsp_lock_shared(&volume->names);
    fsp_lock_exclusive(&node->lock);
    bool delete = unregister(open);
    if (delete)
        units = fsp_node_path(node, NULL, 0, path);
    if (delete &&units > 0)
        flags |= FspCleanupDelete;
    fsp_close_context(volume, open->context, open->context2, flags, path, units > 0 ? (size_t)units : 0);
    if (delete)
        fsp_node_detach(volume, node);
    fsp_unlock(&node->lock);
    fsp_unlock(&volume->names);
    fsp_node_release(volume, node);
    fsp_open_free(open);
}

/* ---- with an open file ----------------------------------------------------------------------------------------- */

static NTSTATUS transact_now(struct fsp_volume *volume, struct fsp_transaction *transaction) {
    NTSTATUS status = fsp_transact(volume, transaction);
    return status == STATUS_PENDING ? STATUS_INTERNAL_ERROR : status;
}

NTSTATUS fsp_get_info(struct fsp_volume *volume, const struct fsp_open *open, FSP_FSCTL_FILE_INFO *ret_info) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactQueryInformationKind);
    fsp_put_open(&transaction, open);
    NTSTATUS status = transact_now(volume, &transaction);
    if (NT_SUCCESS(status))
        *ret_info = transaction.response.Rsp.QueryInformation.FileInfo;
    return status;
}

NTSTATUS fsp_set_times(struct fsp_volume *volume, const struct fsp_open *open, UINT32 attributes, UINT64 created,
                       UINT64 accessed, UINT64 written, UINT64 changed, FSP_FSCTL_FILE_INFO *ret_info) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactSetInformationKind);
    fsp_put_open(&transaction, open);
    transaction.request.Req.SetInformation.FileInformationClass = FspFileBasicInformation;
    transaction.request.Req.SetInformation.Info.Basic.FileAttributes = attributes;
    transaction.request.Req.SetInformation.Info.Basic.CreationTime = created;
    transaction.request.Req.SetInformation.Info.Basic.LastAccessTime = accessed;
    transaction.request.Req.SetInformation.Info.Basic.LastWriteTime = written;
    transaction.request.Req.SetInformation.Info.Basic.ChangeTime = changed;
    NTSTATUS status = transact_now(volume, &transaction);
    if (NT_SUCCESS(status))
        *ret_info = transaction.response.Rsp.SetInformation.FileInfo;
    return status;
}

NTSTATUS fsp_set_size(struct fsp_volume *volume, const struct fsp_open *open, uint64_t size, bool allocation,
                      FSP_FSCTL_FILE_INFO *ret_info) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactSetInformationKind);
    fsp_put_open(&transaction, open);
    transaction.request.Req.SetInformation.FileInformationClass =
        allocation ? FspFileAllocationInformation : FspFileEndOfFileInformation;
    transaction.request.Req.SetInformation.Info.EndOfFile.FileSize = size;
    NTSTATUS status = transact_now(volume, &transaction);
    if (NT_SUCCESS(status))
        *ret_info = transaction.response.Rsp.SetInformation.FileInfo;
    return status;
}

NTSTATUS fsp_overwrite(struct fsp_volume *volume, const struct fsp_open *open, FSP_FSCTL_FILE_INFO *ret_info) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactOverwriteKind);
    fsp_put_open(&transaction, open);
    NTSTATUS status = transact_now(volume, &transaction);
    if (NT_SUCCESS(status))
        *ret_info = transaction.response.Rsp.Overwrite.FileInfo;
    return status;
}

NTSTATUS fsp_get_security(struct fsp_volume *volume, const struct fsp_open *open, struct fsp_transaction *transaction,
                          size_t *ret_size) {
    fsp_begin(volume, transaction, FspFsctlTransactQuerySecurityKind);
    fsp_put_open(transaction, open);
    NTSTATUS status = transact_now(volume, transaction);
    if (NT_SUCCESS(status))
        *ret_size = transaction->response.Rsp.QuerySecurity.SecurityDescriptor.Size;
    return status;
}

NTSTATUS fsp_set_security(struct fsp_volume *volume, const struct fsp_open *open, SECURITY_INFORMATION parts,
                          const void *descriptor, size_t size) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactSetSecurityKind);
    fsp_put_open(&transaction, open);
    transaction.request.Req.SetSecurity.SecurityInformation = parts;
    if (fsp_put(&transaction, descriptor, size, &transaction.request.Req.SetSecurity.SecurityDescriptor) < 0)
        return STATUS_INVALID_SECURITY_DESCR;
    return transact_now(volume, &transaction);
}

static void begin_control(struct fsp_volume *volume, struct fsp_transaction *transaction, const struct fsp_open *open,
                          UINT32 code, const WCHAR *path, size_t units) {
    fsp_begin(volume, transaction, FspFsctlTransactFileSystemControlKind);
    fsp_put_name(transaction, path, units);
    fsp_put_open(transaction, open);
    transaction->request.Req.FileSystemControl.FsControlCode = code;
}

NTSTATUS fsp_get_reparse_point(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                               struct fsp_transaction *transaction, size_t *ret_size) {
    begin_control(volume, transaction, open, FSCTL_GET_REPARSE_POINT, path, units);
    NTSTATUS status = transact_now(volume, transaction);
    if (NT_SUCCESS(status))
        *ret_size = transaction->response.Rsp.FileSystemControl.Buffer.Size;
    return status;
}

NTSTATUS fsp_set_reparse_point(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                               const void *data, size_t size) {
    struct fsp_transaction transaction;
    begin_control(volume, &transaction, open, FSCTL_SET_REPARSE_POINT, path, units);
    if (fsp_put(&transaction, data, size, &transaction.request.Req.FileSystemControl.Buffer) < 0)
        return STATUS_IO_REPARSE_DATA_INVALID;
    return transact_now(volume, &transaction);
}

NTSTATUS fsp_set_disposition(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                             bool delete) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactSetInformationKind);
    fsp_put_name(&transaction, path, units);
    fsp_put_open(&transaction, open);
    transaction.request.Req.SetInformation.FileInformationClass = FspFileDispositionInformation;
    transaction.request.Req.SetInformation.Info.Disposition.Delete = delete;
    return transact_now(volume, &transaction);
}

NTSTATUS fsp_rename_open(struct fsp_volume *volume, const struct fsp_open *open, const WCHAR *path, size_t units,
                         const WCHAR *new_path, size_t new_units, bool replace) {
    struct fsp_transaction transaction;
    FSP_FSCTL_TRANSACT_REQ *request = &transaction.request;
    fsp_begin(volume, &transaction, FspFsctlTransactSetInformationKind);
    fsp_put_name(&transaction, path, units);
    fsp_put_open(&transaction, open);
    request->Req.SetInformation.FileInformationClass = FspFileRenameInformation;
    fsp_put(&transaction, new_path, (new_units + 1) * sizeof *new_path,
            &request->Req.SetInformation.Info.Rename.NewFileName);
    /* never 0 where it may replace: 0 says that it must not */
    request->Req.SetInformation.Info.Rename.AccessToken =
        replace ? (UINT64)(UINT32)fsp_caller_here()->pid << 32 | 1 : 0;
    return transact_now(volume, &transaction);
}
