/* SPDX-License-Identifier: MIT */
/*
 * Owner, group and mode bits, as security descriptors and back.
 *
 * Model. A mode becomes at most five ACEs: for the owner, the group and everyone what they may do, and behind the first
 * two what is denied to them although a later class has it. A descriptor becomes a mode by asking for each class which
 * word of the DACL comes first on each right.
 */
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"
#include "winfsp/security.h"
#include "winfsp/sid.h"
#include "winfsp/thread-variable.h"

#define MODE_DIRECTORY 0040000u
#define MODE_TYPE 0170000u
#define MODE_STICKY 01000u

#define RIGHTS_ALL (SYNCHRONIZE | READ_CONTROL | FILE_READ_ATTRIBUTES | FILE_READ_EA)
#define RIGHTS_OWNER (DELETE | WRITE_DAC | WRITE_OWNER | FILE_WRITE_ATTRIBUTES | FILE_WRITE_EA)

static bool is_directory(UINT32 mode) {
    return (mode & MODE_TYPE) == MODE_DIRECTORY;
}

/* bits: rwx of one class. */
static UINT32 rights_of(UINT32 bits, UINT32 mode, bool owner) {
    UINT32 rights = RIGHTS_ALL;
    if (owner)
        rights |= RIGHTS_OWNER;
    if (bits & 4)
        rights |= FILE_READ_DATA;
    if (bits & 2)
        rights |= FILE_WRITE_ATTRIBUTES | FILE_WRITE_DATA | FILE_APPEND_DATA;
    if ((bits & 2) && is_directory(mode) && (owner || !(mode & MODE_STICKY)))
        rights |= FILE_DELETE_CHILD;
    if (bits & 1)
        rights |= FILE_EXECUTE;
    return rights;
}

static size_t add_ace(unsigned char *bytes, size_t at, BYTE type, UINT32 mask, const union fsp_sid *sid) {
    size_t size = fsp_sid_size(sid, sizeof *sid);
    ACE_HEADER head = {.AceType = type, .AceSize = (WORD)(8 + size)};
    if (type == ACCESS_DENIED_ACE_TYPE && mask == 0)
        return at;
    memcpy(bytes + at, &head, sizeof head);
    memcpy(bytes + at + 4, &mask, sizeof mask);
    memcpy(bytes + at + 8, sid, size);
    return at + head.AceSize;
}

union acl_buffer {
    ACL acl;
    unsigned char bytes[sizeof(ACL) + 5 * (8 + SECURITY_MAX_SID_SIZE)];
};

static void fill_acl(const union fsp_sid *owner, const union fsp_sid *group, UINT32 mode, union acl_buffer *ret_acl) {
    UINT32 of_owner = rights_of(mode >> 6 & 7, mode, true), of_group = rights_of(mode >> 3 & 7, mode, false);
    UINT32 of_all = rights_of(mode & 7, mode, false);
    UINT32 deny_owner = (of_group | of_all) & ~of_owner & ~FILE_WRITE_ATTRIBUTES, deny_group = of_all & ~of_group;
    size_t at = sizeof(ACL);
    at = add_ace(ret_acl->bytes, at, ACCESS_ALLOWED_ACE_TYPE, of_owner, owner);
    at = add_ace(ret_acl->bytes, at, ACCESS_DENIED_ACE_TYPE, deny_owner, owner);
    at = add_ace(ret_acl->bytes, at, ACCESS_ALLOWED_ACE_TYPE, of_group, group);
    at = add_ace(ret_acl->bytes, at, ACCESS_DENIED_ACE_TYPE, deny_group, group);
    at = add_ace(ret_acl->bytes, at, ACCESS_ALLOWED_ACE_TYPE, of_all, &fsp_sid_everyone);
    ret_acl->acl = (ACL){.AclRevision = ACL_REVISION,
                         .AclSize = (WORD)at,
                         .AceCount = (WORD)(3 + (deny_owner != 0) + (deny_group != 0))};
}

