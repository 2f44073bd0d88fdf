/* SPDX-License-Identifier: MIT */
/*
 * Access checks, and the descriptors of new files.
 *
 * Model. The kernel has checked mode bits before it asks. What a descriptor says besides (other users, denials) is
 * checked here, for the caller of the thread's request: its token has the SIDs of its uid and groups, Everyone and
 * Authenticated Users. A caller that the layer itself is, and root, may do everything.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/operations.h"
#include "winfsp/security.h"
#include "winfsp/sid.h"
#include "winfsp/text.h"
#include "winfsp/transaction.h"

#define GROUPS_MAX 64

static UINT32 *FSP_THREAD_VARIABLE(reparse_index_here)(void) {
    static _Thread_local UINT32 index;
    return &index;
}

UINT32 fsp_reparse_index(void) {
    return *reparse_index_here();
}

UINT32 fsp_expand_generic(UINT32 mask) {
    const GENERIC_MAPPING *mapping = FspGetFileGenericMapping();
    UINT32 expanded = mask & 0x0fffffff;
    expanded |= mask & GENERIC_READ ? mapping->GenericRead : 0;
    expanded |= mask & GENERIC_WRITE ? mapping->GenericWrite : 0;
    expanded |= mask & GENERIC_EXECUTE ? mapping->GenericExecute : 0;
    expanded |= mask & GENERIC_ALL ? mapping->GenericAll : 0;
    return expanded;
}

/* ---- the token ------------------------------------------------------------------------------------------------- */

struct token {
    UINT32 uid, gid;
    UINT32 groups[GROUPS_MAX];
    unsigned group_count;
    bool has_groups;
};

/* The supplementary groups, where the caller can be seen from here. */
static void read_groups(struct token *token) {
    char path[64], line[1024];
    if (token->has_groups)
        return;
    token->has_groups = true;
    snprintf(path, sizeof path, "/proc/%d/status", (int)fsp_caller_here()->pid);
    _cleanup_fclose_ FILE *file = fsp_caller_here()->pid > 0 ? fopen(path, "re") : NULL;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "Groups:", 7) != 0)
            continue;
        char *at = line + 7, *end;
        for (unsigned long group = strtoul(at, &end, 10); end != at && token->group_count < GROUPS_MAX;
             group = strtoul(at, &end, 10)) {
            token->groups[token->group_count++] = (UINT32)group;
            at = end;
        }
        break;
    }
}

static bool has_sid(struct token *token, const void *sid) {
    if (fsp_sid_equal(sid, &fsp_sid_everyone) || fsp_sid_equal(sid, &fsp_sid_authenticated_users))
        return true;
    UINT32 number = fsp_uid_of_sid(sid);
    bool group = fsp_sid_is_unix_group(sid);
    union fsp_sid own;
    fsp_sid_of_uid(number, &own);
    if (!group && !fsp_sid_equal(sid, &own)) /* a SID that no uid or gid has */
        return false;
    if ((!group && number == token->uid) || number == token->gid)
        return true;
    read_groups(token);
    for (unsigned i = 0; i < token->group_count; i++)
        if (token->groups[i] == number)
            return true;
    return false;
}

/* What a descriptor grants of what is desired; MAXIMUM_ALLOWED: all that it grants. */
static NTSTATUS check_descriptor(PSECURITY_DESCRIPTOR descriptor, UINT32 desired, UINT32 *ret_granted) {
    struct token token = {.uid = fsp_caller_here()->uid, .gid = fsp_caller_here()->gid};
    const ACL *dacl = fsp_descriptor_dacl(descriptor);
    PSID owner = fsp_descriptor_owner(descriptor);
    bool maximum = desired & MAXIMUM_ALLOWED;
    UINT32 wanted = fsp_expand_generic(desired & ~MAXIMUM_ALLOWED), granted = 0, denied = 0;
    if (owner && has_sid(&token, owner))
        granted = READ_CONTROL | WRITE_DAC;
    if (!dacl)
        granted = FILE_ALL_ACCESS;
    size_t at = sizeof(ACL);
    for (unsigned i = 0; dacl && i < dacl->AceCount; i++) {
        const unsigned char *ace = (const unsigned char *)dacl + at;
        const ACE_HEADER *head = (const void *)ace;
        UINT32 mask;
        at += head->AceSize;
        if (head->AceType > ACCESS_DENIED_ACE_TYPE || (head->AceFlags & INHERIT_ONLY_ACE) || !has_sid(&token, ace + 8))
            continue;
        memcpy(&mask, ace + 4, sizeof mask);
        mask = fsp_expand_generic(mask);
        if (head->AceType == ACCESS_ALLOWED_ACE_TYPE)
            granted |= mask & ~denied;
        else
            denied |= mask & ~granted;
    }
    *ret_granted = maximum ? granted : granted & wanted;
    return (wanted & ~granted) == 0 ? STATUS_SUCCESS : STATUS_ACCESS_DENIED;
}

