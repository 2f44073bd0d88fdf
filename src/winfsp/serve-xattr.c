/* SPDX-License-Identifier: MIT */
/*
 * Serving extended attributes.
 *
 * Model. An attribute's name says what it is of the file system's:
 *
 *     user.NAME                  a named stream; on a volume without streams an extended attribute (EA)
 *     user.ea.NAME               an EA, on a volume that has streams as well
 *     system.ntfs_acl            the security descriptor, self-relative
 *     system.ntfs_attrib         the file attributes, 32 bits
 *     system.ntfs_crtime         the creation time, 64 bits, as FILETIME
 *     system.ntfs_reparse_data   the reparse point
 *
 * The names under system. are those of NTFS-3G. The kernel checks who may use attributes under user., not those under
 * system.: only the owner and root may set these.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/xattr.h>

#include "util/cleanup.h"
#include "winfsp/pending.h"
#include "winfsp/security.h"
#include "winfsp/serve.h"
#include "winfsp/status.h"
#include "winfsp/text.h"

#define VALUE_MAX 65536u

enum kind { KIND_NONE, KIND_STREAM, KIND_EA, KIND_ACL, KIND_ATTRIBUTES, KIND_CREATION, KIND_REPARSE };

static enum kind kind_of_system(const char *name) {
    static const struct {
        const char *name;
        enum kind kind;
    } known[] = {
        {"ntfs_acl", KIND_ACL},
        {"ntfs_attrib", KIND_ATTRIBUTES},
        {"ntfs_crtime", KIND_CREATION},
        {"ntfs_reparse_data", KIND_REPARSE},
    };
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (!strcmp(name, known[i].name))
            return known[i].kind;
    return KIND_NONE;
}

/* *ret_rest: the name that a stream or EA has. */
static enum kind kind_of(const struct fsp_volume *volume, const char *name, const char **ret_rest) {
    *ret_rest = "";
    if (!strncmp(name, "system.", 7))
        return kind_of_system(name + 7);
    if (strncmp(name, "user.", 5) != 0 || !name[5])
        return KIND_NONE;
    *ret_rest = name + 5;
    if (!volume->params.NamedStreams)
        return volume->params.ExtendedAttributes ? KIND_EA : KIND_NONE;
    if (!volume->params.ExtendedAttributes || strncmp(name, "user.ea.", 8) != 0 || !name[8])
        return KIND_STREAM;
    *ret_rest = name + 8;
    return KIND_EA;
}

/* ---- streams --------------------------------------------------------------------------------------------------- */

/* "\path:NAME" */
static int stream_path(const struct fsp_node *node, const char *name, WCHAR *ret_path) {
    int units = fsp_node_path(node, NULL, 0, ret_path);
    if (units < 0)
        return units;
    size_t room = FSP_PATH_UNITS - (size_t)units - 2;
    ret_path[units++] = ':';
    int length = fsp_to_windows_name(name, strlen(name), false, ret_path + units, room);
    if (length < 0)
        return length;
    ret_path[units + length] = 0;
    return units + length;
}

static int open_stream(struct fsp_volume *volume, const WCHAR *path, int units, UINT32 disposition, UINT32 access,
                       struct fsp_opened *ret_opened) {
    struct fsp_opening opening = {
        .path = path,
        .units = (size_t)units,
        .disposition = disposition,
        .options = FILE_OPEN_REPARSE_POINT,
        .access = access,
        .stream = true,
    };
    NTSTATUS status = fsp_open_path(volume, &opening, false, ret_opened);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND)
        return -ENODATA;
    return fsp_errno_from_status(status);
}

