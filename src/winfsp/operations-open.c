/* SPDX-License-Identifier: MIT */
/*
 * The default operations that begin and end the use of a file: Create, Overwrite, Cleanup, Close; and the guard.
 *
 * Model. A Create request has a disposition. Each one is a sequence of an access check (which asks GetSecurityByName)
 * and Create or Open. Overwriting is a request of its own, sent after this one said so in its Information.
 */
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/operations.h"
#include "winfsp/security.h"
#include "winfsp/text.h"
#include "winfsp/volume.h"

static UINT32 disposition_of(const FSP_FSCTL_TRANSACT_REQ *request) {
    return request->Req.Create.CreateOptions >> 24;
}

/* ---- the guard ------------------------------------------------------------------------------------------------- */

enum guard { GUARD_NONE, GUARD_SHARED, GUARD_EXCLUSIVE };

static enum guard guard_of_information(const FSP_FSCTL_TRANSACT_REQ *request) {
    switch (request->Req.SetInformation.FileInformationClass) {
    case FspFileRenameInformation:
    case FspFileRenameInformationEx:
        return GUARD_EXCLUSIVE;
    case FspFileDispositionInformation:
    case FspFileDispositionInformationEx:
        return GUARD_SHARED;
    default:
        return GUARD_NONE;
    }
}

static enum guard guard_of(const FSP_FILE_SYSTEM *fs, const FSP_FSCTL_TRANSACT_REQ *request) {
    if (fs->OpGuardStrategy == FSP_FILE_SYSTEM_OPERATION_GUARD_STRATEGY_COARSE)
        return GUARD_EXCLUSIVE;
    switch (request->Kind) {
    case FspFsctlTransactCreateKind:
        return disposition_of(request) == FILE_OPEN ? GUARD_SHARED : GUARD_EXCLUSIVE;
    case FspFsctlTransactOverwriteKind:
    case FspFsctlTransactSetVolumeInformationKind:
        return GUARD_EXCLUSIVE;
    case FspFsctlTransactCleanupKind:
        return request->Req.Cleanup.Delete ? GUARD_EXCLUSIVE : GUARD_NONE;
    case FspFsctlTransactFlushBuffersKind:
        return request->Req.FlushBuffers.UserContext || request->Req.FlushBuffers.UserContext2 ? GUARD_NONE
                                                                                               : GUARD_EXCLUSIVE;
    case FspFsctlTransactSetInformationKind:
        return guard_of_information(request);
    case FspFsctlTransactQueryDirectoryKind:
    case FspFsctlTransactQueryVolumeInformationKind:
        return GUARD_SHARED;
    default:
        return GUARD_NONE;
    }
}

static struct fsp_lock *guard_lock(FSP_FILE_SYSTEM *fs) {
    _Static_assert(sizeof(struct fsp_lock) <= sizeof fs->OpGuardLock, "the guard stands in FSP_FILE_SYSTEM");
    return (struct fsp_lock *)(void *)&fs->OpGuardLock;
}