bool fsp_descriptor_grants(PSECURITY_DESCRIPTOR descriptor, UINT32 uid, UINT32 gid, UINT32 desired) {
    struct fsp_caller saved = *fsp_caller_here();
    UINT32 granted;
    *fsp_caller_here() = (struct fsp_caller){.uid = uid, .gid = gid};
    NTSTATUS status = check_descriptor(descriptor, desired, &granted);
    *fsp_caller_here() = saved;
    return NT_SUCCESS(status);
}

/* ---- GetSecurityByName ----------------------------------------------------------------------------------------- */

static void begin_security(struct fsp_security *security) {
    security->descriptor = NULL;
    security->size = 0;
}

void fsp_security_end(struct fsp_security *security) {
    if (security->descriptor != security->room)
        free(security->descriptor);
    begin_security(security);
}

/* Room for size bytes, in place of what was there. */
static bool make_room(struct fsp_security *security, size_t size) {
    fsp_security_end(security);
    security->descriptor = size <= sizeof security->room ? security->room : size <= 65536 ? malloc(size) : NULL;
    return security->descriptor != NULL;
}

static NTSTATUS get_security(FSP_FILE_SYSTEM *fs, PWSTR name, UINT32 *ret_attributes,
                             struct fsp_security *ret_security) {
    SIZE_T size = sizeof ret_security->room, capacity = size;
    NTSTATUS status = STATUS_BUFFER_OVERFLOW;
    begin_security(ret_security);
    for (unsigned tries = 0; status == STATUS_BUFFER_OVERFLOW && tries < 8; tries++) {
        if (!make_room(ret_security, size))
            return STATUS_INSUFFICIENT_RESOURCES;
        capacity = size;
        *ret_attributes = INVALID_FILE_ATTRIBUTES;
        status = fs->Interface->GetSecurityByName(fs, name, ret_attributes, ret_security->descriptor, &size);
    }
    if (status == STATUS_REPARSE)
        *reparse_index_here() = *ret_attributes;
    bool has = NT_SUCCESS(status) && status != STATUS_REPARSE && size > 0;
    if (has && (size > capacity || !fsp_descriptor_valid(ret_security->descriptor, size)))
        status = STATUS_INVALID_SECURITY_DESCR;
    if (!has || !NT_SUCCESS(status))
        fsp_security_end(ret_security);
    else
        ret_security->size = size;
    return status;
}

/* ---- the check ------------------------------------------------------------------------------------------------- */

/* What of a Create request matters here. */
struct check {
    PWSTR name; /* of the file whose descriptor counts */
    UINT32 options;
    UINT32 desired;
    bool user; /* false: the system asks, which may do everything */
    bool parent; /* of what is to be made */
    bool trailing_backslash;
};

static bool is_unchecked(const struct check *check) {
    return !check->user || !fsp_caller_here()->checked || fsp_caller_here()->uid == 0;
}

/* A file may be deleted, and looked at, by who may do so to its directory's entries. */
static NTSTATUS ask_parent(FSP_FILE_SYSTEM *fs, const struct check *check, UINT32 missing, UINT32 *granted) {
    UINT32 wanted =
        (missing & DELETE ? FILE_DELETE_CHILD : 0) | (missing & FILE_READ_ATTRIBUTES ? FILE_LIST_DIRECTORY : 0);
    WCHAR root[2] = {'\\', 0};
    PWSTR parent, suffix;
    UINT32 attributes, by_parent = 0;
    struct fsp_security security;
    if (missing & ~(UINT32)(DELETE | FILE_READ_ATTRIBUTES))
        return STATUS_ACCESS_DENIED;
    FspPathSuffix(check->name, &parent, &suffix, root);
    NTSTATUS status = get_security(fs, parent, &attributes, &security);
    FspPathCombine(check->name, suffix);
    if (NT_SUCCESS(status) && security.descriptor)
        status = check_descriptor(security.descriptor, wanted, &by_parent);
    fsp_security_end(&security);
    if (NT_SUCCESS(status))
        *granted |= missing;
    return NT_SUCCESS(status) ? status : STATUS_ACCESS_DENIED;
}