/* Moves data between a stream and memory, whole. */
static NTSTATUS move_stream(struct fsp_volume *volume, const struct fsp_opened *opened, UINT32 kind, void *data,
                            size_t size) {
    struct fsp_transaction transaction;
    struct fsp_open open = {.context = opened->context, .context2 = opened->context2};
    size_t done = 0;
    while (done < size) {
        fsp_begin(volume, &transaction, kind);
        fsp_put_open(&transaction, &open);
        /* Read's and Write's members stand at the same places */
        transaction.request.Req.Read.Address = (UINT64)(uintptr_t)((char *)data + done);
        transaction.request.Req.Read.Offset = done;
        transaction.request.Req.Read.Length = (UINT32)(size - done);
        NTSTATUS status = fsp_transact_wait(volume, &transaction);
        size_t count = transaction.response.IoStatus.Information;
        if (!NT_SUCCESS(status))
            return status;
        if (count == 0 || count > size - done)
            return STATUS_INTERNAL_ERROR;
        done += count;
    }
    return STATUS_SUCCESS;
}

static int get_stream(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *node, const char *name) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened;
    int units = stream_path(node, name, path);
    if (units < 0)
        return units;
    int r = open_stream(volume, path, units, FILE_OPEN, FILE_GENERIC_READ, &opened);
    if (r < 0)
        return r;
    size_t size = opened.info.FileSize < VALUE_MAX ? (size_t)opened.info.FileSize : VALUE_MAX;
    _cleanup_free_ char *value = malloc(size + 1);
    NTSTATUS status = opened.info.FileSize > VALUE_MAX ? STATUS_EA_TOO_LARGE
                      : value ? move_stream(volume, &opened, FspFsctlTransactReadKind, value, size)
                              : STATUS_INSUFFICIENT_RESOURCES;
    fsp_close_context(volume, opened.context, opened.context2, 0, NULL, 0);
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    return linfsp_reply_data(request, value, size), 0;
}

static int set_stream(struct fsp_volume *volume, struct fsp_node *node, const char *name, const void *value,
                      size_t size, int flags) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened;
    int units = stream_path(node, name, path);
    if (units < 0)
        return units;
    UINT32 disposition = flags & XATTR_CREATE    ? FILE_CREATE
                         : flags & XATTR_REPLACE ? FILE_OVERWRITE
                                                 : FILE_OVERWRITE_IF;
    int r = open_stream(volume, path, units, disposition, FILE_GENERIC_READ | FILE_GENERIC_WRITE, &opened);
    if (r < 0)
        return r;
    struct fsp_open open = {.context = opened.context, .context2 = opened.context2};
    if (opened.information == FILE_OVERWRITTEN) {
        NTSTATUS status = fsp_overwrite(volume, &open, &opened.info);
        if (!NT_SUCCESS(status)) {
            fsp_close_only(volume, opened.context, opened.context2);
            return fsp_errno_from_status(status);
        }
    }
    NTSTATUS status = move_stream(volume, &opened, FspFsctlTransactWriteKind, (void *)(uintptr_t)value, size);
    fsp_close_context(volume, opened.context, opened.context2,
                      FspCleanupSetAllocationSize | FspCleanupSetArchiveBit | FspCleanupSetChangeTime, NULL, 0);
    return fsp_errno_from_status(status);
}

static int remove_stream(struct fsp_volume *volume, struct fsp_node *node, const char *name) {
    WCHAR path[FSP_PATH_UNITS];
    struct fsp_opened opened;
    int units = stream_path(node, name, path);
    if (units < 0)
        return units;
    int r = open_stream(volume, path, units, FILE_OPEN, DELETE | FILE_READ_ATTRIBUTES, &opened);
    if (r < 0)
        return r;
    struct fsp_open open = {.context = opened.context, .context2 = opened.context2};
    NTSTATUS status = volume->params.PostDispositionWhenNecessaryOnly
                          ? STATUS_SUCCESS
                          : fsp_set_disposition(volume, &open, path, (size_t)units, true);
    fsp_close_context(volume, opened.context, opened.context2, NT_SUCCESS(status) ? FspCleanupDelete : 0, path,
                      (size_t)units);
    return fsp_errno_from_status(status);
}

/* ---- EAs ------------------------------------------------------------------------------------------------------- */

struct ea_search {
    const char *name;
    char value[VALUE_MAX];
    size_t size;
    bool found;
};