static PSECURITY_DESCRIPTOR build(UINT32 uid, UINT32 gid, UINT32 mode) {
    union fsp_sid owner, group;
    union acl_buffer acl;
    fsp_sid_of_uid(uid, &owner);
    fsp_sid_of_uid(gid, &group);
    if (fsp_sid_equal(&owner, &group)) /* what is said of one would be said of both */
        fsp_sid_of_unix_group(gid, &group);
    fill_acl(&owner, &group, mode, &acl);
    return fsp_descriptor_build(&owner, &group, NULL, &acl.acl, SE_DACL_PRESENT | SE_DACL_PROTECTED);
}

/* The files that a program makes have the same owner and mode, one after the other: the last descriptor is copied. */
struct made {
    size_t size; /* 0: none */
    unsigned char
        bytes[sizeof(SECURITY_DESCRIPTOR_RELATIVE) + sizeof(union acl_buffer) + 2 * SECURITY_MAX_SID_SIZE + 16];
    unsigned generation;
    UINT32 uid, gid, mode;
};

static struct made *FSP_THREAD_VARIABLE(made_here)(void) {
    static _Thread_local struct made made;
    return &made;
}

static PSECURITY_DESCRIPTOR build_or_copy(UINT32 uid, UINT32 gid, UINT32 mode) {
    struct made *last = made_here();
    unsigned generation = fsp_uid_map_generation();
    bool same =
        last->size && last->generation == generation && last->uid == uid && last->gid == gid && last->mode == mode;
    PSECURITY_DESCRIPTOR descriptor = same ? malloc(last->size) : build(uid, gid, mode);
    if (!descriptor)
        return NULL;
    if (same)
        return memcpy(descriptor, last->bytes, last->size);
    last->size = fsp_descriptor_size(descriptor);
    memcpy(last->bytes, descriptor, last->size);
    last->generation = generation;
    last->uid = uid;
    last->gid = gid;
    last->mode = mode;
    return descriptor;
}