static NTSTATUS check_access(FSP_FILE_SYSTEM *fs, const struct check *check, PSECURITY_DESCRIPTOR descriptor,
                             UINT32 *ret_granted) {
    UINT32 desired = check->desired;
    *ret_granted = desired & MAXIMUM_ALLOWED ? FILE_ALL_ACCESS : fsp_expand_generic(desired);
    if (!descriptor || desired == 0 || is_unchecked(check))
        return STATUS_SUCCESS;
    NTSTATUS status = check_descriptor(descriptor, desired, ret_granted);
    if (status != STATUS_ACCESS_DENIED || check->parent)
        return status;
    return ask_parent(fs, check, fsp_expand_generic(desired & ~MAXIMUM_ALLOWED) & ~*ret_granted, ret_granted);
}

/* What a file is, against what it is to be opened as. */
static NTSTATUS check_kind(const struct check *check, UINT32 attributes) {
    const UINT32 writing = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD;
    bool directory = attributes & FILE_ATTRIBUTE_DIRECTORY;
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return STATUS_SUCCESS;
    if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) && !(check->options & FILE_OPEN_REPARSE_POINT)) {
        *reparse_index_here() = (UINT32)fsp_wide_length(check->name);
        return STATUS_REPARSE;
    }
    if (check->parent)
        return directory ? STATUS_SUCCESS : STATUS_NOT_A_DIRECTORY;
    if (check->trailing_backslash && !directory)
        return STATUS_OBJECT_NAME_INVALID;
    if ((check->options & FILE_DIRECTORY_FILE) && !directory)
        return STATUS_NOT_A_DIRECTORY;
    if ((check->options & FILE_NON_DIRECTORY_FILE) && directory)
        return STATUS_FILE_IS_A_DIRECTORY;
    if (check->user && !directory && (attributes & FILE_ATTRIBUTE_READONLY)) {
        if (check->options & FILE_DELETE_ON_CLOSE)
            return STATUS_CANNOT_DELETE;
        if (check->desired & writing)
            return STATUS_ACCESS_DENIED;
    }
    return STATUS_SUCCESS;
}

/* After a failure ret_security is empty. */
static NTSTATUS run_check(FSP_FILE_SYSTEM *fs, const struct check *check, UINT32 *ret_granted,
                          struct fsp_security *ret_security) {
    UINT32 attributes = INVALID_FILE_ATTRIBUTES;
    NTSTATUS status = get_security(fs, check->name, &attributes, ret_security);
    if (status == STATUS_REPARSE)
        return status;
    if (status == STATUS_OBJECT_NAME_NOT_FOUND && check->parent)
        return STATUS_OBJECT_PATH_NOT_FOUND;
    if (NT_SUCCESS(status))
        status = check_access(fs, check, ret_security->descriptor, ret_granted);
    if (NT_SUCCESS(status))
        status = check_kind(check, attributes);
    if (!NT_SUCCESS(status) || status == STATUS_REPARSE)
        fsp_security_end(ret_security);
    return status;
}

/* Each directory on the way, for who may not pass just so. */
static NTSTATUS check_traversal(FSP_FILE_SYSTEM *fs, PWSTR name) {
    for (PWSTR at = name; *at; at++) {
        if (*at != '\\' || at[1] == 0)
            continue;
        WCHAR kept = at == name ? at[1] : *at;
        PWSTR cut = at == name ? at + 1 : at;
        struct check check = {.name = name, .desired = FILE_TRAVERSE, .user = true, .parent = true};
        struct fsp_security security;
        UINT32 granted;
        *cut = 0;
        NTSTATUS status = run_check(fs, &check, &granted, &security);
        fsp_security_end(&security);
        if (status == STATUS_REPARSE)
            *reparse_index_here() = (UINT32)(cut - name);
        *cut = kept;
        if (!NT_SUCCESS(status) || status == STATUS_REPARSE)
            return status;
    }
    return STATUS_SUCCESS;
}