static NTSTATUS FSP_ABI find_ea(FSP_FILE_SYSTEM *fs _unused_, PVOID context, PFILE_FULL_EA_INFORMATION ea) {
    struct ea_search *search = context;
    if (strlen(search->name) != ea->EaNameLength || strncasecmp(search->name, ea->EaName, ea->EaNameLength) != 0)
        return STATUS_SUCCESS;
    search->found = true;
    search->size = ea->EaValueLength;
    memcpy(search->value, ea->EaName + ea->EaNameLength + 1, ea->EaValueLength);
    return STATUS_SUCCESS;
}

/* The EAs in transaction->response.Buffer. */
static NTSTATUS query_ea(struct fsp_volume *volume, const struct fsp_open *open, struct fsp_transaction *transaction,
                         ULONG *ret_size) {
    fsp_begin(volume, transaction, FspFsctlTransactQueryEaKind);
    fsp_put_open(transaction, open);
    NTSTATUS status = fsp_transact(volume, transaction);
    *ret_size = NT_SUCCESS(status) ? transaction->response.Rsp.QueryEa.Ea.Size : 0;
    return status == STATUS_NO_EAS_ON_FILE ? STATUS_SUCCESS : status;
}

/* Looks for an EA by name; *ret_search is the caller's to free. */
static int search_ea(struct fsp_volume *volume, const struct fsp_open *open, const char *name,
                     struct ea_search **ret_search) {
    struct fsp_transaction transaction;
    ULONG size;
    _cleanup_free_ struct ea_search *search = calloc(1, sizeof *search);
    if (!search)
        return -ENOMEM;
    search->name = name;
    NTSTATUS status = query_ea(volume, open, &transaction, &size);
    if (NT_SUCCESS(status) && size > 0)
        status = FspFileSystemEnumerateEa(&volume->fs, find_ea, search,
                                          (PFILE_FULL_EA_INFORMATION)(void *)transaction.response.Buffer, size);
    if (!NT_SUCCESS(status)) {
        int r = fsp_errno_from_status(status);
        return r < 0 ? r : -EIO;
    }
    *ret_search = search;
    search = NULL;
    return 0;
}

static int get_ea(linfsp_request *request, struct fsp_volume *volume, const struct fsp_open *open, const char *name) {
    _cleanup_free_ struct ea_search *search = NULL;
    int r = search_ea(volume, open, name, &search);
    if (r < 0)
        return r;
    return search->found ? (linfsp_reply_data(request, search->value, search->size), 0) : -ENODATA;
}

/* An empty value deletes. */
static int put_ea(struct fsp_volume *volume, const struct fsp_open *open, const char *name, const void *value,
                  size_t size) {
    struct fsp_transaction transaction;
    size_t length = strlen(name), head = offsetof(FILE_FULL_EA_INFORMATION, EaName), whole = head + length + 1 + size;
    if (length > 255 || whole > FSP_FSCTL_TRANSACT_REQ_BUFFER_SIZEMAX - 8)
        return length > 255 ? -ENAMETOOLONG : -E2BIG;
    _cleanup_free_ FILE_FULL_EA_INFORMATION *ea = calloc(1, whole);
    if (!ea)
        return -ENOMEM;
    ea->EaNameLength = (UCHAR)length;
    ea->EaValueLength = (USHORT)size;
    memcpy(ea->EaName, name, length);
    for (size_t i = 0; i < length && !volume->params.CasePreservedExtendedAttributes; i++)
        ea->EaName[i] = (char)toupper((unsigned char)ea->EaName[i]);
    if (size > 0)
        memcpy(ea->EaName + length + 1, value, size);
    fsp_begin(volume, &transaction, FspFsctlTransactSetEaKind);
    fsp_put_open(&transaction, open);
    fsp_put(&transaction, ea, whole, &transaction.request.Req.SetEa.Ea);
    return fsp_errno_from_status(fsp_transact(volume, &transaction));
}