NTSTATUS FSP_ABI FspPosixMapPermissionsToSecurityDescriptor(UINT32 Uid, UINT32 Gid, UINT32 Mode,
                                                            PSECURITY_DESCRIPTOR *PSecurityDescriptor) {
    *PSecurityDescriptor = build_or_copy(Uid, Gid, Mode);
    return *PSecurityDescriptor ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

NTSTATUS FSP_ABI FspPosixMergePermissionsToSecurityDescriptor(UINT32 Uid, UINT32 Gid, UINT32 Mode,
                                                              PSECURITY_DESCRIPTOR ExistingSecurityDescriptor,
                                                              PSECURITY_DESCRIPTOR *PSecurityDescriptor) {
    PSECURITY_DESCRIPTOR given = ExistingSecurityDescriptor, made = NULL;
    *PSecurityDescriptor = NULL;
    if (given && fsp_descriptor_size(given) == 0)
        return STATUS_INVALID_SECURITY_DESCR;
    NTSTATUS status = FspPosixMapPermissionsToSecurityDescriptor(Uid, Gid, Mode, &made);
    if (!NT_SUCCESS(status) || !given) {
        *PSecurityDescriptor = made;
        return status;
    }
    PSID owner = fsp_descriptor_owner(given), group = fsp_descriptor_group(given);
    const ACL *dacl = fsp_descriptor_dacl(given);
    UINT16 control = dacl ? (UINT16)(((const SECURITY_DESCRIPTOR_RELATIVE *)given)->Control & ~SE_SACL_PRESENT)
                          : SE_DACL_PRESENT | SE_DACL_PROTECTED;
    *PSecurityDescriptor =
        fsp_descriptor_build(owner ? owner : fsp_descriptor_owner(made), group ? group : fsp_descriptor_group(made),
                             NULL, dacl ? dacl : fsp_descriptor_dacl(made), control);
    free(made);
    return *PSecurityDescriptor ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* ---- back ------------------------------------------------------------------------------------------------------ */

struct class_rights {
    UINT32 allowed, denied;
};

static void apply(struct class_rights *class, BYTE type, UINT32 mask) {
    UINT32 fresh = mask & ~(class->allowed | class->denied);
    if (type == ACCESS_ALLOWED_ACE_TYPE)
        class->allowed |= fresh;
    else
        class->denied |= fresh;
}

static void apply_ace(const unsigned char *ace, PSID owner, PSID group, struct class_rights classes[3]) {
    ACE_HEADER head;
    UINT32 mask;
    memcpy(&head, ace, sizeof head);
    if (head.AceType > ACCESS_DENIED_ACE_TYPE || (head.AceFlags & INHERIT_ONLY_ACE))
        return;
    memcpy(&mask, ace + 4, sizeof mask);
    mask = fsp_expand_generic(mask);
    const void *sid = ace + 8;
    bool all = fsp_sid_equal(sid, &fsp_sid_everyone) || fsp_sid_equal(sid, &fsp_sid_authenticated_users);
    if (all || (owner && fsp_sid_equal(sid, owner)))
        apply(&classes[0], head.AceType, mask);
    if (all || (group && fsp_sid_equal(sid, group)))
        apply(&classes[1], head.AceType, mask);
    if (all)
        apply(&classes[2], head.AceType, mask);
}

static UINT32 bits_of(UINT32 rights) {
    const UINT32 write = FILE_WRITE_DATA | FILE_APPEND_DATA;
    return (rights & FILE_READ_DATA ? 4 : 0) | ((rights & write) == write ? 2 : 0) | (rights & FILE_EXECUTE ? 1 : 0);
}

static UINT32 mode_of(const ACL *dacl, PSID owner, PSID group) {
    struct class_rights classes[3] = {0};
    size_t at = sizeof(ACL);
    if (!dacl)
        return 0777;
    for (unsigned i = 0; i < dacl->AceCount; i++) {
        const unsigned char *ace = (const unsigned char *)dacl + at;
        apply_ace(ace, owner, group, classes);
        at += ((const ACE_HEADER *)(const void *)ace)->AceSize;
    }
    UINT32 mode = bits_of(classes[0].allowed) << 6 | bits_of(classes[1].allowed) << 3 | bits_of(classes[2].allowed);
    bool sticky = false;
    for (unsigned i = 1; i < 3; i++)
        if ((bits_of(classes[i].allowed) & 2) && !(classes[i].allowed & FILE_DELETE_CHILD))
            sticky = true;
    return mode | (sticky && (classes[0].allowed & FILE_DELETE_CHILD) ? MODE_STICKY : 0);
}

/* A pointer whose lowest bit is set: that owner may be missing. NOLINTNEXTLINE(readability-non-const-parameter) */
static NTSTATUS map_owner(PSID sid, PUINT32 pointer) {
    bool optional = (UINT_PTR)pointer & 1;
    PUINT32 ret_uid = (PUINT32)((UINT_PTR)pointer & ~(UINT_PTR)1);
    if (!sid) {
        if (optional)
            *ret_uid = (UINT32)-1;
        return optional ? STATUS_SUCCESS : STATUS_INVALID_SID;
    }
    *ret_uid = fsp_uid_of_sid(sid);
    return STATUS_SUCCESS;
}

NTSTATUS FSP_ABI FspPosixMapSecurityDescriptorToPermissions(PSECURITY_DESCRIPTOR SecurityDescriptor, PUINT32 PUid,
                                                            PUINT32 PGid, PUINT32 PMode) {
    if (fsp_descriptor_size(SecurityDescriptor) == 0)
        return STATUS_INVALID_SECURITY_DESCR;
    PSID owner = fsp_descriptor_owner(SecurityDescriptor), group = fsp_descriptor_group(SecurityDescriptor);
    NTSTATUS status = map_owner(owner, PUid);
    if (NT_SUCCESS(status))
        status = map_owner(group, PGid);
    if (NT_SUCCESS(status))
        *PMode = mode_of(fsp_descriptor_dacl(SecurityDescriptor), owner, group);
    return status;
}