NTSTATUS fsp_access_check(FSP_FILE_SYSTEM *fs, FSP_FSCTL_TRANSACT_REQ *request, bool parent, bool traverse,
                          UINT32 desired, bool keep, UINT32 *ret_granted, struct fsp_security *ret_security) {
    WCHAR root[2] = {'\\', 0};
    PWSTR name, suffix = NULL;
    *ret_granted = 0;
    begin_security(ret_security);
    if (request->Kind != FspFsctlTransactCreateKind)
        return STATUS_INVALID_PARAMETER;
    bool user = request->Req.Create.UserMode;
    if (!fs->Interface->GetSecurityByName || (!user && !keep)) {
        *ret_granted = desired & MAXIMUM_ALLOWED ? FILE_ALL_ACCESS : fsp_expand_generic(desired);
        return STATUS_SUCCESS;
    }
    name = fsp_request_name(request);
    NTSTATUS status = STATUS_SUCCESS;
    if (user && traverse && !request->Req.Create.HasTraversePrivilege && fsp_caller_here()->checked)
        status = check_traversal(fs, name);
    if (!NT_SUCCESS(status) || status == STATUS_REPARSE)
        return status;
    struct check check = {
        .name = name,
        .options = request->Req.Create.CreateOptions & 0x00ffffff,
        .desired = desired,
        .user = user,
        .parent = parent,
        .trailing_backslash = request->Req.Create.HasTrailingBackslash,
    };
    if (parent)
        FspPathSuffix(name, &check.name, &suffix, root);
    status = run_check(fs, &check, ret_granted, ret_security);
    if (parent)
        FspPathCombine(name, suffix);
    return status;
}