static int set_ea(struct fsp_volume *volume, const struct fsp_open *open, const char *name, const void *value,
                  size_t size, int flags) {
    if (size == 0)
        return -EOPNOTSUPP; /* an EA without a value is none */
    if (flags & (XATTR_CREATE | XATTR_REPLACE)) {
        _cleanup_free_ struct ea_search *search = NULL;
        int r = search_ea(volume, open, name, &search);
        if (r < 0)
            return r;
        if (search->found == !!(flags & XATTR_CREATE))
            return search->found ? -EEXIST : -ENODATA;
    }
    return put_ea(volume, open, name, value, size);
}

static int remove_ea(struct fsp_volume *volume, const struct fsp_open *open, const char *name) {
    _cleanup_free_ struct ea_search *search = NULL;
    int r = search_ea(volume, open, name, &search);
    if (r < 0)
        return r;
    return search->found ? put_ea(volume, open, name, NULL, 0) : -ENODATA;
}

/* ---- what is the file's own ------------------------------------------------------------------------------------ */

static int get_own(linfsp_request *request, struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use,
                   enum kind kind) {
    struct fsp_transaction transaction;
    WCHAR path[FSP_PATH_UNITS] = {0};
    size_t size = 0;
    NTSTATUS status = STATUS_SUCCESS;
    int units = fsp_node_path(node, NULL, 0, path);
    if (kind == KIND_ACL)
        status = fsp_get_security(volume, &use->open, &transaction, &size);
    else if (kind == KIND_REPARSE)
        status = fsp_get_reparse_point(volume, &use->open, path, units < 0 ? 0 : (size_t)units, &transaction, &size);
    else if (!use->has_info)
        status = fsp_get_info(volume, &use->open, &use->info);
    if (status == STATUS_NOT_A_REPARSE_POINT)
        return -ENODATA;
    if (!NT_SUCCESS(status))
        return fsp_errno_from_status(status);
    if (kind == KIND_ATTRIBUTES)
        linfsp_reply_data(request, &use->info.FileAttributes, sizeof use->info.FileAttributes);
    else if (kind == KIND_CREATION)
        linfsp_reply_data(request, &use->info.CreationTime, sizeof use->info.CreationTime);
    else
        linfsp_reply_data(request, transaction.response.Buffer, size);
    return 0;
}

static int set_descriptor(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use, const void *value,
                          size_t size) {
    struct fsp_opened now = {.has_security = true};
    _cleanup_free_ void *copy = malloc(size + 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, value, size); /* aligned */
    if (!fsp_descriptor_valid(copy, size))
        return -EINVAL;
    SECURITY_INFORMATION parts = (fsp_descriptor_owner(copy) ? OWNER_SECURITY_INFORMATION : 0) |
                                 (fsp_descriptor_group(copy) ? GROUP_SECURITY_INFORMATION : 0) |
                                 DACL_SECURITY_INFORMATION;
    struct fsp_transaction transaction;
    NTSTATUS status = fsp_set_security(volume, &use->open, parts, copy, size);
    if (NT_SUCCESS(status))
        status = fsp_get_security(volume, &use->open, &transaction, &size);
    if (NT_SUCCESS(status) && fsp_descriptor_mode(transaction.response.Buffer, size, &now.mode, &now.uid, &now.gid))
        fsp_note_security(volume, node, &now);
    return fsp_errno_from_status(status);
}

static int set_own(struct fsp_volume *volume, struct fsp_node *node, struct fsp_use *use, enum kind kind,
                   const void *value, size_t size) {
    WCHAR path[FSP_PATH_UNITS];
    UINT32 attributes = INVALID_FILE_ATTRIBUTES;
    UINT64 created = 0;
    if (kind == KIND_ACL)
        return set_descriptor(volume, node, use, value, size);
    if (kind == KIND_REPARSE) {
        int units = fsp_node_path(node, NULL, 0, path);
        return units < 0
                   ? units
                   : fsp_errno_from_status(fsp_set_reparse_point(volume, &use->open, path, (size_t)units, value, size));
    }
    if (size != (kind == KIND_ATTRIBUTES ? sizeof attributes : sizeof created))
        return -EINVAL;
    memcpy(kind == KIND_ATTRIBUTES ? (void *)&attributes : (void *)&created, value, size);
    if (attributes == 0)
        attributes = FILE_ATTRIBUTE_NORMAL;
    return fsp_errno_from_status(
        fsp_set_times(volume, &use->open, attributes, created, 0, 0, fsp_file_time_now(), &use->info));
}