NTSTATUS FSP_ABI FspFileSystemOpEnter(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                      FSP_FSCTL_TRANSACT_RSP *Response _unused_) {
    enum guard guard = guard_of(FileSystem, Request);
    if (guard == GUARD_EXCLUSIVE)
        fsp_lock_exclusive(guard_lock(FileSystem));
    else if (guard == GUARD_SHARED)
        fsp_lock_shared(guard_lock(FileSystem));
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFileSystemOpLeave(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                      FSP_FSCTL_TRANSACT_RSP *Response _unused_) {
    if (guard_of(FileSystem, Request) != GUARD_NONE)
        fsp_unlock(guard_lock(FileSystem));
    return STATUS_SUCCESS;
}

/* ---- what is given to Create and Open -------------------------------------------------------------------------- */

/* The context that the operation fills in, and the file's information behind which it may put the name. */
struct opening {
    FSP_FSCTL_TRANSACT_FULL_CONTEXT full;
    PVOID context;
    FSP_FSCTL_OPEN_FILE_INFO info;
};

static void begin_opening(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_RSP *response, struct opening *opening) {
    memset(opening, 0, sizeof *opening);
    opening->context = fs->UmFileContextIsFullContext ? (PVOID)&opening->full : NULL;
    opening->info.NormalizedName = (PWSTR)(void *)response->Buffer;
    opening->info.NormalizedNameSize = (UINT16)FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX;
}

static void put_context(FSP_FILE_SYSTEM *fs, const struct opening *opening, FSP_FSCTL_TRANSACT_RSP *response) {
    if (fs->UmFileContextIsFullContext) {
        response->Rsp.Create.Opened.UserContext = opening->full.UserContext;
        response->Rsp.Create.Opened.UserContext2 = opening->full.UserContext2;
    } else if (fs->UmFileContextIsUserContext2)
        response->Rsp.Create.Opened.UserContext2 = (UINT64)(UINT_PTR)opening->context;
    else
        response->Rsp.Create.Opened.UserContext = (UINT64)(UINT_PTR)opening->context;
}

/* The name as the file system has it, then the descriptor that the access check read. */
static void put_answer(const struct opening *opening, UINT32 granted, PSECURITY_DESCRIPTOR descriptor, size_t size,
                       FSP_FSCTL_TRANSACT_RSP *response) {
    size_t used = 0;
    response->Rsp.Create.Opened.FileInfo = opening->info.FileInfo;
    response->Rsp.Create.Opened.GrantedAccess = granted;
    if (opening->info.NormalizedNameSize <= FSP_FSCTL_TRANSACT_PATH_SIZEMAX) {
        used = opening->info.NormalizedNameSize;
        response->Rsp.Create.Opened.FileName = (FSP_FSCTL_TRANSACT_BUF){0, (UINT16)used};
        used = FSP_FSCTL_DEFAULT_ALIGN_UP(used);
    }
    if (size > 0 && size <= FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX - used) {
        memcpy(response->Buffer + used, descriptor, size);
        response->Rsp.Create.Opened.SecurityDescriptor = (FSP_FSCTL_TRANSACT_BUF){(UINT16)used, (UINT16)size};
        response->Rsp.Create.Opened.HasSecurityDescriptor = 1;
        used += size;
    }
    response->Size = (UINT16)(sizeof *response + used);
}

static NTSTATUS call_open(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response,
                          UINT32 granted, const struct fsp_security *security) {
    struct opening opening;
    begin_opening(fs, response, &opening);
    NTSTATUS status = fs->Interface->Open(fs, fsp_request_name(request), request->Req.Create.CreateOptions, granted,
                                          &opening.context, &opening.info.FileInfo);
    if (!NT_SUCCESS(status) || status == STATUS_PENDING) /* which these may not say */
        return status == STATUS_PENDING ? STATUS_INTERNAL_ERROR : status;
    put_context(fs, &opening, response);
    put_answer(&opening, granted, security->descriptor, security->size, response);
    return STATUS_SUCCESS;
}

static NTSTATUS call_create(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response,
                            UINT32 granted, PSECURITY_DESCRIPTOR descriptor) {
    const FSP_FILE_SYSTEM_INTERFACE *interface = fs->Interface;
    struct opening opening;
    UINT32 options = request->Req.Create.CreateOptions, attributes = request->Req.Create.FileAttributes;
    UINT64 allocation = request->Req.Create.AllocationSize;
    begin_opening(fs, response, &opening);
    NTSTATUS status = interface->CreateEx
                          ? interface->CreateEx(
                                fs, fsp_request_name(request), options, granted, attributes, descriptor, allocation,
                                fsp_piece(request, request->Req.Create.Ea), request->Req.Create.Ea.Size,
                                (BOOLEAN)request->Req.Create.EaIsReparsePoint, &opening.context, &opening.info.FileInfo)
                          : interface->Create(fs, fsp_request_name(request), options, granted, attributes, descriptor,
                                              allocation, &opening.context, &opening.info.FileInfo);
    if (!NT_SUCCESS(status) || status == STATUS_PENDING) /* which these may not say */
        return status == STATUS_PENDING ? STATUS_INTERNAL_ERROR : status;
    put_context(fs, &opening, response);
    put_answer(&opening, granted, descriptor, fsp_descriptor_size(descriptor), response);
    return STATUS_SUCCESS;
}

/* ---- Create ---------------------------------------------------------------------------------------------------- */

/* A new file: may its parent get one, and with which descriptor? */
static NTSTATUS create_new(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response) {
    PSECURITY_DESCRIPTOR descriptor = NULL;
    struct fsp_security parent;
    UINT32 granted = 0;
    UINT32 wanted = request->Req.Create.CreateOptions & FILE_DIRECTORY_FILE ? FILE_ADD_SUBDIRECTORY : FILE_ADD_FILE;
    NTSTATUS status = fsp_access_check(fs, request, true, true, wanted, true, &granted, &parent);
    if (!NT_SUCCESS(status) || status == STATUS_REPARSE) {
        fsp_security_end(&parent);
        return status;
    }
    status = FspCreateSecurityDescriptor(fs, request, parent.descriptor, &descriptor);
    fsp_security_end(&parent);
    if (!NT_SUCCESS(status))
        return status;
    granted = request->Req.Create.DesiredAccess & MAXIMUM_ALLOWED ? FILE_ALL_ACCESS : request->Req.Create.DesiredAccess;
    status = call_create(fs, request, response, granted, descriptor);
    FspDeleteSecurityDescriptor(descriptor, (FSP_CREATOR *)FspCreateSecurityDescriptor);
    if (NT_SUCCESS(status))
        response->IoStatus.Information = FILE_CREATED;
    return status;
}

/* A file that is there; more: what opening it like this wants besides. */
static NTSTATUS open_existing(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response,
                              UINT32 more, UINT32 information) {
    struct fsp_security security;
    UINT32 granted = 0, desired = request->Req.Create.DesiredAccess;
    UINT32 delete = request->Req.Create.CreateOptions & FILE_DELETE_ON_CLOSE ? DELETE : 0;
    NTSTATUS status = fsp_access_check(fs, request, false, true, desired | more | delete, true, &granted, &security);
    if (NT_SUCCESS(status) && status != STATUS_REPARSE) {
        if (!(desired & MAXIMUM_ALLOWED))
            granted &= ~(more & ~desired);
        status = call_open(fs, request, response, granted, &security);
        response->IoStatus.Information = information;
    }
    fsp_security_end(&security);
    return status;
}

/* Of a collision there is more to say. */
static NTSTATUS explain_collision(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, NTSTATUS status) {
    UINT32 attributes = 0;
    if (status != STATUS_OBJECT_NAME_COLLISION || !fs->Interface->GetSecurityByName ||
        !(request->Req.Create.CreateOptions & FILE_NON_DIRECTORY_FILE))
        return status;
    if (NT_SUCCESS(fs->Interface->GetSecurityByName(fs, fsp_request_name(request), &attributes, NULL, NULL)) &&
        (attributes & FILE_ATTRIBUTE_DIRECTORY))
        return STATUS_FILE_IS_A_DIRECTORY;
    return status;
}

static bool is_absent(NTSTATUS status) {
    return status == STATUS_OBJECT_NAME_NOT_FOUND;
}

/* Opens it; or makes it where it is not there; or opens it after all where somebody else has made it meanwhile. */
static NTSTATUS open_or_create(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response,
                               UINT32 more, UINT32 information) {
    NTSTATUS status = open_existing(fs, request, response, more, information);
    if (is_absent(status))
        status = create_new(fs, request, response);
    if (status == STATUS_OBJECT_NAME_COLLISION)
        status = open_existing(fs, request, response, more, information);
    return status;
}

static NTSTATUS open_parent(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response) {
    struct fsp_security security;
    UINT32 granted = 0;
    PWSTR name = fsp_request_name(request), parent, suffix;
    NTSTATUS status =
        fsp_access_check(fs, request, true, true, request->Req.Create.DesiredAccess, true, &granted, &security);
    if (NT_SUCCESS(status) && status != STATUS_REPARSE) {
        WCHAR root[2] = {'\\', 0};
        FspPathSuffix(name, &parent, &suffix, root);
        struct opening opening;
        begin_opening(fs, response, &opening);
        status = fs->Interface->Open(fs, parent, request->Req.Create.CreateOptions, granted, &opening.context,
                                     &opening.info.FileInfo);
        FspPathCombine(name, suffix);
        if (NT_SUCCESS(status)) {
            put_context(fs, &opening, response);
            put_answer(&opening, granted, security.descriptor, security.size, response);
            response->IoStatus.Information = FILE_OPENED;
        }
    }
    fsp_security_end(&security);
    return status;
}

/* The file system's word on a reparse point on the way. */
static NTSTATUS answer_reparse(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, FSP_FSCTL_TRANSACT_RSP *response,
                               UINT32 index) {
    IO_STATUS_BLOCK result = {{STATUS_SUCCESS}, 0};
    SIZE_T size = FSP_FSCTL_TRANSACT_RSP_BUFFER_SIZEMAX;
    if (!fs->Interface->ResolveReparsePoints)
        return STATUS_REPARSE_POINT_NOT_RESOLVED;
    NTSTATUS status = fs->Interface->ResolveReparsePoints(
        fs, fsp_request_name(request), index, !(request->Req.Create.CreateOptions & FILE_OPEN_REPARSE_POINT), &result,
        response->Buffer, &size);
    if (status != STATUS_REPARSE)
        return NT_SUCCESS(status) ? STATUS_REPARSE_POINT_NOT_RESOLVED : status;
    response->IoStatus.Information = (UINT32)result.Information;
    response->Rsp.Create.Reparse.Buffer = (FSP_FSCTL_TRANSACT_BUF){0, (UINT16)size};
    response->Size = (UINT16)(sizeof *response + size);
    return STATUS_REPARSE;
}

static NTSTATUS dispatch_create(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request,
                                FSP_FSCTL_TRANSACT_RSP *response) {
    if (request->Req.Create.OpenTargetDirectory)
        return open_parent(fs, request, response);
    switch (disposition_of(request)) {
    case FILE_CREATE:
        return explain_collision(fs, request, create_new(fs, request, response));
    case FILE_OPEN:
        return open_existing(fs, request, response, 0, FILE_OPENED);
    case FILE_OPEN_IF:
        return explain_collision(fs, request, open_or_create(fs, request, response, 0, FILE_OPENED));
    case FILE_OVERWRITE:
        return open_existing(fs, request, response, FILE_WRITE_DATA, FILE_OVERWRITTEN);
    case FILE_OVERWRITE_IF:
        return explain_collision(fs, request, open_or_create(fs, request, response, FILE_WRITE_DATA, FILE_OVERWRITTEN));
    case FILE_SUPERSEDE:
        return explain_collision(fs, request, open_or_create(fs, request, response, DELETE, FILE_SUPERSEDED));
    default:
        return STATUS_INVALID_PARAMETER;
    }
}

NTSTATUS FSP_ABI FspFileSystemOpCreate(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                       FSP_FSCTL_TRANSACT_RSP *Response) {
    const FSP_FILE_SYSTEM_INTERFACE *interface = FileSystem->Interface;
    if (!(interface->Create || interface->CreateEx) || !interface->Open ||
        !(interface->Overwrite || interface->OverwriteEx))
        return STATUS_INVALID_DEVICE_REQUEST;
    NTSTATUS status = dispatch_create(FileSystem, Request, Response);
    if (status == STATUS_REPARSE)
        status = answer_reparse(FileSystem, Request, Response, fsp_reparse_index());
    return status;
}

/* ---- Overwrite, Cleanup, Close --------------------------------------------------------------------------------- */

NTSTATUS FSP_ABI FspFileSystemOpOverwrite(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                          FSP_FSCTL_TRANSACT_RSP *Response) {
    const FSP_FILE_SYSTEM_INTERFACE *interface = FileSystem->Interface;
    PVOID context = FILE_CONTEXT(FileSystem, Request, Overwrite);
    FSP_FSCTL_FILE_INFO info = {0};
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    if (interface->OverwriteEx)
        status = interface->OverwriteEx(
            FileSystem, context, Request->Req.Overwrite.FileAttributes, (BOOLEAN)Request->Req.Overwrite.Supersede,
            Request->Req.Overwrite.AllocationSize, fsp_piece(Request, Request->Req.Overwrite.Ea),
            Request->Req.Overwrite.Ea.Size, &info);
    else if (interface->Overwrite)
        status = interface->Overwrite(FileSystem, context, Request->Req.Overwrite.FileAttributes,
                                      (BOOLEAN)Request->Req.Overwrite.Supersede, Request->Req.Overwrite.AllocationSize,
                                      &info);
    if (NT_SUCCESS(status))
        Response->Rsp.Overwrite.FileInfo = info;
    return status;
}

NTSTATUS FSP_ABI FspFileSystemOpCleanup(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                        FSP_FSCTL_TRANSACT_RSP *Response _unused_) {
    ULONG flags = (Request->Req.Cleanup.Delete ? FspCleanupDelete : 0) |
                  (Request->Req.Cleanup.SetAllocationSize ? FspCleanupSetAllocationSize : 0) |
                  (Request->Req.Cleanup.SetArchiveBit ? FspCleanupSetArchiveBit : 0) |
                  (Request->Req.Cleanup.SetLastAccessTime ? FspCleanupSetLastAccessTime : 0) |
                  (Request->Req.Cleanup.SetLastWriteTime ? FspCleanupSetLastWriteTime : 0) |
                  (Request->Req.Cleanup.SetChangeTime ? FspCleanupSetChangeTime : 0);
    if (FileSystem->Interface->Cleanup)
        FileSystem->Interface->Cleanup(FileSystem, FILE_CONTEXT(FileSystem, Request, Cleanup),
                                       Request->Req.Cleanup.Delete ? fsp_request_name(Request) : NULL, flags);
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspFileSystemOpClose(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                      FSP_FSCTL_TRANSACT_RSP *Response _unused_) {
    if (FileSystem->Interface->Close)
        FileSystem->Interface->Close(FileSystem, FILE_CONTEXT(FileSystem, Request, Close));
    return STATUS_SUCCESS;
}