/* What the caller gets is freed by FspDeleteSecurityDescriptor. */
static NTSTATUS give_descriptor(struct fsp_security *security, PSECURITY_DESCRIPTOR *ret_descriptor) {
    if (!security->descriptor)
        return STATUS_SUCCESS;
    *ret_descriptor = malloc(security->size);
    if (!*ret_descriptor)
        return STATUS_INSUFFICIENT_RESOURCES;
    memcpy(*ret_descriptor, security->descriptor, security->size);
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspAccessCheckEx(FSP_FILE_SYSTEM *FileSystem, FSP_FSCTL_TRANSACT_REQ *Request,
                                  BOOLEAN CheckParentOrMain, BOOLEAN AllowTraverseCheck, UINT32 DesiredAccess,
                                  PUINT32 PGrantedAccess, PSECURITY_DESCRIPTOR *PSecurityDescriptor) {
    struct fsp_security security;
    if (PSecurityDescriptor)
        *PSecurityDescriptor = NULL;
    NTSTATUS status = fsp_access_check(FileSystem, Request, CheckParentOrMain, AllowTraverseCheck, DesiredAccess,
                                       PSecurityDescriptor != NULL, PGrantedAccess, &security);
    if (PSecurityDescriptor && NT_SUCCESS(status)) {
        NTSTATUS given = give_descriptor(&security, PSecurityDescriptor);
        status = NT_SUCCESS(given) ? status : given;
    }
    fsp_security_end(&security);
    return status;
}

/* new_name is cut for a moment. NOLINTNEXTLINE(readability-non-const-parameter) */
NTSTATUS fsp_access_check_replaced(FSP_FILE_SYSTEM *fs, PWSTR new_name, UINT64 token _unused_) {
    struct check check = {.name = new_name, .options = FILE_OPEN_REPARSE_POINT, .desired = DELETE, .user = true};
    struct fsp_security security;
    UINT32 granted = 0;
    if (!fs->Interface->GetSecurityByName)
        return STATUS_SUCCESS;
    NTSTATUS status = run_check(fs, &check, &granted, &security);
    fsp_security_end(&security);
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_SUCCESS : status;
}

/* ---- new files ------------------------------------------------------------------------------------------------- */

/* Of the parent's ACEs those that go to a file or directory in it. */
static size_t inherit_aces(const ACL *parent, bool directory, unsigned char *bytes, unsigned *ret_count) {
    size_t at = sizeof(ACL), used = sizeof(ACL);
    *ret_count = 0;
    for (unsigned i = 0; parent && i < parent->AceCount; i++) {
        const unsigned char *ace = (const unsigned char *)parent + at;
        ACE_HEADER head;
        memcpy(&head, ace, sizeof head);
        at += head.AceSize;
        if (!(head.AceFlags & (directory ? CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE : OBJECT_INHERIT_ACE)))
            continue;
        memcpy(bytes + used, ace, head.AceSize);
        bool passes_on = directory && !(head.AceFlags & NO_PROPAGATE_INHERIT_ACE);
        bool only = directory && !(head.AceFlags & CONTAINER_INHERIT_ACE);
        head.AceFlags = (BYTE)((passes_on ? head.AceFlags & (OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE) : 0) |
                               (only ? INHERIT_ONLY_ACE : 0) | INHERITED_ACE);
        memcpy(bytes + used, &head, sizeof head);
        used += head.AceSize;
        ++*ret_count;
    }
    return used;
}

static NTSTATUS build_inherited(PSECURITY_DESCRIPTOR parent, PSECURITY_DESCRIPTOR given, bool directory,
                                PSECURITY_DESCRIPTOR *ret_descriptor) {
    const ACL *from = fsp_descriptor_dacl(parent);
    _cleanup_free_ unsigned char *bytes = malloc(from ? from->AclSize : sizeof(ACL));
    PSECURITY_DESCRIPTOR usual = NULL;
    unsigned count = 0;
    if (!bytes)
        return STATUS_INSUFFICIENT_RESOURCES;
    size_t size = inherit_aces(from, directory, bytes, &count);
    ACL head = {.AclRevision = ACL_REVISION, .AclSize = (WORD)size, .AceCount = (WORD)count};
    memcpy(bytes, &head, sizeof head);
    NTSTATUS status =
        FspPosixMapPermissionsToSecurityDescriptor(fsp_caller_here()->uid, fsp_caller_here()->gid, 0777, &usual);
    if (!NT_SUCCESS(status))
        return status;
    PSID owner = given ? fsp_descriptor_owner(given) : NULL, group = given ? fsp_descriptor_group(given) : NULL;
    *ret_descriptor =
        fsp_descriptor_build(owner ? owner : fsp_descriptor_owner(usual), group ? group : fsp_descriptor_group(usual),
                             NULL, count ? (const ACL *)(void *)bytes : fsp_descriptor_dacl(usual), SE_DACL_PRESENT);
    free(usual);
    return *ret_descriptor ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* A descriptor that the request brings stands as it is; else what the parent passes on, else everyone may do
 * everything. Streams, and files of a parent without a descriptor, have none. */
NTSTATUS FSP_ABI FspCreateSecurityDescriptor(FSP_FILE_SYSTEM *FileSystem _unused_, FSP_FSCTL_TRANSACT_REQ *Request,
                                             PSECURITY_DESCRIPTOR ParentDescriptor,
                                             PSECURITY_DESCRIPTOR *PSecurityDescriptor) {
    *PSecurityDescriptor = NULL;
    if (Request->Kind != FspFsctlTransactCreateKind)
        return STATUS_INVALID_PARAMETER;
    FSP_FSCTL_TRANSACT_BUF piece = Request->Req.Create.SecurityDescriptor;
    PSECURITY_DESCRIPTOR given = fsp_piece(Request, piece);
    if (Request->Req.Create.NamedStream || !ParentDescriptor)
        return STATUS_SUCCESS;
    if (given && !fsp_descriptor_valid(given, piece.Size))
        return STATUS_INVALID_SECURITY_DESCR;
    if (!given || !fsp_descriptor_dacl(given))
        return build_inherited(ParentDescriptor, given, Request->Req.Create.CreateOptions & FILE_DIRECTORY_FILE,
                               PSecurityDescriptor);
    *PSecurityDescriptor = malloc(piece.Size);
    if (!*PSecurityDescriptor)
        return STATUS_INSUFFICIENT_RESOURCES;
    memcpy(*PSecurityDescriptor, given, piece.Size);
    return STATUS_SUCCESS;
}