static bool may_set_own(struct fsp_volume *volume, struct fsp_node *node) {
    uid_t owner = node->has_security ? node->uid : volume->owner_uid;
    return fsp_caller_here()->uid == 0 || fsp_caller_here()->uid == owner;
}

/* ---- the operations -------------------------------------------------------------------------------------------- */

int fsp_serve_getxattr(linfsp_request *request, uint64_t inode, const char *name, size_t size _unused_) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *node = fsp_node_of(volume, inode);
    struct fsp_use use;
    const char *rest;
    enum kind kind = kind_of(volume, name, &rest);
    if (kind == KIND_NONE)
        return -EOPNOTSUPP;
    int r = fsp_use_begin(volume, node, NULL, FILE_READ_ATTRIBUTES | READ_CONTROL | FILE_READ_EA, &use);
    if (r < 0)
        return r;
    if (kind == KIND_STREAM)
        r = get_stream(request, volume, node, rest);
    else if (kind == KIND_EA)
        r = get_ea(request, volume, &use.open, rest);
    else
        r = get_own(request, volume, node, &use, kind);
    fsp_use_end(volume, node, &use);
    return r;
}

static UINT32 access_to_set(enum kind kind) {
    switch (kind) {
    case KIND_ACL:
        return READ_CONTROL | WRITE_DAC | WRITE_OWNER;
    case KIND_EA:
        return FILE_READ_EA | FILE_WRITE_EA;
    default:
        return FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES;
    }
}

static int change(struct fsp_volume *volume, struct fsp_node *node, enum kind kind, const char *rest, const void *value,
                  size_t size, int flags) {
    struct fsp_use use;
    int r = fsp_use_begin(volume, node, NULL, access_to_set(kind), &use);
    if (r < 0)
        return r;
    bool own = kind != KIND_STREAM && kind != KIND_EA;
    if (own && !may_set_own(volume, node))
        r = -EPERM;
    else if (kind == KIND_STREAM)
        r = value ? set_stream(volume, node, rest, value, size, flags) : remove_stream(volume, node, rest);
    else if (kind == KIND_EA)
        r = value ? set_ea(volume, &use.open, rest, value, size, flags) : remove_ea(volume, &use.open, rest);
    else
        r = value ? set_own(volume, node, &use, kind, value, size) : -EOPNOTSUPP;
    fsp_use_end(volume, node, &use);
    return r;
}

int fsp_serve_setxattr(linfsp_request *request, uint64_t inode, const char *name, const void *value, size_t size,
                       int flags, bool kill_sgid _unused_) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    const char *rest;
    enum kind kind = kind_of(volume, name, &rest);
    if (kind == KIND_NONE)
        return -EOPNOTSUPP;
    int r = change(volume, fsp_node_of(volume, inode), kind, rest, value ? value : "", size, flags);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

int fsp_serve_removexattr(linfsp_request *request, uint64_t inode, const char *name) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    const char *rest;
    enum kind kind = kind_of(volume, name, &rest);
    if (kind == KIND_NONE)
        return -EOPNOTSUPP;
    int r = change(volume, fsp_node_of(volume, inode), kind, rest, NULL, 0, 0);
    return r < 0 ? r : (linfsp_reply_done(request), 0);
}

/* ---- listing --------------------------------------------------------------------------------------------------- */

struct names {
    char *text;
    size_t used;
    bool failed;
    const char *prefix;
    bool upper;
};

static void add_name(struct names *names, const char *name, size_t length) {
    size_t prefix = strlen(names->prefix), whole = prefix + length + 1;
    char *grown = names->failed ? NULL : realloc(names->text, names->used + whole);
    if (!grown) {
        names->failed = true;
        return;
    }
    names->text = grown;
    memcpy(grown + names->used, names->prefix, prefix);
    for (size_t i = 0; i < length; i++)
        grown[names->used + prefix + i] = names->upper ? (char)toupper((unsigned char)name[i]) : name[i];
    grown[names->used + whole - 1] = 0;
    names->used += whole;
}

static NTSTATUS FSP_ABI add_ea_name(FSP_FILE_SYSTEM *fs _unused_, PVOID context, PFILE_FULL_EA_INFORMATION ea) {
    add_name(context, ea->EaName, ea->EaNameLength);
    return STATUS_SUCCESS;
}

static NTSTATUS list_eas(struct fsp_volume *volume, const struct fsp_open *open, struct names *names) {
    struct fsp_transaction transaction;
    ULONG size;
    names->prefix = volume->params.NamedStreams ? "user.ea." : "user.";
    names->upper = !volume->params.CasePreservedExtendedAttributes;
    NTSTATUS status = query_ea(volume, open, &transaction, &size);
    if (NT_SUCCESS(status) && size > 0)
        status = FspFileSystemEnumerateEa(&volume->fs, add_ea_name, names,
                                          (PFILE_FULL_EA_INFORMATION)(void *)transaction.response.Buffer, size);
    return status == STATUS_INVALID_DEVICE_REQUEST ? STATUS_SUCCESS : status;
}

static void add_stream_name(struct names *names, const FSP_FSCTL_STREAM_INFO *stream) {
    char name[256 * 3];
    size_t units = (stream->Size - sizeof *stream) / sizeof(WCHAR);
    int length = fsp_from_windows_name(stream->StreamNameBuf, units, name, sizeof name);
    if (length > 0 && length < 250)
        add_name(names, name, (size_t)length);
}

static NTSTATUS list_streams(struct fsp_volume *volume, const struct fsp_open *open, struct names *names) {
    struct fsp_transaction transaction;
    fsp_begin(volume, &transaction, FspFsctlTransactQueryStreamInformationKind);
    fsp_put_open(&transaction, open);
    NTSTATUS status = fsp_transact(volume, &transaction);
    size_t size = NT_SUCCESS(status) ? transaction.response.Rsp.QueryStreamInformation.Buffer.Size : 0;
    names->prefix = "user.";
    names->upper = false;
    for (size_t at = 0; size - at >= sizeof(UINT16);) {
        const FSP_FSCTL_STREAM_INFO *stream = (const void *)(transaction.response.Buffer + at);
        if (stream->Size == 0)
            break;
        if (stream->Size < sizeof *stream || stream->Size > size - at)
            return STATUS_INTERNAL_ERROR;
        add_stream_name(names, stream);
        at += FSP_FSCTL_DEFAULT_ALIGN_UP(stream->Size);
        if (at > size)
            break;
    }
    return status == STATUS_INVALID_DEVICE_REQUEST ? STATUS_SUCCESS : status;
}

int fsp_serve_listxattr(linfsp_request *request, uint64_t inode, size_t size _unused_) {
    struct fsp_volume *volume = fsp_serve_begin(request);
    struct fsp_node *node = fsp_node_of(volume, inode);
    struct names names = {.prefix = ""};
    struct fsp_use use;
    int r = fsp_use_begin(volume, node, NULL, FILE_READ_ATTRIBUTES | FILE_READ_EA, &use);
    if (r < 0)
        return r;
    NTSTATUS status = STATUS_SUCCESS;
    if (volume->params.NamedStreams)
        status = list_streams(volume, &use.open, &names);
    if (NT_SUCCESS(status) && volume->params.ExtendedAttributes)
        status = list_eas(volume, &use.open, &names);
    fsp_use_end(volume, node, &use);
    r = names.failed ? -ENOMEM : fsp_errno_from_status(status);
    if (r == 0)
        linfsp_reply_data(request, names.text ? names.text : "", names.used);
    free(names.text);
    return r;
}
